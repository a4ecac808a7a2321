/* pointwise.c - ops of one value at a time: y = f(x). Gradients are written in y where
 * f' can be, so that x need not be kept for the backward pass. */
#include "graph/ops/ops_impl.h"

static avcl_status relu_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_op2(b, "relu_backward", g[0], n->out_node[0]);
    return avcl_b_status(b);
}

/* dy/dx = y (1 - y) */
static avcl_status sigmoid_grad(const avcl_build *b, const avcl_op_view *n,
                                const avcl_node *g, avcl_node *in)
{
    avcl_node y = n->out_node[0];
    in[0] = avcl_b_mul(b, avcl_b_mul(b, g[0], y), avcl_b_affine(b, y, -1, 1));
    return avcl_b_status(b);
}

/* dy/dx = 1 - y^2 */
static avcl_status tanh_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    avcl_node slope = avcl_b_affine(b, avcl_b_square(b, n->out_node[0]), -1, 1);
    in[0] = avcl_b_mul(b, g[0], slope);
    return avcl_b_status(b);
}

static avcl_status exp_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_mul(b, g[0], n->out_node[0]);
    return avcl_b_status(b);
}

/* dy/dx = 1 / (2 y) */
static avcl_status sqrt_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_affine(b, avcl_b_div(b, g[0], n->out_node[0]), 0.5, 0);
    return avcl_b_status(b);
}

static avcl_status elu_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    const avcl_affine_attrs *a = n->attrs;
    avcl_node to[2] = {g[0], n->out_node[0]};
    avcl_attr at = avcl_attr_float("scale", a->scale);
    in[0] = avcl_b_op(b, "elu_backward", to, 2, &at, 1);
    return avcl_b_status(b);
}

static avcl_status log_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_div(b, g[0], n->in_node[0]);
    return avcl_b_status(b);
}

static avcl_status neg_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    (void)n;
    in[0] = avcl_b_op1(b, "neg", g[0]);
    return avcl_b_status(b);
}

static avcl_status square_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_affine(b, avcl_b_mul(b, g[0], n->in_node[0]), 2, 0);
    return avcl_b_status(b);
}

static avcl_status abs_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_mul(b, g[0], avcl_b_op1(b, "sign", n->in_node[0]));
    return avcl_b_status(b);
}

static avcl_status affine_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    const avcl_affine_attrs *a = n->attrs;
    in[0] = a->scale == 1 ? g[0] : avcl_b_affine(b, g[0], a->scale, 0);
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param affine_rows[] = {
    {.name = "scale",
     .doc = "Factor of x.",
     .type = AVCL_FLOAT,
     .def_float = 1,
     .offset = offsetof(avcl_affine_attrs, scale)},
    {.name = "shift",
     .doc = "Added after scaling.",
     .type = AVCL_FLOAT,
     .offset = offsetof(avcl_affine_attrs, shift)},
};
static const avcl_param elu_rows[] = {
    {.name = "scale",
     .doc = "Alpha: minus the limit at minus infinity.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .min = 0,
     .def_float = 1,
     .offset = offsetof(avcl_affine_attrs, scale)},
};

#define SHAPES(lo, hi, gap)                                                              \
    {.label = "odd 3-d", AVCL_TAKES(AVCL_REAL(lo, hi, gap, 3, 5, 7))},                   \
        {.label = "one value", AVCL_TAKES(AVCL_REAL0(lo, hi, gap))},                     \
        {.label = "aligned 5-d", AVCL_TAKES(AVCL_REAL(lo, hi, gap, 2, 16, 1, 4, 4))},    \
    {                                                                                    \
        .label = "vector", AVCL_TAKES(AVCL_REAL(lo, hi, gap, 33))                        \
    }
#define PAIRS(lo, hi, gap)                                                               \
    {.label = "odd 3-d", AVCL_TAKES(AVCL_X(3, 5, 7), AVCL_REAL(lo, hi, gap, 3, 5, 7))},  \
    {                                                                                    \
        .label = "aligned 5-d",                                                          \
        AVCL_TAKES(AVCL_X(2, 16, 1, 4, 4), AVCL_REAL(lo, hi, gap, 2, 16, 1, 4, 4))       \
    }

