/*
 * npy.c - a data set of NumPy arrays: frames in X.npy, sound, if any, in X.wave.npy.
 *
 * The path is a folder with a manifest.csv of lines "path,label,split" (no quotes, an
 * empty label = unlabelled), paths relative to it. Frames: u1 [T, H, W, 3]. Sound: f4
 * [n]. Both C-ordered, as numpy.save writes them. Nothing is kept open: the host reads
 * from many threads and processes, so every read opens its file anew.
 *
 *     cc -O2 -shared $(pkg-config --cflags avcl-plugin) npy.c -o npy.avcl.so
 *
 * In avcl.lua: data = { clips = { dataset = 'npy', path = 'data/npy', params = { fps = 8
 * } } }
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avcl/plugin.h"

AVCL_PLUGIN_MANIFEST("org.example.npy", "1.0");

struct params {
    double fps;
    int64_t rate;
};

static const avcl_param params_rows[] = {
    {.name = "fps",
     .doc = "Frames a second: arrays do not say.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0.1,
     .max = 1000,
     .def_float = 12,
     .offset = offsetof(struct params, fps)},
    {.name = "rate",
     .doc = "Rate of the sound.",
     .unit = "Hz",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 1000,
     .max = 384000,
     .def_int = 16000,
     .offset = offsetof(struct params, rate)},
};

struct item {
    char *name;
    char *label;
    char *split;
    char *files[3]; /* frames, sound or NULL, NULL */
};

struct set {
    const struct params *params;
    char *text; /* the manifest; names point into it */
    struct item *items;
    int64_t n;
};

__attribute__((format(printf, 3, 4))) static avcl_status
refuse(const avcl_reading *r, avcl_status code, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return r->host->report(r->call, code, text);
}

/* ---- arrays --------------------------------------------------------------------------
 */
struct array {
    int fd;
    int64_t data; /* where it begins in the file */
    int64_t shape[4];
    int ndim;
};

/* The header is a Python dict in one line: {'descr': '|u1', 'fortran_order': False, …}.
 */
static int parse_header(const char *header, const char *descr, struct array *a)
{
    char type[32];
    const char *at = strstr(header, "'descr':");
    if (!at || sscanf(at, "'descr': '%31[^']'", type) != 1 || strcmp(type, descr) != 0)
        return 0;
    if (!strstr(header, "'fortran_order': False")) return 0;
    at = strstr(header, "'shape': (");
    for (at = at ? at + 10 : NULL; at && a->ndim < 4; at += *at == ',') {
        char *end;
        at += strspn(at, " ");
        int64_t size = strtoll(at, &end, 10);
        if (end == at) break;
        a->shape[a->ndim++] = size;
        at = end;
    }
    return at && *at == ')';
}

static avcl_status open_array(const avcl_reading *r, const char *path, const char *descr,
                              struct array *a)
{
    unsigned char head[12];
    char text[4096] = "";
    memset(a, 0, sizeof *a);
    a->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (a->fd < 0) return refuse(r, AVCL_E_IO, "%s: %s", path, strerror(errno));
    int is_npy = pread(a->fd, head, sizeof head, 0) == sizeof head &&
                 memcmp(head, "\x93NUMPY", 6) == 0;
    int64_t start = is_npy && head[6] == 1 ? 10 : 12;
    int64_t n = is_npy ? head[8] + 256 * head[9] : 0;
    if (n > 0 && n < (int64_t)sizeof text && pread(a->fd, text, (size_t)n, start) == n) {
        a->data = start + n;
        if (parse_header(text, descr, a)) return AVCL_OK;
    }
    close(a->fd);
    return refuse(r, AVCL_E_INVALID, "%s: not a C-ordered NumPy array of %s", path,
                  descr);
}

