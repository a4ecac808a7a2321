/* norm.c - batch normalisation over all axes but 1, training and evaluation form.
 * y = (x - mean) / sqrt(var + eps) gamma + beta, with the biased variance; the running
 * variance takes the unbiased one, as PyTorch's does. */
#include "graph/ops/ops_impl.h"

/* x of 2 to 5 dims and inputs first.. of shape [C]. */
static avcl_status want_channels(const avcl_build *b, const avcl_op_view *n, uint32_t x,
                                 uint32_t first, const char *const *names)
{
    avcl_status st = avcl__want(b, n, x, "x", AVCL_F32, 2, 5);
    for (uint32_t i = first; i < n->n_in && !st; i++)
        st = avcl__want_dims(b, n, i, names[i], &n->in_info[x].shape[1], 1);
    return st;
}

static const char *const forward_names[] = {"x", "gamma", "beta", "mean", "var"};

static avcl_status train_infer(const avcl_build *b, const avcl_op_view *n,
                               avcl_tinfo *out)
{
    const avcl_tinfo *x = &n->in_info[0];
    avcl_status st = want_channels(b, n, 0, 1, forward_names);
    if (st) return st;
    if (avcl__numel(x) / x->shape[1] < 2)
        return avcl__op_misfit(b, AVCL_E_SHAPE,
                               "batch statistics need 2 values a channel, x %s has 1",
                               avcl__dims_text(x->shape, x->ndim).s);
    out[0] = *x;
    for (int i = 1; i < 5; i++)
        out[i] = avcl__real(&x->shape[1], 1);
    return AVCL_OK;
}

static avcl_status eval_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_status st = want_channels(b, n, 0, 1, forward_names);
    if (!st) out[0] = n->in_info[0];
    return st;
}

static avcl_status backward_infer(const avcl_build *b, const avcl_op_view *n,
                                  avcl_tinfo *out)
{
    static const char *const names[] = {"gy", "x", "gamma", "mean", "invstd"};
    const avcl_tinfo *x = &n->in_info[1];
    avcl_status st = want_channels(b, n, 1, 2, names);
    if (!st) st = avcl__want_dims(b, n, 0, "gy", x->shape, x->ndim);
    if (st) return st;
    out[0] = *x;
    out[1] = out[2] = n->in_info[2];
    return AVCL_OK;
}

static avcl_status train_grad(const avcl_build *b, const avcl_op_view *n,
                              const avcl_node *g, avcl_node *in)
{
    const avcl_batch_norm_attrs *a = n->attrs;
    avcl_status st = avcl__want_first(b, n, g);
    if (st || !g[0]) return st;
    avcl_node from[5] = {g[0], n->in_node[0], n->in_node[1], n->out_node[1],
                         n->out_node[2]};
    avcl_attr at = avcl_attr_float("eps", a->eps);
    in[0] = avcl_b_op(b, "batch_norm_backward", from, 5, &at, 1);
    in[1] = avcl_b_result(b, in[0], 1);
    in[2] = avcl_b_result(b, in[0], 2);
    return avcl_b_status(b);
}

static avcl_status train_eval(const avcl_build *b, const avcl_op_view *n, avcl_node *out)
{
    const avcl_batch_norm_attrs *a = n->attrs;
    avcl_attr at = avcl_attr_float("eps", a->eps);
    out[0] = avcl_b_op(b, "batch_norm_eval", n->in_node, 5, &at, 1);
    out[1] = out[2] = 0;
    out[3] = n->in_node[3];
    out[4] = n->in_node[4];
    return avcl_b_status(b);
}

/* A [C] node as [C,1,..] so that it broadcasts along axis 1 of x. */
static avcl_node column(const avcl_build *b, const avcl_tinfo *x, avcl_node c)
{
    int64_t dims[5] = {x->shape[1], 1, 1, 1, 1};
    return x->ndim == 2 ? c : avcl_b_reshape(b, c, dims, (uint32_t)x->ndim - 1);
}

static avcl_node over_batch(const avcl_build *b, const avcl_tinfo *x, avcl_node v)
{
    const int64_t axes[4] = {0, 2, 3, 4};
    return avcl_b_sum(b, v, axes, (uint32_t)x->ndim - 1, 0);
}

/* With fixed statistics and s = 1 / sqrt(var + eps): dx = g gamma s,
 * dgamma = sum g (x - mean) s, dbeta = sum g. */