static const avcl_op_case signed_cases[] = {SHAPES(-2, 2, 0.01)};
static const avcl_op_case wide_cases[] = {SHAPES(-6, 6, 0)};
static const avcl_op_case positive_cases[] = {SHAPES(0.2, 3, 0)};
static const avcl_op_case pair_cases[] = {PAIRS(-2, 2, 0.01)};
static const avcl_op_case elu_cases[] = {
    SHAPES(-2, 2, 0.01),
    {.label = "alpha 0.5",
     AVCL_TAKES(AVCL_REAL(-3, 3, 0.01, 4, 9)),
     AVCL_WITH(AVCL_A_FLOAT("scale", 0.5))},
};
static const avcl_op_case elu_pair_cases[] = {
    PAIRS(-0.95, 2, 0.01),
    {.label = "alpha 0.5",
     AVCL_TAKES(AVCL_X(4, 9), AVCL_REAL(-0.45, 3, 0.01, 4, 9)),
     AVCL_WITH(AVCL_A_FLOAT("scale", 0.5))},
};
static const avcl_op_case affine_cases[] = {
    SHAPES(-2, 2, 0),
    {.label = "scale and shift",
     AVCL_TAKES(AVCL_X(5, 6)),
     AVCL_WITH(AVCL_A_FLOAT("scale", -2.5), AVCL_A_FLOAT("shift", 0.75))},
    {.label = "shift only", AVCL_TAKES(AVCL_X(11)), AVCL_WITH(AVCL_A_FLOAT("shift", 3))},
};

const avcl_op avcl__op_relu = {
    AVCL_OP(relu),       .doc = "y = max(x, 0).",  .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(signed_cases), .infer = avcl__infer_same,
    .grad = relu_grad,
};
const avcl_op avcl__op_relu_backward = {
    AVCL_OP(relu_backward),    .doc = "(g, y): y > 0 ? g : 0.",
    .flags = AVCL_OP_BACKWARD, .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(2, 2, 1),       AVCL_CASES(pair_cases),
    .infer = avcl__infer_same,
};
const avcl_op avcl__op_sigmoid = {
    AVCL_OP(sigmoid),
    .doc = "y = 1 / (1 + exp(-x)).",
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1),
    AVCL_CASES(wide_cases),
    .infer = avcl__infer_same,
    .grad = sigmoid_grad,
};
const avcl_op avcl__op_tanh = {
    AVCL_OP(tanh),       .doc = "y = tanh(x).",    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(signed_cases), .infer = avcl__infer_same,
    .grad = tanh_grad,
};
const avcl_op avcl__op_exp = {
    AVCL_OP(exp),        .doc = "y = exp(x).",     .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(signed_cases), .infer = avcl__infer_same,
    .grad = exp_grad,
};
const avcl_op avcl__op_sqrt = {
    AVCL_OP(sqrt),       .doc = "y = sqrt(x).",      .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(positive_cases), .infer = avcl__infer_same,
    .grad = sqrt_grad,
};
const avcl_op avcl__op_elu = {
    AVCL_OP(elu),
    .doc = "y = x > 0 ? x : scale (exp(x) - 1).",
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(elu_rows, avcl_affine_attrs),
    AVCL_CASES(elu_cases),
    .infer = avcl__infer_same,
    .grad = elu_grad,
};
const avcl_op avcl__op_elu_backward = {
    AVCL_OP(elu_backward),      .doc = "(g, y): g (y > 0 ? 1 : y + scale).",
    .flags = AVCL_OP_BACKWARD,  .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(2, 2, 1),        AVCL_ATTRS(elu_rows, avcl_affine_attrs),
    AVCL_CASES(elu_pair_cases), .infer = avcl__infer_same,
};
const avcl_op avcl__op_log = {
    AVCL_OP(log),        .doc = "y = ln x.",         .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(positive_cases), .infer = avcl__infer_same,
    .grad = log_grad,
};
const avcl_op avcl__op_neg = {
    AVCL_OP(neg),        .doc = "y = -x.",         .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(signed_cases), .infer = avcl__infer_same,
    .grad = neg_grad,
};
const avcl_op avcl__op_square = {
    AVCL_OP(square),     .doc = "y = x^2.",        .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1), AVCL_CASES(signed_cases), .infer = avcl__infer_same,
    .grad = square_grad,
};
const avcl_op avcl__op_abs = {
    AVCL_OP(abs),
    .doc = "y = |x|; the slope at 0 is 0.",
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1),
    AVCL_CASES(signed_cases),
    .infer = avcl__infer_same,
    .grad = abs_grad,
};
const avcl_op avcl__op_sign = {
    AVCL_OP(sign),
    .doc = "-1, 0 or 1.",
    .flags = AVCL_OP_NOGRAD,
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1),
    AVCL_CASES(signed_cases),
    .infer = avcl__infer_same,
};
const avcl_op avcl__op_affine = {
    AVCL_OP(affine),
    .doc = "y = scale x + shift.",
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(affine_rows, avcl_affine_attrs),
    AVCL_CASES(affine_cases),
    .infer = avcl__infer_same,
    .grad = affine_grad,
};
