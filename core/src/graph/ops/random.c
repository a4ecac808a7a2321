/* random.c - dropout and random_index: what they draw is a pure function of (seed, step,
 * row, element, salt), so a gradient draws it again instead of keeping it. */
#include "graph/ops/ops_impl.h"

static avcl_status infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_dropout_attrs *a = n->attrs;
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 1, AVCL_MAX_DIMS);
    if (!st) st = avcl__want(b, n, 1, "rng", AVCL_I64, 1, 1);
    if (st) return st;
    if (n->in_info[1].shape[0] != 3)
        return avcl__op_misfit(b, AVCL_E_SHAPE, "expected rng of shape [3], got [%lld]",
                               (long long)n->in_info[1].shape[0]);
    if (!(a->p >= 0 && a->p < 1))
        return avcl__op_misfit(b, AVCL_E_INVALID, "p = %g is not in [0, 1)", a->p);
    out[0] = n->in_info[0];
    return AVCL_OK;
}

static avcl_status grad(const avcl_build *b, const avcl_op_view *n, const avcl_node *g,
                        avcl_node *in)
{
    const avcl_dropout_attrs *a = n->attrs;
    avcl_node from[2] = {g[0], n->in_node[1]};
    avcl_attr at[2] = {avcl_attr_float("p", a->p), avcl_attr_int("salt", a->salt)};
    in[0] = avcl_b_op(b, "dropout", from, 2, at, 2);
    return avcl_b_status(b);
}

static avcl_status eval(const avcl_build *b, const avcl_op_view *n, avcl_node *out)
{
    out[0] = n->in_node[0];
    return avcl_b_status(b);
}

static avcl_status index_infer(const avcl_build *b, const avcl_op_view *n,
                               avcl_tinfo *out)
{
    const avcl_random_index_attrs *a = n->attrs;
    avcl_status st = avcl__want(b, n, 0, "rng", AVCL_I64, 1, 1);
    if (st) return st;
    if (n->in_info[0].shape[0] != 3)
        return avcl__op_misfit(b, AVCL_E_SHAPE, "expected rng of shape [3], got [%lld]",
                               (long long)n->in_info[0].shape[0]);
    if (a->rows > INT32_MAX / a->columns || a->n > INT32_MAX)
        return avcl__op_misfit(
            b, AVCL_E_INVALID, "%lld rows of %lld draws below %lld are over 2^31 - 1",
            (long long)a->rows, (long long)a->columns, (long long)a->n);
    out[0] = (avcl_tinfo){.dtype = AVCL_I32, .ndim = 1, .shape = {a->rows * a->columns}};
    return AVCL_OK;
}

static const avcl_param rows[] = {
    {.name = "p",
     .doc = "Probability of zero, in [0, 1).",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 1,
     .def_float = 0.5,
     .offset = offsetof(avcl_dropout_attrs, p)},
    {.name = "salt",
     .doc = "Which dropout of the graph this is: graph.next_salt.",
     .type = AVCL_INT,
     .offset = offsetof(avcl_dropout_attrs, salt)},
};
#define RNG AVCL_OF(AVCL_I64, 0, 1000, 3)
static const avcl_op_case cases[] = {
    {.label = "half", AVCL_TAKES(AVCL_X(4, 9), RNG)},
    {.label = "p 0.2, salted",
     AVCL_TAKES(AVCL_X(3, 5, 7), RNG),
     AVCL_WITH(AVCL_A_FLOAT("p", 0.2), AVCL_A_INT("salt", 3))},
    {.label = "p 0", AVCL_TAKES(AVCL_X(33), RNG), AVCL_WITH(AVCL_A_FLOAT("p", 0))},
    {.label = "aligned",
     AVCL_TAKES(AVCL_X(2, 16, 1, 4, 4), RNG),
     AVCL_WITH(AVCL_A_INT("salt", 1))},
};

const avcl_op avcl__op_dropout = {
    AVCL_OP(dropout),
    .doc = "(x, rng i64 [3]): x mask / (1 - p); x itself in evaluation.",
    .overwrites = AVCL_OVERWRITES(0, 0),
    AVCL_ARITY(2, 2, 1),
    AVCL_ATTRS(rows, avcl_dropout_attrs),
    AVCL_CASES(cases),
    .infer = infer,
    .grad = grad,
    .eval = eval,
};

#define AT_LEAST_1(field, text)                                                          \
    {                                                                                    \
        .name = #field, .doc = text, .type = AVCL_INT,                                   \
        .flags = AVCL_P_REQUIRED | AVCL_P_MIN, .min = 1,                                 \
        .offset = offsetof(avcl_random_index_attrs, field)                               \
    }
static const avcl_param index_rows[] = {
    AT_LEAST_1(rows, "Rows of the batch."),
    AT_LEAST_1(columns, "Draws a row."),
    AT_LEAST_1(n, "Each draw is in [0, n), with repetition."),
    {.name = "salt",
     .doc = "Which draw of the graph this is: graph.next_salt.",
     .type = AVCL_INT,
     .offset = offsetof(avcl_random_index_attrs, salt)},
};
static const avcl_op_case index_cases[] = {
    {.label = "many",
     AVCL_TAKES(RNG),
     AVCL_WITH(AVCL_A_INT("rows", 5), AVCL_A_INT("columns", 7), AVCL_A_INT("n", 100))},
    {.label = "one value, salted",
     AVCL_TAKES(RNG),
     AVCL_WITH(AVCL_A_INT("rows", 3), AVCL_A_INT("columns", 1), AVCL_A_INT("n", 1),
               AVCL_A_INT("salt", 2))},
};

const avcl_op avcl__op_random_index = {
    AVCL_OP(random_index),
    .doc = "(rng i64 [3]): i32 [rows columns], uniform in [0, n).",
    .flags = AVCL_OP_NOGRAD,
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(index_rows, avcl_random_index_attrs),
    AVCL_CASES(index_cases),
    .infer = index_infer,
};
