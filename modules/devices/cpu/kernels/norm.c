/*
 * norm.c - batch normalisation, training and evaluation.
 *
 * One trip through memory for the statistics: each chunk is summed, then measured
 * about its rounded mean while in L1, and what the rounding lost is put right in
 * double, where chunks are merged (Chan, Golub, LeVeque 1983).
 * y = (x - mean) γ invstd + β.
 */
#include <math.h>

#include "norm.h"

typedef struct norm_job {
    norm_view v;
    norm_scratch s;
    const float *x;
    float *y;
} norm_job;

/* What is known of n values. */
typedef struct moments {
    double mean;
    double squares; /* Σ (x - mean)² */
} moments;

static void merge(moments *m, int64_t n, double mean, double squares, int64_t n_more)
{
    double delta = mean - m->mean;
    double all = (double)(n + n_more);
    m->mean += delta * (double)n_more / all;
    m->squares += squares + delta * delta * (double)n * (double)n_more / all;
}

/* Adds n values measured about `centre`: Σ d and Σ d², d = x - centre. */
static void merge_about(moments *m, int64_t n_before, double centre, double sum,
                        double squares, int64_t n)
{
    double off = sum / (double)n;
    merge(m, n_before, centre + off, squares - off * sum, n);
}

static void measure_channels(const norm_job *j, int64_t part)
{
    const norm_view *v = &j->v;
    const float *x = norm_at(v, j->x, part);
    int64_t lanes = norm_lanes(v, part);
    moments m[LANES] = {{0}};
    for (int64_t begin = 0; begin < v->plane; begin += CHUNK) {
        int64_t n = v->plane - begin < CHUNK ? v->plane - begin : CHUNK;
        const float *chunk = x + begin * v->step;
        vec sum = {0};
        vec off = {0};
        vec squares = {0};
        for (int64_t i = 0; i < n; i++)
            sum += norm_load(chunk + i * v->step, lanes);
        vec mean = sum / (float)n;
        for (int64_t i = 0; i < n; i++) {
            vec d = norm_load(chunk + i * v->step, lanes) - mean;
            off += d;
            squares += d * d;
        }
        for (int l = 0; l < LANES; l++)
            merge_about(&m[l], begin, mean[l], off[l], squares[l], n);
    }
    int64_t at = norm_sums_at(v, part);
    for (int l = 0; l < LANES; l++) {
        j->s.part[0][at + l] = m[l].mean;
        j->s.part[1][at + l] = m[l].squares;
    }
}

static void measure_run(moments *m, int64_t n_before, const float *x, int64_t n)
{
    float mean = (float)(sum_of(x, n) / (double)n);
    vec off = {0};
    vec squares = {0};
    double all_off = 0;
    double all_squares = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec d = *(const vec_any *)(x + i) - mean;
        off += d;
        squares += d * d;
    }
    for (int l = 0; l < LANES; l++)
        all_off += off[l];
    for (int l = 0; l < LANES; l++)
        all_squares += squares[l];
    for (; i < n; i++) {
        double d = x[i] - mean;
        all_off += d;
        all_squares += d * d;
    }
    merge_about(m, n_before, mean, all_off, all_squares, n);
}

static void measure_plane(const norm_job *j, int64_t part)
{
    enum { WIDE = CHUNK * LANES };
    const float *x = norm_at(&j->v, j->x, part);
    moments m = {0};
    for (int64_t begin = 0; begin < j->v.plane; begin += WIDE) {
        int64_t n = j->v.plane - begin < WIDE ? j->v.plane - begin : WIDE;
        measure_run(&m, begin, x + begin, n);
    }
    int64_t at = norm_sums_at(&j->v, part);
    j->s.part[0][at] = m.mean;
    j->s.part[1][at] = m.squares;
}

static void measure(void *arg, int64_t begin, int64_t end)
{
    const norm_job *j = arg;
    for (int64_t part = begin; part < end; part++) {
        if (j->v.by_channel)
            measure_channels(j, part);
        else
            measure_plane(j, part);
    }
}

/* Channel c over all rows, which hold equally many values. */
static moments combine(const norm_job *j, int64_t c)
{
    int64_t padded = norm_padded(&j->v);
    moments m = {0};
    for (int64_t r = 0; r < j->v.rows; r++)
        merge(&m, r * j->v.plane, j->s.part[0][r * padded + c],
              j->s.part[1][r * padded + c], j->v.plane);
    return m;
}

