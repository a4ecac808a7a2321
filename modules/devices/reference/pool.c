/*
 * pool.c - pooling over windows of T, H, W and over the whole of them.
 *
 * Padding never wins a maximum and counts as zeros in an average.
 */
#include <math.h>

#include "reference.h"

/* One output position: visits its taps inside x as flat T·H·W positions. */
typedef struct window {
    const avcl_pool3d_attrs *attrs;
    const int64_t *size; /* x's T H W */
    int64_t start[3];
    int64_t tap; /* next to try */
} window;

static window window_at(const avcl_pool3d_attrs *attrs, const avcl_tinfo *x,
                        const avcl_tinfo *y, int64_t flat)
{
    window w = {.attrs = attrs, .size = x->shape + 2};
    for (int d = 2; d >= 0; d--) {
        w.start[d] = flat % y->shape[2 + d] * attrs->stride.v[d] - attrs->pad.v[d];
        flat /= y->shape[2 + d];
    }
    return w;
}

/* The next position inside x, or -1. */
static int64_t next(window *w)
{
    const int64_t *k = w->attrs->kernel.v;
    while (w->tap < k[0] * k[1] * k[2]) {
        int64_t at[3] = {w->start[0] + w->tap / (k[1] * k[2]),
                         w->start[1] + w->tap / k[2] % k[1], w->start[2] + w->tap % k[2]};
        w->tap++;
        int inside = 1;
        for (int d = 0; d < 3; d++)
            inside &= at[d] >= 0 && at[d] < w->size[d];
        if (inside) return (at[0] * w->size[1] + at[1]) * w->size[2] + at[2];
    }
    return -1;
}

static void zero(const ref_call *c)
{
    double *y = c->out[0];
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = 0;
}

static avcl_status max_pool(const ref_call *c)
{
    const avcl_tinfo *xi = &c->in_info[0];
    const avcl_tinfo *yi = &c->out_info[0];
    int64_t x_plane = avcl__extent(xi, 2, 5);
    int64_t y_plane = avcl__extent(yi, 2, 5);
    double *y = c->out[0];
    int32_t *index = c->n_out > 1 ? c->out[1] : NULL;
    for (int64_t i = 0; i < avcl__count(yi); i++) {
        const double *x = (const double *)c->in[0] + i / y_plane * x_plane;
        window w = window_at(c->attrs, xi, yi, i % y_plane);
        int64_t best = next(&w);
        for (int64_t k = best; k >= 0; k = next(&w))
            if (x[k] > x[best] || isnan(x[k])) best = k;
        y[i] = best >= 0 ? x[best] : -INFINITY;
        if (index) index[i] = (int32_t)best;
    }
    return AVCL_OK;
}

static avcl_status max_pool_backward(const ref_call *c)
{
    const avcl_tinfo *yi = &c->in_info[0];
    int64_t x_plane = avcl__extent(&c->out_info[0], 2, 5);
    int64_t y_plane = avcl__extent(yi, 2, 5);
    const double *g = c->in[0];
    const int32_t *index = c->in[1];
    double *gx = c->out[0];
    zero(c);
    for (int64_t i = 0; i < avcl__count(yi); i++)
        if (index[i] >= 0) gx[i / y_plane * x_plane + index[i]] += g[i];
    return AVCL_OK;
}

static double taps(const avcl_pool3d_attrs *a)
{
    return (double)(a->kernel.v[0] * a->kernel.v[1] * a->kernel.v[2]);
}

static avcl_status avg_pool(const ref_call *c)
{
    const avcl_tinfo *xi = &c->in_info[0];
    const avcl_tinfo *yi = &c->out_info[0];
    int64_t x_plane = avcl__extent(xi, 2, 5);
    int64_t y_plane = avcl__extent(yi, 2, 5);
    double *y = c->out[0];
    for (int64_t i = 0; i < avcl__count(yi); i++) {
        const double *x = (const double *)c->in[0] + i / y_plane * x_plane;
        window w = window_at(c->attrs, xi, yi, i % y_plane);
        double total = 0;
        for (int64_t k = next(&w); k >= 0; k = next(&w))
            total += x[k];
        y[i] = total / taps(c->attrs);
    }
    return AVCL_OK;
}

static avcl_status avg_pool_backward(const ref_call *c)
{
    const avcl_tinfo *xi = &c->out_info[0];
    const avcl_tinfo *yi = &c->in_info[0];
    int64_t x_plane = avcl__extent(xi, 2, 5);
    int64_t y_plane = avcl__extent(yi, 2, 5);
    const double *g = c->in[0];
    zero(c);
    for (int64_t i = 0; i < avcl__count(yi); i++) {
        double *gx = (double *)c->out[0] + i / y_plane * x_plane;
        window w = window_at(c->attrs, xi, yi, i % y_plane);
        for (int64_t k = next(&w); k >= 0; k = next(&w))
            gx[k] += g[i] / taps(c->attrs);
    }
    return AVCL_OK;
}

static avcl_status global_avg(const ref_call *c)
{
    const double *x = c->in[0];
    double *y = c->out[0];
    int64_t plane = avcl__extent(&c->in_info[0], 2, c->in_info[0].ndim);
    for (int64_t i = 0; i < avcl__count(&c->out_info[0]); i++) {
        double total = 0;
        for (int64_t k = 0; k < plane; k++)
            total += x[i * plane + k];
        y[i] = total / (double)plane;
    }
    return AVCL_OK;
}

static avcl_status global_avg_backward(const ref_call *c)
{
    const double *g = c->in[0];
    double *gx = c->out[0];
    int64_t plane = avcl__extent(&c->out_info[0], 2, c->out_info[0].ndim);
    for (int64_t i = 0; i < avcl__count(&c->out_info[0]); i++)
        gx[i] = g[i / plane] / (double)plane;
    return AVCL_OK;
}

static avcl_status global_max(const ref_call *c)
{
    const double *x = c->in[0];
    double *y = c->out[0];
    int64_t plane = avcl__extent(&c->in_info[0], 2, c->in_info[0].ndim);
    for (int64_t i = 0; i < avcl__count(&c->out_info[0]); i++) {
        y[i] = -INFINITY;
        for (int64_t k = 0; k < plane; k++)
            if (x[i * plane + k] > y[i] || isnan(x[i * plane + k]))
                y[i] = x[i * plane + k];
    }
    return AVCL_OK;
}

const ref_op avcl__ref_pool[] = {
    {.name = "max_pool3d", sizeof(avcl_pool3d_attrs), .run = max_pool},
    {.name = "max_pool3d_backward", .run = max_pool_backward},
    {.name = "avg_pool3d", sizeof(avcl_pool3d_attrs), .run = avg_pool},
    {.name = "avg_pool3d_backward", sizeof(avcl_pool3d_attrs), .run = avg_pool_backward},
    {.name = "global_avg_pool", .run = global_avg},
    {.name = "global_avg_pool_backward", .run = global_avg_backward},
    {.name = "global_max_pool", .run = global_max},
    {.name = NULL},
};
