/* shape.c - ops that move values and change none: joining, cutting, viewing, indexing.
 * Each one's gradient is another of them. */
#include "graph/ops/ops_impl.h"

/* ---- concat ------------------------------------------------------------------ */
static avcl_status axis_canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                                  uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_axis_attrs *a = attrs;
    a->axis = avcl__axis(a->axis, in[0].ndim);
    return AVCL_OK;
}

static avcl_status concat_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    const avcl_axis_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0];
    avcl_status st = avcl__want_real(b, n, 0, "input 0");
    if (!st) st = avcl__want_axis(b, a->axis, x);
    if (st) return st;
    avcl_tinfo y = *x;
    for (uint32_t i = 1; i < n->n_in; i++) {
        avcl_tinfo like = n->in_info[i];
        st = avcl__want(b, n, i, "input", AVCL_F32, x->ndim, x->ndim);
        if (st) return st;
        y.shape[a->axis] += like.shape[a->axis];
        like.shape[a->axis] = x->shape[a->axis];
        if (!avcl__same_shape(&like, x))
            return avcl__op_misfit(
                b, AVCL_E_SHAPE, "inputs 0 %s and %u %s differ beside axis %lld",
                avcl__dims_text(x->shape, x->ndim).s, i,
                avcl__dims_text(n->in_info[i].shape, x->ndim).s, (long long)a->axis);
    }
    out[0] = y;
    return AVCL_OK;
}

static avcl_status concat_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    const avcl_axis_attrs *a = n->attrs;
    int64_t at = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        int64_t size = n->in_info[i].shape[a->axis];
        in[i] = n->n_in == 1 ? g[0] : avcl_b_slice(b, g[0], a->axis, at, at + size);
        at += size;
    }
    return avcl_b_status(b);
}

/* ---- slice, pad_zero --------------------------------------------------------- */
static avcl_status slice_canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                                   uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_range_attrs *a = attrs;
    a->axis = avcl__axis(a->axis, in[0].ndim);
    if (a->axis < 0 || a->axis >= in[0].ndim) return AVCL_OK;
    int64_t size = in[0].shape[a->axis];
    if (a->start < 0) a->start += size;
    if (a->stop < 0) a->stop += size;
    if (a->stop == INT64_MAX) a->stop = size;
    return AVCL_OK;
}

static avcl_status slice_infer(const avcl_build *b, const avcl_op_view *n,
                               avcl_tinfo *out)
{
    const avcl_range_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0];
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (!st) st = avcl__want_axis(b, a->axis, x);
    if (st) return st;
    if (a->start < 0 || a->start >= a->stop || a->stop > x->shape[a->axis])
        return avcl__op_misfit(b, AVCL_E_INVALID,
                               "[%lld, %lld) is no part of axis %lld of %s",
                               (long long)a->start, (long long)a->stop,
                               (long long)a->axis, avcl__dims_text(x->shape, x->ndim).s);
    out[0] = *x;
    out[0].shape[a->axis] = a->stop - a->start;
    return AVCL_OK;
}

static avcl_status slice_grad(const avcl_build *b, const avcl_op_view *n,
                              const avcl_node *g, avcl_node *in)
{
    const avcl_range_attrs *a = n->attrs;
    int64_t after = n->in_info[0].shape[a->axis] - a->stop;
    avcl_attr at[3] = {avcl_attr_int("axis", a->axis), avcl_attr_int("start", a->start),
                       avcl_attr_int("stop", after)};
    in[0] = a->start || after ? avcl_b_op(b, "pad_zero", g, 1, at, 3) : g[0];
    return avcl_b_status(b);
}

static avcl_status pad_canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                                 uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_range_attrs *a = attrs;
    a->axis = avcl__axis(a->axis, in[0].ndim);
    return AVCL_OK;
}

static avcl_status pad_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_range_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0];
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (!st) st = avcl__want_axis(b, a->axis, x);
    if (st) return st;
    if (a->start < 0 || a->stop < 0)
        return avcl__op_misfit(b, AVCL_E_INVALID, "padding (%lld, %lld) is negative",
                               (long long)a->start, (long long)a->stop);
    out[0] = *x;
    out[0].shape[a->axis] += a->start + a->stop;
    return AVCL_OK;
}

