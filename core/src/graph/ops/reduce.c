/* reduce.c - sums, means, maxima over axes, and their inverse, broadcasting. Gradients
 * work on the kept shape (reduced axes 1), which broadcasts against x. */
#include "graph/ops/ops_impl.h"

/* ---- attributes -------------------------------------------------------------- */
static void sort(avcl_ints *v)
{
    for (int32_t i = 1; i < v->n; i++)
        for (int32_t j = i; j > 0 && v->v[j - 1] > v->v[j]; j--) {
            int64_t t = v->v[j];
            v->v[j] = v->v[j - 1];
            v->v[j - 1] = t;
        }
}

static avcl_status axes_canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                                  uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_axes_attrs *a = attrs;
    if (a->axes.n == 0)
        for (int32_t i = 0; i < in[0].ndim; i++)
            a->axes.v[a->axes.n++] = i;
    for (int32_t i = 0; i < a->axes.n; i++)
        a->axes.v[i] = avcl__axis(a->axes.v[i], in[0].ndim);
    sort(&a->axes);
    return AVCL_OK;
}

static avcl_status axis_canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                                  uint32_t n_in)
{
    (void)b, (void)n_in;
    avcl_axis_attrs *a = attrs;
    a->axis = avcl__axis(a->axis, in[0].ndim);
    return AVCL_OK;
}

static avcl_status want_axes(const avcl_build *b, const avcl_ints *axes,
                             const avcl_tinfo *x)
{
    for (int32_t i = 0; i < axes->n; i++) {
        avcl_status st = avcl__want_axis(b, axes->v[i], x);
        if (st) return st;
        if (i > 0 && axes->v[i] == axes->v[i - 1])
            return avcl__op_misfit(b, AVCL_E_INVALID, "axis %lld is named twice",
                                   (long long)axes->v[i]);
    }
    return AVCL_OK;
}

/* x with the axes reduced: kept as 1 or dropped. Axes are sorted. */
static avcl_tinfo reduced(const avcl_tinfo *x, const avcl_ints *axes, int32_t keep)
{
    avcl_tinfo y = {AVCL_F32, 0, {0}};
    int32_t next = 0;
    for (int32_t i = 0; i < x->ndim; i++) {
        int32_t gone = next < axes->n && axes->v[next] == i;
        if (gone) next++;
        if (!gone || keep) y.shape[y.ndim++] = gone ? 1 : x->shape[i];
    }
    return y;
}

/* The node, shaped as the reduced output, in a shape that broadcasts against x. */
static avcl_node kept(const avcl_build *b, const avcl_op_view *n, avcl_node g,
                      const avcl_ints *axes, int32_t keep)
{
    if (keep || n->out_info[0].ndim == 0) return g;
    avcl_tinfo k = reduced(&n->in_info[0], axes, 1);
    return avcl_b_reshape(b, g, k.shape, (uint32_t)k.ndim);
}

/* ---- sum, mean, variance, max ------------------------------------------------ */
static avcl_status axes_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_axes_attrs *a = n->attrs;
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (!st) st = want_axes(b, &a->axes, &n->in_info[0]);
    if (!st) out[0] = reduced(&n->in_info[0], &a->axes, a->keep);
    return st;
}

static int64_t terms(const avcl_op_view *n)
{
    return avcl__numel(&n->in_info[0]) / avcl__numel(&n->out_info[0]);
}

static avcl_node spread(const avcl_build *b, const avcl_op_view *n, avcl_node g)
{
    const avcl_axes_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0];
    if (avcl__same_shape(x, &n->out_info[0])) return g;
    return avcl__shaped(b, "broadcast_to", kept(b, n, g, &a->axes, a->keep), x->shape,
                        x->ndim);
}

static avcl_status sum_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = spread(b, n, g[0]);
    return avcl_b_status(b);
}

static avcl_status mean_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    in[0] = spread(b, n, avcl_b_affine(b, g[0], 1.0 / (double)terms(n), 0));
    return avcl_b_status(b);
}

/* dx = g 2/n (x - mean) */
static avcl_status variance_grad(const avcl_build *b, const avcl_op_view *n,
                                 const avcl_node *g, avcl_node *in)
{
    const avcl_axes_attrs *a = n->attrs;
    avcl_node x = n->in_node[0];
    avcl_node mean = avcl_b_mean(b, x, a->axes.v, (uint32_t)a->axes.n, 1);
    avcl_node slope = avcl_b_affine(b, g[0], 2.0 / (double)terms(n), 0);
    in[0] = avcl_b_mul(b, kept(b, n, slope, &a->axes, a->keep), avcl_b_sub(b, x, mean));
    return avcl_b_status(b);
}

