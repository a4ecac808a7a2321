/*
 * build.h - short spellings of the core ops for C builders.
 *
 * Source, not ABI: inline functions that call only through the table passed in.
 * Every function returns 0 when an argument is 0; check avcl_b_status() last.
 *
 *     avcl_node h = avcl_b_relu(b, avcl_b_conv3d(b, x, w, (int64_t[3]){1, 2, 2}, pad));
 */
#ifndef AVCL_BUILD_H
#define AVCL_BUILD_H

#include "avcl/plugin.h"

/* ---- attributes ------------------------------------------------------------------ */
static inline avcl_attr avcl_attr_int(const char *name, int64_t i)
{
    avcl_attr a = {name, {AVCL_INT, 1, i, 0, NULL, NULL}};
    return a;
}

static inline avcl_attr avcl_attr_float(const char *name, double f)
{
    avcl_attr a = {name, {AVCL_FLOAT, 1, 0, f, NULL, NULL}};
    return a;
}

static inline avcl_attr avcl_attr_bool(const char *name, int on)
{
    avcl_attr a = {name, {AVCL_BOOL, 1, on, 0, NULL, NULL}};
    return a;
}

static inline avcl_attr avcl_attr_str(const char *name, const char *s)
{
    avcl_attr a = {name, {AVCL_STR, 1, 0, 0, s, NULL}};
    return a;
}

/* iv is borrowed until the call that takes the attribute returns. */
static inline avcl_attr avcl_attr_ints(const char *name, const int64_t *iv, uint32_t n)
{
    avcl_attr a = {name, {AVCL_INTS, n, 0, 0, NULL, iv}};
    return a;
}

/* ---- plumbing ---------------------------------------------------------------------- */
static inline avcl_node avcl_b_op(const avcl_build *b, const char *op,
                                  const avcl_node *inputs, uint32_t n_in,
                                  const avcl_attr *attrs, uint32_t n_attrs)
{
    return b->graph->op(b->call, op, inputs, n_in, attrs, n_attrs);
}

static inline avcl_node avcl_b_op1(const avcl_build *b, const char *op, avcl_node x)
{
    return avcl_b_op(b, op, &x, 1, NULL, 0);
}

static inline avcl_node avcl_b_op2(const avcl_build *b, const char *op, avcl_node x,
                                   avcl_node y)
{
    avcl_node in[2] = {x, y};
    return avcl_b_op(b, op, in, 2, NULL, 0);
}

static inline avcl_node avcl_b_result(const avcl_build *b, avcl_node first,
                                      uint32_t index)
{
    return b->graph->result(b->call, first, index);
}

static inline avcl_status avcl_b_status(const avcl_build *b)
{
    return b->graph->status(b->call);
}

/* Reports a refusal of this builder: the host adds plugin, module, scope and script line.
 */
static inline avcl_status avcl_b_report(const avcl_build *b, avcl_status code,
                                        const char *text)
{
    return b->host->report(b->call, code, text);
}

/* Size of axis `axis`; 0 when poisoned or out of range. */
static inline int64_t avcl_b_dim(const avcl_build *b, avcl_node x, int32_t axis)
{
    int64_t dims[8] = {0};
    int32_t ndim = b->graph->shape(b->call, x, dims, 8);
    return axis >= 0 && axis < ndim ? dims[axis] : 0;
}

/* ---- pointwise: shapes broadcast as in NumPy ------------------------------------------
 */
static inline avcl_node avcl_b_add(const avcl_build *b, avcl_node x, avcl_node y)
{
    return avcl_b_op2(b, "add", x, y);
}

static inline avcl_node avcl_b_sub(const avcl_build *b, avcl_node x, avcl_node y)
{
    return avcl_b_op2(b, "sub", x, y);
}

static inline avcl_node avcl_b_mul(const avcl_build *b, avcl_node x, avcl_node y)
{
    return avcl_b_op2(b, "mul", x, y);
}

static inline avcl_node avcl_b_div(const avcl_build *b, avcl_node x, avcl_node y)
{
    return avcl_b_op2(b, "div", x, y);
}

static inline avcl_node avcl_b_relu(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "relu", x);
}

static inline avcl_node avcl_b_sigmoid(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "sigmoid", x);
}

static inline avcl_node avcl_b_square(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "square", x);
}

static inline avcl_node avcl_b_sqrt(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "sqrt", x);
}

/* scale * x + shift */
static inline avcl_node avcl_b_affine(const avcl_build *b, avcl_node x, double scale,
                                      double shift)
{
    avcl_attr at[2] = {avcl_attr_float("scale", scale), avcl_attr_float("shift", shift)};
    return avcl_b_op(b, "affine", &x, 1, at, 2);
}

/* ---- reductions: n_axes = 0 means all axes, giving a scalar
 * ---------------------------- */
static inline avcl_node avcl_b_reduce(const avcl_build *b, const char *op, avcl_node x,
                                      const int64_t *axes, uint32_t n_axes, int keep)
{
    avcl_attr at[2] = {avcl_attr_ints("axes", axes, n_axes),
                       avcl_attr_bool("keep", keep)};
    return avcl_b_op(b, op, &x, 1, at, 2);
}

