/* loss.c - what losses are made of: unit vectors and weighted cross-entropy. */
#include "graph/ops/ops_impl.h"

/* ---- l2_normalise: y = x / max(|x|, eps) ------------------------------------- */
static avcl_status unit_canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                                  uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_axis_attrs *a = attrs;
    a->axis = avcl__axis(a->axis, in[0].ndim);
    return AVCL_OK;
}

static avcl_status unit_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_axis_attrs *a = n->attrs;
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 1, AVCL_MAX_DIMS);
    if (!st) st = avcl__want_axis(b, a->axis, &n->in_info[0]);
    if (st) return st;
    out[0] = out[1] = n->in_info[0];
    out[1].shape[a->axis] = 1;
    return AVCL_OK;
}

/* dx = (g - y <g, y>) / norm; a row at the floor is x / eps, so its dx is g / eps. */
static avcl_status unit_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    const avcl_axis_attrs *a = n->attrs;
    avcl_status st = avcl__want_first(b, n, g);
    if (st || !g[0]) return st;
    avcl_node y = n->out_node[0], norm = n->out_node[1];
    avcl_node eps = b->graph->constant(b->call, a->eps);
    avcl_node floored = avcl_b_op2(b, "greater_equal", eps, norm);
    avcl_node dot = avcl_b_sum(b, avcl_b_mul(b, g[0], y), &a->axis, 1, 1);
    avcl_node radial = avcl_b_mul(b, dot, avcl_b_affine(b, floored, -1, 1));
    in[0] = avcl_b_div(b, avcl_b_sub(b, g[0], avcl_b_mul(b, y, radial)), norm);
    return avcl_b_status(b);
}

/* ---- cross_entropy: sum(w ce) / sum(w) --------------------------------------- */
static avcl_status want_targets(const avcl_build *b, const avcl_op_view *n,
                                uint32_t first, const int64_t *rows)
{
    avcl_status st = avcl__want(b, n, first, "label", AVCL_I32, 1, 1);
    if (!st && n->in_info[first].shape[0] != rows[0])
        st =
            avcl__op_misfit(b, AVCL_E_SHAPE, "expected label of shape [%lld], got [%lld]",
                            (long long)rows[0], (long long)n->in_info[first].shape[0]);
    return st ? st : avcl__want_dims(b, n, first + 1, "weight", rows, 1);
}

static avcl_status entropy_infer(const avcl_build *b, const avcl_op_view *n,
                                 avcl_tinfo *out)
{
    avcl_status st = avcl__want(b, n, 0, "logits", AVCL_F32, 2, 2);
    if (!st) st = want_targets(b, n, 1, n->in_info[0].shape);
    if (st) return st;
    out[0] = avcl__real(NULL, 0);
    out[1] = n->in_info[0];
    return AVCL_OK;
}

static avcl_status entropy_grad(const avcl_build *b, const avcl_op_view *n,
                                const avcl_node *g, avcl_node *in)
{
    avcl_status st = avcl__want_first(b, n, g);
    if (st || !g[0]) return st;
    avcl_node from[4] = {g[0], n->out_node[1], n->in_node[1], n->in_node[2]};
    in[0] = avcl_b_op(b, "cross_entropy_backward", from, 4, NULL, 0);
    return avcl_b_status(b);
}

