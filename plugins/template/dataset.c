/*
 * tiny.c - a data set: squares that move left with a low tone, or right with a high one.
 *
 * The host asks for rows once, for clips and sound whenever a sample is read, from many
 * threads at once. Scaling, cropping, resampling and batches are the host's. What is read
 * depends on the row alone. This one is generated; `plugins/npy` reads files.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/plugin.h"

AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

enum { FRAMES = 24, FPS = 12, RATE = 16000, NAME = 24 };
static const char *const splits[] = {"unlab", "train", "val", "test"};
static const char *const labels[] = {"left", "right"};
enum { N_SPLITS = 4, N_LABELS = 2 };

struct params {
    int64_t clips;
    int64_t side;
};

static const avcl_param params_rows[] = {
    {.name = "clips",
     .doc = "Clips of each split.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 2,
     .max = 100000,
     .def_int = 16,
     .offset = offsetof(struct params, clips)},
    {.name = "side",
     .doc = "Height and width of the pictures.",
     .unit = "pixels",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 16,
     .max = 1024,
     .def_int = 32,
     .offset = offsetof(struct params, side)},
};

/* What open makes, and every other function gets. */
struct set {
    const struct params *params; /* the host's, as long as the set */
    char (*names)[NAME];
};

static int64_t count(void *self)
{
    const struct set *s = self;
    return N_SPLITS * s->params->clips;
}

static avcl_status open_set(const avcl_reading *r, const void *params, const char *path,
                            void **self)
{
    struct set *s = calloc(1, sizeof *s);
    (void)path; /* nothing is read */
    if (!s) return r->host->report(r->call, AVCL_E_NOMEM, "no memory for the set");
    s->params = params;
    s->names = calloc((size_t)count(s), sizeof *s->names);
    if (!s->names) {
        free(s);
        return r->host->report(r->call, AVCL_E_NOMEM, "no memory for the names");
    }
    for (int64_t i = 0; i < count(s); i++)
        snprintf(s->names[i], NAME, "%06d", (int)i);
    *self = s;
    return AVCL_OK;
}

static void close_set(void *self)
{
    struct set *s = self;
    free(s->names);
    free(s);
}

static avcl_status row(const avcl_reading *r, void *self, int64_t index,
                       avcl_dataset_row *out)
{
    const struct set *s = self;
    (void)r;
    if (index < 0 || index >= count(self)) return AVCL_END;
    int64_t split = index / s->params->clips;
    out->name = s->names[index];
    out->split = splits[split];
    out->label = split ? labels[index % N_LABELS] : NULL; /* the first has none */
    return AVCL_OK;                                       /* out->files: there are none */
}

static avcl_status clip(const avcl_reading *r, void *self, int64_t index,
                        avcl_clip_info *out)
{
    const struct set *s = self;
    (void)r;
    (void)index;
    out->n_frames = FRAMES;
    out->fps = FPS;
    out->height = (int32_t)s->params->side;
    out->width = (int32_t)s->params->side;
    out->n_sound = FRAMES * RATE / FPS;
    out->rate = RATE;
    return AVCL_OK;
}

static avcl_status frames(const avcl_reading *r, void *self, int64_t index, int64_t start,
                          int64_t n, uint8_t *rgb)
{
    int64_t side = ((const struct set *)self)->params->side;
    int64_t step = index % N_LABELS ? 1 : -1;
    int64_t size = side / 4;
    (void)r;
    memset(rgb, 32, (size_t)(n * side * side * 3));
    for (int64_t t = 0; t < n; t++) {
        int64_t left = ((index * 7 + (start + t) * step) % side + side) % side;
        int64_t top = index * 5 % (side - size);
        for (int64_t y = top; y < top + size; y++)
            for (int64_t x = left; x < left + size; x++)
                rgb[((t * side + y) * side + x % side) * 3 + index % 3] = 224;
    }
    return AVCL_OK;
}

static avcl_status sound(const avcl_reading *r, void *self, int64_t index, float *wave)
{
    double hertz = (index % N_LABELS ? 880 : 220) + (double)(index % 16);
    (void)r;
    (void)self;
    for (int64_t i = 0; i < FRAMES * RATE / FPS; i++)
        wave[i] = 0.5f * (float)sin(6.283185307179586 * hertz * (double)i / RATE);
    return AVCL_OK;
}

static const avcl_custom_dataset dataset = {
    .struct_size = sizeof dataset,
    .flags = AVCL_DATASET_SYNTHETIC,
    .open = open_set,
    .close = close_set,
    .count = count,
    .row = row,
    .clip = clip,
    .frames = frames,
    .sound = sound,
    .example = NULL, /* one that reads files writes a few of them here, for the tests */
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params_rows / sizeof *params_rows,
    .params_size = sizeof(struct params),
    .numerics = 1, /* raise it when a row gives other numbers: runs count anew */
    .kind = AVCL_KIND_DATASET,
    .name = "tiny",
    .summary = "Squares that move left or right, each with its tone.",
    .params = params_rows,
    .iface = &dataset,
};
static const avcl_module *const modules[] = {&module};

/* The one symbol that the host looks for. */
const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.tiny",
    .version = "1.0",
    .license = "MIT",
    .summary = "A template to copy.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
