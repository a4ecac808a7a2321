/* fused.c - what the fusion pass makes of batch normalisation, a sum and a relu.
 *
 * y = relu((x - mean) scale + shift + s). The forward op also gives scale and shift as
 * it used them, so that y, and where the relu was open, come out with the same bits when
 * the backward pass works them out again from x. */
#include "graph/ops/ops_impl.h"

/* x (input `x`), then [C] inputs, all of x's channels. */
static avcl_status want_channels(const avcl_build *b, const avcl_op_view *n, uint32_t x,
                                 uint32_t end, const char *const *names)
{
    avcl_status st = avcl__want(b, n, x, "x", AVCL_F32, 2, 5);
    for (uint32_t i = x + 1; i < end && !st; i++)
        st = avcl__want_dims(b, n, i, names[i - x], &n->in_info[x].shape[1], 1);
    return st;
}

static avcl_status want_like_x(const avcl_build *b, const avcl_op_view *n, uint32_t x,
                               uint32_t i, const char *name)
{
    return avcl__want_dims(b, n, i, name, n->in_info[x].shape, n->in_info[x].ndim);
}

/* x, γ, β, mean, var[, s] -> y, and [C] values for every further output. */
static avcl_status forward_infer(const avcl_build *b, const avcl_op_view *n,
                                 avcl_tinfo *out)
{
    static const char *const names[] = {"x", "gamma", "beta", "mean", "var"};
    avcl_status st = want_channels(b, n, 0, 5, names);
    if (!st && n->n_in > 5) st = want_like_x(b, n, 0, 5, "s");
    if (st) return st;
    out[0] = n->in_info[0];
    for (uint32_t i = 1; i < n->n_out; i++)
        out[i] = n->in_info[1];
    return AVCL_OK;
}

static avcl_status again_infer(const avcl_build *b, const avcl_op_view *n,
                               avcl_tinfo *out)
{
    static const char *const names[] = {"x", "mean", "scale", "shift"};
    avcl_status st = want_channels(b, n, 0, 4, names);
    if (!st && n->n_in > 4) st = want_like_x(b, n, 0, 4, "s");
    if (!st) out[0] = n->in_info[0];
    return st;
}

static avcl_status relu_backward_infer(const avcl_build *b, const avcl_op_view *n,
                                       avcl_tinfo *out)
{
    static const char *const names[] = {"x", "gamma", "mean", "invstd", "scale", "shift"};
    avcl_status st = want_channels(b, n, 1, 7, names);
    if (!st) st = want_like_x(b, n, 1, 0, "g");
    if (st) return st;
    out[0] = n->in_info[1];
    out[1] = out[2] = n->in_info[2];
    return AVCL_OK;
}