static avcl_status pad_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    const avcl_range_attrs *a = n->attrs;
    int64_t size = n->in_info[0].shape[a->axis];
    in[0] = a->start || a->stop
                ? avcl_b_slice(b, g[0], a->axis, a->start, a->start + size)
                : g[0];
    return avcl_b_status(b);
}

/* ---- reshape, transpose ------------------------------------------------------ */
/* The one -1 becomes what the others leave, if that is a whole number. */
static avcl_status reshape_canonical(const avcl_build *b, void *attrs,
                                     const avcl_tinfo *in, uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_ints *v = &((avcl_shape_attrs *)attrs)->shape;
    int64_t rest = 1, total = avcl__numel(&in[0]);
    int32_t open = -1;
    for (int32_t i = 0; i < v->n; i++) {
        if (v->v[i] == -1 && open < 0)
            open = i;
        else if (v->v[i] < 1 || v->v[i] > total)
            return AVCL_OK;
        else
            rest *= v->v[i];
        if (rest > total) return AVCL_OK;
    }
    if (open >= 0 && total % rest == 0) v->v[open] = total / rest;
    return AVCL_OK;
}

static avcl_status reshape_infer(const avcl_build *b, const avcl_op_view *n,
                                 avcl_tinfo *out)
{
    const avcl_ints *v = &((const avcl_shape_attrs *)n->attrs)->shape;
    const avcl_tinfo *x = &n->in_info[0];
    int64_t total = avcl__numel(x), left = total;
    for (int32_t i = 0; i < v->n; i++)
        left = v->v[i] > 0 && left % v->v[i] == 0 ? left / v->v[i] : 0;
    if (left != 1)
        return avcl__op_misfit(b, AVCL_E_SHAPE,
                               "%s with %lld values does not reshape to %s",
                               avcl__dims_text(x->shape, x->ndim).s, (long long)total,
                               avcl__dims_text(v->v, v->n).s);
    out[0] = avcl__real(v->v, v->n);
    out[0].dtype = x->dtype;
    return AVCL_OK;
}

static avcl_status reshape_grad(const avcl_build *b, const avcl_op_view *n,
                                const avcl_node *g, avcl_node *in)
{
    const avcl_tinfo *x = &n->in_info[0];
    in[0] = avcl__same_shape(x, &n->out_info[0])
                ? g[0]
                : avcl_b_reshape(b, g[0], x->shape, (uint32_t)x->ndim);
    return avcl_b_status(b);
}

static avcl_status transpose_canonical(const avcl_build *b, void *attrs,
                                       const avcl_tinfo *in, uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_perm_attrs *a = attrs;
    for (int32_t i = 0; i < a->perm.n; i++)
        a->perm.v[i] = avcl__axis(a->perm.v[i], in[0].ndim);
    return AVCL_OK;
}

static avcl_status transpose_infer(const avcl_build *b, const avcl_op_view *n,
                                   avcl_tinfo *out)
{
    const avcl_ints *perm = &((const avcl_perm_attrs *)n->attrs)->perm;
    const avcl_tinfo *x = &n->in_info[0];
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (st) return st;
    avcl_tinfo y = *x;
    uint32_t seen = 0;
    for (int32_t i = 0; i < perm->n && i < x->ndim; i++) {
        int64_t axis = perm->v[i];
        if (axis < 0 || axis >= x->ndim) break;
        seen |= 1u << axis;
        y.shape[i] = x->shape[axis];
    }
    if (perm->n != x->ndim || seen != (1u << x->ndim) - 1)
        return avcl__op_misfit(b, AVCL_E_INVALID, "perm %s does not order the axes of %s",
                               avcl__dims_text(perm->v, perm->n).s,
                               avcl__dims_text(x->shape, x->ndim).s);
    out[0] = y;
    return AVCL_OK;
}

