/* common.c - checks, shapes and gradient pieces that more than one op family needs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/ops/ops_impl.h"

/* ---- texts ------------------------------------------------------------------- */
static const char *dtype_text(avcl_dtype dtype)
{
    switch (dtype) {
    case AVCL_F32:
        return "real";
    case AVCL_F64:
        return "f64";
    case AVCL_F16:
        return "f16";
    case AVCL_BF16:
        return "bf16";
    case AVCL_U8:
        return "u8";
    case AVCL_I32:
        return "i32";
    case AVCL_I64:
        return "i64";
    }
    return "unknown";
}

avcl_text avcl__dims_text(const int64_t *dims, int32_t n)
{
    avcl_text text = {"["};
    size_t at = 1;
    for (int32_t i = 0; i < n && i < AVCL_MAX_DIMS; i++)
        at += (size_t)snprintf(text.s + at, sizeof text.s - at, "%s%lld", i ? "," : "",
                               (long long)dims[i]);
    snprintf(text.s + at, sizeof text.s - at, "]");
    return text;
}

avcl_text avcl__info_text(const avcl_tinfo *info)
{
    avcl_text text;
    avcl_text dims = avcl__dims_text(info->shape, info->ndim);
    dims.s[sizeof dims.s - 16] =
        '\0'; /* eight 20-digit dims fit; the compiler cannot know */
    snprintf(text.s, sizeof text.s, "%s %d-d %.170s", dtype_text(info->dtype), info->ndim,
             dims.s);
    return text;
}

avcl_status avcl__op_misfit(const avcl_build *b, avcl_status code, const char *fmt, ...)
{
    char text[640];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return b->host->report(b->call, code, text);
}

/* ---- checks ------------------------------------------------------------------ */
avcl_status avcl__want(const avcl_build *b, const avcl_op_view *node, uint32_t i,
                       const char *what, avcl_dtype dtype, int32_t lo, int32_t hi)
{
    const avcl_tinfo *x = &node->in_info[i];
    if (x->dtype != dtype)
        return avcl__op_misfit(b, AVCL_E_DTYPE, "expected %s %s, got %s",
                               dtype_text(dtype), what, avcl__info_text(x).s);
    if (x->ndim >= lo && x->ndim <= hi) return AVCL_OK;
    avcl_text got = avcl__dims_text(x->shape, x->ndim);
    if (lo == hi)
        return avcl__op_misfit(b, AVCL_E_SHAPE, "expected %d-d %s, got %d-d %s", lo, what,
                               x->ndim, got.s);
    return avcl__op_misfit(b, AVCL_E_SHAPE, "expected %d-d to %d-d %s, got %d-d %s", lo,
                           hi, what, x->ndim, got.s);
}

avcl_status avcl__want_real(const avcl_build *b, const avcl_op_view *node, uint32_t i,
                            const char *what)
{
    return avcl__want(b, node, i, what, AVCL_F32, 0, AVCL_MAX_DIMS);
}

avcl_status avcl__want_dims(const avcl_build *b, const avcl_op_view *node, uint32_t i,
                            const char *what, const int64_t *dims, int32_t ndim)
{
    avcl_status st = avcl__want_real(b, node, i, what);
    if (st) return st;
    const avcl_tinfo *x = &node->in_info[i];
    avcl_tinfo like = avcl__real(dims, ndim);
    if (avcl__same_shape(x, &like)) return AVCL_OK;
    return avcl__op_misfit(b, AVCL_E_SHAPE, "expected %s of shape %s, got %s", what,
                           avcl__dims_text(dims, ndim).s,
                           avcl__dims_text(x->shape, x->ndim).s);
}

avcl_status avcl__want_axis(const avcl_build *b, int64_t axis, const avcl_tinfo *x)
{
    if (axis >= 0 && axis < x->ndim) return AVCL_OK;
    return avcl__op_misfit(b, AVCL_E_INVALID, "axis %lld is out of range for %d-d %s",
                           (long long)axis, x->ndim,
                           avcl__dims_text(x->shape, x->ndim).s);
}

avcl_status avcl__want_ints(const avcl_build *b, const avcl_ints *v, const char *name,
                            int32_t n, int64_t least)
{
    if (v->n != n)
        return avcl__op_misfit(b, AVCL_E_INVALID, "%s needs %d values, got %d: %s", name,
                               n, v->n, avcl__dims_text(v->v, v->n).s);
    for (int32_t i = 0; i < n; i++)
        if (v->v[i] < least)
            return avcl__op_misfit(b, AVCL_E_INVALID, "%s %s has a value below %lld",
                                   name, avcl__dims_text(v->v, n).s, (long long)least);
    return AVCL_OK;
}