static void scale_channels(const norm_job *j, int64_t part)
{
    const norm_view *v = &j->v;
    const float *x = norm_at(v, j->x, part);
    float *y = j->y + (x - j->x);
    int64_t lanes = norm_lanes(v, part);
    int64_t c = norm_channel(v, part);
    vec mean = *(const vec_any *)(j->s.coef[0] + c);
    vec scale = *(const vec_any *)(j->s.coef[1] + c);
    vec beta = *(const vec_any *)(j->s.coef[2] + c);
    for (int64_t i = 0; i < v->plane; i++)
        norm_store(y + i * v->step,
                   (norm_load(x + i * v->step, lanes) - mean) * scale + beta, lanes);
}

static void scale_plane(const norm_job *j, int64_t part)
{
    const float *x = norm_at(&j->v, j->x, part);
    float *y = j->y + (x - j->x);
    int64_t c = norm_channel(&j->v, part);
    float mean = j->s.coef[0][c];
    float scale = j->s.coef[1][c];
    float beta = j->s.coef[2][c];
    int64_t i = 0;
    for (; i + LANES <= j->v.plane; i += LANES)
        *(vec_any *)(y + i) = (*(const vec_any *)(x + i) - mean) * scale + beta;
    for (; i < j->v.plane; i++)
        y[i] = (x[i] - mean) * scale + beta;
}

static void scale(void *arg, int64_t begin, int64_t end)
{
    const norm_job *j = arg;
    for (int64_t part = begin; part < end; part++) {
        if (j->v.by_channel)
            scale_channels(j, part);
        else
            scale_plane(j, part);
    }
}

static norm_job job_of(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    norm_job j = {.v = norm_view_of(&k->in_info[0], k->in_tag[0] == AVCL_CPU_BLOCKED),
                  .x = c->in[0],
                  .y = c->out[0]};
    j.s = norm_scratch_of(&j.v, c->scratch);
    for (int i = 0; i < 3; i++) /* padding channels: (0 - 0) 0 + 0 */
        memset(j.s.coef[i], 0, (size_t)norm_padded(&j.v) * sizeof(float));
    return j;
}

static avcl_status batch_norm(const cpu_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const float *const *in = (const float *const *)c->in;
    float *const *out = (float *const *)c->out; /* y, mean, invstd, new_mean, new_var */
    norm_job j = job_of(c);
    int64_t n_parts = j.v.rows * norm_parts(&j.v);
    double n = (double)(j.v.rows * j.v.plane);
    avcl__cpu_for(c->device, n_parts, norm_grain(&j.v), measure, &j);
    for (int64_t k = 0; k < j.v.channels; k++) {
        moments m = combine(&j, k);
        double invstd = 1 / sqrt(m.squares / n + a->eps);
        double unbiased = n > 1 ? m.squares / (n - 1) : 0;
        j.s.coef[0][k] = (float)m.mean;
        j.s.coef[1][k] = (float)(in[1][k] * invstd);
        /* What f32 loses of the mean goes into the shift. */
        double lost = m.mean - (float)m.mean;
        j.s.coef[2][k] = (float)(in[2][k] - lost * in[1][k] * invstd);
        out[1][k] = (float)m.mean;
        out[2][k] = (float)invstd;
        out[3][k] = (float)((1 - a->momentum) * in[3][k] + a->momentum * m.mean);
        out[4][k] = (float)((1 - a->momentum) * in[4][k] + a->momentum * unbiased);
    }
    avcl__cpu_for(c->device, n_parts, norm_grain(&j.v), scale, &j);
    return AVCL_OK;
}

static avcl_status batch_norm_eval(const cpu_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const float *const *in = (const float *const *)c->in; /* x, γ, β, mean, var */
    norm_job j = job_of(c);
    for (int64_t k = 0; k < j.v.channels; k++) {
        j.s.coef[0][k] = in[3][k];
        j.s.coef[1][k] = (float)(in[1][k] / sqrt(in[4][k] + a->eps));
        j.s.coef[2][k] = in[2][k];
    }
    avcl__cpu_for(c->device, j.v.rows * norm_parts(&j.v), norm_grain(&j.v), scale, &j);
    return AVCL_OK;
}

static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    (void)device;
    (void)err;
    norm_view v = norm_view_of(&k->in_info[0], k->in_tag[0] == AVCL_CPU_BLOCKED);
    k->scratch = norm_scratch_bytes(&v);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_norm)[] = {
    {.name = "batch_norm",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm,
     .prepare = plan,
     .layouts = avcl__cpu_layout_norm},
    {.name = "batch_norm_eval",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm_eval,
     .prepare = plan,
     .layouts = avcl__cpu_layout_norm},
    {.name = NULL},
};
