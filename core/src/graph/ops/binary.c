/* binary.c - ops of two values that broadcast as in NumPy; the gradient of a broadcast
 * operand is summed back to its shape. */
#include "graph/ops/ops_impl.h"

static avcl_status infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_status st = avcl__want_real(b, n, 0, "input 0");
    if (!st) st = avcl__want_real(b, n, 1, "input 1");
    if (st) return st;
    const avcl_tinfo *x = &n->in_info[0], *y = &n->in_info[1];
    if (avcl__broadcast(x, y, out)) return AVCL_OK;
    return avcl__op_misfit(b, AVCL_E_SHAPE, "shapes %s and %s do not broadcast",
                           avcl__dims_text(x->shape, x->ndim).s,
                           avcl__dims_text(y->shape, y->ndim).s);
}

/* The part of input i's gradient that has the output's shape, brought to input i's. */
static avcl_node fit(const avcl_build *b, const avcl_op_view *n, uint32_t i,
                     avcl_node part)
{
    return avcl__sum_to(b, part, &n->out_info[0], &n->in_info[i]);
}

static avcl_status add_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = fit(b, n, 0, g[0]);
    in[1] = fit(b, n, 1, g[0]);
    return avcl_b_status(b);
}

static avcl_status sub_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = fit(b, n, 0, g[0]);
    in[1] = avcl_b_op1(b, "neg", fit(b, n, 1, g[0]));
    return avcl_b_status(b);
}

static avcl_status mul_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = fit(b, n, 0, avcl_b_mul(b, g[0], n->in_node[1]));
    in[1] = fit(b, n, 1, avcl_b_mul(b, g[0], n->in_node[0]));
    return avcl_b_status(b);
}

/* y = p / q: dp = g / q, dq = -(g / q) y */
static avcl_status div_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    avcl_node part = avcl_b_div(b, g[0], n->in_node[1]);
    avcl_node slope = avcl_b_mul(b, part, n->out_node[0]);
    in[0] = fit(b, n, 0, part);
    in[1] = avcl_b_op1(b, "neg", fit(b, n, 1, slope));
    return avcl_b_status(b);
}

/* Ties go to the first operand. */
static avcl_status maximum_grad(const avcl_build *b, const avcl_op_view *n,
                                const avcl_node *g, avcl_node *in)
{
    avcl_node first = avcl_b_op2(b, "greater_equal", n->in_node[0], n->in_node[1]);
    avcl_node part = avcl_b_mul(b, g[0], first);
    in[0] = fit(b, n, 0, part);
    in[1] = fit(b, n, 1, avcl_b_sub(b, g[0], part));
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
#define SHAPES(lo, hi)                                                                   \
    {.label = "equal shapes",                                                            \
     AVCL_TAKES(AVCL_X(3, 5, 7), AVCL_REAL(lo, hi, 0, 3, 5, 7))},                        \
        {.label = "equal 5-d",                                                           \
         AVCL_TAKES(AVCL_X(2, 16, 1, 3, 5), AVCL_REAL(lo, hi, 0, 2, 16, 1, 3, 5))},      \
        {.label = "row onto matrix", AVCL_TAKES(AVCL_X(4, 9), AVCL_REAL(lo, hi, 0, 9))}, \
        {.label = "vector against column",                                               \
         AVCL_TAKES(AVCL_X(5), AVCL_REAL(lo, hi, 0, 2, 3, 1))},                          \
        {.label = "channels",                                                            \
         AVCL_TAKES(AVCL_X(2, 16, 2, 3, 3), AVCL_REAL(lo, hi, 0, 16, 1, 1, 1))},         \
        {.label = "both repeat",                                                         \
         AVCL_TAKES(AVCL_X(2, 1, 3), AVCL_REAL(lo, hi, 0, 1, 4, 1))},                    \
        {.label = "scalar left",                                                         \
         AVCL_TAKES(AVCL_REAL0(-1, 1, 0), AVCL_REAL(lo, hi, 0, 3, 7))},                  \
    {                                                                                    \
        .label = "scalar right", AVCL_TAKES(AVCL_X(17), AVCL_REAL0(lo, hi, 0))           \
    }

static const avcl_op_case plain_cases[] = {SHAPES(-1.5, 1.5)};
static const avcl_op_case div_cases[] = {SHAPES(0.4, 2)};
static const avcl_op_case compare_cases[] = {
    SHAPES(-1.5, 1.5),
    {.label = "all equal",
     AVCL_TAKES(AVCL_REAL(0.3, 0.3, 0, 4, 5), AVCL_REAL(0.3, 0.3, 0, 4, 1))},
};

const avcl_op avcl__op_add = {
    AVCL_OP(add),
    .doc = "a + b, broadcast.",
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),
    AVCL_CASES(plain_cases),
    .infer = infer,
    .grad = add_grad,
};
const avcl_op avcl__op_sub = {
    AVCL_OP(sub),
    .doc = "a - b, broadcast.",
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),
    AVCL_CASES(plain_cases),
    .infer = infer,
    .grad = sub_grad,
};
const avcl_op avcl__op_mul = {
    AVCL_OP(mul),
    .doc = "a b, broadcast.",
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),
    AVCL_CASES(plain_cases),
    .infer = infer,
    .grad = mul_grad,
};
const avcl_op avcl__op_div = {
    AVCL_OP(div),
    .doc = "a / b, broadcast.",
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),
    AVCL_CASES(div_cases),
    .infer = infer,
    .grad = div_grad,
};
const avcl_op avcl__op_maximum = {
    AVCL_OP(maximum),
    .doc = "max(a, b), broadcast; at a tie the gradient goes to a.",
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),
    AVCL_CASES(plain_cases),
    .infer = infer,
    .grad = maximum_grad,
};
const avcl_op avcl__op_greater_equal = {
    AVCL_OP(greater_equal),  .doc = "a >= b as 0 or 1, broadcast.",
    .flags = AVCL_OP_NOGRAD, .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),     AVCL_CASES(compare_cases),
    .infer = infer,
};
const avcl_op avcl__op_equal = {
    AVCL_OP(equal),          .doc = "a == b as 0 or 1, broadcast.",
    .flags = AVCL_OP_NOGRAD, .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    AVCL_ARITY(2, 2, 1),     AVCL_CASES(compare_cases),
    .infer = infer,
};
