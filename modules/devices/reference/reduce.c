/* reduce.c - sums, means, extremes over axes; the kept shape addresses the output. */
#include <math.h>

#include "reference.h"

/* x's shape with the reduced axes as 1: same elements as the output. No axes: all. */
static avcl_tinfo kept(const avcl_tinfo *x, const avcl_ints *axes)
{
    avcl_tinfo y = *x;
    for (int32_t i = 0; i < axes->n; i++)
        y.shape[axes->v[i]] = 1;
    if (axes->n == 0)
        for (int32_t i = 0; i < y.ndim; i++)
            y.shape[i] = 1;
    return y;
}

static avcl_tinfo kept_axis(const avcl_tinfo *x, int64_t axis)
{
    avcl_ints axes = {.n = 1, .v = {axis}};
    return kept(x, &axes);
}

static void fill(double *y, int64_t n, double value)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = value;
}

static void sum_into(const double *x, const avcl_tinfo *from, double *y,
                     const avcl_tinfo *to)
{
    int64_t n = avcl__count(from);
    fill(y, avcl__count(to), 0);
    for (int64_t i = 0; i < n; i++)
        y[avcl__broadcast_index(to, from, i)] += x[i];
}

static avcl_status sum(const ref_call *c)
{
    const avcl_axes_attrs *a = c->attrs;
    avcl_tinfo to = kept(&c->in_info[0], &a->axes);
    sum_into(c->in[0], &c->in_info[0], c->out[0], &to);
    return AVCL_OK;
}

static void average(const double *x, const avcl_tinfo *from, double *y,
                    const avcl_tinfo *to)
{
    int64_t n = avcl__count(to);
    double each = (double)(avcl__count(from) / n);
    sum_into(x, from, y, to);
    for (int64_t i = 0; i < n; i++)
        y[i] /= each;
}

static avcl_status mean(const ref_call *c)
{
    const avcl_axes_attrs *a = c->attrs;
    avcl_tinfo to = kept(&c->in_info[0], &a->axes);
    average(c->in[0], &c->in_info[0], c->out[0], &to);
    return AVCL_OK;
}

/* Where element `flat` of `part`, which is x with some axes as 1, lies in x. */
static int64_t place(const avcl_tinfo *part, const avcl_tinfo *x, int64_t flat)
{
    int64_t at = 0;
    int64_t stride = 1;
    for (int32_t i = x->ndim - 1; i >= 0; i--) {
        at += flat % part->shape[i] * stride;
        flat /= part->shape[i];
        stride *= x->shape[i];
    }
    return at;
}

static double deviations(const double *x, const avcl_tinfo *info, const avcl_tinfo *group)
{
    int64_t n = avcl__count(group);
    double total = 0;
    double squares = 0;
    for (int64_t i = 0; i < n; i++)
        total += x[place(group, info, i)];
    for (int64_t i = 0; i < n; i++) {
        double d = x[place(group, info, i)] - total / (double)n;
        squares += d * d;
    }
    return squares / (double)n;
}

static avcl_status variance(const ref_call *c)
{
    const avcl_axes_attrs *a = c->attrs;
    const avcl_tinfo *info = &c->in_info[0];
    const double *x = c->in[0];
    double *y = c->out[0];
    avcl_tinfo to = kept(info, &a->axes);
    avcl_tinfo group = *info; /* the reduced axes only */
    for (int32_t i = 0; i < info->ndim; i++)
        group.shape[i] /= to.shape[i];
    int64_t n = avcl__count(&to);
    for (int64_t o = 0; o < n; o++)
        y[o] = deviations(x + place(&to, info, o), info, &group);
    return AVCL_OK;
}

static void max_into(const double *x, const avcl_tinfo *from, double *y,
                     const avcl_tinfo *to)
{
    int64_t n = avcl__count(from);
    fill(y, avcl__count(to), -INFINITY);
    for (int64_t i = 0; i < n; i++) {
        double *best = &y[avcl__broadcast_index(to, from, i)];
        if (x[i] > *best || isnan(x[i])) *best = x[i];
    }
}

static avcl_status max(const ref_call *c)
{
    const avcl_axes_attrs *a = c->attrs;
    avcl_tinfo to = kept(&c->in_info[0], &a->axes);
    max_into(c->in[0], &c->in_info[0], c->out[0], &to);
    return AVCL_OK;
}

/* The line of x along `axis` through output o starts at its first element. */
typedef struct lines {
    int64_t n;      /* lines */
    int64_t length; /* of each */
    int64_t stride; /* between elements of a line */
} lines;

static lines lines_along(const avcl_tinfo *x, int64_t axis)
{
    avcl_tinfo to = kept_axis(x, axis);
    int64_t stride = avcl__extent(x, (int32_t)axis + 1, x->ndim);
    return (lines){avcl__count(&to), x->shape[axis], stride};
}

static int64_t line_start(const lines *l, int64_t line)
{
    return line / l->stride * l->stride * l->length + line % l->stride;
}

static avcl_status logsumexp(const ref_call *c)
{
    const avcl_axis_attrs *a = c->attrs;
    lines l = lines_along(&c->in_info[0], a->axis);
    double *y = c->out[0];
    for (int64_t i = 0; i < l.n; i++) {
        const double *x = (const double *)c->in[0] + line_start(&l, i);
        double best = -INFINITY;
        for (int64_t k = 0; k < l.length; k++)
            best = fmax(best, x[k * l.stride]);
        double total = 0;
        double base = isfinite(best) ? best : 0;
        for (int64_t k = 0; k < l.length; k++)
            total += exp(x[k * l.stride] - base);
        y[i] = base + log(total);
    }
    return AVCL_OK;
}

static avcl_status argmax(const ref_call *c)
{
    const avcl_axis_attrs *a = c->attrs;
    lines l = lines_along(&c->in_info[0], a->axis);
    int32_t *y = c->out[0];
    for (int64_t i = 0; i < l.n; i++) {
        const double *x = (const double *)c->in[0] + line_start(&l, i);
        int64_t best = 0;
        for (int64_t k = 1; k < l.length; k++)
            if (x[k * l.stride] > x[best * l.stride]) best = k;
        y[i] = (int32_t)best;
    }
    return AVCL_OK;
}

static avcl_status sum_to(const ref_call *c)
{
    sum_into(c->in[0], &c->in_info[0], c->out[0], &c->out_info[0]);
    return AVCL_OK;
}

const ref_op avcl__ref_reduce[] = {
    {.name = "sum", sizeof(avcl_axes_attrs), .run = sum},
    {.name = "mean", sizeof(avcl_axes_attrs), .run = mean},
    {.name = "variance", sizeof(avcl_axes_attrs), .run = variance},
    {.name = "max", sizeof(avcl_axes_attrs), .run = max},
    {.name = "logsumexp", sizeof(avcl_axis_attrs), .run = logsumexp},
    {.name = "argmax", sizeof(avcl_axis_attrs), .run = argmax},
    {.name = "sum_to", .run = sum_to},
    {.name = NULL},
};
