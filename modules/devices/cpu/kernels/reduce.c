/*
 * reduce.c - sum, mean, max, variance over any axes.
 *
 * x is seen as rows: the trailing axes that are all reduced, or all kept. Reduced
 * rows give one number each; kept rows are added element by element. Sums go
 * through doubles, in an order that no thread count changes.
 */
#include <math.h>

#include "kernels.h"

typedef struct reduction {
    const float *x;
    const double *centre; /* variance: means, one per output */
    double *acc;          /* one per output */
    avcl_tinfo x_info;
    avcl_tinfo outer_kept;    /* x's leading axes, reduced ones as 1 */
    avcl_tinfo outer_reduced; /* and the other way round */
    int64_t row;
    int row_reduced;
    int is_max;
} reduction;

/* Where element `flat` of `part` (x's leading axes, some as 1) lies in x. */
static int64_t place(const avcl_tinfo *part, const reduction *r, int64_t flat)
{
    int64_t at = 0;
    int64_t stride = r->row;
    for (int32_t i = part->ndim - 1; i >= 0; i--) {
        at += flat % part->shape[i] * stride;
        flat /= part->shape[i];
        stride *= r->x_info.shape[i];
    }
    return at;
}

static double max_of(const float *x, int64_t n, double best)
{
    for (int64_t i = 0; i < n; i++)
        if (x[i] > best || isnan(x[i])) best = x[i];
    return best;
}

static double squares_of(const float *x, int64_t n, double centre)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += (x[i] - centre) * (x[i] - centre);
    return total;
}

static void add_reduced_row(const reduction *r, const float *x, int64_t o)
{
    if (r->is_max)
        r->acc[o] = max_of(x, r->row, r->acc[o]);
    else if (r->centre)
        r->acc[o] += squares_of(x, r->row, r->centre[o]);
    else
        r->acc[o] += sum_of(x, r->row);
}

static void add_kept_row(const reduction *r, const float *x, int64_t o)
{
    double *acc = r->acc + o * r->row;
    const double *centre = r->centre ? r->centre + o * r->row : NULL;
    for (int64_t i = 0; i < r->row; i++) {
        if (r->is_max)
            acc[i] = max_of(x + i, 1, acc[i]);
        else if (centre)
            acc[i] += (x[i] - centre[i]) * (x[i] - centre[i]);
        else
            acc[i] += x[i];
    }
}

static void reduce_some(void *arg, int64_t begin, int64_t end)
{
    const reduction *r = arg;
    int64_t n = avcl__count(&r->outer_reduced);
    int64_t width = r->row_reduced ? 1 : r->row;
    for (int64_t o = begin; o < end; o++) {
        for (int64_t i = 0; i < width; i++)
            r->acc[o * width + i] = r->is_max ? -INFINITY : 0;
        for (int64_t k = 0; k < n; k++) {
            const float *x =
                r->x + place(&r->outer_kept, r, o) + place(&r->outer_reduced, r, k);
            if (r->row_reduced)
                add_reduced_row(r, x, o);
            else
                add_kept_row(r, x, o);
        }
    }
}

/* Splits x's axes; reduced[i] says whether axis i goes. */
static reduction split(const avcl_tinfo *x, const int reduced[AVCL_MAX_DIMS])
{
    reduction r = {.x_info = *x, .row = 1, .row_reduced = 1};
    int32_t n = x->ndim;
    if (n) r.row_reduced = reduced[n - 1];
    while (n && reduced[n - 1] == r.row_reduced)
        r.row *= x->shape[--n];
    r.outer_kept.ndim = r.outer_reduced.ndim = n;
    for (int32_t i = 0; i < n; i++) {
        r.outer_kept.shape[i] = reduced[i] ? 1 : x->shape[i];
        r.outer_reduced.shape[i] = reduced[i] ? x->shape[i] : 1;
    }
    return r;
}

static void go(const cpu_call *c, const reduction *r)
{
    int64_t n = avcl__count(&r->outer_kept);
    int64_t each = r->row * avcl__count(&r->outer_reduced);
    avcl__cpu_for(c->device, n, grain_of(each), reduce_some, (void *)(uintptr_t)r);
}

static reduction from_axes(const cpu_call *c)
{
    const avcl_axes_attrs *a = c->attrs;
    const avcl_tinfo *x = &c->kernel->in_info[0];
    int reduced[AVCL_MAX_DIMS] = {0};
    for (int32_t i = 0; i < x->ndim; i++)
        reduced[i] = a->axes.n == 0;
    for (int32_t i = 0; i < a->axes.n; i++)
        reduced[a->axes.v[i]] = 1;
    reduction r = split(x, reduced);
    r.x = c->in[0];
    r.acc = c->scratch;
    return r;
}

