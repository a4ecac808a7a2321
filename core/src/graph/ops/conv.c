/* conv.c - 3-d cross-correlation and its two gradients. Size out = (in + 2 pad - k) /
 * stride + 1, rounded down. */
#include "graph/ops/ops_impl.h"

/* [N,O,T',H',W'] of x [N,C,T,H,W] under w [O,C,kt,kh,kw]. */
static avcl_status output(const avcl_build *b, const avcl_conv3d_attrs *a,
                          const avcl_tinfo *x, const avcl_tinfo *w, avcl_tinfo *out)
{
    if (x->shape[1] != w->shape[1])
        return avcl__op_misfit(b, AVCL_E_SHAPE, "x %s has %lld channels, w %s takes %lld",
                               avcl__dims_text(x->shape, 5).s, (long long)x->shape[1],
                               avcl__dims_text(w->shape, 5).s, (long long)w->shape[1]);
    avcl_tinfo y = avcl__real((int64_t[]){x->shape[0], w->shape[0], 0, 0, 0}, 5);
    for (int i = 0; i < 3; i++) {
        int64_t room = x->shape[2 + i] + 2 * a->pad.v[i] - w->shape[2 + i];
        if (room < 0)
            return avcl__op_misfit(
                b, AVCL_E_SHAPE, "kernel %s does not fit into %s padded by %s",
                avcl__dims_text(w->shape + 2, 3).s, avcl__dims_text(x->shape + 2, 3).s,
                avcl__dims_text(a->pad.v, 3).s);
        y.shape[2 + i] = room / a->stride.v[i] + 1;
    }
    *out = y;
    return AVCL_OK;
}

static avcl_status want_attrs(const avcl_build *b, const avcl_conv3d_attrs *a)
{
    avcl_status st = avcl__want_ints(b, &a->stride, "stride", 3, 1);
    return st ? st : avcl__want_ints(b, &a->pad, "pad", 3, 0);
}

static avcl_status conv_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_tinfo y;
    avcl_status st = avcl__want(b, n, 0, "x", AVCL_F32, 5, 5);
    if (!st) st = avcl__want(b, n, 1, "w", AVCL_F32, 5, 5);
    if (!st) st = want_attrs(b, n->attrs);
    if (!st) st = output(b, n->attrs, &n->in_info[0], &n->in_info[1], &y);
    if (!st && n->n_in == 3)
        st = avcl__want_dims(b, n, 2, "bias", n->in_info[1].shape, 1);
    if (!st) out[0] = y;
    return st;
}

/* What both backwards check: with `made` of shape `shape`, gy must be conv3d's output. */
static avcl_status backward_infer(const avcl_build *b, const avcl_op_view *n,
                                  const char *other, int32_t makes_x, avcl_tinfo *out)
{
    const avcl_conv3d_attrs *a = n->attrs;
    avcl_tinfo y;
    avcl_status st = avcl__want(b, n, 0, "gy", AVCL_F32, 5, 5);
    if (!st) st = avcl__want(b, n, 1, other, AVCL_F32, 5, 5);
    if (!st) st = want_attrs(b, a);
    if (!st) st = avcl__want_ints(b, &a->shape, "shape", 5, 1);
    if (st) return st;
    avcl_tinfo made = avcl__real(a->shape.v, 5);
    const avcl_tinfo *given = &n->in_info[1];
    st = makes_x ? output(b, a, &made, given, &y) : output(b, a, given, &made, &y);
    if (!st) st = avcl__want_dims(b, n, 0, "gy", y.shape, 5);
    if (!st) out[0] = made;
    return st;
}

static avcl_status data_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    return backward_infer(b, n, "w", 1, out);
}

static avcl_status data_add_infer(const avcl_build *b, const avcl_op_view *n,
                                  avcl_tinfo *out)
{
    avcl_status st = backward_infer(b, n, "w", 1, out);
    return st ? st : avcl__want_dims(b, n, 2, "s", out[0].shape, 5);
}

static avcl_status weight_infer(const avcl_build *b, const avcl_op_view *n,
                                avcl_tinfo *out)
{
    return backward_infer(b, n, "x", 0, out);
}

static avcl_node backward(const avcl_build *b, const char *op, const avcl_conv3d_attrs *a,
                          avcl_node gy, avcl_node other, const avcl_tinfo *made)
{
    avcl_node in[2] = {gy, other};
    avcl_attr at[3] = {avcl_attr_ints("stride", a->stride.v, 3),
                       avcl_attr_ints("pad", a->pad.v, 3),
                       avcl_attr_ints("shape", made->shape, 5)};
    return avcl_b_op(b, op, in, 2, at, 3);
}

static avcl_status conv_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    const avcl_node x = n->in_node[0], w = n->in_node[1];
    in[1] = backward(b, "conv3d_backward_weight", n->attrs, g[0], x, &n->in_info[1]);
    in[0] = backward(b, "conv3d_backward_data", n->attrs, g[0], w, &n->in_info[0]);
    if (n->n_in == 3) in[2] = avcl_b_sum(b, g[0], (int64_t[]){0, 2, 3, 4}, 4, 0);
    return avcl_b_status(b);
}

