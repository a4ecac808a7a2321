/* optim.c - the optimiser step as an op, so that every device brings its own kernel. */
#include "graph/ops/ops_impl.h"

static avcl_status infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_tinfo *w = &n->in_info[0];
    avcl_status st = avcl__want_real(b, n, 0, "w");
    if (!st) st = avcl__want_dims(b, n, 1, "g", w->shape, w->ndim);
    if (!st) st = avcl__want_dims(b, n, 2, "v", w->shape, w->ndim);
    if (!st) st = avcl__want(b, n, 3, "lr", AVCL_F32, 0, 0);
    if (!st) out[0] = out[1] = *w;
    return st;
}

static const avcl_param rows[] = {
    {.name = "momentum",
     .doc = "Share of v that stays.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 1,
     .offset = offsetof(avcl_sgd_attrs, momentum)},
    {.name = "weight_decay",
     .doc = "Factor of w added to g.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .offset = offsetof(avcl_sgd_attrs, weight_decay)},
    {.name = "nesterov",
     .doc = "Step along d + momentum v instead of v.",
     .type = AVCL_BOOL,
     .offset = offsetof(avcl_sgd_attrs, nesterov)},
};
#define INPUTS(...)                                                                      \
    AVCL_TAKES(AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__), AVCL_X(__VA_ARGS__),            \
               AVCL_REAL0(0.01, 0.2, 0))
static const avcl_op_case cases[] = {
    {.label = "plain", INPUTS(37)},
    {.label = "momentum and decay",
     INPUTS(4, 16),
     AVCL_WITH(AVCL_A_FLOAT("momentum", 0.9), AVCL_A_FLOAT("weight_decay", 0.05))},
    {.label = "nesterov",
     INPUTS(3, 5, 7),
     AVCL_WITH(AVCL_A_FLOAT("momentum", 0.8), AVCL_A_FLOAT("weight_decay", 0.01),
               AVCL_A_BOOL("nesterov", 1))},
};

const avcl_op avcl__op_sgd = {
    AVCL_OP(sgd),
    .doc = "(w, g, v, lr): d = g + weight_decay w; v = momentum v + d; w -= lr v, or "
           "lr (d + momentum v) with nesterov.",
    .flags = AVCL_OP_NOGRAD,
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(4, 4, 2),
    AVCL_ATTRS(rows, avcl_sgd_attrs),
    AVCL_CASES(cases),
    .infer = infer,
};