/* Outputs of a reduction: all of y. */
static void finish(const cpu_call *c, double scale)
{
    const double *acc = c->scratch;
    float *y = c->out[0];
    int64_t n = avcl__count(&c->kernel->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(acc[i] * scale);
}

static double one_over_group(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    return (double)avcl__count(&k->out_info[0]) / (double)avcl__count(&k->in_info[0]);
}

typedef struct channel_job {
    const float *x;
    double *acc;
    int64_t rows;
    int64_t blocks;
    int64_t plane;
} channel_job;

/* Channel blocks [begin, end) of a blocked x, summed over everything else. */
static void sum_blocks(void *arg, int64_t begin, int64_t end)
{
    const channel_job *j = arg;
    for (int64_t b = begin; b < end; b++) {
        double *acc = j->acc + b * LANES;
        for (int l = 0; l < LANES; l++)
            acc[l] = 0;
        for (int64_t n = 0; n < j->rows; n++) {
            const float *x = j->x + (n * j->blocks + b) * j->plane * LANES;
            for (int64_t i = 0; i < j->plane;) {
                int64_t stop = i + RUN < j->plane ? i + RUN : j->plane;
                vec part = {0};
                for (; i < stop; i++)
                    part += *(const vec *)(x + i * LANES);
                for (int l = 0; l < LANES; l++)
                    acc[l] += part[l];
            }
        }
    }
}

static avcl_status sum(const cpu_call *c)
{
    const avcl_tinfo *x = &c->kernel->in_info[0];
    if (c->kernel->in_tag[0] == AVCL_CPU_BLOCKED) {
        channel_job j = {c->in[0], c->scratch, x->shape[0], n_blocks(x), positions(x)};
        avcl__cpu_for(c->device, j.blocks, grain_of(j.rows * j.plane * LANES), sum_blocks,
                      &j);
    } else {
        reduction r = from_axes(c);
        go(c, &r);
    }
    finish(c, 1);
    return AVCL_OK;
}

static avcl_status mean(const cpu_call *c)
{
    reduction r = from_axes(c);
    go(c, &r);
    finish(c, one_over_group(c));
    return AVCL_OK;
}

static avcl_status max(const cpu_call *c)
{
    reduction r = from_axes(c);
    r.is_max = 1;
    go(c, &r);
    finish(c, 1);
    return AVCL_OK;
}

static avcl_status variance(const cpu_call *c)
{
    reduction r = from_axes(c);
    int64_t n = avcl__count(&c->kernel->out_info[0]);
    double *centre = (double *)c->scratch + n;
    go(c, &r);
    for (int64_t i = 0; i < n; i++)
        centre[i] = r.acc[i] * one_over_group(c);
    r.centre = centre;
    go(c, &r);
    finish(c, one_over_group(c));
    return AVCL_OK;
}

static avcl_status sum_to(const cpu_call *c)
{
    const avcl_tinfo *x = &c->kernel->in_info[0];
    const avcl_tinfo *y = &c->kernel->out_info[0];
    int reduced[AVCL_MAX_DIMS] = {0};
    int32_t shift = x->ndim - y->ndim;
    for (int32_t i = 0; i < x->ndim; i++)
        reduced[i] = i < shift || y->shape[i - shift] != x->shape[i];
    reduction r = split(x, reduced);
    r.x = c->in[0];
    r.acc = c->scratch;
    go(c, &r);
    finish(c, 1);
    return AVCL_OK;
}

/* Two doubles per output; a blocked sum also has its padding channels. */
static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    (void)device;
    (void)err;
    uint64_t n = (uint64_t)avcl__count(&k->out_info[0]) + LANES;
    k->scratch = avcl__align(2 * n * sizeof(double));
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_reduce)[] = {
    {.name = "sum",
     sizeof(avcl_axes_attrs),
     .run = sum,
     .prepare = plan,
     .layouts = avcl__cpu_layout_sum},
    {.name = "mean", sizeof(avcl_axes_attrs), .run = mean, .prepare = plan},
    {.name = "max", sizeof(avcl_axes_attrs), .run = max, .prepare = plan},
    {.name = "variance", sizeof(avcl_axes_attrs), .run = variance, .prepare = plan},
    {.name = "sum_to", .run = sum_to, .prepare = plan},
    {.name = NULL},
};
