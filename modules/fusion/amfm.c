/*
 * amfm.c - attention based multi-modal fusion: one embedding of both features gates each.
 *
 *     Z = W_s [v; a] + b_s          (1)   squeeze, c_u = (C_v + C_a) / 2
 *     E = W_e Z + b_e               (2)   excite, one for both or one each
 *     f_v = g(E) * v, f_a = g(E) * a      (3, 4)
 */
#include "head.h"

AVCL_PLUGIN_MANIFEST("avcl.amfm", "1.0");

enum { VIDEO, AUDIO };
enum { GATE_RELU, GATE_SIGMOID };
enum { HIDDEN_NONE, HIDDEN_RELU };

struct params {
    int32_t gate;
    int32_t hidden;
    int32_t shared_excitation;
    int32_t reserved;
    double dropout;
};

static avcl_node linear(const avcl_build *b, avcl_node x, const char *name, int64_t width)
{
    struct head h = {.b = b};
    b->graph->push(b->call, name);
    avcl_node y = head_linear(&h, x, width, 1);
    b->graph->pop(b->call);
    return y;
}

static avcl_node drop(const avcl_build *b, double p, avcl_node x)
{
    avcl_node in[2] = {x, b->graph->rng(b->call)};
    avcl_attr at[2] = {avcl_attr_float("p", p),
                       avcl_attr_int("salt", b->graph->next_salt(b->call))};
    return avcl_b_op(b, "dropout", in, 2, at, 2);
}

static avcl_node gate(const avcl_build *b, const struct params *p, avcl_node z,
                      const char *name, int64_t width)
{
    avcl_node e = linear(b, z, name, width);
    return p->gate == GATE_SIGMOID ? avcl_b_sigmoid(b, e) : avcl_b_relu(b, e);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    int64_t c_v = avcl_b_dim(b, inputs[VIDEO], 1);
    int64_t c_a = avcl_b_dim(b, inputs[AUDIO], 1);
    if (p->shared_excitation && c_v != c_a) {
        char text[128];
        snprintf(text, sizeof text,
                 "shared_excitation needs equal widths, video has %lld and "
                 "audio %lld",
                 (long long)c_v, (long long)c_a);
        return avcl_b_report(b, AVCL_E_SHAPE, text);
    }
    int64_t c_u = (c_v + c_a) / 2;
    avcl_node z = linear(b, avcl_b_concat(b, inputs, 2, 1), "squeeze", c_u);
    if (p->hidden == HIDDEN_RELU) z = avcl_b_relu(b, z);
    if (p->dropout > 0) z = drop(b, p->dropout, z);
    avcl_node g_v = gate(b, p, z, p->shared_excitation ? "excite" : "excite_video", c_v);
    avcl_node g_a = p->shared_excitation ? g_v : gate(b, p, z, "excite_audio", c_a);
    outputs[VIDEO] = avcl_b_mul(b, g_v, inputs[VIDEO]);
    outputs[AUDIO] = avcl_b_mul(b, g_a, inputs[AUDIO]);
    return avcl_b_status(b);
}

/* ---- tables
 * ---------------------------------------------------------------------------- */
static const char *const gates[] = {"relu", "sigmoid", NULL};
static const char *const hiddens[] = {"none", "relu", NULL};

static const avcl_param params[] = {
    {.name = "gate",
     .doc = "Function of the gate: relu as in print, sigmoid as in the authors' code.",
     .type = AVCL_ENUM,
     .choices = gates,
     .def_int = GATE_RELU,
     .offset = offsetof(struct params, gate)},
    {.name = "hidden",
     .doc = "Function between the two layers: none as in print, relu as in the code.",
     .type = AVCL_ENUM,
     .choices = hiddens,
     .def_int = HIDDEN_NONE,
     .offset = offsetof(struct params, hidden)},
    {.name = "shared_excitation",
     .doc = "One gate for both modalities as in print, or one each.",
     .type = AVCL_BOOL,
     .flags = AVCL_P_STRUCTURAL,
     .def_int = 1,
     .offset = offsetof(struct params, shared_excitation)},
    {.name = "dropout",
     .doc = "Probability of zero between the two layers, behind `hidden`.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 0.99,
     .offset = offsetof(struct params, dropout)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Pooled video features."},
    {.name = "audio", .layout = "NC", .doc = "Pooled audio features."},
};

static const avcl_port outputs[] = {
    {.name = "video", .layout = "NC", .doc = "Gated video features."},
    {.name = "audio", .layout = "NC", .doc = "Gated audio features."},
};

static const avcl_builder builder = {
    .struct_size = sizeof builder,
    .n_in = sizeof inputs / sizeof *inputs,
    .n_out = sizeof outputs / sizeof *outputs,
    .port_size = sizeof(avcl_port),
    .inputs = inputs,
    .outputs = outputs,
    .build = build,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_FUSION,
    .name = "amfm",
    .summary = "Attention based multi-modal fusion, eqs 1-4.",
    .cite = "Liu, Tan, Lan, Self-supervised contrastive learning for audio-visual action "
            "recognition, ICIP 2023",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.amfm",
    .version = "1.0",
    .license = "MIT",
    .summary = "Attention based fusion.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
