/*
 * optim.c - steps of optimisers as ops, so that every device brings its own kernels.
 *
 * What changes from step to step (rates, decay, the scale of the gradient) comes in a
 * small vector, so that a kernel is prepared once.
 */
#include "graph/ops/ops_impl.h"

enum { SGD_RATES = 3, ADAMW_RATES = 4 };

static avcl_status want_like(const avcl_build *b, const avcl_op_view *n, uint32_t i,
                             const char *name)
{
    return avcl__want_dims(b, n, i, name, n->in_info[0].shape, n->in_info[0].ndim);
}

static avcl_status want_rates(const avcl_build *b, const avcl_op_view *n, uint32_t i,
                              int64_t count)
{
    avcl_status st = avcl__want_real(b, n, i, "rate");
    return st ? st : avcl__want_dims(b, n, i, "rate", &count, 1);
}

static avcl_status infer_sgd(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_status st = avcl__want_real(b, n, 0, "w");
    if (!st) st = want_like(b, n, 1, "g");
    if (!st) st = want_like(b, n, 2, "v");
    if (!st) st = want_rates(b, n, 3, SGD_RATES);
    if (!st) out[0] = out[1] = n->in_info[0];
    return st;
}

static avcl_status infer_adamw(const avcl_build *b, const avcl_op_view *n,
                               avcl_tinfo *out)
{
    avcl_status st = avcl__want_real(b, n, 0, "w");
    if (!st) st = want_like(b, n, 1, "g");
    if (!st) st = want_like(b, n, 2, "m");
    if (!st) st = want_like(b, n, 3, "v");
    if (!st) st = want_rates(b, n, 4, ADAMW_RATES);
    if (!st) out[0] = out[1] = out[2] = n->in_info[0];
    return st;
}

static avcl_status infer_square_sum(const avcl_build *b, const avcl_op_view *n,
                                    avcl_tinfo *out)
{
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (!st) out[0] = (avcl_tinfo){.dtype = n->in_info[0].dtype};
    return st;
}

#define SHARE(field_name, text, attrs)                                                   \
    {                                                                                    \
        .name = #field_name, .doc = text, .type = AVCL_FLOAT,                            \
        .flags = AVCL_P_MIN | AVCL_P_MAX, .max = 1,                                      \
        .offset = offsetof(attrs, field_name),                                           \
    }

static const avcl_param sgd_rows[] = {
    SHARE(momentum, "Share of v that stays.", avcl_sgd_attrs),
    {.name = "nesterov",
     .doc = "Step along d + momentum v instead of v.",
     .type = AVCL_BOOL,
     .offset = offsetof(avcl_sgd_attrs, nesterov)},
};
static const avcl_param adamw_rows[] = {
    SHARE(beta1, "Share of m that stays.", avcl_adamw_attrs),
    SHARE(beta2, "Share of v that stays.", avcl_adamw_attrs),
    {.name = "eps",
     .doc = "Added to the root of v.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .offset = offsetof(avcl_adamw_attrs, eps)},
};

#define RATES(n) AVCL_REAL(0.01, 0.9, 0, n)
#define SGD_INPUTS(...)                                                                  \
    AVCL_TAKES(AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__),            \
               RATES(SGD_RATES))
static const avcl_op_case sgd_cases[] = {
    {.label = "plain", SGD_INPUTS(37)},
    {.label = "momentum", SGD_INPUTS(4, 16), AVCL_WITH(AVCL_A_FLOAT("momentum", 0.9))},
    {.label = "nesterov",
     SGD_INPUTS(3, 5, 7),
     AVCL_WITH(AVCL_A_FLOAT("momentum", 0.8), AVCL_A_BOOL("nesterov", 1))},
};
#define ADAMW_INPUTS(...)                                                                \
    AVCL_TAKES(AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__),            \
               AVCL_REAL(0.1, 1, 0, __VA_ARGS__), RATES(ADAMW_RATES))
#define BETAS(b1, b2, e)                                                                 \
    AVCL_WITH(AVCL_A_FLOAT("beta1", b1), AVCL_A_FLOAT("beta2", b2),                      \
              AVCL_A_FLOAT("eps", e))
static const avcl_op_case adamw_cases[] = {
    {.label = "as usual", ADAMW_INPUTS(4, 19), BETAS(0.9, 0.99, 1e-3)},
    {.label = "no first moment", ADAMW_INPUTS(37), BETAS(0, 0.9, 1e-2)},
    {.label = "long memory", ADAMW_INPUTS(3, 5, 7), BETAS(0.95, 0.999, 1e-3)},
};
static const avcl_op_case square_sum_cases[] = {
    {.label = "a row", AVCL_TAKES(AVCL_X(37))},
    {.label = "some planes", AVCL_TAKES(AVCL_X(3, 5, 70))},
    {.label = "one", AVCL_TAKES(AVCL_X(1))},
};

const avcl_op avcl__op_sgd = {
    AVCL_OP(sgd),
    .doc =
        "(w, g, v, rate [3]): d = rate1 g + rate2 w; v = momentum v + d; w -= rate0 v, "
        "or rate0 (d + momentum v) with nesterov.",
    .flags = AVCL_OP_NOGRAD,
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(4, 4, 2),
    AVCL_ATTRS(sgd_rows, avcl_sgd_attrs),
    AVCL_CASES(sgd_cases),
    .infer = infer_sgd,
};

const avcl_op avcl__op_adamw = {
    AVCL_OP(adamw),
    .doc = "(w, g, m, v, rate [4]): m and v follow rate1 g and its square; w = rate2 w - "
           "rate0 m / (rate3 sqrt(v) + eps).",
    .flags = AVCL_OP_NOGRAD,
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(5, 5, 3),
    AVCL_ATTRS(adamw_rows, avcl_adamw_attrs),
    AVCL_CASES(adamw_cases),
    .infer = infer_adamw,
};

const avcl_op avcl__op_square_sum = {
    AVCL_OP(square_sum),
    .doc = "The sum of squares of all elements, in blocks of a fixed size.",
    .flags = AVCL_OP_NOGRAD,
    AVCL_ARITY(1, 1, 1),
    AVCL_CASES(square_sum_cases),
    .infer = infer_square_sum,
};
