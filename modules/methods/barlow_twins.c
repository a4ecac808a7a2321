/*
 * barlow_twins.c - Barlow Twins between video and audio: redundancy reduction.
 *
 *     L = scale (sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2)
 *
 * with C the cross-correlation of projections normalised over the batch (eps 1e-5), which
 * is the alignment cgra with norm = barlow. Losses of 10^2 to 10^4 are normal.
 */
#include "head.h"
#include "views.h"

AVCL_PLUGIN_MANIFEST("avcl.barlow_twins", "1.0");

struct params {
    double lambda;
    double scale;
    int64_t width;
};

static avcl_node project(const avcl_build *b, const struct params *p, const char *name,
                         avcl_node x)
{
    struct head_layer hidden = {p->width, HEAD_BN | HEAD_RELU | HEAD_NO_BIAS};
    struct head_layer layers[3] = {hidden, hidden, {p->width, HEAD_NO_BIAS}};
    struct head h = {.b = b};
    return head_mlp(&h, name, x, layers, 3);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_node loss = 0;
    avcl_status rc = head_check(b, inputs[VIDEO], inputs[AUDIO], 2);
    if (rc) return rc;
    outputs[Z_VIDEO] = project(b, p, "video", inputs[VIDEO]);
    outputs[Z_AUDIO] = project(b, p, "audio", inputs[AUDIO]);
    avcl_attr at[2] = {avcl_attr_float("lambda", p->lambda),
                       avcl_attr_str("norm", "barlow")};
    avcl_instance alignment =
        b->graph->instance(b->call, AVCL_KIND_ALIGNMENT, "cgra", at, 2, "correlation");
    b->graph->apply(b->call, alignment, &outputs[Z_VIDEO], 2, &loss, 1);
    outputs[LOSS] = avcl_b_affine(b, loss, p->scale, 0);
    return avcl_b_status(b);
}

/* ---- tables ---------------------------------------------------------------------- */
static const avcl_param params[] = {
    {.name = "lambda",
     .doc = "Weight of the off-diagonal terms.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_LOG,
     .min = 0,
     .def_float = 0.0051,
     .offset = offsetof(struct params, lambda)},
    {.name = "scale",
     .doc = "Of the whole loss: 1 as now, 0.024 in early official code.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .min = 0,
     .def_float = 1,
     .offset = offsetof(struct params, scale)},
    {.name = "width",
     .doc = "Of all three layers of the projector; officially 8192.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 2048,
     .offset = offsetof(struct params, width)},
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
    .name = "barlow_twins",
    .summary = "Barlow Twins: projected video and audio become uncorrelated but equal.",
    .cite = "Zbontar et al., Barlow Twins: self-supervised learning via redundancy "
            "reduction, ICML 2021",
    .params = params,
    .iface = &method,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.barlow_twins",
    .version = "1.0",
    .license = "MIT",
    .summary = "Barlow Twins between video and audio.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