static avcl_status read_array(const avcl_reading *r, const struct array *a,
                              const char *path, int64_t offset, int64_t n, void *out)
{
    for (int64_t done = 0; done < n;) {
        ssize_t got =
            pread(a->fd, (char *)out + done, (size_t)(n - done), a->data + offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return refuse(r, AVCL_E_CORRUPT, "%s: it ends before its data do", path);
        done += got;
    }
    return AVCL_OK;
}

static avcl_status open_clip(const avcl_reading *r, const struct item *item,
                             struct array *a)
{
    avcl_status status = open_array(r, item->files[0], "|u1", a);
    if (status) return status;
    if (a->ndim == 4 && a->shape[3] == 3) return AVCL_OK;
    close(a->fd);
    return refuse(r, AVCL_E_SHAPE, "%s: %d axes, frames are [T, H, W, 3]", item->files[0],
                  a->ndim);
}

static avcl_status open_wave(const avcl_reading *r, const struct item *item,
                             struct array *a)
{
    avcl_status status = open_array(r, item->files[1], "<f4", a);
    if (status) return status;
    if (a->ndim == 1) return AVCL_OK;
    close(a->fd);
    return refuse(r, AVCL_E_SHAPE, "%s: %d axes, sound is [n]", item->files[1], a->ndim);
}

/* ---- the manifest --------------------------------------------------------------------
 */
static char *read_text(const char *path)
{
    char *text = NULL;
    size_t capacity = 0;
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    ssize_t n = getdelim(&text, &capacity, '\0', f); /* all of it: texts have no NUL */
    fclose(f);
    if (n >= 0) return text;
    free(text);
    return NULL;
}

static int find_files(struct item *item, const char *folder)
{
    size_t n = strlen(item->name);
    if (n < 5 || strcmp(item->name + n - 4, ".npy") != 0) return 0;
    if (asprintf(&item->files[0], "%s/%s", folder, item->name) < 0) return 0;
    if (asprintf(&item->files[1], "%s/%.*s.wave.npy", folder, (int)n - 4, item->name) < 0)
        return 0;
    if (access(item->files[1], F_OK)) {
        free(item->files[1]);
        item->files[1] = NULL;
    }
    return 1;
}

static avcl_status add_line(const avcl_reading *r, struct set *s, char *line,
                            const char *folder)
{
    line[strcspn(line, "\r")] = '\0';
    if (!*line || strcmp(line, "path,label,split") == 0) return AVCL_OK;
    struct item *item = &s->items[s->n++];
    item->name = strsep(&line, ",");
    item->label = strsep(&line, ",");
    item->split = strsep(&line, ",");
    if (item->split && find_files(item, folder)) return AVCL_OK;
    return refuse(r, AVCL_E_INVALID,
                  "%s/manifest.csv: row %" PRId64 ": expected NAME.npy,label,split",
                  folder, s->n);
}

static void close_set(void *self)
{
    struct set *s = self;
    for (int64_t i = 0; s->items && i < s->n; i++) {
        free(s->items[i].files[0]);
        free(s->items[i].files[1]);
    }
    free(s->items);
    free(s->text);
    free(s);
}

static avcl_status read_manifest(const avcl_reading *r, struct set *s, const char *folder)
{
    char path[4096];
    int64_t n_lines = 1;
    avcl_status status = AVCL_OK;
    snprintf(path, sizeof path, "%s/manifest.csv", folder);
    s->text = read_text(path);
    if (!s->text) return refuse(r, AVCL_E_IO, "%s cannot be read", path);
    for (const char *p = s->text; *p; p++)
        n_lines += *p == '\n';
    s->items = calloc((size_t)n_lines, sizeof *s->items);
    if (!s->items) return refuse(r, AVCL_E_NOMEM, "no memory for %s", path);
    for (char *rest = s->text, *line; !status && (line = strsep(&rest, "\n"));)
        status = add_line(r, s, line, folder);
    return status;
}

/* ---- what the host asks --------------------------------------------------------------
 */
static avcl_status open_set(const avcl_reading *r, const void *params, const char *path,
                            void **self)
{
    if (!*path)
        return refuse(r, AVCL_E_INVALID,
                      "a path is needed: npy:FOLDER, or path = … in "
                      "avcl.lua");
    struct set *s = calloc(1, sizeof *s);
    if (!s) return refuse(r, AVCL_E_NOMEM, "no memory for the set");
    s->params = params;
    avcl_status status = read_manifest(r, s, path);
    if (status)
        close_set(s);
    else
        *self = s;
    return status;
}

static int64_t count(void *self)
{
    return ((const struct set *)self)->n;
}

static avcl_status row(const avcl_reading *r, void *self, int64_t index,
                       avcl_dataset_row *out)
{
    const struct set *s = self;
    (void)r;
    if (index < 0 || index >= s->n) return AVCL_END;
    const struct item *item = &s->items[index];
    *out = (avcl_dataset_row){item->name, item->label, item->split,
                              (const char *const *)item->files};
    return AVCL_OK;
}

static avcl_status clip(const avcl_reading *r, void *self, int64_t index,
                        avcl_clip_info *out)
{
    const struct set *s = self;
    struct array a;
    avcl_status status = open_clip(r, &s->items[index], &a);
    if (status) return status;
    close(a.fd);
    out->n_frames = a.shape[0];
    out->height = (int32_t)a.shape[1];
    out->width = (int32_t)a.shape[2];
    out->fps = s->params->fps;
    out->rate = (int32_t)s->params->rate;
    if (!s->items[index].files[1]) return AVCL_OK;
    status = open_wave(r, &s->items[index], &a);
    if (status) return status;
    close(a.fd);
    out->n_sound = a.shape[0];
    return AVCL_OK;
}

static avcl_status frames(const avcl_reading *r, void *self, int64_t index, int64_t start,
                          int64_t n, uint8_t *rgb)
{
    const struct item *item = &((const struct set *)self)->items[index];
    struct array a;
    avcl_status status = open_clip(r, item, &a);
    if (status) return status;
    int64_t picture = a.shape[1] * a.shape[2] * 3;
    status = read_array(r, &a, item->files[0], start * picture, n * picture, rgb);
    close(a.fd);
    return status;
}

static avcl_status sound(const avcl_reading *r, void *self, int64_t index, float *wave)
{
    const struct item *item = &((const struct set *)self)->items[index];
    struct array a;
    avcl_status status = open_wave(r, item, &a);
    if (status) return status;
    status =
        read_array(r, &a, item->files[1], 0, a.shape[0] * (int64_t)sizeof *wave, wave);
    close(a.fd);
    return status;
}

/* ---- a small set, for the tests ------------------------------------------------------
 */
static avcl_status write_array(const avcl_reading *r, const char *path, const char *dict,
                               const void *data, size_t n)
{
    char header[118]; /* and ten bytes before it: data begin at 128 */
    memset(header, ' ', sizeof header);
    memcpy(header, dict, strlen(dict));
    header[sizeof header - 1] = '\n';
    FILE *f = fopen(path, "wb");
    int whole = f && fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f) == 10 &&
                fwrite(header, 1, sizeof header, f) == sizeof header &&
                fwrite(data, 1, n, f) == n;
    if (f && fclose(f)) whole = 0;
    return whole ? AVCL_OK : refuse(r, AVCL_E_IO, "%s: %s", path, strerror(errno));
}