/* Every output element is a dot product as long as one filter. */
static int64_t conv_work(const avcl_op_view *n)
{
    const avcl_tinfo *w = &n->in_info[1];
    return avcl__numel(&n->out_info[0]) * (avcl__numel(w) / w->shape[0]);
}

static int64_t data_work(const avcl_op_view *n)
{
    const avcl_tinfo *w = &n->in_info[1];
    return avcl__numel(&n->in_info[0]) * (avcl__numel(w) / w->shape[0]);
}

static int64_t weight_work(const avcl_op_view *n)
{
    const avcl_tinfo *w = &n->out_info[0];
    return avcl__numel(&n->in_info[0]) * (avcl__numel(w) / w->shape[0]);
}

static avcl_status canonical(const avcl_build *b, void *attrs, const avcl_tinfo *in,
                             uint32_t n_in)
{
    (void)b, (void)in, (void)n_in;
    avcl_conv3d_attrs *a = attrs;
    avcl__triple(&a->stride, NULL);
    avcl__triple(&a->pad, NULL);
    return AVCL_OK;
}

/* ---- tables ------------------------------------------------------------------ */
#define STRIDE_PAD                                                                       \
    {.name = "stride",                                                                   \
     .doc = "Step along T, H, W; one number stands for three.",                          \
     .type = AVCL_INTS,                                                                  \
     .flags = AVCL_P_MIN,                                                                \
     .min = 1,                                                                           \
     .def_ints = AVCL_DIMS(1, 1, 1),                                                     \
     .offset = offsetof(avcl_conv3d_attrs, stride)},                                     \
    {                                                                                    \
        .name = "pad",                                                                   \
        .doc = "Zeros on both sides of T, H, W; one number stands for three.",           \
        .type = AVCL_INTS, .flags = AVCL_P_MIN, .def_ints = AVCL_DIMS(0, 0, 0),          \
        .offset = offsetof(avcl_conv3d_attrs, pad)                                       \
    }
static const avcl_param conv_rows[] = {STRIDE_PAD};
static const avcl_param backward_rows[] = {
    STRIDE_PAD,
    {.name = "shape",
     .doc = "Shape of the gradient to make.",
     .type = AVCL_INTS,
     .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
     .min = 1,
     .offset = offsetof(avcl_conv3d_attrs, shape)},
};

#define SP(st, sh, sw, pt, ph, pw)                                                       \
    AVCL_A_INTS("stride", st, sh, sw), AVCL_A_INTS("pad", pt, ph, pw)
