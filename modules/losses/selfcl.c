/*
 * selfcl.c - self-supervised contrastive loss between modalities and within each.
 *
 *     l_i^v = -s(v_i, a_i) / tau
 *             + ln(sum_j exp(s(v_i, a_j) / tau) + sum_{j != i} exp(s(v_i, v_j) / tau))
 * (7, 9)
 *
 * with s the cosine; l_i^a likewise (8), and the loss is the sum of all (10). A clip's
 * similarity with itself leaves before the maximum is taken.
 */
#include "head.h"

AVCL_PLUGIN_MANIFEST("avcl.selfcl", "1.0");

enum { VIDEO, AUDIO };
enum { SUM, MEAN };
enum { PROJECT_NONE, PROJECT_ELU };

struct params {
    double tau;
    int32_t reduction;
    int32_t projection;
};

/* Finite in f32, and its exponential is 0 beside any logit. */
static const double EXCLUDED = -1e30;
static const int64_t CHANNEL_AXIS = 1;

/* ln sum over the 2N - 1 others: `across` [N,N] between modalities, `x` within. */
static avcl_node log_sum(const avcl_build *b, avcl_node across, avcl_node x, double tau)
{
    avcl_attr eye[2] = {avcl_attr_int("n", avcl_b_dim(b, x, 0)),
                        avcl_attr_float("scale", EXCLUDED)};
    avcl_node within = avcl_b_affine(b, avcl_b_matmul(b, x, x, 0, 1), 1 / tau, 0);
    within = avcl_b_add(b, within, avcl_b_op(b, "eye", NULL, 0, eye, 2));
    avcl_node logits = avcl_b_concat(b, (avcl_node[2]){across, within}, 2, 1);
    avcl_attr axis = avcl_attr_int("axis", 1);
    avcl_node lse = avcl_b_op(b, "logsumexp", &logits, 1, &axis, 1);
    return avcl_b_sum(b, lse, NULL, 0, 0);
}

static avcl_status check(const avcl_build *b, const avcl_node *inputs)
{
    int64_t v[2] = {avcl_b_dim(b, inputs[VIDEO], 0), avcl_b_dim(b, inputs[VIDEO], 1)};
    int64_t a[2] = {avcl_b_dim(b, inputs[AUDIO], 0), avcl_b_dim(b, inputs[AUDIO], 1)};
    if (v[0] == a[0] && v[1] == a[1]) return AVCL_OK;
    char text[128];
    snprintf(text, sizeof text, "video is [%lld,%lld] but audio [%lld,%lld]",
             (long long)v[0], (long long)v[1], (long long)a[0], (long long)a[1]);
    return avcl_b_report(b, AVCL_E_SHAPE, text);
}

/* Linear, ELU, Linear at the width of the features, one for both modalities. */
static void project(const avcl_build *b, const avcl_node *inputs, avcl_node out[2])
{
    int64_t n = avcl_b_dim(b, inputs[VIDEO], 0);
    int64_t width = avcl_b_dim(b, inputs[VIDEO], 1);
    const struct head_layer layers[2] = {{width, HEAD_ELU}, {width, HEAD_LINEAR}};
    struct head h = {.b = b};
    avcl_node z = head_mlp(&h, "projection", avcl_b_concat(b, inputs, 2, 0), layers, 2);
    out[VIDEO] = avcl_b_slice(b, z, 0, 0, n);
    out[AUDIO] = avcl_b_slice(b, z, 0, n, 2 * n);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_status rc = check(b, inputs);
    if (rc) return rc;
    avcl_node x[2] = {inputs[VIDEO], inputs[AUDIO]};
    if (p->projection == PROJECT_ELU) project(b, inputs, x);
    avcl_node v = head_unit(b, x[VIDEO]);
    avcl_node a = head_unit(b, x[AUDIO]);
    avcl_node va = avcl_b_affine(b, avcl_b_matmul(b, v, a, 0, 1), 1 / p->tau, 0);
    avcl_node av = avcl_b_transpose(b, va, (int64_t[2]){1, 0}, 2);
    avcl_node pairs = avcl_b_sum(b, avcl_b_mul(b, v, a), &CHANNEL_AXIS, 1, 0);
    avcl_node both = avcl_b_affine(b, avcl_b_sum(b, pairs, NULL, 0, 0), 2 / p->tau, 0);
    avcl_node others =
        avcl_b_add(b, log_sum(b, va, v, p->tau), log_sum(b, av, a, p->tau));
    avcl_node loss = avcl_b_sub(b, others, both);
    int64_t n = avcl_b_dim(b, v, 0);
    outputs[0] =
        p->reduction == MEAN && n ? avcl_b_affine(b, loss, 1.0 / (double)n, 0) : loss;
    return avcl_b_status(b);
}

/* ---- tables
 * ---------------------------------------------------------------------------- */
static const char *const reductions[] = {"sum", "mean", NULL};
static const char *const projections[] = {"none", "elu", NULL};

static const avcl_param params[] = {
    {.name = "tau",
     .doc = "Temperature; the paper gives none, the same authors' code has 0.5.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_LOG,
     .min = 1e-3,
     .def_float = 0.5,
     .offset = offsetof(struct params, tau)},
    {.name = "reduction",
     .doc = "Sum over the clips as in print, or their mean; both directions are added.",
     .type = AVCL_ENUM,
     .choices = reductions,
     .def_int = SUM,
     .offset = offsetof(struct params, reduction)},
    {.name = "projection",
     .doc = "None as in print, or Linear-ELU-Linear as in the same authors' code.",
     .type = AVCL_ENUM,
     .flags = AVCL_P_STRUCTURAL,
     .choices = projections,
     .def_int = PROJECT_NONE,
     .offset = offsetof(struct params, projection)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Video features."},
    {.name = "audio", .layout = "NC", .doc = "Audio features of the same clips."},
};

static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "Eq. 10."},
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
    .kind = AVCL_KIND_LOSS,
    .name = "selfcl",
    .summary = "Self-supervised contrastive learning, eqs 7-10.",
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
    .id = "avcl.selfcl",
    .version = "1.0",
    .license = "MIT",
    .summary = "Contrastive loss between and within modalities.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