static avcl_status example(const avcl_reading *r, const char *folder)
{
    enum { CLIPS = 6, BYTES = 9 * 20 * 28 * 3, SAMPLES = 12000 };
    static const char *const rows[CLIPS] = {"0.npy,,unlab",  "1.npy,,unlab",
                                            "2.npy,a,train", "3.npy,b,train",
                                            "4.npy,a,test",  "5.npy,b,test"};
    char path[4096];
    uint8_t *rgb = malloc(BYTES);
    float *wave = malloc(SAMPLES * sizeof *wave);
    snprintf(path, sizeof path, "%s/manifest.csv", folder);
    FILE *f = fopen(path, "w");
    avcl_status status = f && rgb && wave ? AVCL_OK : refuse(r, AVCL_E_IO, "%s", path);
    if (f) fputs("path,label,split\n", f);
    for (int i = 0; i < CLIPS && !status; i++) {
        fprintf(f, "%s\n", rows[i]);
        for (int k = 0; k < BYTES; k++)
            rgb[k] = (uint8_t)(k * (i + 1) + k / 97);
        for (int k = 0; k < SAMPLES; k++)
            wave[k] = 0.5f * (float)sin(0.05 * (i + 1) * k);
        snprintf(path, sizeof path, "%s/%d.npy", folder, i);
        status = write_array(r, path,
                             "{'descr': '|u1', 'fortran_order': False, "
                             "'shape': (9, 20, 28, 3), }",
                             rgb, BYTES);
        snprintf(path, sizeof path, "%s/%d.wave.npy", folder, i);
        if (!status && i != 1) /* a silent one */
            status = write_array(r, path,
                                 "{'descr': '<f4', 'fortran_order': False, "
                                 "'shape': (12000,), }",
                                 wave, SAMPLES * sizeof *wave);
    }
    if (f && fclose(f) && !status) status = refuse(r, AVCL_E_IO, "%s", folder);
    free(rgb);
    free(wave);
    return status;
}

static const avcl_custom_dataset dataset = {
    .struct_size = sizeof dataset,
    .open = open_set,
    .close = close_set,
    .count = count,
    .row = row,
    .clip = clip,
    .frames = frames,
    .sound = sound,
    .example = example,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params_rows / sizeof *params_rows,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_DATASET,
    .name = "npy",
    .summary = "Clips and sound in NumPy arrays.",
    .params = params_rows,
    .iface = &dataset,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.npy",
    .version = "1.0",
    .license = "MIT",
    .summary = "An example of a data set.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
