/*
 * tiny.c - a loss: the squared distance of features that belong together.
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

struct params {
    double scale;
};

static const avcl_param params[] = {
    {.name = "scale",
     .doc = "What the distance is multiplied by.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .min = 0,
     .def_float = 1,
     .offset = offsetof(struct params, scale)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Features of the pictures."},
    {.name = "audio", .layout = "NC", .doc = "Features of the sound."},
};
static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "Mean squared distance of the pairs."},
};

/* Declares the graph once; the gradient comes from the ops. */
static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    avcl_node distance = avcl_b_square(b, avcl_b_sub(b, in[0], in[1]));
    out[0] = avcl_b_affine(b, avcl_b_mean(b, distance, NULL, 0, 0), p->scale, 0);
    return avcl_b_status(b);
}

static const avcl_builder builder = {sizeof builder, 2,       1,    sizeof(avcl_port),
                                     inputs,         outputs, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1, /* raise it when the same inputs give other numbers: runs count anew */
    .kind = AVCL_KIND_LOSS,
    .name = "tiny",
    .summary = "Squared distance of pairs.",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module}; /* a plugin may bring several */

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