static avcl_status entropy_backward_infer(const avcl_build *b, const avcl_op_view *n,
                                          avcl_tinfo *out)
{
    avcl_status st = avcl__want(b, n, 0, "g", AVCL_F32, 0, 0);
    if (!st) st = avcl__want(b, n, 1, "prob", AVCL_F32, 2, 2);
    if (!st) st = want_targets(b, n, 2, n->in_info[1].shape);
    if (!st) out[0] = n->in_info[1];
    return st;
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param unit_rows[] = {
    {.name = "axis",
     .doc = "Axis along which a vector lies.",
     .type = AVCL_INT,
     .def_int = 1,
     .offset = offsetof(avcl_axis_attrs, axis)},
    {.name = "eps",
     .doc = "Smallest norm to divide by.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .min = 1e-30,
     .def_float = 1e-12,
     .offset = offsetof(avcl_axis_attrs, eps)},
};

static const avcl_op_case unit_cases[] = {
    {.label = "rows", AVCL_TAKES(AVCL_X(5, 7))},
    {.label = "columns", AVCL_TAKES(AVCL_X(9, 4)), AVCL_WITH(AVCL_A_INT("axis", 0))},
    {.label = "aligned", AVCL_TAKES(AVCL_X(4, 32)), AVCL_WITH(AVCL_A_INT("axis", -1))},
    {.label = "middle of three", AVCL_TAKES(AVCL_X(2, 5, 3))},
    {.label = "below the floor",
     AVCL_TAKES(AVCL_REAL(-0.1, 0.1, 0, 3, 4)),
     AVCL_WITH(AVCL_A_FLOAT("eps", 0.5))},
};
static const avcl_op_case entropy_cases[] = {
    {.label = "odd",
     AVCL_TAKES(AVCL_REAL(-3, 3, 0, 5, 7), AVCL_OF(AVCL_I32, 0, 6, 5),
                AVCL_OF(AVCL_F32, 0.2, 1, 5))},
    {.label = "some without label",
     AVCL_TAKES(AVCL_REAL(-3, 3, 0, 9, 3), AVCL_OF(AVCL_I32, -1, 2, 9),
                AVCL_OF(AVCL_F32, 1, 1, 9))},
    {.label = "no weight at all",
     AVCL_TAKES(AVCL_X(4, 5), AVCL_OF(AVCL_I32, 0, 4, 4), AVCL_OF(AVCL_F32, 0, 0, 4))},
    {.label = "no label at all",
     AVCL_TAKES(AVCL_X(4, 5), AVCL_OF(AVCL_I32, -1, -1, 4), AVCL_OF(AVCL_F32, 1, 1, 4))},
    {.label = "beyond exp's range",
     AVCL_TAKES(AVCL_REAL(900, 904, 0, 3, 16), AVCL_OF(AVCL_I32, 0, 15, 3),
                AVCL_OF(AVCL_F32, 1, 1, 3))},
};
static const avcl_op_case entropy_backward_cases[] = {
    {.label = "odd",
     AVCL_TAKES(AVCL_REAL0(-2, 2, 0), AVCL_REAL(0, 1, 0, 5, 7),
                AVCL_OF(AVCL_I32, -1, 6, 5), AVCL_OF(AVCL_F32, 0.2, 1, 5))},
    {.label = "no weight at all",
     AVCL_TAKES(AVCL_REAL0(-2, 2, 0), AVCL_REAL(0, 1, 0, 4, 16),
                AVCL_OF(AVCL_I32, 0, 15, 4), AVCL_OF(AVCL_F32, 0, 0, 4))},
};

const avcl_op avcl__op_l2_normalise = {
    AVCL_OP(l2_normalise),
    .doc = "x / max(|x|, eps) along an axis, and that floored norm.",
    AVCL_ARITY(1, 1, 2),
    AVCL_ATTRS(unit_rows, avcl_axis_attrs),
    AVCL_CASES(unit_cases),
    .infer = unit_infer,
    .grad = unit_grad,
    .canonical = unit_canonical,
};
const avcl_op avcl__op_cross_entropy = {
    AVCL_OP(cross_entropy),
    .doc = "(logits [N,K], label i32 [N], weight [N]): sum(w ce) / sum(w), 0 without any "
           "weight, and the softmax; label < 0 counts as weight 0.",
    AVCL_ARITY(3, 3, 2),
    AVCL_CASES(entropy_cases),
    .infer = entropy_infer,
    .grad = entropy_grad,
};
const avcl_op avcl__op_cross_entropy_backward = {
    AVCL_OP(cross_entropy_backward),
    .doc = "(g, prob, label, weight): the gradient of cross_entropy's logits.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(4, 4, 1),
    AVCL_CASES(entropy_backward_cases),
    .infer = entropy_backward_infer,
};
