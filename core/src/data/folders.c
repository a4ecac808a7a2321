/* folders.c - a directory of class folders as a manifest. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "avcl/data.h"

#include "data/manifest.h"
#include "media/sidecar.h"

static const char *const video_suffixes[] = {".3gp", ".avi",  ".flv",  ".m4v", ".mkv",
                                             ".mov", ".mp4",  ".mpeg", ".mpg", ".ogv",
                                             ".ts",  ".webm", ".wmv"};

/* Sorts bytewise whatever the locale: strcmp compares as unsigned char. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in `path`, hidden ones left out, sorted. */
static avcl_status list(avcl_manifest *m, const char *path, const char ***names,
                        size_t *n, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    const char **all = NULL;
    size_t count = 0;
    size_t capacity = 0;
    struct dirent *entry;
    DIR *dir = opendir(path);
    if (!dir) return avcl_error_set(err, AVCL_E_IO, "%s: %s", path, strerror(errno));
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.') continue;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            const char **more = realloc(all, capacity * sizeof *all);
            if (!more) goto nomem;
            all = more;
        }
        if (!(all[count++] = avcl__arena_copy(&m->arena, entry->d_name))) goto nomem;
    }
    if (count) qsort(all, count, sizeof *all, compare_names);
    *names = all;
    *n = count;
    goto done;
nomem:
    status = avcl_error_set(err, AVCL_E_NOMEM, "no memory to list %s", path);
    free(all);
done:
    closedir(dir);
    return status;
}

int32_t avcl_is_video_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof video_suffixes / sizeof *video_suffixes; i++)
        if (!strcasecmp(dot, video_suffixes[i])) return 1;
    return 0;
}

static avcl_status add_class(avcl_manifest *m, const char *label, const char *path,
                             avcl_error *err)
{
    const char **names = NULL;
    size_t n = 0;
    int64_t before = m->n;
    avcl_status status = list(m, path, &names, &n, err);
    for (size_t i = 0; i < n && status == AVCL_OK; i++) {
        const char *rel = avcl__arena_format(&m->arena, "%s/%s", label, names[i]);
        const char *whole = avcl__arena_format(&m->arena, "%s/%s", path, names[i]);
        if (!rel || !whole)
            status = avcl_error_set(err, AVCL_E_NOMEM, "no memory to list %s", path);
        else if (avcl_is_video_name(names[i]) || avcl__is_picture_folder(whole))
            status =
                avcl__manifest_add(m, (avcl_manifest_row){rel, label, "train", 0}, err);
    }
    free(names);
    if (status == AVCL_OK && m->n == before)
        status = avcl_error_set(err, AVCL_E_INVALID,
                                "%s: class folder '%s' holds no video", m->file, label);
    return status;
}

avcl_status avcl__folders_read(avcl_manifest *m, avcl_error *err)
{
    const char **names = NULL;
    size_t n = 0;
    avcl_status status = list(m, m->folder, &names, &n, err);
    for (size_t i = 0; i < n && status == AVCL_OK; i++) {
        struct stat st;
        const char *path = avcl__arena_format(&m->arena, "%s/%s", m->folder, names[i]);
        if (!path)
            status = avcl_error_set(err, AVCL_E_NOMEM, "no memory to list %s", m->folder);
        else if (!stat(path, &st) && S_ISDIR(st.st_mode))
            status = add_class(m, names[i], path, err);
    }
    free(names);
    if (status == AVCL_OK && !m->n)
        status =
            avcl_error_set(err, AVCL_E_INVALID,
                           "%s: neither manifest.csv nor class folders in it", m->file);
    return status;
}