static avcl_status eval_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    const avcl_batch_norm_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0];
    avcl_node std = avcl_b_sqrt(b, avcl_b_affine(b, n->in_node[4], 1, a->eps));
    avcl_node slope = avcl_b_div(b, n->in_node[1], std);
    avcl_node centred = avcl_b_sub(b, n->in_node[0], column(b, x, n->in_node[3]));
    avcl_node dot = over_batch(b, x, avcl_b_mul(b, g[0], centred));
    in[0] = avcl_b_mul(b, g[0], column(b, x, slope));
    in[1] = avcl_b_div(b, dot, std);
    in[2] = over_batch(b, x, g[0]);
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
#define EPS                                                                              \
    {                                                                                    \
        .name = "eps", .doc = "Added to the variance.", .type = AVCL_FLOAT,              \
        .flags = AVCL_P_MIN, .def_float = 1e-5,                                          \
        .offset = offsetof(avcl_batch_norm_attrs, eps)                                   \
    }
static const avcl_param eps_rows[] = {EPS};
static const avcl_param train_rows[] = {
    EPS,
    {.name = "momentum",
     .doc = "Weight of this batch in the running statistics.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 1,
     .def_float = 0.1,
     .offset = offsetof(avcl_batch_norm_attrs, momentum)},
};

#define INPUTS(c, ...)                                                                   \
    AVCL_TAKES(AVCL_X(__VA_ARGS__), AVCL_REAL(0.5, 1.5, 0, c), AVCL_X(c),                \
               AVCL_REAL(-0.5, 0.5, 0, c), AVCL_REAL(0.5, 2, 0, c))
#define FORWARD_CASES                                                                    \
    {.label = "odd 5-d", INPUTS(5, 2, 5, 3, 3, 4)},                                      \
        {.label = "aligned channels", INPUTS(16, 2, 16, 1, 3, 3)},                       \
        {.label = "[N,C]", INPUTS(7, 6, 7)},                                             \
        {.label = "batch 1", INPUTS(3, 1, 3, 2, 3, 3)},                                  \
    {                                                                                    \
        .label = "large eps", INPUTS(4, 3, 4, 5), AVCL_WITH(AVCL_A_FLOAT("eps", 0.1))    \
    }
static const avcl_op_case train_cases[] = {
    FORWARD_CASES,
    {.label = "momentum 0.3",
     INPUTS(2, 2, 2, 2, 2),
     AVCL_WITH(AVCL_A_FLOAT("momentum", 0.3))},
};
static const avcl_op_case eval_cases[] = {FORWARD_CASES,
                                          {.label = "one value", INPUTS(3, 1, 3)}};

#define BACKWARD(c, ...)                                                                 \
    AVCL_TAKES(AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__), AVCL_REAL(0.5, 1.5, 0, c),      \
               AVCL_REAL(-0.5, 0.5, 0, c), AVCL_REAL(0.5, 2, 0, c))
static const avcl_op_case backward_cases[] = {
    {.label = "odd 5-d", BACKWARD(5, 2, 5, 3, 3, 4)},
    {.label = "aligned channels", BACKWARD(16, 2, 16, 1, 3, 3)},
    {.label = "[N,C]", BACKWARD(7, 6, 7)},
};

const avcl_op avcl__op_batch_norm = {
    AVCL_OP(batch_norm),
    .doc = "(x, gamma, beta, running_mean, running_var): normalised over all axes but 1; "
           "y, mean, 1/std, new running mean and variance.",
    AVCL_ARITY(5, 5, 5),
    AVCL_ATTRS(train_rows, avcl_batch_norm_attrs),
    AVCL_CASES(train_cases),
    .infer = train_infer,
    .grad = train_grad,
    .eval = train_eval,
};
const avcl_op avcl__op_batch_norm_eval = {
    AVCL_OP(batch_norm_eval),
    .doc = "(x, gamma, beta, mean, var): normalised by given statistics, which are "
           "constants "
           "to the gradient.",
    AVCL_ARITY(5, 5, 1),
    AVCL_ATTRS(eps_rows, avcl_batch_norm_attrs),
    AVCL_CASES(eval_cases),
    .infer = eval_infer,
    .grad = eval_grad,
};
const avcl_op avcl__op_batch_norm_backward = {
    AVCL_OP(batch_norm_backward),
    .doc = "(gy, x, gamma, mean, invstd): gradients of batch_norm's x, gamma and beta.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(5, 5, 3),
    AVCL_ATTRS(eps_rows, avcl_batch_norm_attrs),
    AVCL_CASES(backward_cases),
    .infer = backward_infer,
};
