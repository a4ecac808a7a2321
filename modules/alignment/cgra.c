/*
 * cgra.c - co-correlation guided alignment: the cross-correlation becomes the identity.
 *
 *     C_ij = sum_b v_bi a_bj / (|v_i| |a_j|)                        (6), columns over the
 * batch L = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2     (5)
 *
 * With fewer rows than columns the squared sum comes from the two N x N Gram matrices:
 * |V'A|^2 = <VV', AA'>. A column without any variation has C = 0 and no gradient.
 */
#include <stdio.h>

#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("avcl.cgra", "1.0");

enum { VIDEO, AUDIO };
enum { LOSS, DIAGONAL };
enum { NORM_PAPER, NORM_BARLOW };

struct params {
    double lambda;
    double eps;
    int32_t center;
    int32_t norm;
};

/* Below this squared norm a column counts as zero at any scale; normal even in f32. */
static const double LEAST_SQUARE = 1e-30;
/* Squared norm left of a constant column after centring, relative; f32 leaves 1e-14. */
static const double PAPER_EPS = 1e-12;
static const double BARLOW_EPS = 1e-5; /* of BatchNorm, added to the variance */

static const int64_t BATCH_AXIS = 0;

static avcl_node square_norm(const avcl_build *b, avcl_node x)
{
    return avcl_b_sum(b, avcl_b_square(b, x), &BATCH_AXIS, 1, 1);
}

/* x / |x| for living columns, 0 for dead ones: those that hold `eps` or less of what the
 * raw column had. */
static avcl_node divide_by_norm(const avcl_build *b, avcl_node x, avcl_node raw,
                                double eps)
{
    avcl_node square = square_norm(b, x);
    avcl_node floor = avcl_b_affine(b, square_norm(b, raw), eps, LEAST_SQUARE);
    avcl_node alive = avcl_b_op2(b, "greater_equal", square, floor);
    avcl_node dead = avcl_b_affine(b, alive, -1, 1);
    avcl_node norm = avcl_b_sqrt(b, avcl_b_add(b, avcl_b_mul(b, square, alive), dead));
    return avcl_b_div(b, avcl_b_mul(b, x, alive), norm);
}

static avcl_node normalise(const avcl_build *b, const struct params *p, avcl_node raw)
{
    avcl_node x = raw;
    if (p->center) x = avcl_b_sub(b, x, avcl_b_mean(b, x, &BATCH_AXIS, 1, 1));
    if (p->norm == NORM_PAPER)
        return divide_by_norm(b, x, raw, p->eps > 0 ? p->eps : PAPER_EPS);
    /* (x - mean) / sqrt(variance + eps), and C / N, in one: the N is under the root. */
    double n_eps = (double)avcl_b_dim(b, raw, 0) * (p->eps > 0 ? p->eps : BARLOW_EPS);
    avcl_node norm = avcl_b_sqrt(b, avcl_b_affine(b, square_norm(b, x), 1, n_eps));
    return avcl_b_div(b, x, norm);
}

/* sum_ij C_ij^2 */
static avcl_node sum_of_squares(const avcl_build *b, avcl_node v, avcl_node a)
{
    if (avcl_b_dim(b, v, 0) >= avcl_b_dim(b, v, 1))
        return avcl_b_sum(b, avcl_b_square(b, avcl_b_matmul(b, v, a, 1, 0)), NULL, 0, 0);
    avcl_node vv = avcl_b_matmul(b, v, v, 0, 1);
    avcl_node aa = avcl_b_matmul(b, a, a, 0, 1);
    return avcl_b_sum(b, avcl_b_mul(b, vv, aa), NULL, 0, 0);
}

static avcl_status check(const avcl_build *b, const struct params *p,
                         const avcl_node *inputs)
{
    int64_t n = avcl_b_dim(b, inputs[VIDEO], 0);
    int64_t c_v = avcl_b_dim(b, inputs[VIDEO], 1);
    int64_t c_a = avcl_b_dim(b, inputs[AUDIO], 1);
    char text[128];
    if (p->norm == NORM_BARLOW && !p->center)
        return avcl_b_report(b, AVCL_E_INVALID,
                             "norm = barlow always centres: center must "
                             "be true");
    if (c_v != c_a || n != avcl_b_dim(b, inputs[AUDIO], 0)) {
        snprintf(text, sizeof text, "video is [%lld,%lld] but audio [%lld,%lld]",
                 (long long)n, (long long)c_v, (long long)avcl_b_dim(b, inputs[AUDIO], 0),
                 (long long)c_a);
        return avcl_b_report(b, AVCL_E_SHAPE, text);
    }
    if (p->center && n < 2)
        return avcl_b_report(b, AVCL_E_SHAPE,
                             "a centred correlation needs a batch of 2 or "
                             "more, got 1");
    return AVCL_OK;
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_status rc = check(b, p, inputs);
    if (rc) return rc;
    avcl_node v = normalise(b, p, inputs[VIDEO]);
    avcl_node a = normalise(b, p, inputs[AUDIO]);
    avcl_node c_ii = avcl_b_sum(b, avcl_b_mul(b, v, a), &BATCH_AXIS, 1, 0);
    avcl_node diagonal = avcl_b_sum(b, avcl_b_square(b, c_ii), NULL, 0, 0);
    avcl_node on =
        avcl_b_sum(b, avcl_b_square(b, avcl_b_affine(b, c_ii, -1, 1)), NULL, 0, 0);
    avcl_node off = avcl_b_sub(b, sum_of_squares(b, v, a), diagonal);
    outputs[LOSS] = avcl_b_add(b, on, avcl_b_affine(b, off, p->lambda, 0));
    outputs[DIAGONAL] = c_ii;
    return avcl_b_status(b);
}

/* ---- tables
 * ---------------------------------------------------------------------------- */
static const char *const norms[] = {"paper", "barlow", NULL};

static const avcl_param params[] = {
    {.name = "lambda",
     .doc = "Weight of the off-diagonal terms.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_LOG,
     .def_float = 0.005,
     .offset = offsetof(struct params, lambda)},
    {.name = "center",
     .doc = "Subtract the batch mean first; false is eq. 6 as printed.",
     .type = AVCL_BOOL,
     .def_int = 1,
     .offset = offsetof(struct params, center)},
    {.name = "norm",
     .doc = "Divide columns by their norm (paper) or by sqrt(variance + eps) (barlow).",
     .type = AVCL_ENUM,
     .choices = norms,
     .def_int = NORM_PAPER,
     .offset = offsetof(struct params, norm)},
    {.name = "eps",
     .doc = "paper: share of the raw squared norm that counts as 0; barlow: added to the "
            "variance; 0 means 1e-12 and 1e-5.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 1,
     .offset = offsetof(struct params, eps)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Video features."},
    {.name = "audio", .layout = "NC", .doc = "Audio features of the same clips."},
};

static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "Eq. 5."},
    {.name = "diagonal", .layout = "C", .doc = "C_ii, to watch: 1 is perfect alignment."},
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
    .kind = AVCL_KIND_ALIGNMENT,
    .name = "cgra",
    .summary = "Co-correlation guided representation alignment, eqs 5-6.",
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
    .id = "avcl.cgra",
    .version = "1.0",
    .license = "MIT",
    .summary = "Co-correlation guided alignment.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
