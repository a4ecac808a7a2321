/*
 * norm_grad.c - the gradient of batch normalisation.
 *
 * gx = γ invstd (gy - gβ/n - x̂ gγ/n) = p gy + q (x - mean) + r, per channel.
 */
#include "norm.h"

typedef struct grad_job {
    norm_view v;
    norm_scratch s;
    const float *gy;
    const float *x;
    float *gx;
} grad_job;

/* Σ gy and Σ gy (x - mean) of one part. */
static void sum_channels(const grad_job *j, int64_t part)
{
    const norm_view *v = &j->v;
    const float *x = norm_at(v, j->x, part);
    const float *gy = j->gy + (x - j->x);
    int64_t lanes = norm_lanes(v, part);
    vec mean = *(const vec_any *)(j->s.coef[0] + norm_channel(v, part));
    double *total = j->s.part[0] + norm_sums_at(v, part);
    double *product = j->s.part[1] + norm_sums_at(v, part);
    for (int l = 0; l < LANES; l++)
        total[l] = product[l] = 0;
    for (int64_t i = 0; i < v->plane;) {
        int64_t stop = i + CHUNK < v->plane ? i + CHUNK : v->plane;
        vec sum = {0};
        vec dot = {0};
        for (; i < stop; i++) {
            vec g = norm_load(gy + i * v->step, lanes);
            sum += g;
            dot += g * (norm_load(x + i * v->step, lanes) - mean);
        }
        for (int l = 0; l < LANES; l++)
            total[l] += sum[l];
        for (int l = 0; l < LANES; l++)
            product[l] += dot[l];
    }
}

static void sum_plane(const grad_job *j, int64_t part)
{
    const float *x = norm_at(&j->v, j->x, part);
    const float *gy = j->gy + (x - j->x);
    float mean = j->s.coef[0][norm_channel(&j->v, part)];
    double total = 0;
    double product = 0;
    int64_t i = 0;
    while (i + LANES <= j->v.plane) {
        int64_t stop = i + RUN < j->v.plane ? i + RUN : j->v.plane;
        vec sum = {0};
        vec dot = {0};
        for (; i + LANES <= stop; i += LANES) {
            vec g = *(const vec_any *)(gy + i);
            sum += g;
            dot += g * (*(const vec_any *)(x + i) - mean);
        }
        for (int l = 0; l < LANES; l++)
            total += sum[l];
        for (int l = 0; l < LANES; l++)
            product += dot[l];
    }
    for (; i < j->v.plane; i++) {
        total += gy[i];
        product += gy[i] * (x[i] - mean);
    }
    j->s.part[0][norm_sums_at(&j->v, part)] = total;
    j->s.part[1][norm_sums_at(&j->v, part)] = product;
}

static void sum_parts(void *arg, int64_t begin, int64_t end)
{
    const grad_job *j = arg;
    for (int64_t part = begin; part < end; part++) {
        if (j->v.by_channel)
            sum_channels(j, part);
        else
            sum_plane(j, part);
    }
}

static void apply_channels(const grad_job *j, int64_t part)
{
    const norm_view *v = &j->v;
    const float *x = norm_at(v, j->x, part);
    const float *gy = j->gy + (x - j->x);
    float *gx = j->gx + (x - j->x);
    int64_t lanes = norm_lanes(v, part);
    int64_t c = norm_channel(v, part);
    vec mean = *(const vec_any *)(j->s.coef[0] + c);
    vec p = *(const vec_any *)(j->s.coef[1] + c);
    vec q = *(const vec_any *)(j->s.coef[2] + c);
    vec r = *(const vec_any *)(j->s.coef[3] + c);
    for (int64_t i = 0; i < v->plane; i++) {
        vec d = norm_load(x + i * v->step, lanes) - mean;
        norm_store(gx + i * v->step, p * norm_load(gy + i * v->step, lanes) + q * d + r,
                   lanes);
    }
}

static void apply_plane(const grad_job *j, int64_t part)
{
    const float *x = norm_at(&j->v, j->x, part);
    const float *gy = j->gy + (x - j->x);
    float *gx = j->gx + (x - j->x);
    int64_t c = norm_channel(&j->v, part);
    float mean = j->s.coef[0][c];
    float p = j->s.coef[1][c];
    float q = j->s.coef[2][c];
    float r = j->s.coef[3][c];
    int64_t i = 0;
    for (; i + LANES <= j->v.plane; i += LANES)
        *(vec_any *)(gx + i) =
            p * *(const vec_any *)(gy + i) + q * (*(const vec_any *)(x + i) - mean) + r;
    for (; i < j->v.plane; i++)
        gx[i] = p * gy[i] + q * (x[i] - mean) + r;
}

static void apply_parts(void *arg, int64_t begin, int64_t end)
{
    const grad_job *j = arg;
    for (int64_t part = begin; part < end; part++) {
        if (j->v.by_channel)
            apply_channels(j, part);
        else
            apply_plane(j, part);
    }
}

static avcl_status batch_norm_backward(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    const float *const *in = (const float *const *)c->in; /* gy, x, γ, mean, invstd */
    float *const *out = (float *const *)c->out;           /* gx, gγ, gβ */
    grad_job j = {.v = norm_view_of(&k->in_info[1], k->in_tag[1] == AVCL_CPU_BLOCKED),
                  .gy = in[0],
                  .x = in[1],
                  .gx = out[0]};
    j.s = norm_scratch_of(&j.v, c->scratch);
    int64_t padded = norm_padded(&j.v);
    int64_t n_parts = j.v.rows * norm_parts(&j.v);
    double n = (double)(j.v.rows * j.v.plane);
    for (int i = 0; i < 4; i++)
        memset(j.s.coef[i], 0, (size_t)padded * sizeof(float));
    memcpy(j.s.coef[0], in[3], (size_t)j.v.channels * sizeof(float));
    avcl__cpu_for(c->device, n_parts, norm_grain(&j.v), sum_parts, &j);
    for (int64_t i = 0; i < j.v.channels; i++) {
        double total = 0;
        double product = 0;
        for (int64_t r = 0; r < j.v.rows; r++) {
            total += j.s.part[0][r * padded + i];
            product += j.s.part[1][r * padded + i];
        }
        double invstd = in[4][i];
        double scale = in[2][i] * invstd;
        j.s.coef[1][i] = (float)scale;
        j.s.coef[2][i] = (float)(-scale * invstd * invstd * product / n);
        j.s.coef[3][i] = (float)(-scale * total / n);
        out[1][i] = (float)(product * invstd);
        out[2][i] = (float)total;
    }
    avcl__cpu_for(c->device, n_parts, norm_grain(&j.v), apply_parts, &j);
    return AVCL_OK;
}

static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    (void)device;
    (void)err;
    norm_view v = norm_view_of(&k->in_info[1], k->in_tag[1] == AVCL_CPU_BLOCKED);
    k->scratch = norm_scratch_bytes(&v);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_norm_grad)[] = {
    {.name = "batch_norm_backward",
     .run = batch_norm_backward,
     .prepare = plan,
     .layouts = avcl__cpu_layout_norm_grad},
    {.name = NULL},
};