static avcl_status max_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    const avcl_axes_attrs *a = n->attrs;
    avcl_tinfo k = reduced(&n->in_info[0], &a->axes, 1);
    in[0] =
        avcl__max_grad(b, n->in_node[0], n->out_node[0], g[0], &a->axes, k.shape, k.ndim);
    return avcl_b_status(b);
}

/* ---- logsumexp, argmax ------------------------------------------------------- */
static avcl_status axis_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_axis_attrs *a = n->attrs;
    const avcl_ints axes = {1, 0, {a->axis}};
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 1, AVCL_MAX_DIMS);
    if (!st) st = avcl__want_axis(b, a->axis, &n->in_info[0]);
    if (!st) out[0] = reduced(&n->in_info[0], &axes, a->keep);
    return st;
}

static avcl_status argmax_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    avcl_status st = axis_infer(b, n, out);
    if (!st) out[0].dtype = AVCL_I32;
    return st;
}

/* dx = g exp(x - y): the softmax */
static avcl_status logsumexp_grad(const avcl_build *b, const avcl_op_view *n,
                                  const avcl_node *g, avcl_node *in)
{
    const avcl_axis_attrs *a = n->attrs;
    const avcl_ints axes = {1, 0, {a->axis}};
    avcl_node y = kept(b, n, n->out_node[0], &axes, a->keep);
    avcl_node softmax = avcl_b_op1(b, "exp", avcl_b_sub(b, n->in_node[0], y));
    in[0] = avcl_b_mul(b, softmax, kept(b, n, g[0], &axes, a->keep));
    return avcl_b_status(b);
}

/* ---- broadcast_to, sum_to ---------------------------------------------------- */
static avcl_status shape_misfit(const avcl_build *b, const char *from,
                                const avcl_tinfo *x, const avcl_tinfo *y)
{
    return avcl__op_misfit(b, AVCL_E_SHAPE, "%s %s does not broadcast to %s", from,
                           avcl__dims_text(x->shape, x->ndim).s,
                           avcl__dims_text(y->shape, y->ndim).s);
}

/* Whether x repeats to exactly y. */
static int32_t repeats_to(const avcl_tinfo *x, const avcl_tinfo *y)
{
    avcl_tinfo z;
    return avcl__broadcast(x, y, &z) && avcl__same_shape(&z, y);
}

static avcl_status target(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *to)
{
    const avcl_shape_attrs *a = n->attrs;
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (!st) st = avcl__want_ints(b, &a->shape, "shape", a->shape.n, 1);
    if (!st) *to = avcl__real(a->shape.v, a->shape.n);
    return st;
}

static avcl_status broadcast_infer(const avcl_build *b, const avcl_op_view *n,
                                   avcl_tinfo *out)
{
    avcl_tinfo to;
    avcl_status st = target(b, n, &to);
    if (st) return st;
    if (!repeats_to(&n->in_info[0], &to))
        return shape_misfit(b, "x", &n->in_info[0], &to);
    out[0] = to;
    return AVCL_OK;
}

static avcl_status sum_to_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    avcl_tinfo to;
    avcl_status st = target(b, n, &to);
    if (st) return st;
    if (!repeats_to(&to, &n->in_info[0]))
        return shape_misfit(b, "shape", &to, &n->in_info[0]);
    out[0] = to;
    return AVCL_OK;
}

static avcl_status broadcast_grad(const avcl_build *b, const avcl_op_view *n,
                                  const avcl_node *g, avcl_node *in)
{
    in[0] = avcl__sum_to(b, g[0], &n->out_info[0], &n->in_info[0]);
    return avcl_b_status(b);
}

