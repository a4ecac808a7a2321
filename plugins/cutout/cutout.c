/*
 * cutout.c - a transform: a square of the pictures is painted over, alike in every frame.
 *
 * Cutout of DeVries & Taylor (2017): the centre is uniform over the picture, so that the
 * square may lie partly outside. One draw a clip, or motion would be invented.
 *
 *     cc -O2 -shared $(pkg-config --cflags avcl-plugin) cutout.c -o cutout.avcl.so
 */
#include <string.h>

#include "avcl/plugin.h"

AVCL_PLUGIN_MANIFEST("org.example.cutout", "1.0");

struct params {
    double side;
    int64_t level;
};

static const avcl_param params_rows[] = {
    {.name = "side",
     .doc = "Side of the square, as a part of the picture's.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 1,
     .def_float = 0.5,
     .offset = offsetof(struct params, side)},
    {.name = "level",
     .doc = "What it is painted with; 0 = black.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 255,
     .def_int = 0,
     .offset = offsetof(struct params, level)},
};

static int64_t clamp(double x, int64_t most)
{
    return x < 0 ? 0 : x > (double)most ? most : (int64_t)x;
}

/* t: u8 [3, T, H, W] */
static avcl_status apply(const avcl_reading *r, const void *given, avcl_tensor *t)
{
    const struct params *p = given;
    int64_t height = t->shape[2];
    int64_t width = t->shape[3];
    double centre[2];
    avcl_status status = r->host->random_fill(r->call, 0, 2, centre);
    if (status) return status;
    double half = p->side / 2;
    int64_t top = clamp((centre[0] - half) * (double)height, height);
    int64_t bottom = clamp((centre[0] + half) * (double)height, height);
    int64_t left = clamp((centre[1] - half) * (double)width, width);
    int64_t right = clamp((centre[1] + half) * (double)width, width);
    for (int64_t picture = 0; picture < t->shape[0] * t->shape[1]; picture++)
        for (int64_t y = top; y < bottom; y++)
            memset((uint8_t *)t->data + (picture * height + y) * width + left,
                   (int)p->level, (size_t)(right - left));
    return AVCL_OK;
}

static const avcl_custom_transform transform = {
    .struct_size = sizeof transform,
    .field = AVCL_FIELD_CLIP,
    .apply = apply,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params_rows / sizeof *params_rows,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_TRANSFORM,
    .name = "cutout",
    .summary = "A square of the pictures painted over.",
    .cite = "DeVries, Taylor: Cutout, 2017",
    .params = params_rows,
    .iface = &transform,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.cutout",
    .version = "1.0",
    .license = "MIT",
    .summary = "An example of a transform.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
