/* pool.c - maxima and means over windows of T, H, W, and over all of them. Size out =
 * (in + 2 pad - kernel) / stride + 1, rounded down; padding is at most half a kernel. */
#include "graph/ops/ops_impl.h"

static avcl_status canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                             uint32_t n_in)
{
    (void)b, (void)in, (void)n_in;
    avcl_pool3d_attrs *a = attrs;
    avcl__triple(&a->kernel, NULL);
    avcl__triple(&a->stride, &a->kernel);
    avcl__triple(&a->pad, NULL);
    return AVCL_OK;
}

static avcl_status want_attrs(const avcl_build *b, const avcl_pool3d_attrs *a)
{
    avcl_status st = avcl__want_ints(b, &a->kernel, "kernel", 3, 1);
    if (!st) st = avcl__want_ints(b, &a->stride, "stride", 3, 1);
    if (!st) st = avcl__want_ints(b, &a->pad, "pad", 3, 0);
    for (int i = 0; i < 3 && !st; i++)
        if (2 * a->pad.v[i] > a->kernel.v[i])
            st = avcl__op_misfit(
                b, AVCL_E_INVALID, "pad %s is more than half of kernel %s",
                avcl__dims_text(a->pad.v, 3).s, avcl__dims_text(a->kernel.v, 3).s);
    return st;
}

static avcl_status pooled(const avcl_build *b, const avcl_pool3d_attrs *a,
                          const avcl_tinfo *x, avcl_tinfo *out)
{
    avcl_tinfo y = *x;
    for (int i = 0; i < 3; i++) {
        int64_t room = x->shape[2 + i] + 2 * a->pad.v[i] - a->kernel.v[i];
        if (room < 0)
            return avcl__op_misfit(
                b, AVCL_E_SHAPE, "kernel %s does not fit into %s padded by %s",
                avcl__dims_text(a->kernel.v, 3).s, avcl__dims_text(x->shape + 2, 3).s,
                avcl__dims_text(a->pad.v, 3).s);
        y.shape[2 + i] = room / a->stride.v[i] + 1;
    }
    *out = y;
    return AVCL_OK;
}

static avcl_status avg_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 5, 5);
    if (!st) st = want_attrs(b, n->attrs);
    return st ? st : pooled(b, n->attrs, &n->in_info[0], out);
}

static avcl_status max_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_status st = avg_infer(b, n, out);
    if (st) return st;
    out[1] = out[0];
    out[1].dtype = AVCL_I32;
    return AVCL_OK;
}

static avcl_status avg_backward_infer(const avcl_build *b, const avcl_op_view *n,
                                      avcl_tinfo *out)
{
    const avcl_pool3d_attrs *a = n->attrs;
    avcl_tinfo y, x;
    avcl_status st = avcl__want(b, n, 0, "g", AVCL_F32, 5, 5);
    if (!st) st = want_attrs(b, a);
    if (!st) st = avcl__want_ints(b, &a->shape, "shape", 5, 1);
    if (st) return st;
    x = avcl__real(a->shape.v, 5);
    st = pooled(b, a, &x, &y);
    if (!st) st = avcl__want_dims(b, n, 0, "g", y.shape, 5);
    if (!st) out[0] = x;
    return st;
}

static avcl_status max_backward_infer(const avcl_build *b, const avcl_op_view *n,
                                      avcl_tinfo *out)
{
    avcl_tinfo x;
    avcl_status st = avcl__want(b, n, 1, "index", AVCL_I32, 5, 5);
    if (!st) st = avg_backward_infer(b, n, &x);
    if (st) return st;
    if (!avcl__same_shape(&n->in_info[0], &n->in_info[1]))
        return avcl__op_misfit(b, AVCL_E_SHAPE, "g %s and index %s differ in shape",
                               avcl__dims_text(n->in_info[0].shape, 5).s,
                               avcl__dims_text(n->in_info[1].shape, 5).s);
    out[0] = x;
    return AVCL_OK;
}

static avcl_node backward(const avcl_build *b, const char *op, const avcl_op_view *n,
                          const avcl_node *in, uint32_t n_in)
{
    const avcl_pool3d_attrs *a = n->attrs;
    avcl_attr at[4] = {avcl_attr_ints("kernel", a->kernel.v, 3),
                       avcl_attr_ints("stride", a->stride.v, 3),
                       avcl_attr_ints("pad", a->pad.v, 3),
                       avcl_attr_ints("shape", n->in_info[0].shape, 5)};
    return avcl_b_op(b, op, in, n_in, at, 4);
}

static avcl_status max_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    avcl_status st = avcl__want_first(b, n, g);
    if (st) return st;
    avcl_node from[2] = {g[0], n->out_node[1]};
    in[0] = backward(b, "max_pool3d_backward", n, from, 2);
    return avcl_b_status(b);
}