static avcl_status sum_to_grad(const avcl_build *b, const avcl_op_view *n,
                               const avcl_node *g, avcl_node *in)
{
    const avcl_tinfo *x = &n->in_info[0];
    in[0] = avcl__same_shape(x, &n->out_info[0])
                ? g[0]
                : avcl__shaped(b, "broadcast_to", g[0], x->shape, x->ndim);
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param axes_rows[] = {
    {.name = "axes",
     .doc = "Axes to reduce; none = all.",
     .type = AVCL_INTS,
     .offset = offsetof(avcl_axes_attrs, axes)},
    {.name = "keep",
     .doc = "Keep reduced axes as 1.",
     .type = AVCL_BOOL,
     .offset = offsetof(avcl_axes_attrs, keep)},
};
static const avcl_param logsumexp_rows[] = {
    {.name = "axis",
     .doc = "Axis to reduce.",
     .type = AVCL_INT,
     .def_int = -1,
     .offset = offsetof(avcl_axis_attrs, axis)},
    {.name = "keep",
     .doc = "Keep the reduced axis as 1.",
     .type = AVCL_BOOL,
     .offset = offsetof(avcl_axis_attrs, keep)},
};
static const avcl_param argmax_rows[] = {
    {.name = "axis",
     .doc = "Axis to search and remove.",
     .type = AVCL_INT,
     .def_int = -1,
     .offset = offsetof(avcl_axis_attrs, axis)},
};
static const avcl_param shape_rows[] = {
    {.name = "shape",
     .doc = "Shape of the result.",
     .type = AVCL_INTS,
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
     .min = 1,
     .offset = offsetof(avcl_shape_attrs, shape)},
};

static const avcl_op_case axes_cases[] = {
    {.label = "all", AVCL_TAKES(AVCL_X(3, 5, 7))},
    {.label = "all kept", AVCL_TAKES(AVCL_X(4, 9)), AVCL_WITH(AVCL_A_BOOL("keep", 1))},
    {.label = "one value", AVCL_TAKES(AVCL_REAL0(-1, 1, 0))},
    {.label = "first", AVCL_TAKES(AVCL_X(6, 17)), AVCL_WITH(AVCL_A_INTS("axes", 0))},
    {.label = "last", AVCL_TAKES(AVCL_X(6, 17)), AVCL_WITH(AVCL_A_INTS("axes", -1))},
    {.label = "middle kept",
     AVCL_TAKES(AVCL_X(3, 4, 5)),
     AVCL_WITH(AVCL_A_INTS("axes", 1), AVCL_A_BOOL("keep", 1))},
    {.label = "batch statistics",
     AVCL_TAKES(AVCL_X(2, 5, 3, 4, 2)),
     AVCL_WITH(AVCL_A_INTS("axes", 0, 2, 3, 4))},
    {.label = "unsorted",
     AVCL_TAKES(AVCL_X(3, 4, 5)),
     AVCL_WITH(AVCL_A_INTS("axes", -1, 0))},
    {.label = "axis of one",
     AVCL_TAKES(AVCL_X(3, 1, 5)),
     AVCL_WITH(AVCL_A_INTS("axes", 1))},
};
static const avcl_op_case axis_cases[] = {
    {.label = "last", AVCL_TAKES(AVCL_X(6, 17))},
    {.label = "first", AVCL_TAKES(AVCL_X(6, 17)), AVCL_WITH(AVCL_A_INT("axis", 0))},
    {.label = "middle", AVCL_TAKES(AVCL_X(3, 5, 4)), AVCL_WITH(AVCL_A_INT("axis", -2))},
    {.label = "vector", AVCL_TAKES(AVCL_X(31))},
};
static const avcl_op_case logsumexp_cases[] = {
    {.label = "last", AVCL_TAKES(AVCL_X(6, 17))},
    {.label = "first", AVCL_TAKES(AVCL_X(6, 17)), AVCL_WITH(AVCL_A_INT("axis", 0))},
    {.label = "middle kept",
     AVCL_TAKES(AVCL_X(3, 5, 4)),
     AVCL_WITH(AVCL_A_INT("axis", -2), AVCL_A_BOOL("keep", 1))},
    {.label = "vector", AVCL_TAKES(AVCL_X(31))},
    {.label = "beyond exp's range", AVCL_TAKES(AVCL_REAL(800, 803, 0, 4, 8))},
};
static const avcl_op_case broadcast_cases[] = {
    {.label = "scalar",
     AVCL_TAKES(AVCL_REAL0(-1, 1, 0)),
     AVCL_WITH(AVCL_A_INTS("shape", 3, 5))},
    {.label = "rows", AVCL_TAKES(AVCL_X(7)), AVCL_WITH(AVCL_A_INTS("shape", 2, 3, 7))},
    {.label = "columns", AVCL_TAKES(AVCL_X(5, 1)), AVCL_WITH(AVCL_A_INTS("shape", 5, 9))},
    {.label = "channels",
     AVCL_TAKES(AVCL_X(1, 16, 1, 1, 1)),
     AVCL_WITH(AVCL_A_INTS("shape", 2, 16, 2, 3, 3))},
    {.label = "nothing", AVCL_TAKES(AVCL_X(3, 4)), AVCL_WITH(AVCL_A_INTS("shape", 3, 4))},
};
static const avcl_op_case sum_to_cases[] = {
    {.label = "to one value",
     AVCL_TAKES(AVCL_X(3, 5)),
     AVCL_WITH(AVCL_A_INTS("shape", 1))},
    {.label = "to a row",
     AVCL_TAKES(AVCL_X(2, 3, 7)),
     AVCL_WITH(AVCL_A_INTS("shape", 7))},
    {.label = "to a column",
     AVCL_TAKES(AVCL_X(5, 9)),
     AVCL_WITH(AVCL_A_INTS("shape", 5, 1))},
    {.label = "to channels",
     AVCL_TAKES(AVCL_X(2, 16, 2, 3, 3)),
     AVCL_WITH(AVCL_A_INTS("shape", 16, 1, 1, 1))},
    {.label = "nothing", AVCL_TAKES(AVCL_X(3, 4)), AVCL_WITH(AVCL_A_INTS("shape", 3, 4))},
};

const avcl_op avcl__op_sum = {
    AVCL_OP(sum),           .doc = "Sum over axes.",
    AVCL_ARITY(1, 1, 1),    AVCL_ATTRS(axes_rows, avcl_axes_attrs),
    AVCL_CASES(axes_cases), .infer = axes_infer,
    .grad = sum_grad,       .canonical = axes_canonical,
};
const avcl_op avcl__op_mean = {
    AVCL_OP(mean),          .doc = "Mean over axes.",
    AVCL_ARITY(1, 1, 1),    AVCL_ATTRS(axes_rows, avcl_axes_attrs),
    AVCL_CASES(axes_cases), .infer = axes_infer,
    .grad = mean_grad,      .canonical = axes_canonical,
};
const avcl_op avcl__op_max = {
    AVCL_OP(max),
    .doc = "Largest value over axes; ties share the gradient equally.",
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(axes_rows, avcl_axes_attrs),
    AVCL_CASES(axes_cases),
    .infer = axes_infer,
    .grad = max_grad,
    .canonical = axes_canonical,
};
const avcl_op avcl__op_variance = {
    AVCL_OP(variance),      .doc = "Biased variance over axes: mean((x - mean(x))^2).",
    AVCL_ARITY(1, 1, 1),    AVCL_ATTRS(axes_rows, avcl_axes_attrs),
    AVCL_CASES(axes_cases), .infer = axes_infer,
    .grad = variance_grad,  .canonical = axes_canonical,
};
const avcl_op avcl__op_logsumexp = {
    AVCL_OP(logsumexp),
    .doc = "ln(sum(exp(x))) over an axis, the maximum taken out first.",
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(logsumexp_rows, avcl_axis_attrs),
    AVCL_CASES(logsumexp_cases),
    .infer = axis_infer,
    .grad = logsumexp_grad,
    .canonical = axis_canonical,
};
const avcl_op avcl__op_argmax = {
    AVCL_OP(argmax),
    .doc = "Index (i32) of the largest value along an axis, first at ties.",
    .flags = AVCL_OP_NOGRAD,
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(argmax_rows, avcl_axis_attrs),
    AVCL_CASES(axis_cases),
    .infer = argmax_infer,
    .canonical = axis_canonical,
};
const avcl_op avcl__op_broadcast_to = {
    AVCL_OP(broadcast_to),       .doc = "x repeated to a shape, as NumPy broadcasts.",
    AVCL_ARITY(1, 1, 1),         AVCL_ATTRS(shape_rows, avcl_shape_attrs),
    AVCL_CASES(broadcast_cases), .infer = broadcast_infer,
    .grad = broadcast_grad,
};
const avcl_op avcl__op_sum_to = {
    AVCL_OP(sum_to),
    .doc = "Sums what broadcasting from a shape to x's had repeated.",
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(shape_rows, avcl_shape_attrs),
    AVCL_CASES(sum_to_cases),
    .infer = sum_to_infer,
    .grad = sum_to_grad,
};