static avcl_status transpose_grad(const avcl_build *b, const avcl_op_view *n,
                                  const avcl_node *g, avcl_node *in)
{
    const avcl_ints *perm = &((const avcl_perm_attrs *)n->attrs)->perm;
    int64_t inverse[AVCL_MAX_DIMS] = {0};
    for (int32_t i = 0; i < perm->n; i++)
        inverse[perm->v[i]] = i;
    in[0] = avcl_b_transpose(b, g[0], inverse, (uint32_t)perm->n);
    return avcl_b_status(b);
}

/* ---- gather, scatter_add ----------------------------------------------------- */
static avcl_status gather_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 1, AVCL_MAX_DIMS);
    if (!st) st = avcl__want(b, n, 1, "index", AVCL_I32, 1, 1);
    if (st) return st;
    out[0] = n->in_info[0];
    out[0].shape[0] = n->in_info[1].shape[0];
    return AVCL_OK;
}

static avcl_status scatter_infer(const avcl_build *b, const avcl_op_view *n,
                                 avcl_tinfo *out)
{
    const avcl_count_attrs *a = n->attrs;
    avcl_tinfo y;
    avcl_status st = gather_infer(b, n, &y);
    if (st) return st;
    if (n->in_info[0].shape[0] != y.shape[0])
        return avcl__op_misfit(b, AVCL_E_SHAPE, "x %s has %lld rows, index has %lld",
                               avcl__dims_text(n->in_info[0].shape, y.ndim).s,
                               (long long)n->in_info[0].shape[0], (long long)y.shape[0]);
    y.shape[0] = a->n;
    out[0] = y;
    return AVCL_OK;
}

static avcl_status gather_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    avcl_node from[2] = {g[0], n->in_node[1]};
    avcl_attr at = avcl_attr_int("n", n->in_info[0].shape[0]);
    in[0] = avcl_b_op(b, "scatter_add", from, 2, &at, 1);
    return avcl_b_status(b);
}

