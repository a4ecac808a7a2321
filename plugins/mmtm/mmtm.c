/*
 * mmtm.c - multimodal transfer module: squeeze both modalities, excite each.
 *
 *     z = relu(W [video, audio] + b);  video' = 2 sigmoid(W_v z + b_v) * video, audio'
 * likewise
 *
 * Joze, Shaban, Iuzzolino, Koishida: MMTM, CVPR 2020, eqs 1-4, on pooled features. The
 * squeezed width is (C_v + C_a) / ratio.
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.mmtm", "1.0");

enum { VIDEO, AUDIO };

struct params {
    int64_t ratio;
};

static const avcl_param params[] = {
    {.name = "ratio",
     .doc = "How much narrower the squeezed features are.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 4,
     .offset = offsetof(struct params, ratio)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Features of the pictures."},
    {.name = "audio", .layout = "NC", .doc = "Features of the sound."},
};
static const avcl_port outputs[] = {
    {.name = "video", .layout = "NC", .doc = "The same, recalibrated."},
    {.name = "audio", .layout = "NC", .doc = "The same, recalibrated."},
};

/* x W' + b; He initialisation. */
static avcl_node layer(const avcl_build *b, const char *name, avcl_node x, int64_t width)
{
    int64_t n = avcl_b_dim(b, x, 1);
    int64_t shape[2] = {width, n};
    if (n < 1) return 0;
    b->graph->push(b->call, name);
    avcl_node w =
        b->graph->weight(b->call, "weight", shape, 2, "normal", n > 64 ? 0.1 : 0.2);
    avcl_node bias = b->graph->weight(b->call, "bias", &width, 1, "fill", 0);
    b->graph->pop(b->call);
    return avcl_b_linear(b, x, w, bias);
}

static avcl_node excite(const avcl_build *b, const char *name, avcl_node z, avcl_node x)
{
    avcl_node gate = avcl_b_sigmoid(b, layer(b, name, z, avcl_b_dim(b, x, 1)));
    return avcl_b_mul(b, x, avcl_b_affine(b, gate, 2, 0));
}

static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    int64_t both = avcl_b_dim(b, in[VIDEO], 1) + avcl_b_dim(b, in[AUDIO], 1);
    if (both < p->ratio)
        return avcl_b_report(b, AVCL_E_INVALID, "ratio is more than there are channels");
    avcl_node joint = avcl_b_concat(b, (avcl_node[2]){in[VIDEO], in[AUDIO]}, 2, 1);
    avcl_node z = avcl_b_relu(b, layer(b, "squeeze", joint, both / p->ratio));
    out[VIDEO] = excite(b, "video", z, in[VIDEO]);
    out[AUDIO] = excite(b, "audio", z, in[AUDIO]);
    return avcl_b_status(b);
}

static const avcl_builder builder = {sizeof builder, 2,       2,    sizeof(avcl_port),
                                     inputs,         outputs, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_FUSION,
    .name = "mmtm",
    .summary = "Squeeze both modalities, excite each.",
    .cite = "Joze et al.: MMTM, CVPR 2020, eqs 1-4",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.mmtm",
    .version = "1.0",
    .license = "MIT",
    .summary = "Multimodal transfer module.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