static inline avcl_node avcl_b_sum(const avcl_build *b, avcl_node x, const int64_t *axes,
                                   uint32_t n_axes, int keep)
{
    return avcl_b_reduce(b, "sum", x, axes, n_axes, keep);
}

static inline avcl_node avcl_b_mean(const avcl_build *b, avcl_node x, const int64_t *axes,
                                    uint32_t n_axes, int keep)
{
    return avcl_b_reduce(b, "mean", x, axes, n_axes, keep);
}

/* ---- matrices and layers
 * ----------------------------------------------------------------- */
static inline avcl_node avcl_b_matmul(const avcl_build *b, avcl_node x, avcl_node y,
                                      int transpose_x, int transpose_y)
{
    avcl_node in[2] = {x, y};
    avcl_attr at[2] = {avcl_attr_bool("transpose_a", transpose_x),
                       avcl_attr_bool("transpose_b", transpose_y)};
    return avcl_b_op(b, "matmul", in, 2, at, 2);
}

/* y = x w' + bias; x [N, in], w [out, in], bias [out] or 0 for none. */
static inline avcl_node avcl_b_linear(const avcl_build *b, avcl_node x, avcl_node w,
                                      avcl_node bias)
{
    avcl_node in[3] = {x, w, bias};
    return avcl_b_op(b, "linear", in, bias ? 3 : 2, NULL, 0);
}

/* x [N,C,T,H,W], w [O,C,kt,kh,kw], bias [O] or 0 for none. */
static inline avcl_node avcl_b_conv3d_bias(const avcl_build *b, avcl_node x, avcl_node w,
                                           avcl_node bias, const int64_t stride[3],
                                           const int64_t pad[3])
{
    avcl_node in[3] = {x, w, bias};
    avcl_attr at[2] = {avcl_attr_ints("stride", stride, 3),
                       avcl_attr_ints("pad", pad, 3)};
    return avcl_b_op(b, "conv3d", in, bias ? 3 : 2, at, 2);
}

static inline avcl_node avcl_b_conv3d(const avcl_build *b, avcl_node x, avcl_node w,
                                      const int64_t stride[3], const int64_t pad[3])
{
    return avcl_b_conv3d_bias(b, x, w, 0, stride, pad);
}

/* Largest value of each window of x [N,C,T,H,W]; windows do not overlap. */
static inline avcl_node avcl_b_max_pool3d(const avcl_build *b, avcl_node x,
                                          const int64_t kernel[3])
{
    avcl_attr at = avcl_attr_ints("kernel", kernel, 3);
    return avcl_b_op(b, "max_pool3d", &x, 1, &at, 1);
}

/* [N,C,T,H,W] -> [N,C] */
static inline avcl_node avcl_b_global_avg_pool(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "global_avg_pool", x);
}

/* Batch normalisation over axis 1 with weights NAME/weight, NAME/bias and states
 * NAME/running_mean, NAME/running_var, as PyTorch: eps 1e-5, momentum 0.1. */
static inline avcl_node avcl_b_batch_norm(const avcl_build *b, avcl_node x,
                                          const char *name)
{
    const avcl_graph_api *g = b->graph;
    int64_t c = avcl_b_dim(b, x, 1);
    g->push(b->call, name);
    avcl_node in[5] = {x, g->weight(b->call, "weight", &c, 1, "fill", 1.0),
                       g->weight(b->call, "bias", &c, 1, "fill", 0.0),
                       g->state(b->call, "running_mean", &c, 1, "fill", 0.0),
                       g->state(b->call, "running_var", &c, 1, "fill", 1.0)};
    avcl_node y = avcl_b_op(b, "batch_norm", in, 5, NULL, 0);
    g->assign(b->call, in[3], avcl_b_result(b, y, 3), AVCL_FORWARD);
    g->assign(b->call, in[4], avcl_b_result(b, y, 4), AVCL_FORWARD);
    g->pop(b->call);
    return y;
}

/* ---- shapes
 * ------------------------------------------------------------------------------ */
static inline avcl_node avcl_b_concat(const avcl_build *b, const avcl_node *x, uint32_t n,
                                      int64_t axis)
{
    avcl_attr at = avcl_attr_int("axis", axis);
    return avcl_b_op(b, "concat", x, n, &at, 1);
}

static inline avcl_node avcl_b_slice(const avcl_build *b, avcl_node x, int64_t axis,
                                     int64_t start, int64_t stop)
{
    avcl_attr at[3] = {avcl_attr_int("axis", axis), avcl_attr_int("start", start),
                       avcl_attr_int("stop", stop)};
    return avcl_b_op(b, "slice", &x, 1, at, 3);
}

static inline avcl_node avcl_b_reshape(const avcl_build *b, avcl_node x,
                                       const int64_t *shape, uint32_t ndim)
{
    avcl_attr at = avcl_attr_ints("shape", shape, ndim);
    return avcl_b_op(b, "reshape", &x, 1, &at, 1);
}

static inline avcl_node avcl_b_transpose(const avcl_build *b, avcl_node x,
                                         const int64_t *perm, uint32_t ndim)
{
    avcl_attr at = avcl_attr_ints("perm", perm, ndim);
    return avcl_b_op(b, "transpose", &x, 1, &at, 1);
}

#endif
