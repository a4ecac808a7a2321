/*
 * simclr.c - SimCLR between video and audio: NT-Xent on projected features.
 *
 *     l_i = -ln( exp(s(z_i, z'_i) / tau) / sum_k exp(s(z_i, z_k) / tau) )
 *
 * over the 2N - 1 others, mean over the clips of each modality, both added (twice the
 * mean over 2N, as google-research/simclr adds its two losses). All equal: 2 ln(2N - 1).
 * The sum in NT-Xent is that of SelfCL, so the module selfcl computes it.
 */
#include "head.h"
#include "views.h"

AVCL_PLUGIN_MANIFEST("avcl.simclr", "1.0");

struct params {
    double tau;
    int64_t hidden;
    int64_t out;
    int64_t layers;
};

static avcl_node project(const avcl_build *b, const struct params *p, const char *name,
                         avcl_node x)
{
    struct head h = {.b = b};
    struct head_layer hidden = {p->hidden, HEAD_BN | HEAD_RELU | HEAD_NO_BIAS};
    struct head_layer layers[3] = {hidden, hidden, hidden};
    layers[p->layers - 1] = (struct head_layer){p->out, HEAD_LINEAR};
    return head_mlp(&h, name, x, layers, (int)p->layers);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_status rc = head_check(b, inputs[VIDEO], inputs[AUDIO], 2);
    if (rc) return rc;
    outputs[Z_VIDEO] = project(b, p, "video", inputs[VIDEO]);
    outputs[Z_AUDIO] = project(b, p, "audio", inputs[AUDIO]);
    avcl_attr at[2] = {avcl_attr_float("tau", p->tau),
                       avcl_attr_str("reduction", "mean")};
    avcl_instance nt_xent =
        b->graph->instance(b->call, AVCL_KIND_LOSS, "selfcl", at, 2, "nt_xent");
    b->graph->apply(b->call, nt_xent, &outputs[Z_VIDEO], 2, &outputs[LOSS], 1);
    return avcl_b_status(b);
}

/* ---- tables ---------------------------------------------------------------------- */
static const avcl_param params[] = {
    {.name = "tau",
     .doc = "Temperature; 0.1 is the flag of the official code.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_LOG,
     .min = 1e-3,
     .def_float = 0.1,
     .offset = offsetof(struct params, tau)},
    {.name = "hidden",
     .doc = "Width of the hidden layers of the projector.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 512,
     .offset = offsetof(struct params, hidden)},
    {.name = "out",
     .doc = "Width of what is compared.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 128,
     .offset = offsetof(struct params, out)},
    {.name = "layers",
     .doc = "Layers of the projector: 2 as published, 3 as the official code has it.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX | AVCL_P_STRUCTURAL,
     .min = 2,
     .max = 3,
     .def_int = 2,
     .offset = offsetof(struct params, layers)},
};

static const avcl_method method = {
    .struct_size = sizeof method,
    .n_in = N_VIEWS,
    .n_out = N_LOSS_AND_Z,
    .port_size = sizeof(avcl_port),
    .inputs = view_ports,
    .outputs = loss_and_z_ports,
    .build = build,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_METHOD,
    .name = "simclr",
    .summary = "SimCLR: NT-Xent between projected video and audio.",
    .cite = "Chen et al., A simple framework for contrastive learning of visual "
            "representations, ICML 2020",
    .params = params,
    .iface = &method,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.simclr",
    .version = "1.0",
    .license = "MIT",
    .summary = "SimCLR between video and audio.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
