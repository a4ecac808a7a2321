/* matmul.c - products of matrices, plain and batched, and the linear layer. */
#include "graph/ops/ops_impl.h"

/* Rows and columns of operand i once it is transposed as asked. */
static void sides(const avcl_tinfo *x, int32_t transposed, int64_t *rows,
                  int64_t *columns)
{
    int64_t last = x->shape[x->ndim - 1], before = x->shape[x->ndim - 2];
    *rows = transposed ? last : before;
    *columns = transposed ? before : last;
}

static avcl_status matmul_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    const avcl_matmul_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0], *y = &n->in_info[1];
    avcl_status st = avcl__want(b, n, 0, "a", AVCL_F32, 2, 3);
    if (!st) st = avcl__want(b, n, 1, "b", AVCL_F32, x->ndim, x->ndim);
    if (st) return st;
    int64_t m, k, l, p;
    sides(x, a->transpose_a, &m, &k);
    sides(y, a->transpose_b, &l, &p);
    if (k != l || (x->ndim == 3 && x->shape[0] != y->shape[0]))
        return avcl__op_misfit(
            b, AVCL_E_SHAPE, "a %s%s and b %s%s do not multiply",
            avcl__dims_text(x->shape, x->ndim).s, a->transpose_a ? " transposed" : "",
            avcl__dims_text(y->shape, y->ndim).s, a->transpose_b ? " transposed" : "");
    out[0] = *x;
    out[0].shape[x->ndim - 2] = m;
    out[0].shape[x->ndim - 1] = p;
    return AVCL_OK;
}

/* y = A B: dA = g B', dB = A' g; a transposed operand's gradient is transposed too. */
static avcl_status matmul_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    const avcl_matmul_attrs *a = n->attrs;
    avcl_node x = n->in_node[0], y = n->in_node[1];
    int32_t ta = a->transpose_a, tb = a->transpose_b;
    in[0] = ta ? avcl_b_matmul(b, y, g[0], tb, 1) : avcl_b_matmul(b, g[0], y, 0, !tb);
    in[1] = tb ? avcl_b_matmul(b, g[0], x, 1, ta) : avcl_b_matmul(b, x, g[0], !ta, 0);
    return avcl_b_status(b);
}

static avcl_status linear_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    const avcl_tinfo *x = &n->in_info[0], *w = &n->in_info[1];
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 2, 2);
    if (!st) st = avcl__want(b, n, 1, "w", AVCL_F32, 2, 2);
    if (st) return st;
    if (x->shape[1] != w->shape[1])
        return avcl__op_misfit(b, AVCL_E_SHAPE, "x %s has %lld features, w %s takes %lld",
                               avcl__dims_text(x->shape, 2).s, (long long)x->shape[1],
                               avcl__dims_text(w->shape, 2).s, (long long)w->shape[1]);
    if (n->n_in == 3) st = avcl__want_dims(b, n, 2, "bias", w->shape, 1);
    if (!st) out[0] = avcl__real((int64_t[]){x->shape[0], w->shape[0]}, 2);
    return st;
}

static avcl_status linear_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_matmul(b, g[0], n->in_node[1], 0, 0);
    in[1] = avcl_b_matmul(b, g[0], n->in_node[0], 1, 0);
    if (n->n_in == 3) in[2] = avcl_b_sum(b, g[0], (int64_t[]){0}, 1, 0);
    return avcl_b_status(b);
}

/* Every output element is a dot product as long as a row of a (of w). */
static int64_t matmul_work(const avcl_op_view *n)
{
    const avcl_matmul_attrs *a = n->attrs;
    int64_t rows, inner;
    sides(&n->in_info[0], a->transpose_a, &rows, &inner);
    return avcl__numel(&n->out_info[0]) * inner;
}

static int64_t linear_work(const avcl_op_view *n)
{
    return avcl__numel(&n->out_info[0]) * n->in_info[1].shape[1];
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param matmul_rows[] = {
    {.name = "transpose_a",
     .doc = "Use a's matrices transposed.",
     .type = AVCL_BOOL,
     .offset = offsetof(avcl_matmul_attrs, transpose_a)},
    {.name = "transpose_b",
     .doc = "Use b's matrices transposed.",
     .type = AVCL_BOOL,
     .offset = offsetof(avcl_matmul_attrs, transpose_b)},
};

static const avcl_op_case matmul_cases[] = {
    {.label = "plain", AVCL_TAKES(AVCL_X(5, 7), AVCL_X(7, 3))},
    {.label = "a transposed",
     AVCL_TAKES(AVCL_X(7, 5), AVCL_X(7, 3)),
     AVCL_WITH(AVCL_A_BOOL("transpose_a", 1))},
    {.label = "b transposed",
     AVCL_TAKES(AVCL_X(5, 7), AVCL_X(3, 7)),
     AVCL_WITH(AVCL_A_BOOL("transpose_b", 1))},
    {.label = "both transposed",
     AVCL_TAKES(AVCL_X(7, 5), AVCL_X(3, 7)),
     AVCL_WITH(AVCL_A_BOOL("transpose_a", 1), AVCL_A_BOOL("transpose_b", 1))},
    {.label = "aligned", AVCL_TAKES(AVCL_X(16, 32), AVCL_X(32, 16))},
    {.label = "row by column", AVCL_TAKES(AVCL_X(1, 19), AVCL_X(19, 1))},
    {.label = "batched", AVCL_TAKES(AVCL_X(3, 4, 5), AVCL_X(3, 5, 2))},
    {.label = "batched, both transposed",
     AVCL_TAKES(AVCL_X(3, 5, 4), AVCL_X(3, 2, 5)),
     AVCL_WITH(AVCL_A_BOOL("transpose_a", 1), AVCL_A_BOOL("transpose_b", 1))},
    {.label = "batched, b transposed",
     AVCL_TAKES(AVCL_X(2, 3, 6), AVCL_X(2, 5, 6)),
     AVCL_WITH(AVCL_A_BOOL("transpose_b", 1))},
};
static const avcl_op_case linear_cases[] = {
    {.label = "bias", AVCL_TAKES(AVCL_X(4, 7), AVCL_X(5, 7), AVCL_X(5))},
    {.label = "no bias", AVCL_TAKES(AVCL_X(4, 7), AVCL_X(5, 7))},
    {.label = "aligned", AVCL_TAKES(AVCL_X(8, 32), AVCL_X(16, 32), AVCL_X(16))},
    {.label = "batch 1 to one output", AVCL_TAKES(AVCL_X(1, 9), AVCL_X(1, 9), AVCL_X(1))},
};

const avcl_op avcl__op_matmul = {
    AVCL_OP(matmul),          .doc = "a b of [M,K] and [K,N], or of [B,M,K] and [B,K,N].",
    AVCL_ARITY(2, 2, 1),      AVCL_ATTRS(matmul_rows, avcl_matmul_attrs),
    AVCL_CASES(matmul_cases), .infer = matmul_infer,
    .grad = matmul_grad,      .multiply_adds = matmul_work,
};
const avcl_op avcl__op_linear = {
    AVCL_OP(linear),
    .doc = "x w' + bias; x [N,I], w [O,I], bias [O] optional.",
    AVCL_ARITY(2, 3, 1),
    AVCL_CASES(linear_cases),
    .infer = linear_infer,
    .grad = linear_grad,
    .multiply_adds = linear_work,
};
