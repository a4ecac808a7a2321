/*
 * optim.c - steps of optimisers, over one flat buffer; the norm of one.
 *
 * Each step is one pass over memory: sgd moves 20 bytes a weight, adamw 28, square_sum 4.
 */
#include <math.h>

#include "kernels.h"

typedef struct optim_job {
    const float *w;
    const float *g;
    const float *m; /* sgd: the velocity */
    const float *v;
    float *new_w;
    float *new_m;
    float *new_v;
    const float *rate;
    float keep_m; /* momentum, beta1 */
    float add_m;
    float keep_v;
    float add_v;
    float eps;
    int nesterov;
} optim_job;

/* ---- sgd --------------------------------------------------------------------------- */

static void sgd_steps(void *arg, int64_t begin, int64_t end)
{
    const optim_job *j = arg;
    float lr = j->rate[0];
    float scale = j->rate[1];
    float decay = j->rate[2];
    float look_ahead = j->nesterov ? j->keep_m : 1;
    float direct = j->nesterov ? 1 : 0;
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) {
        vec w = *(const vec_any *)(j->w + i);
        vec d = scale * *(const vec_any *)(j->g + i) + decay * w;
        vec v = j->keep_m * *(const vec_any *)(j->m + i) + d;
        *(vec_any *)(j->new_w + i) = w - lr * (direct * d + look_ahead * v);
        *(vec_any *)(j->new_m + i) = v;
    }
    for (; i < end; i++) {
        float w = j->w[i];
        float d = scale * j->g[i] + decay * w;
        float v = j->keep_m * j->m[i] + d;
        j->new_w[i] = w - lr * (direct * d + look_ahead * v);
        j->new_m[i] = v;
    }
}

static avcl_status sgd(const cpu_call *c)
{
    const avcl_sgd_attrs *a = c->attrs;
    optim_job j = {.w = c->in[0],
                   .g = c->in[1],
                   .m = c->in[2],
                   .rate = c->in[3],
                   .new_w = c->out[0],
                   .new_m = c->out[1],
                   .keep_m = (float)a->momentum,
                   .nesterov = a->nesterov};
    avcl__cpu_for(c->device, avcl__count(&c->kernel->in_info[0]), AVCL_CPU_GRAIN,
                  sgd_steps, &j);
    return AVCL_OK;
}

/* ---- adamw ------------------------------------------------------------------------- */

static void adamw_steps(void *arg, int64_t begin, int64_t end)
{
    const optim_job *j = arg;
    float lr = j->rate[0];
    float scale = j->rate[1];
    float shrink = j->rate[2];
    float unbias = j->rate[3];
    for (int64_t i = begin; i < end; i += LANES) {
        int64_t lanes = end - i < LANES ? end - i : LANES;
        vec g = scale * load_real(j->g, i, lanes, 0);
        vec m = j->keep_m * load_real(j->m, i, lanes, 0) + j->add_m * g;
        vec v = j->keep_v * load_real(j->v, i, lanes, 0) + j->add_v * g * g;
        vec root;
        for (int l = 0; l < LANES; l++)
            root[l] = sqrtf(v[l]);
        vec w = shrink * load_real(j->w, i, lanes, 0) - lr * m / (unbias * root + j->eps);
        store_real(j->new_w, i, w, lanes, 0);
        store_real(j->new_m, i, m, lanes, 0);
        store_real(j->new_v, i, v, lanes, 0);
    }
}

static avcl_status adamw(const cpu_call *c)
{
    const avcl_adamw_attrs *a = c->attrs;
    optim_job j = {.w = c->in[0],
                   .g = c->in[1],
                   .m = c->in[2],
                   .v = c->in[3],
                   .rate = c->in[4],
                   .new_w = c->out[0],
                   .new_m = c->out[1],
                   .new_v = c->out[2],
                   .keep_m = (float)a->beta1,
                   .add_m = (float)(1 - a->beta1),
                   .keep_v = (float)a->beta2,
                   .add_v = (float)(1 - a->beta2),
                   .eps = (float)a->eps};
    avcl__cpu_for(c->device, avcl__count(&c->kernel->in_info[0]), AVCL_CPU_GRAIN,
                  adamw_steps, &j);
    return AVCL_OK;
}

/* ---- square_sum: blocks of RUN elements, whatever the threads ------------------------
 */

typedef struct norm_job {
    const float *x;
    int64_t n;
    double *part;
} norm_job;

static double block_squares(const float *x, int64_t n)
{
    vec acc = {0};
    double sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec v = *(const vec_any *)(x + i);
        acc += v * v;
    }
    for (int l = 0; l < LANES; l++)
        sum += acc[l];
    for (; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

static void norm_blocks(void *arg, int64_t begin, int64_t end)
{
    const norm_job *j = arg;
    for (int64_t b = begin; b < end; b++) {
        int64_t left = j->n - b * RUN;
        j->part[b] = block_squares(j->x + b * RUN, left < RUN ? left : RUN);
    }
}

static int64_t n_runs(const avcl_kernel *kernel)
{
    return (avcl__count(&kernel->in_info[0]) + RUN - 1) / RUN;
}

static avcl_status square_sum_prepare(avcl_device *device, avcl_kernel *kernel,
                                      avcl_error *err)
{
    (void)device;
    (void)err;
    kernel->scratch = (uint64_t)n_runs(kernel) * sizeof(double);
    return AVCL_OK;
}

static avcl_status square_sum(const cpu_call *c)
{
    norm_job j = {c->in[0], avcl__count(&c->kernel->in_info[0]), c->scratch};
    double sum = 0;
    int64_t n = n_runs(c->kernel);
    avcl__cpu_for(c->device, n, AVCL_CPU_GRAIN / RUN, norm_blocks, &j);
    for (int64_t b = 0; b < n; b++)
        sum += j.part[b];
    *(float *)c->out[0] = (float)sum;
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_optim)[] = {
    {.name = "sgd", sizeof(avcl_sgd_attrs), .run = sgd},
    {.name = "adamw", sizeof(avcl_adamw_attrs), .run = adamw},
    {.name = "square_sum", .run = square_sum, .prepare = square_sum_prepare},
    {.name = NULL},
};
