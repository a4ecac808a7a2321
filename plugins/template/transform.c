/*
 * tiny.c - a transform of samples: the sound quieter, by a factor that is drawn.
 *
 * It changes one field of a sample in place: pictures (AVCL_FIELD_CLIP), sound (WAVE) or
 * the spectrogram (MEL). What it does is a function of its parameters and of the numbers
 * the host draws; never of time, threads or what came before.
 */
#include "avcl/plugin.h"

AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

struct params {
    double low;
};

static const avcl_param params_rows[] = {
    {.name = "low",
     .doc = "Quietest factor; the loudest is 1.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 1,
     .def_float = 0.25,
     .offset = offsetof(struct params, low)},
};

/* t: f32 [n] at r->rate Hz. How often it is applied ("p") is the host's business. */
static avcl_status apply(const avcl_reading *r, const void *given, avcl_tensor *t)
{
    const struct params *p = given;
    float *wave = t->data;
    double drawn; /* number 0 of this sample's own, in [0, 1) */
    avcl_status status = r->host->random_fill(r->call, 0, 1, &drawn);
    if (status) return status;
    float factor = (float)(p->low + (1 - p->low) * drawn);
    for (int64_t i = 0; i < t->shape[0]; i++)
        wave[i] *= factor;
    return AVCL_OK;
}

static const avcl_custom_transform transform = {
    .struct_size = sizeof transform,
    .field = AVCL_FIELD_WAVE,
    .apply = apply,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params_rows / sizeof *params_rows,
    .params_size = sizeof(struct params),
    .numerics = 1, /* raise it when the same draws give other numbers: runs count anew */
    .kind = AVCL_KIND_TRANSFORM,
    .name = "tiny",
    .summary = "The sound quieter by a drawn factor.",
    .params = params_rows,
    .iface = &transform,
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