static const avcl_op_case conv_cases[] = {
    {.label = "odd 3x3x3 with bias",
     AVCL_TAKES(AVCL_X(2, 3, 3, 5, 4), AVCL_X(5, 3, 3, 3, 3), AVCL_X(5)),
     AVCL_WITH(SP(1, 1, 1, 1, 1, 1))},
    {.label = "3x7x7 stem",
     AVCL_TAKES(AVCL_X(1, 3, 2, 9, 8), AVCL_X(4, 3, 3, 7, 7)),
     AVCL_WITH(SP(1, 2, 2, 1, 3, 3))},
    {.label = "one channel stem",
     AVCL_TAKES(AVCL_X(2, 1, 1, 10, 9), AVCL_X(8, 1, 3, 7, 7)),
     AVCL_WITH(SP(1, 2, 2, 1, 3, 3))},
    {.label = "depth 1",
     AVCL_TAKES(AVCL_X(2, 2, 1, 5, 5), AVCL_X(3, 2, 3, 3, 3)),
     AVCL_WITH(SP(2, 2, 2, 1, 1, 1))},
    {.label = "1x1x1 shortcut, stride 2",
     AVCL_TAKES(AVCL_X(2, 6, 3, 5, 4), AVCL_X(4, 6, 1, 1, 1)),
     AVCL_WITH(AVCL_A_INTS("stride", 2))},
    {.label = "1x3x3 on 16 channels to 32",
     AVCL_TAKES(AVCL_X(2, 16, 2, 3, 3), AVCL_X(32, 16, 1, 3, 3)),
     AVCL_WITH(SP(1, 1, 1, 0, 1, 1))},
    {.label = "3x1x1, stride 2",
     AVCL_TAKES(AVCL_X(1, 8, 5, 3, 3), AVCL_X(7, 8, 3, 1, 1)),
     AVCL_WITH(SP(2, 1, 1, 1, 0, 0))},
    {.label = "whole input, batch 1",
     AVCL_TAKES(AVCL_X(1, 4, 2, 2, 2), AVCL_X(9, 4, 2, 2, 2), AVCL_X(9))},
    {.label = "3x3x3 on 16 channels, stride 2",
     AVCL_TAKES(AVCL_X(1, 16, 4, 4, 4), AVCL_X(10, 16, 3, 3, 3)),
     AVCL_WITH(SP(2, 2, 2, 1, 1, 1))},
    {.label = "unused last rows",
     AVCL_TAKES(AVCL_X(2, 3, 4, 6, 6), AVCL_X(2, 3, 3, 3, 3)),
     AVCL_WITH(SP(2, 2, 2, 0, 0, 0))},
    {.label = "1x1x1 with bias",
     AVCL_TAKES(AVCL_X(3, 5, 2, 3, 1), AVCL_X(7, 5, 1, 1, 1), AVCL_X(7))},
};
static const avcl_op_case data_cases[] = {
    {.label = "odd 3x3x3",
     AVCL_TAKES(AVCL_X(2, 5, 3, 5, 4), AVCL_X(5, 3, 3, 3, 3)),
     AVCL_WITH(SP(1, 1, 1, 1, 1, 1), AVCL_A_INTS("shape", 2, 3, 3, 5, 4))},
    {.label = "stride 2, unused last rows",
     AVCL_TAKES(AVCL_X(1, 4, 1, 2, 2), AVCL_X(4, 16, 3, 3, 3)),
     AVCL_WITH(SP(2, 2, 2, 0, 0, 0), AVCL_A_INTS("shape", 1, 16, 4, 6, 6))},
};
/* 1x1x1 all of them: what shortcuts are, and all that a device need have a kernel for. */
static const avcl_op_case data_add_cases[] = {
    {.label = "stride 2, unused last rows",
     AVCL_TAKES(AVCL_X(2, 5, 2, 3, 2), AVCL_X(5, 6, 1, 1, 1), AVCL_X(2, 6, 3, 6, 4)),
     AVCL_WITH(SP(2, 2, 2, 0, 0, 0), AVCL_A_INTS("shape", 2, 6, 3, 6, 4))},
    {.label = "many channels, wide rows",
     AVCL_TAKES(AVCL_X(1, 40, 1, 2, 9), AVCL_X(40, 36, 1, 1, 1), AVCL_X(1, 36, 1, 4, 17)),
     AVCL_WITH(SP(1, 2, 2, 0, 0, 0), AVCL_A_INTS("shape", 1, 36, 1, 4, 17))},
    {.label = "more than are at hand at once",
     AVCL_TAKES(AVCL_X(1, 530, 1, 1, 3), AVCL_X(530, 16, 1, 1, 1),
                AVCL_X(1, 16, 1, 1, 5)),
     AVCL_WITH(SP(1, 1, 2, 0, 0, 0), AVCL_A_INTS("shape", 1, 16, 1, 1, 5))},
};
static const avcl_op_case weight_cases[] = {
    {.label = "odd 3x3x3",
     AVCL_TAKES(AVCL_X(2, 5, 3, 5, 4), AVCL_X(2, 3, 3, 5, 4)),
     AVCL_WITH(SP(1, 1, 1, 1, 1, 1), AVCL_A_INTS("shape", 5, 3, 3, 3, 3))},
    {.label = "1x1x1, stride 2",
     AVCL_TAKES(AVCL_X(2, 16, 2, 3, 2), AVCL_X(2, 6, 3, 5, 4)),
     AVCL_WITH(SP(2, 2, 2, 0, 0, 0), AVCL_A_INTS("shape", 16, 6, 1, 1, 1))},
};

const avcl_op avcl__op_conv3d = {
    AVCL_OP(conv3d),
    .doc = "Cross-correlation of x [N,C,T,H,W] with w [O,C,kt,kh,kw], bias [O] optional.",
    AVCL_ARITY(2, 3, 1),
    AVCL_ATTRS(conv_rows, avcl_conv3d_attrs),
    AVCL_CASES(conv_cases),
    .infer = conv_infer,
    .grad = conv_grad,
    .canonical = canonical,
    .multiply_adds = conv_work,
};
const avcl_op avcl__op_conv3d_backward_data = {
    AVCL_OP(conv3d_backward_data),
    .doc = "(gy, w): the gradient of conv3d's x.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(2, 2, 1),
    AVCL_ATTRS(backward_rows, avcl_conv3d_attrs),
    AVCL_CASES(data_cases),
    .infer = data_infer,
    .canonical = canonical,
    .multiply_adds = data_work,
};
const avcl_op avcl__op_conv3d_backward_data_add = {
    AVCL_OP(conv3d_backward_data_add),
    .doc = "(gy, w, s): s plus the gradient of conv3d's x; `shape` is that of x.",
    .flags = AVCL_OP_BACKWARD | AVCL_OP_FUSED,
    AVCL_ARITY(3, 3, 1),
    AVCL_ATTRS(backward_rows, avcl_conv3d_attrs),
    AVCL_CASES(data_add_cases),
    .overwrites = AVCL_OVERWRITES(0, 2),
    .infer = data_add_infer,
    .canonical = canonical,
    .multiply_adds = data_work,
};
const avcl_op avcl__op_conv3d_backward_weight = {
    AVCL_OP(conv3d_backward_weight),
    .doc = "(gy, x): the gradient of conv3d's w.",
    .flags = AVCL_OP_BACKWARD,
    AVCL_ARITY(2, 2, 1),
    AVCL_ATTRS(backward_rows, avcl_conv3d_attrs),
    AVCL_CASES(weight_cases),
    .infer = weight_infer,
    .canonical = canonical,
    .multiply_adds = weight_work,
};