static avcl_status avg_grad(const avcl_build *b, const avcl_op_view *n,
                            const avcl_node *g, avcl_node *in)
{
    in[0] = backward(b, "avg_pool3d_backward", n, g, 1);
    return avcl_b_status(b);
}

/* ---- global ------------------------------------------------------------------ */
static avcl_status global_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 5, 5);
    if (!st) out[0] = avcl__real(n->in_info[0].shape, 2);
    return st;
}

static avcl_status global_backward_infer(const avcl_build *b, const avcl_op_view *n,
                                         avcl_tinfo *out)
{
    const avcl_shape_attrs *a = n->attrs;
    avcl_status st = avcl__want_ints(b, &a->shape, "shape", 5, 1);
    if (!st) st = avcl__want_dims(b, n, 0, "g", a->shape.v, 2);
    if (!st) out[0] = avcl__real(a->shape.v, 5);
    return st;
}

static avcl_status global_avg_grad(const avcl_build *b, const avcl_op_view *n,
                                   const avcl_node *g, avcl_node *in)
{
    in[0] = avcl__shaped(b, "global_avg_pool_backward", g[0], n->in_info[0].shape, 5);
    return avcl_b_status(b);
}

static avcl_status global_max_grad(const avcl_build *b, const avcl_op_view *n,
                                   const avcl_node *g, avcl_node *in)
{
    const int64_t *x = n->in_info[0].shape;
    const int64_t kept[5] = {x[0], x[1], 1, 1, 1};
    const avcl_ints axes = AVCL_DIMS(2, 3, 4);
    in[0] = avcl__max_grad(b, n->in_node[0], n->out_node[0], g[0], &axes, kept, 5);
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
#define WINDOW                                                                           \
    {.name = "kernel",                                                                   \
     .doc = "Window over T, H, W; one number stands for three.",                         \
     .type = AVCL_INTS,                                                                  \
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,                                              \
     .min = 1,                                                                           \
     .offset = offsetof(avcl_pool3d_attrs, kernel)},                                     \
        {.name = "stride",                                                               \
         .doc = "Step along T, H, W; none = the kernel.",                                \
         .type = AVCL_INTS,                                                              \
         .flags = AVCL_P_MIN,                                                            \
         .min = 1,                                                                       \
         .offset = offsetof(avcl_pool3d_attrs, stride)},                                 \
    {                                                                                    \
        .name = "pad", .doc = "On both sides of T, H, W; at most half the kernel.",      \
        .type = AVCL_INTS, .flags = AVCL_P_MIN, .def_ints = AVCL_DIMS(0, 0, 0),          \
        .offset = offsetof(avcl_pool3d_attrs, pad)                                       \
    }
static const avcl_param window_rows[] = {WINDOW};
static const avcl_param backward_rows[] = {
    WINDOW,
    {.name = "shape",
     .doc = "Shape of the gradient to make: x's.",
     .type = AVCL_INTS,
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
     .min = 1,
     .offset = offsetof(avcl_pool3d_attrs, shape)},
};
static const avcl_param shape_rows[] = {
    {.name = "shape",
     .doc = "Shape of the gradient to make: x's.",
     .type = AVCL_INTS,
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
     .min = 1,
     .offset = offsetof(avcl_shape_attrs, shape)},
};

static const avcl_op_case pool_cases[] = {
    {.label = "2x2x2",
     AVCL_TAKES(AVCL_X(2, 3, 4, 6, 4)),
     AVCL_WITH(AVCL_A_INTS("kernel", 2))},
    {.label = "1x2x2, odd size",
     AVCL_TAKES(AVCL_X(1, 5, 3, 7, 5)),
     AVCL_WITH(AVCL_A_INTS("kernel", 1, 2, 2))},
    {.label = "overlapping, padded",
     AVCL_TAKES(AVCL_X(2, 3, 3, 5, 6)),
     AVCL_WITH(AVCL_A_INTS("kernel", 3, 3, 3), AVCL_A_INTS("stride", 2, 2, 2),
               AVCL_A_INTS("pad", 1, 1, 1))},
    {.label = "depth 1, 16 channels",
     AVCL_TAKES(AVCL_X(2, 16, 1, 4, 4)),
     AVCL_WITH(AVCL_A_INTS("kernel", 1, 3, 3), AVCL_A_INTS("stride", 1, 2, 2),
               AVCL_A_INTS("pad", 0, 1, 1))},
    {.label = "gaps between windows",
     AVCL_TAKES(AVCL_X(1, 2, 5, 5, 5)),
     AVCL_WITH(AVCL_A_INTS("kernel", 2), AVCL_A_INTS("stride", 3))},
};
static const avcl_op_case max_backward_cases[] = {
    {.label = "one window",
     AVCL_TAKES(AVCL_X(2, 5, 1, 1, 1), AVCL_OF(AVCL_I32, 0, 17, 2, 5, 1, 1, 1)),
     AVCL_WITH(AVCL_A_INTS("kernel", 2, 3, 3), AVCL_A_INTS("shape", 2, 5, 2, 3, 3))},
    {.label = "one window, cut",
     AVCL_TAKES(AVCL_X(1, 16, 1, 1, 1), AVCL_OF(AVCL_I32, 0, 3, 1, 16, 1, 1, 1)),
     AVCL_WITH(AVCL_A_INTS("kernel", 1, 1, 4), AVCL_A_INTS("shape", 1, 16, 1, 1, 7))},
};
static const avcl_op_case avg_backward_cases[] = {
    {.label = "2x2x2",
     AVCL_TAKES(AVCL_X(2, 3, 2, 3, 2)),
     AVCL_WITH(AVCL_A_INTS("kernel", 2), AVCL_A_INTS("shape", 2, 3, 4, 6, 5))},
    {.label = "overlapping, padded",
     AVCL_TAKES(AVCL_X(1, 16, 2, 3, 3)),
     AVCL_WITH(AVCL_A_INTS("kernel", 3), AVCL_A_INTS("stride", 2), AVCL_A_INTS("pad", 1),
               AVCL_A_INTS("shape", 1, 16, 3, 5, 6))},
};
static const avcl_op_case global_cases[] = {
    {.label = "odd", AVCL_TAKES(AVCL_X(3, 5, 2, 3, 4))},
    {.label = "16 channels", AVCL_TAKES(AVCL_X(2, 16, 1, 4, 4))},
    {.label = "one position", AVCL_TAKES(AVCL_X(1, 7, 1, 1, 1))},
};
static const avcl_op_case global_backward_cases[] = {
    {.label = "odd",
     AVCL_TAKES(AVCL_X(3, 5)),
     AVCL_WITH(AVCL_A_INTS("shape", 3, 5, 2, 3, 4))},
    {.label = "16 channels",
     AVCL_TAKES(AVCL_X(2, 16)),
     AVCL_WITH(AVCL_A_INTS("shape", 2, 16, 1, 4, 4))},
};

const avcl_op avcl__op_max_pool3d = {
    AVCL_OP(max_pool3d),
    .doc = "Largest value of each window of x [N,C,T,H,W], and its flat T H W position.",
    AVCL_ARITY(1, 1, 2),
    AVCL_ATTRS(window_rows, avcl_pool3d_attrs),
    AVCL_CASES(pool_cases),
    .infer = max_infer,
    .grad = max_grad,
    .canonical = canonical,
};
const avcl_op avcl__op_max_pool3d_backward = {
    AVCL_OP(max_pool3d_backward),
    .doc = "(g, index): the gradient of max_pool3d's x.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(2, 2, 1),
    AVCL_ATTRS(backward_rows, avcl_pool3d_attrs),
    AVCL_CASES(max_backward_cases),
    .infer = max_backward_infer,
    .canonical = canonical,
};
const avcl_op avcl__op_avg_pool3d = {
    AVCL_OP(avg_pool3d),
    .doc = "Mean of each window of x [N,C,T,H,W]; padding counts as 0.",
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(window_rows, avcl_pool3d_attrs),
    AVCL_CASES(pool_cases),
    .infer = avg_infer,
    .grad = avg_grad,
    .canonical = canonical,
};
const avcl_op avcl__op_avg_pool3d_backward = {
    AVCL_OP(avg_pool3d_backward),
    .doc = "(g): the gradient of avg_pool3d's x.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(backward_rows, avcl_pool3d_attrs),
    AVCL_CASES(avg_backward_cases),
    .infer = avg_backward_infer,
    .canonical = canonical,
};
const avcl_op avcl__op_global_avg_pool = {
    AVCL_OP(global_avg_pool), .doc = "Mean over T, H, W: [N,C,T,H,W] to [N,C].",
    AVCL_ARITY(1, 1, 1),      AVCL_CASES(global_cases),
    .infer = global_infer,    .grad = global_avg_grad,
};
const avcl_op avcl__op_global_avg_pool_backward = {
    AVCL_OP(global_avg_pool_backward),
    .doc = "(g): the gradient of global_avg_pool's x.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(shape_rows, avcl_shape_attrs),
    AVCL_CASES(global_backward_cases),
    .infer = global_backward_infer,
};
const avcl_op avcl__op_global_max_pool = {
    AVCL_OP(global_max_pool),
    .doc = "Largest value over T, H, W: [N,C,T,H,W] to [N,C]; ties share the gradient.",
    AVCL_ARITY(1, 1, 1),
    AVCL_CASES(global_cases),
    .infer = global_infer,
    .grad = global_max_grad,
};