avcl_status avcl__want_first(const avcl_build *b, const avcl_op_view *node,
                             const avcl_node *out_grad)
{
    for (uint32_t i = 1; i < node->n_out; i++)
        if (out_grad[i])
            return avcl__op_misfit(
                b, AVCL_E_UNSUPPORTED,
                "only output 0 has a gradient, and the loss depends on "
                "output %u; put stop_gradient after it",
                i);
    return AVCL_OK;
}

/* ---- shapes ------------------------------------------------------------------ */
avcl_tinfo avcl__real(const int64_t *dims, int32_t ndim)
{
    avcl_tinfo info = {AVCL_F32, ndim, {0}};
    for (int32_t i = 0; i < ndim; i++)
        info.shape[i] = dims[i];
    return info;
}

int32_t avcl__same_shape(const avcl_tinfo *x, const avcl_tinfo *y)
{
    if (x->ndim != y->ndim) return 0;
    for (int32_t i = 0; i < x->ndim; i++)
        if (x->shape[i] != y->shape[i]) return 0;
    return 1;
}

int64_t avcl__numel(const avcl_tinfo *x)
{
    int64_t n = 1;
    for (int32_t i = 0; i < x->ndim; i++)
        n *= x->shape[i];
    return n;
}

int64_t avcl__axis(int64_t axis, int32_t ndim)
{
    return axis < 0 && axis >= -(int64_t)ndim ? axis + ndim : axis;
}

int32_t avcl__broadcast(const avcl_tinfo *x, const avcl_tinfo *y, avcl_tinfo *out)
{
    avcl_tinfo z = {AVCL_F32, x->ndim > y->ndim ? x->ndim : y->ndim, {0}};
    for (int32_t i = 1; i <= z.ndim; i++) {
        int64_t dx = i <= x->ndim ? x->shape[x->ndim - i] : 1;
        int64_t dy = i <= y->ndim ? y->shape[y->ndim - i] : 1;
        if (dx != dy && dx != 1 && dy != 1) return 0;
        z.shape[z.ndim - i] = dx == 1 ? dy : dx;
    }
    *out = z;
    return 1;
}

void avcl__triple(avcl_ints *v, const avcl_ints *fallback)
{
    if (v->n == 0 && fallback) *v = *fallback;
    if (v->n != 1) return;
    v->n = 3;
    v->v[1] = v->v[2] = v->v[0];
}

/* ---- infer and gradient pieces ----------------------------------------------- */
avcl_status avcl__infer_same(const avcl_build *b, const avcl_op_view *node,
                             avcl_tinfo *out_info)
{
    const avcl_tinfo *x = &node->in_info[0];
    avcl_status st = avcl__want_real(b, node, 0, "input 0");
    for (uint32_t i = 1; i < node->n_in && !st; i++)
        st = avcl__want_dims(b, node, i, "input 1", x->shape, x->ndim);
    if (!st) out_info[0] = *x;
    return st;
}

avcl_status avcl__infer_alias(const avcl_build *b, const avcl_op_view *node,
                              avcl_tinfo *out_info)
{
    (void)b;
    out_info[0] = node->in_info[0];
    return AVCL_OK;
}

avcl_status avcl__grad_pass(const avcl_build *b, const avcl_op_view *node,
                            const avcl_node *out_grad, avcl_node *in_grad)
{
    (void)node;
    in_grad[0] = out_grad[0];
    return avcl_b_status(b);
}

avcl_node avcl__shaped(const avcl_build *b, const char *op, avcl_node g,
                       const int64_t *dims, int32_t ndim)
{
    avcl_attr at = avcl_attr_ints("shape", dims, (uint32_t)ndim);
    return avcl_b_op(b, op, &g, 1, &at, 1);
}

avcl_node avcl__sum_to(const avcl_build *b, avcl_node g, const avcl_tinfo *from,
                       const avcl_tinfo *to)
{
    if (avcl__same_shape(from, to)) return g;
    return avcl__shaped(b, "sum_to", g, to->shape, to->ndim);
}

avcl_node avcl__max_grad(const avcl_build *b, avcl_node x, avcl_node y, avcl_node g,
                         const avcl_ints *axes, const int64_t *kept, int32_t ndim)
{
    avcl_node peak =
        avcl_b_op2(b, "equal", x, avcl_b_reshape(b, y, kept, (uint32_t)ndim));
    avcl_node ties = avcl_b_sum(b, peak, axes->v, (uint32_t)axes->n, 1);
    avcl_node share = avcl_b_div(b, avcl_b_reshape(b, g, kept, (uint32_t)ndim), ties);
    return avcl_b_mul(b, peak, share);
}