static avcl_status add_relu_backward_infer(const avcl_build *b, const avcl_op_view *n,
                                           avcl_tinfo *out)
{
    static const char *const names[] = {"x", "gamma", "mean", "invstd"};
    avcl_status st = want_channels(b, n, 2, 6, names);
    if (!st) st = want_like_x(b, n, 2, 0, "g");
    if (!st) st = want_like_x(b, n, 2, 1, "y");
    if (st) return st;
    out[0] = out[1] = n->in_info[2];
    out[2] = out[3] = n->in_info[3];
    return AVCL_OK;
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param eps_rows[] = {
    {.name = "eps",
     .doc = "Added to the variance.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .def_float = 1e-5,
     .offset = offsetof(avcl_batch_norm_attrs, eps)},
};
static const avcl_param train_rows[] = {
    {.name = "eps",
     .doc = "Added to the variance.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .def_float = 1e-5,
     .offset = offsetof(avcl_batch_norm_attrs, eps)},
    {.name = "momentum",
     .doc = "Weight of this batch in the running statistics.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 1,
     .def_float = 0.1,
     .offset = offsetof(avcl_batch_norm_attrs, momentum)},
};

#define GAMMA(c) AVCL_REAL(0.5, 1.5, 0, c)
#define SMALL(c) AVCL_REAL(-0.5, 0.5, 0, c)
#define WIDTH(c) AVCL_REAL(0.5, 2, 0, c)
#define NORM(c)  GAMMA(c), AVCL_X(c), SMALL(c), WIDTH(c)
static const avcl_op_case forward_cases[] = {
    {.label = "odd 5-d", AVCL_TAKES(AVCL_X(2, 5, 3, 3, 4), NORM(5))},
    {.label = "aligned channels", AVCL_TAKES(AVCL_X(2, 16, 1, 3, 3), NORM(16))},
    {.label = "[N,C]", AVCL_TAKES(AVCL_X(6, 7), NORM(7))},
    {.label = "plus s",
     AVCL_TAKES(AVCL_X(2, 5, 3, 3, 4), NORM(5), AVCL_X(2, 5, 3, 3, 4))},
    {.label = "plus s, aligned",
     AVCL_TAKES(AVCL_X(2, 16, 1, 3, 3), NORM(16), AVCL_X(2, 16, 1, 3, 3))},
};
static const avcl_op_case again_cases[] = {
    {.label = "odd 5-d",
     AVCL_TAKES(AVCL_X(2, 5, 3, 3, 4), SMALL(5), GAMMA(5), AVCL_X(5))},
    {.label = "aligned channels",
     AVCL_TAKES(AVCL_X(2, 16, 1, 3, 3), SMALL(16), GAMMA(16), AVCL_X(16))},
    {.label = "[N,C]", AVCL_TAKES(AVCL_X(6, 7), SMALL(7), GAMMA(7), AVCL_X(7))},
    {.label = "plus s",
     AVCL_TAKES(AVCL_X(2, 5, 3, 3, 4), SMALL(5), GAMMA(5), AVCL_X(5),
                AVCL_X(2, 5, 3, 3, 4))},
};
/* Nothing near the relu's edge, where f32 and f64 may differ about its side: |x - mean|
 * scale < 1.5 and |shift| >= 2 leave it open or shut for a whole channel. */
static const avcl_op_case relu_backward_cases[] = {
    {.label = "odd 5-d",
     AVCL_TAKES(AVCL_X(2, 5, 3, 3, 4), AVCL_X(2, 5, 3, 3, 4), GAMMA(5), SMALL(5),
                WIDTH(5), AVCL_REAL(0.2, 0.7, 0, 5), AVCL_REAL(-3, 3, 2, 5))},
    {.label = "aligned channels",
     AVCL_TAKES(AVCL_X(2, 16, 1, 3, 3), AVCL_X(2, 16, 1, 3, 3), GAMMA(16), SMALL(16),
                WIDTH(16), AVCL_REAL(0.2, 0.7, 0, 16), AVCL_REAL(-3, 3, 2, 16))},
    {.label = "open here and shut there",
     AVCL_TAKES(AVCL_X(6, 7), AVCL_REAL(-1.5, 1.5, 0.1, 6, 7), GAMMA(7),
                AVCL_REAL(0, 0, 0, 7), WIDTH(7), GAMMA(7), AVCL_REAL(0, 0, 0, 7))},
};
static const avcl_op_case add_relu_backward_cases[] = {
    {.label = "odd 5-d",
     AVCL_TAKES(AVCL_X(2, 5, 3, 3, 4), AVCL_REAL(-1, 1, 0.01, 2, 5, 3, 3, 4),
                AVCL_X(2, 5, 3, 3, 4), GAMMA(5), SMALL(5), WIDTH(5))},
    {.label = "aligned channels",
     AVCL_TAKES(AVCL_X(2, 16, 1, 3, 3), AVCL_REAL(-1, 1, 0.01, 2, 16, 1, 3, 3),
                AVCL_X(2, 16, 1, 3, 3), GAMMA(16), SMALL(16), WIDTH(16))},
    {.label = "[N,C]",
     AVCL_TAKES(AVCL_X(6, 7), AVCL_REAL(-1, 1, 0.01, 6, 7), AVCL_X(6, 7), GAMMA(7),
                SMALL(7), WIDTH(7))},
};

const avcl_op avcl__op_batch_norm_relu = {
    AVCL_OP(batch_norm_relu),
    .doc = "(x, gamma, beta, running_mean, running_var[, s]): batch_norm, plus s, relu; "
           "batch_norm's outputs, then scale and shift.",
    .flags = AVCL_OP_FUSED,
    AVCL_ARITY(5, 6, 7),
    AVCL_ATTRS(train_rows, avcl_batch_norm_attrs),
    AVCL_CASES(forward_cases),
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 5),
    .infer = forward_infer,
};
const avcl_op avcl__op_batch_norm_eval_relu = {
    AVCL_OP(batch_norm_eval_relu),
    .doc = "(x, gamma, beta, mean, var[, s]): batch_norm_eval, plus s, relu.",
    .flags = AVCL_OP_FUSED,
    AVCL_ARITY(5, 6, 1),
    AVCL_ATTRS(eps_rows, avcl_batch_norm_attrs),
    AVCL_CASES(forward_cases),
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 5),
    .infer = forward_infer,
};
const avcl_op avcl__op_normalise_relu = {
    AVCL_OP(normalise_relu),
    .doc = "(x, mean, scale, shift[, s]): max((x - mean) scale + shift + s, 0).",
    .flags = AVCL_OP_FUSED,
    AVCL_ARITY(4, 5, 1),
    AVCL_CASES(again_cases),
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 4),
    .infer = again_infer,
};
const avcl_op avcl__op_batch_norm_relu_backward = {
    AVCL_OP(batch_norm_relu_backward),
    .doc = "(g, x, gamma, mean, invstd, scale, shift): batch_norm_backward of g where "
           "(x - mean) scale + shift > 0.",
    .flags = AVCL_OP_BACKWARD | AVCL_OP_FUSED,
    AVCL_ARITY(7, 7, 3),
    AVCL_CASES(relu_backward_cases),
    .overwrites = AVCL_OVERWRITES(0, 0) | AVCL_OVERWRITES(0, 1),
    .infer = relu_backward_infer,
};
const avcl_op avcl__op_batch_norm_add_relu_backward = {
    AVCL_OP(batch_norm_add_relu_backward),
    .doc = "(g, y, x, gamma, mean, invstd): batch_norm_backward of g where y > 0; gx, "
           "that part of g, ggamma, gbeta.",
    .flags = AVCL_OP_BACKWARD | AVCL_OP_FUSED,
    AVCL_ARITY(6, 6, 4),
    AVCL_CASES(add_relu_backward_cases),
    .overwrites = AVCL_OVERWRITES(0, 2) | AVCL_OVERWRITES(1, 0) | AVCL_OVERWRITES(1, 1),
    .infer = add_relu_backward_infer,
};
