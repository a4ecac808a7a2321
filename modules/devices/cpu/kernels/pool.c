/*
 * pool.c - pooling over windows, on planes of [T][H][W][lanes]: one plane per
 * channel block, or per channel (one lane) in row-major layout.
 *
 * Padding never wins a maximum and counts as zeros in an average.
 */
#include <math.h>

#include "kernels.h"

typedef struct pool_job {
    const avcl_pool3d_attrs *attrs;
    const int64_t *x_size; /* T H W of the larger side */
    const int64_t *y_size;
    const float *in;
    const int32_t *index_in;
    float *out;
    int32_t *index_out;
    int64_t x_plane;
    int64_t y_plane;
} pool_job;

typedef struct box { /* taps inside x of one output position */
    int64_t begin[3];
    int64_t end[3];
} box;

static box box_at(const pool_job *j, int64_t flat)
{
    box b;
    for (int d = 2; d >= 0; d--) {
        int64_t at = flat % j->y_size[d] * j->attrs->stride.v[d] - j->attrs->pad.v[d];
        int64_t end = at + j->attrs->kernel.v[d];
        flat /= j->y_size[d];
        b.begin[d] = at < 0 ? 0 : at;
        b.end[d] = end < j->x_size[d] ? end : j->x_size[d];
    }
    return b;
}

static inline __attribute__((always_inline)) void max_at(const pool_job *j,
                                                         const float *x, const box *b,
                                                         float *y, int32_t *index,
                                                         int lanes)
{
    float best[LANES];
    int32_t where[LANES];
    for (int l = 0; l < lanes; l++)
        best[l] = -INFINITY;
    for (int l = 0; l < lanes; l++)
        where[l] = -1;
    for (int64_t t = b->begin[0]; t < b->end[0]; t++)
        for (int64_t h = b->begin[1]; h < b->end[1]; h++)
            for (int64_t w = b->begin[2]; w < b->end[2]; w++) {
                int64_t at = (t * j->x_size[1] + h) * j->x_size[2] + w;
                const float *v = x + at * lanes;
                for (int l = 0; l < lanes; l++) {
                    int wins = !(v[l] <= best[l]) || where[l] < 0;
                    best[l] = wins ? v[l] : best[l];
                    where[l] = wins ? (int32_t)at : where[l];
                }
            }
    for (int l = 0; l < lanes; l++)
        y[l] = best[l];
    for (int l = 0; index && l < lanes; l++)
        index[l] = where[l];
}

static inline __attribute__((always_inline)) void
max_planes(const pool_job *j, int64_t begin, int64_t end, int lanes)
{
    for (int64_t p = begin; p < end; p++)
        for (int64_t o = 0; o < j->y_plane; o++) {
            int64_t at = (p * j->y_plane + o) * lanes;
            box b = box_at(j, o);
            max_at(j, j->in + p * j->x_plane * lanes, &b, j->out + at,
                   j->index_out ? j->index_out + at : NULL, lanes);
        }
}

static void max_blocked(void *arg, int64_t begin, int64_t end)
{
    max_planes(arg, begin, end, LANES);
}

static void max_plain(void *arg, int64_t begin, int64_t end)
{
    max_planes(arg, begin, end, 1);
}

static void max_grad_planes(const pool_job *j, int64_t begin, int64_t end, int lanes)
{
    for (int64_t p = begin; p < end; p++) {
        float *gx = j->out + p * j->x_plane * lanes;
        const float *g = j->in + p * j->y_plane * lanes;
        const int32_t *index = j->index_in + p * j->y_plane * lanes;
        memset(gx, 0, (size_t)(j->x_plane * lanes) * sizeof *gx);
        for (int64_t o = 0; o < j->y_plane * lanes; o++)
            if (index[o] >= 0) gx[(int64_t)index[o] * lanes + o % lanes] += g[o];
    }
}

static void max_grad_blocked(void *arg, int64_t begin, int64_t end)
{
    max_grad_planes(arg, begin, end, LANES);
}

static void max_grad_plain(void *arg, int64_t begin, int64_t end)
{
    max_grad_planes(arg, begin, end, 1);
}

static float each_tap(const pool_job *j)
{
    const int64_t *k = j->attrs->kernel.v;
    return 1 / (float)(k[0] * k[1] * k[2]);
}

static inline __attribute__((always_inline)) void
avg_planes(const pool_job *j, int64_t begin, int64_t end, int lanes)
{
    float scale = each_tap(j);
    for (int64_t p = begin; p < end; p++)
        for (int64_t o = 0; o < j->y_plane; o++) {
            const float *x = j->in + p * j->x_plane * lanes;
            float *y = j->out + (p * j->y_plane + o) * lanes;
            box b = box_at(j, o);
            float acc[LANES] = {0};
            for (int64_t t = b.begin[0]; t < b.end[0]; t++)
                for (int64_t h = b.begin[1]; h < b.end[1]; h++)
                    for (int64_t w = b.begin[2]; w < b.end[2]; w++)
                        for (int l = 0; l < lanes; l++)
                            acc[l] +=
                                x[((t * j->x_size[1] + h) * j->x_size[2] + w) * lanes +
                                  l];
            for (int l = 0; l < lanes; l++)
                y[l] = acc[l] * scale;
        }
}

