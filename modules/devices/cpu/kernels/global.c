/* global.c - pooling over all of T, H, W, to and from [N, C]. */
#include <math.h>

#include "kernels.h"

typedef struct global_job {
    const void *x; /* f32; the two averages also take bf16 */
    float *y;
    int64_t channels;
    int64_t blocks;
    int64_t plane;
} global_job;

static int64_t valid(const global_job *j, int64_t b)
{
    int64_t left = j->channels - b * LANES;
    return left < LANES ? left : LANES;
}

/* First channel of block i, counted over the batch, in [N, C]. */
static int64_t row_of(const global_job *j, int64_t i)
{
    return i / j->blocks * j->channels + i % j->blocks * LANES;
}

static void avg_plain(void *arg, int64_t begin, int64_t end)
{
    const global_job *j = arg;
    for (int64_t i = begin; i < end; i++)
        j->y[i] = (float)(sum_of((const float *)j->x + i * j->plane, j->plane) /
                          (double)j->plane);
}

static inline __attribute__((always_inline)) void
avg_blocks(const global_job *j, int64_t begin, int64_t end, int bf)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * j->plane * LANES;
        double acc[LANES] = {0};
        for (int64_t p = 0; p < j->plane;) {
            int64_t stop = p + RUN < j->plane ? p + RUN : j->plane;
            vec part = {0};
            for (; p < stop; p++)
                part += load_real(j->x, at + p * LANES, LANES, bf);
            for (int l = 0; l < LANES; l++)
                acc[l] += part[l];
        }
        for (int64_t l = 0; l < valid(j, i % j->blocks); l++)
            j->y[row_of(j, i) + l] = (float)(acc[l] / (double)j->plane);
    }
}

static void avg_blocked(void *arg, int64_t begin, int64_t end)
{
    avg_blocks(arg, begin, end, 0);
}

static void avg_blocked_bf16(void *arg, int64_t begin, int64_t end)
{
    avg_blocks(arg, begin, end, 1);
}

/* Any width, bf16. */
static void avg_plain_bf16(void *arg, int64_t begin, int64_t end)
{
    const global_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        double total = 0;
        for (int64_t p = 0; p < j->plane; p += LANES) {
            int64_t lanes = j->plane - p < LANES ? j->plane - p : LANES;
            vec v = load_real(j->x, i * j->plane + p, lanes, 1);
            for (int l = 0; l < LANES; l++)
                total += v[l];
        }
        j->y[i] = (float)(total / (double)j->plane);
    }
}

static void max_plain(void *arg, int64_t begin, int64_t end)
{
    const global_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)j->x + i * j->plane;
        float best = -INFINITY;
        for (int64_t p = 0; p < j->plane; p++)
            best = x[p] <= best ? best : x[p];
        j->y[i] = best;
    }
}

static void max_blocked(void *arg, int64_t begin, int64_t end)
{
    const global_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)j->x + i * j->plane * LANES;
        float best[LANES];
        for (int l = 0; l < LANES; l++)
            best[l] = -INFINITY;
        for (int64_t p = 0; p < j->plane; p++)
            for (int l = 0; l < LANES; l++)
                best[l] = x[p * LANES + l] <= best[l] ? best[l] : x[p * LANES + l];
        for (int64_t l = 0; l < valid(j, i % j->blocks); l++)
            j->y[row_of(j, i) + l] = best[l];
    }
}

static void grad_plain(void *arg, int64_t begin, int64_t end)
{
    const global_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        float g = ((const float *)j->x)[i] / (float)j->plane;
        for (int64_t p = 0; p < j->plane; p++)
            j->y[i * j->plane + p] = g;
    }
}

static void grad_blocked(void *arg, int64_t begin, int64_t end)
{
    const global_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        float g[LANES] = {0}; /* padding channels get zero */
        for (int64_t l = 0; l < valid(j, i % j->blocks); l++)
            g[l] = ((const float *)j->x)[row_of(j, i) + l] / (float)j->plane;
        for (int64_t p = 0; p < j->plane; p++)
            memcpy(j->y + (i * j->plane + p) * LANES, g, sizeof g);
    }
}

typedef void global_fn(void *, int64_t, int64_t);

static avcl_status each(const cpu_call *c, const avcl_tinfo *info, int blocked,
                        global_fn *const bodies[2])
{
    global_job j = {c->in[0], c->out[0], info->shape[1], n_blocks(info), positions(info)};
    int64_t n = info->shape[0] * (blocked ? j.blocks : j.channels);
    avcl__cpu_for(c->device, n, grain_of(j.plane * (blocked ? LANES : 1)),
                  bodies[blocked], &j);
    return AVCL_OK;
}

static avcl_status global_avg_pool(const cpu_call *c)
{
    static global_fn *const bodies[2][2] = {{avg_plain, avg_blocked},
                                            {avg_plain_bf16, avg_blocked_bf16}};
    const avcl_kernel *k = c->kernel;
    return each(c, &k->in_info[0], k->in_tag[0] == AVCL_CPU_BLOCKED,
                bodies[k->in_info[0].dtype == AVCL_BF16]);
}

static avcl_status global_max_pool(const cpu_call *c)
{
    static global_fn *const bodies[] = {max_plain, max_blocked};
    const avcl_kernel *k = c->kernel;
    return each(c, &k->in_info[0], k->in_tag[0] == AVCL_CPU_BLOCKED, bodies);
}

static avcl_status global_avg_pool_backward(const cpu_call *c)
{
    static global_fn *const bodies[] = {grad_plain, grad_blocked};
    const avcl_kernel *k = c->kernel;
    return each(c, &k->out_info[0], k->out_tag[0] == AVCL_CPU_BLOCKED, bodies);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_global)[] = {
    {.name = "global_avg_pool",
     .run = global_avg_pool,
     .layouts = avcl__cpu_layout_global,
     .takes_bf16 = avcl__cpu_always},
    {.name = "global_max_pool",
     .run = global_max_pool,
     .layouts = avcl__cpu_layout_global},
    {.name = "global_avg_pool_backward",
     .run = global_avg_pool_backward,
     .layouts = avcl__cpu_layout_global_grad},
    {.name = NULL},
};
