/* pictures.c - a folder of JPEG or PNG files as one stream, and the wav that belongs to a
 * clip: frames and sound as other programs leave them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <libavutil/avstring.h>

#include "media/media_impl.h"

static const char *const suffixes[] = {".jpg", ".jpeg", ".png"};

static const char *picture_suffix(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++)
        if (*name != '.' && !strcasecmp(dot, suffixes[i])) return dot;
    return NULL;
}

int avcl__is_picture_folder(const char *path)
{
    const struct dirent *entry;
    int found = 0;
    DIR *dir = opendir(path);
    while (dir && !found && (entry = readdir(dir)))
        found = picture_suffix(entry->d_name) != NULL;
    if (dir) closedir(dir);
    return found;
}

/* How many pictures there are, and the suffix that they all have. */
static avcl_status survey(const char *path, char suffix[8], int64_t *n, avcl_error *err)
{
    DIR *dir = opendir(path);
    if (!dir) return avcl_error_set(err, AVCL_E_IO, "folder '%s' cannot be listed", path);
    avcl_status st = AVCL_OK;
    const struct dirent *entry;
    *n = 0;
    while (!st && (entry = readdir(dir))) {
        const char *dot = picture_suffix(entry->d_name);
        if (!dot) continue;
        if (*n && strcmp(dot, suffix) != 0)
            st = avcl_error_set(err, AVCL_E_INVALID,
                                "'%s' holds '%s' and '%s' pictures, expected one kind",
                                path, suffix, dot);
        snprintf(suffix, 8, "%s", dot);
        ++*n;
    }
    closedir(dir);
    if (!st && *n == 0)
        st = avcl_error_set(err, AVCL_E_INVALID,
                            "'%s' is a directory without JPEG or PNG pictures", path);
    return st;
}

/* path/ followed by every name of that suffix, in glob(3)'s language. Never relative to
 * a protocol: "a:b" is a folder of this machine. */
static char *make_pattern(const char *path, const char *suffix)
{
    size_t n = 0;
    char *out = malloc(2 * strlen(path) + 16);
    if (!out) return NULL;
    if (*path != '/') n = (size_t)sprintf(out, "./");
    for (; *path; path++) {
        if (strchr("*?[]{}\\~", *path)) out[n++] = '\\';
        out[n++] = *path;
    }
    sprintf(out + n, "/*%s", suffix);
    return out;
}

/* As the folder's fps.txt says. */
static avcl_status read_rate(const char *path, double *fps, avcl_error *err)
{
    enum { USUAL = 25, MAX = 1000 };
    *fps = USUAL;
    char *name = av_asprintf("%s/fps.txt", path);
    FILE *f = name ? fopen(name, "r") : NULL;
    av_free(name);
    if (!f) return AVCL_OK;
    int n = fscanf(f, "%lf", fps);
    fclose(f);
    if (n == 1 && *fps > 0 && *fps <= MAX) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID,
                          "'%s/fps.txt' is not a number of pictures a second up to %d",
                          path, MAX);
}

avcl_status avcl__pictures_open(AVFormatContext **format, const char *path,
                                int64_t *n_pictures, avcl_error *err)
{
    char suffix[8] = "";
    double fps = 0;
    AVDictionary *options = NULL;
    avcl_status st = survey(path, suffix, n_pictures, err);
    if (!st) st = read_rate(path, &fps, err);
    char *rate = av_asprintf("%.6f", fps);
    char *pattern = st ? NULL : make_pattern(path, suffix);
    int rc = pattern && rate ? 0 : AVERROR(ENOMEM);
    if (rc >= 0) rc = av_dict_set(&options, "pattern_type", "glob", 0);
    if (rc >= 0) rc = av_dict_set(&options, "framerate", rate, 0);
    if (rc >= 0)
        rc = avformat_open_input(format, pattern, av_find_input_format("image2"),
                                 &options);
    if (!st && rc < 0)
        st = avcl__av_fail(err, rc == AVERROR(ENOMEM) ? AVCL_E_NOMEM : AVCL_E_INVALID, rc,
                           "the pictures of '%s' cannot be read", path);
    av_dict_free(&options);
    av_free(rate);
    free(pattern);
    return st;
}

/* clip/audio.wav, or clip.wav beside clip/ or clip.mp4. */
int avcl__sidecar_find(const char *path, char *out, size_t bytes)
{
    struct stat st;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    int is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    snprintf(out, bytes, "%.*s/audio.wav", (int)n, path);
    if (is_folder && stat(out, &st) == 0 && S_ISREG(st.st_mode)) return 1;
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name ? name : path, '.');
    if (!is_folder && dot) n = (size_t)(dot - path);
    int used = snprintf(out, bytes, "%.*s.wav", (int)n, path);
    return used > 0 && (size_t)used < bytes && strcmp(out, path) != 0 &&
           stat(out, &st) == 0 && S_ISREG(st.st_mode);
}
