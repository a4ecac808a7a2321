/*
 * tiny.c - a fusion: each modality is scaled by what the other one says.
 *
 *     video' = strength * sigmoid(W_v audio) * video + (1 - strength) * video, audio'
 * likewise
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

struct params {
    double strength;
};

static const avcl_param params[] = {
    {.name = "strength",
     .doc = "How much of each channel goes through its gate.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 1,
     .def_float = 0.5,
     .offset = offsetof(struct params, strength)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Features of the pictures."},
    {.name = "audio", .layout = "NC", .doc = "Features of the sound."},
};
static const avcl_port outputs[] = {
    {.name = "video", .layout = "NC", .doc = "Gated features of the pictures."},
    {.name = "audio", .layout = "NC", .doc = "Gated features of the sound."},
};

/* x times a gate made of the other modality; the weight is named NAME/weight. */
static avcl_node gated(const avcl_build *b, const char *name, avcl_node x,
                       avcl_node other, double strength)
{
    int64_t shape[2] = {avcl_b_dim(b, x, 1), avcl_b_dim(b, other, 1)};
    b->graph->push(b->call, name);
    avcl_node w = b->graph->weight(b->call, "weight", shape, 2, "normal", 0.05);
    avcl_node gate = avcl_b_sigmoid(b, avcl_b_linear(b, other, w, 0));
    b->graph->pop(b->call);
    return avcl_b_mul(b, x, avcl_b_affine(b, gate, strength, 1 - strength));
}

/* Declares the graph once; gradients, memory and devices are the host's business. */
static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    out[0] = gated(b, "video", in[0], in[1], p->strength);
    out[1] = gated(b, "audio", in[1], in[0], p->strength);
    return avcl_b_status(b);
}

static const avcl_builder builder = {sizeof builder, 2,       2,    sizeof(avcl_port),
                                     inputs,         outputs, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1, /* raise it when the same inputs give other numbers: runs count anew */
    .kind = AVCL_KIND_FUSION,
    .name = "tiny",
    .summary = "Each modality gates the other.",
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
