/* folders.c - a directory of class folders as a manifest, and two small text helpers. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/manifest.h"

static const char *const video_suffixes[] = {".3gp", ".avi", ".flv", ".m4v", ".mkv",
                                             ".mov", ".mp4", ".mpeg", ".mpg", ".ogv",
                                             ".ts", ".webm", ".wmv"};

enum { MAX_TEXT = 1 << 30 };

/* Sorts bytewise whatever the locale: strcmp compares as unsigned char. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in `path`, hidden ones left out, sorted. */
static avcl_status list(avcl_manifest *m, const char *path, const char ***names, size_t *n,
                        avcl_error *err)
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

static int is_video_name(const char *name)
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
        if (!is_video_name(names[i])) continue;
        const char *rel = avcl__arena_format(&m->arena, "%s/%s", label, names[i]);
        if (!rel)
            status = avcl_error_set(err, AVCL_E_NOMEM, "no memory to list %s", path);
        else
            status = avcl__manifest_add(m, (avcl_manifest_row){rel, label, "train", 0}, err);
    }
    free(names);
    if (status == AVCL_OK && m->n == before)
        status = avcl_error_set(err, AVCL_E_INVALID, "%s: class folder '%s' holds no video",
                                m->file, label);
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
        status = avcl_error_set(err, AVCL_E_INVALID,
                                "%s: neither manifest.csv nor class folders in it", m->file);
    return status;
}

char *avcl__text_read(const char *path, size_t *n, avcl_error *err)
{
    char *text = NULL;
    struct stat st;
    FILE *f = fopen(path, "re");
    if (!f || fstat(fileno(f), &st)) {
        avcl_error_set(err, errno == ENOENT ? AVCL_E_NOT_FOUND : AVCL_E_IO, "%s: %s", path,
                       strerror(errno));
    } else if (!S_ISREG(st.st_mode) || st.st_size > MAX_TEXT) {
        avcl_error_set(err, AVCL_E_INVALID, "%s: not a text file of at most 1 GiB", path);
    } else if (!(text = malloc((size_t)st.st_size + 1))) {
        avcl_error_set(err, AVCL_E_NOMEM, "%s: no memory for %lld bytes", path,
                       (long long)st.st_size);
    } else if ((*n = fread(text, 1, (size_t)st.st_size, f)), ferror(f)) {
        avcl_error_set(err, AVCL_E_IO, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else if (memchr(text, 0, *n)) {
        avcl_error_set(err, AVCL_E_INVALID, "%s: holds a NUL byte, so it is no text", path);
        free(text);
        text = NULL;
    }
    if (text) text[*n] = '\0';
    if (f) fclose(f);
    return text;
}

/* Levenshtein; long names are not compared. */
static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    int row[LONGEST + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);
    if (n > LONGEST || m > LONGEST) return LONGEST;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            int shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < shift ? change : shift;
        }
    }
    return row[m];
}

const char *avcl__nearest(const char *name, const char *const *names, int64_t n)
{
    const char *best = NULL;
    int limit = (int)strlen(name) / 3 + 1;
    if (limit > 4) limit = 4;
    for (int64_t i = 0; i < n; i++) {
        int distance = edit_distance(name, names[i]);
        if (distance > limit || distance >= (int)strlen(names[i])) continue;
        best = names[i];
        limit = distance - 1;
    }
    return best;
}