static avcl_status scatter_grad(const avcl_build *b, const avcl_op_view *n,
                                const avcl_node *g, avcl_node *in)
{
    in[0] = avcl_b_op2(b, "gather", g[0], n->in_node[1]);
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param concat_rows[] = {
    {.name = "axis",
     .doc = "Axis to join along.",
     .type = AVCL_INT,
     .flags = AVCL_P_REQUIRED,
     .offset = offsetof(avcl_axis_attrs, axis)},
};
static const avcl_param slice_rows[] = {
    {.name = "axis",
     .doc = "Axis to cut.",
     .type = AVCL_INT,
     .flags = AVCL_P_REQUIRED,
     .offset = offsetof(avcl_range_attrs, axis)},
    {.name = "start",
     .doc = "First index; negative from the end.",
     .type = AVCL_INT,
     .offset = offsetof(avcl_range_attrs, start)},
    {.name = "stop",
     .doc = "Index after the last; negative from the end; none = the end.",
     .type = AVCL_INT,
     .def_int = INT64_MAX,
     .offset = offsetof(avcl_range_attrs, stop)},
};
static const avcl_param pad_rows[] = {
    {.name = "axis",
     .doc = "Axis to lengthen.",
     .type = AVCL_INT,
     .flags = AVCL_P_REQUIRED,
     .offset = offsetof(avcl_range_attrs, axis)},
    {.name = "start",
     .doc = "Zeros before.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN,
     .offset = offsetof(avcl_range_attrs, start)},
    {.name = "stop",
     .doc = "Zeros after.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN,
     .offset = offsetof(avcl_range_attrs, stop)},
};
static const avcl_param reshape_rows[] = {
    {.name = "shape",
     .doc = "Shape of the result; one -1 takes what is left.",
     .type = AVCL_INTS,
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
     .min = -1,
     .offset = offsetof(avcl_shape_attrs, shape)},
};
static const avcl_param transpose_rows[] = {
    {.name = "perm",
     .doc = "Axis of x that becomes axis i.",
     .type = AVCL_INTS,
     .flags = AVCL_P_REQUIRED,
     .offset = offsetof(avcl_perm_attrs, perm)},
};
static const avcl_param scatter_rows[] = {
    {.name = "n",
     .doc = "Rows of the result.",
     .type = AVCL_INT,
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
     .min = 1,
     .offset = offsetof(avcl_count_attrs, n)},
};

static const avcl_op_case concat_cases[] = {
    {.label = "features",
     AVCL_TAKES(AVCL_X(4, 5), AVCL_X(4, 7)),
     AVCL_WITH(AVCL_A_INT("axis", 1))},
    {.label = "rows of three",
     AVCL_TAKES(AVCL_X(2, 9), AVCL_X(1, 9), AVCL_X(3, 9)),
     AVCL_WITH(AVCL_A_INT("axis", 0))},
    {.label = "last axis",
     AVCL_TAKES(AVCL_X(2, 3, 1), AVCL_X(2, 3, 4)),
     AVCL_WITH(AVCL_A_INT("axis", -1))},
    {.label = "channels",
     AVCL_TAKES(AVCL_X(2, 16, 1, 2, 3), AVCL_X(2, 16, 1, 2, 3)),
     AVCL_WITH(AVCL_A_INT("axis", 1))},
    {.label = "single", AVCL_TAKES(AVCL_X(3, 3)), AVCL_WITH(AVCL_A_INT("axis", 0))},
};
static const avcl_op_case slice_cases[] = {
    {.label = "middle rows",
     AVCL_TAKES(AVCL_X(7, 3)),
     AVCL_WITH(AVCL_A_INT("axis", 0), AVCL_A_INT("start", 2), AVCL_A_INT("stop", 5))},
    {.label = "tail of the last axis",
     AVCL_TAKES(AVCL_X(3, 4, 9)),
     AVCL_WITH(AVCL_A_INT("axis", -1), AVCL_A_INT("start", -4))},
    {.label = "head of the middle",
     AVCL_TAKES(AVCL_X(3, 4, 5)),
     AVCL_WITH(AVCL_A_INT("axis", 1), AVCL_A_INT("stop", -2))},
    {.label = "all", AVCL_TAKES(AVCL_X(5)), AVCL_WITH(AVCL_A_INT("axis", 0))},
};
static const avcl_op_case pad_cases[] = {
    {.label = "both sides",
     AVCL_TAKES(AVCL_X(4, 3)),
     AVCL_WITH(AVCL_A_INT("axis", 0), AVCL_A_INT("start", 2), AVCL_A_INT("stop", 1))},
    {.label = "after the last axis",
     AVCL_TAKES(AVCL_X(2, 3, 5)),
     AVCL_WITH(AVCL_A_INT("axis", -1), AVCL_A_INT("stop", 4))},
    {.label = "before the middle",
     AVCL_TAKES(AVCL_X(2, 3, 5)),
     AVCL_WITH(AVCL_A_INT("axis", 1), AVCL_A_INT("start", 3))},
    {.label = "nothing", AVCL_TAKES(AVCL_X(6)), AVCL_WITH(AVCL_A_INT("axis", 0))},
};
static const avcl_op_case reshape_cases[] = {
    {.label = "flatten",
     AVCL_TAKES(AVCL_X(3, 4, 5)),
     AVCL_WITH(AVCL_A_INTS("shape", 3, -1))},
    {.label = "unflatten",
     AVCL_TAKES(AVCL_X(24)),
     AVCL_WITH(AVCL_A_INTS("shape", 2, 3, 4))},
    {.label = "one value",
     AVCL_TAKES(AVCL_REAL0(-1, 1, 0)),
     AVCL_WITH(AVCL_A_INTS("shape", 1, 1))},
    {.label = "integers",
     AVCL_TAKES(AVCL_OF(AVCL_I32, 0, 9, 4, 3)),
     AVCL_WITH(AVCL_A_INTS("shape", -1))},
};
static const avcl_op_case transpose_cases[] = {
    {.label = "matrix", AVCL_TAKES(AVCL_X(5, 9)), AVCL_WITH(AVCL_A_INTS("perm", 1, 0))},
    {.label = "cycle",
     AVCL_TAKES(AVCL_X(3, 4, 5)),
     AVCL_WITH(AVCL_A_INTS("perm", 2, 0, 1))},
    {.label = "channels last",
     AVCL_TAKES(AVCL_X(2, 16, 1, 3, 3)),
     AVCL_WITH(AVCL_A_INTS("perm", 0, 2, 3, 4, -4))},
    {.label = "identity", AVCL_TAKES(AVCL_X(4, 3)), AVCL_WITH(AVCL_A_INTS("perm", 0, 1))},
};
static const avcl_op_case gather_cases[] = {
    {.label = "matrix rows", AVCL_TAKES(AVCL_X(6, 5), AVCL_OF(AVCL_I32, 0, 5, 9))},
    {.label = "one row", AVCL_TAKES(AVCL_X(4, 3, 2), AVCL_OF(AVCL_I32, 0, 3, 1))},
    {.label = "values", AVCL_TAKES(AVCL_X(11), AVCL_OF(AVCL_I32, 0, 10, 7))},
};
static const avcl_op_case scatter_cases[] = {
    {.label = "repeated rows",
     AVCL_TAKES(AVCL_X(9, 5), AVCL_OF(AVCL_I32, 0, 3, 9)),
     AVCL_WITH(AVCL_A_INT("n", 4))},
    {.label = "sparse rows",
     AVCL_TAKES(AVCL_X(2, 3, 4), AVCL_OF(AVCL_I32, 0, 10, 2)),
     AVCL_WITH(AVCL_A_INT("n", 11))},
    {.label = "values",
     AVCL_TAKES(AVCL_X(7), AVCL_OF(AVCL_I32, 0, 4, 7)),
     AVCL_WITH(AVCL_A_INT("n", 5))},
};

const avcl_op avcl__op_concat = {
    AVCL_OP(concat),          .doc = "Joins values along an axis; other axes must agree.",
    AVCL_ARITY(1, 32, 1),     AVCL_ATTRS(concat_rows, avcl_axis_attrs),
    AVCL_CASES(concat_cases), .infer = concat_infer,
    .grad = concat_grad,      .canonical = axis_canonical,
};
const avcl_op avcl__op_slice = {
    AVCL_OP(slice),          .doc = "Indices [start, stop) of an axis.",
    AVCL_ARITY(1, 1, 1),     AVCL_ATTRS(slice_rows, avcl_range_attrs),
    AVCL_CASES(slice_cases), .infer = slice_infer,
    .grad = slice_grad,      .canonical = slice_canonical,
};
const avcl_op avcl__op_pad_zero = {
    AVCL_OP(pad_zero),     .doc = "Zeros before and after along an axis.",
    AVCL_ARITY(1, 1, 1),   AVCL_ATTRS(pad_rows, avcl_range_attrs),
    AVCL_CASES(pad_cases), .infer = pad_infer,
    .grad = pad_grad,      .canonical = pad_canonical,
};
const avcl_op avcl__op_reshape = {
    AVCL_OP(reshape),
    .doc = "The same values in another shape.",
    .flags = AVCL_OP_ALIAS,
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(reshape_rows, avcl_shape_attrs),
    AVCL_CASES(reshape_cases),
    .infer = reshape_infer,
    .grad = reshape_grad,
    .canonical = reshape_canonical,
};
const avcl_op avcl__op_transpose = {
    AVCL_OP(transpose),
    .doc = "Axes in another order: axis i is x's axis perm[i].",
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(transpose_rows, avcl_perm_attrs),
    AVCL_CASES(transpose_cases),
    .infer = transpose_infer,
    .grad = transpose_grad,
    .canonical = transpose_canonical,
};
const avcl_op avcl__op_gather = {
    AVCL_OP(gather),       .doc = "(x [R,..], index i32 [N]): rows x[index[i]].",
    AVCL_ARITY(2, 2, 1),   AVCL_CASES(gather_cases),
    .infer = gather_infer, .grad = gather_grad,
};
const avcl_op avcl__op_scatter_add = {
    AVCL_OP(scatter_add),
    .doc = "(x [N,..], index i32 [N]): [n,..] with x[i] added to row "
           "index[i].",
    AVCL_ARITY(2, 2, 1),
    AVCL_ATTRS(scatter_rows, avcl_count_attrs),
    AVCL_CASES(scatter_cases),
    .infer = scatter_infer,
    .grad = scatter_grad,
};