static void avg_blocked(void *arg, int64_t begin, int64_t end)
{
    avg_planes(arg, begin, end, LANES);
}

static void avg_plain(void *arg, int64_t begin, int64_t end)
{
    avg_planes(arg, begin, end, 1);
}

static inline __attribute__((always_inline)) void
avg_grad_planes(const pool_job *j, int64_t begin, int64_t end, int lanes)
{
    float scale = each_tap(j);
    for (int64_t p = begin; p < end; p++) {
        float *gx = j->out + p * j->x_plane * lanes;
        memset(gx, 0, (size_t)(j->x_plane * lanes) * sizeof *gx);
        for (int64_t o = 0; o < j->y_plane; o++) {
            const float *g = j->in + (p * j->y_plane + o) * lanes;
            box b = box_at(j, o);
            for (int64_t t = b.begin[0]; t < b.end[0]; t++)
                for (int64_t h = b.begin[1]; h < b.end[1]; h++)
                    for (int64_t w = b.begin[2]; w < b.end[2]; w++)
                        for (int l = 0; l < lanes; l++)
                            gx[((t * j->x_size[1] + h) * j->x_size[2] + w) * lanes + l] +=
                                g[l] * scale;
        }
    }
}

static void avg_grad_blocked(void *arg, int64_t begin, int64_t end)
{
    avg_grad_planes(arg, begin, end, LANES);
}

static void avg_grad_plain(void *arg, int64_t begin, int64_t end)
{
    avg_grad_planes(arg, begin, end, 1);
}

typedef void pool_fn(void *, int64_t, int64_t);

/* x is the side before pooling, y the side after it. */
static avcl_status each(const cpu_call *c, pool_job *j, const avcl_tinfo *x,
                        const avcl_tinfo *y, pool_fn *const bodies[2])
{
    int blocked = c->kernel->out_tag[0] == AVCL_CPU_BLOCKED;
    int64_t planes = x->shape[0] * (blocked ? n_blocks(x) : x->shape[1]);
    j->attrs = c->attrs;
    j->x_size = x->shape + 2;
    j->y_size = y->shape + 2;
    j->in = c->in[0];
    j->out = c->out[0];
    j->x_plane = positions(x);
    j->y_plane = positions(y);
    avcl__cpu_for(c->device, planes, grain_of(j->x_plane * (blocked ? LANES : 1)),
                  bodies[blocked], j);
    return AVCL_OK;
}

static avcl_status max_pool(const cpu_call *c)
{
    static pool_fn *const bodies[] = {max_plain, max_blocked};
    pool_job j = {.index_out = c->kernel->n_out > 1 ? c->out[1] : NULL};
    return each(c, &j, &c->kernel->in_info[0], &c->kernel->out_info[0], bodies);
}

static avcl_status max_pool_backward(const cpu_call *c)
{
    static pool_fn *const bodies[] = {max_grad_plain, max_grad_blocked};
    pool_job j = {.index_in = c->in[1]};
    return each(c, &j, &c->kernel->out_info[0], &c->kernel->in_info[0], bodies);
}

static avcl_status avg_pool(const cpu_call *c)
{
    static pool_fn *const bodies[] = {avg_plain, avg_blocked};
    pool_job j = {0};
    return each(c, &j, &c->kernel->in_info[0], &c->kernel->out_info[0], bodies);
}

static avcl_status avg_pool_backward(const cpu_call *c)
{
    static pool_fn *const bodies[] = {avg_grad_plain, avg_grad_blocked};
    pool_job j = {0};
    return each(c, &j, &c->kernel->out_info[0], &c->kernel->in_info[0], bodies);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_pool)[] = {
    {.name = "max_pool3d",
     sizeof(avcl_pool3d_attrs),
     .run = max_pool,
     .layouts = avcl__cpu_layout_pool},
    {.name = "max_pool3d_backward",
     sizeof(avcl_pool3d_attrs),
     .run = max_pool_backward,
     .layouts = avcl__cpu_layout_pool_grad},
    {.name = "avg_pool3d",
     sizeof(avcl_pool3d_attrs),
     .run = avg_pool,
     .layouts = avcl__cpu_layout_pool},
    {.name = "avg_pool3d_backward",
     sizeof(avcl_pool3d_attrs),
     .run = avg_pool_backward,
     .layouts = avcl__cpu_layout_pool_grad},
    {.name = NULL},
};
