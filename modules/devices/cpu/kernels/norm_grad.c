/*
 * norm_grad.c - the gradient of batch normalisation, through the relu behind it if
 * there is one.
 *
 * gx = γ invstd (g - gβ/n - x̂ gγ/n) = p g + q (x - mean) + r, per channel, where g is
 * what arrives, or the part of it that the relu lets through.
 */
#include "norm.h"

/* Where the relu was open. */
enum {
    OPEN,      /* no relu */
    OPEN_BY_X, /* where (x - mean) scale + shift > 0, as the forward pass had it */
    OPEN_BY_Y, /* where y > 0; what passes is an output as well */
};

typedef struct grad_job {
    norm_view v;
    norm_scratch s; /* coefs: mean, p, q, r, scale, shift */
    const void *g;
    const void *x;
    const void *y;
    void *gx;
    void *gs; /* OPEN_BY_Y */
} grad_job;

enum { MEAN, P, Q, R, SCALE, SHIFT };

typedef struct channels {
    vec mean;
    vec scale;
    vec shift;
} channels;

static inline channels channels_of(const grad_job *j, int64_t part)
{
    return (channels){norm_coef(&j->v, j->s.coef[MEAN], part),
                      norm_coef(&j->v, j->s.coef[SCALE], part),
                      norm_coef(&j->v, j->s.coef[SHIFT], part)};
}

/* Σ g and Σ g (x - mean) of one part. */
static inline __attribute__((always_inline)) void sum_part(const grad_job *j,
                                                           int64_t part, int open, int bf)
{
    norm_walk w = norm_walk_of(&j->v, part);
    channels c = channels_of(j, part);
    double total[LANES] = {0};
    double product[LANES] = {0};
    int64_t n = w.n + (w.tail > 0);
    for (int64_t i = 0; i < n;) {
        int64_t stop = i + CHUNK < n ? i + CHUNK : n;
        vec sum = {0};
        vec dot = {0};
        for (; i < stop; i++) {
            int64_t lanes = i < w.n ? w.lanes : w.tail;
            int64_t at = w.at + i * w.step;
            vec g = load_real(j->g, at, lanes, bf);
            vec d = load_real(j->x, at, lanes, bf) - c.mean;
            if (open == OPEN_BY_X) g = where_positive(d * c.scale + c.shift, g);
            if (open == OPEN_BY_Y) {
                g = where_positive(load_real(j->y, at, lanes, bf), g);
                store_real(j->gs, at, g, lanes, bf);
            }
            sum += g;
            dot += g * d; /* lanes that are not there have g = 0 */
        }
        for (int l = 0; l < LANES; l++)
            total[l] += sum[l];
        for (int l = 0; l < LANES; l++)
            product[l] += dot[l];
    }
    int64_t to = norm_sums_at(&j->v, part);
    if (j->v.by_channel) {
        memcpy(j->s.part[0] + to, total, sizeof total);
        memcpy(j->s.part[1] + to, product, sizeof product);
        return;
    }
    j->s.part[0][to] = j->s.part[1][to] = 0;
    for (int l = 0; l < LANES; l++) {
        j->s.part[0][to] += total[l];
        j->s.part[1][to] += product[l];
    }
}

static inline __attribute__((always_inline)) void
apply_part(const grad_job *j, int64_t part, int open, int bf)
{
    norm_walk w = norm_walk_of(&j->v, part);
    channels c = channels_of(j, part);
    vec p = norm_coef(&j->v, j->s.coef[P], part);
    vec q = norm_coef(&j->v, j->s.coef[Q], part);
    vec r = norm_coef(&j->v, j->s.coef[R], part);
    const void *from = open == OPEN_BY_Y ? j->gs : j->g;
    for (int64_t i = 0; i <= w.n; i++) {
        int64_t lanes = i < w.n ? w.lanes : w.tail;
        int64_t at = w.at + i * w.step;
        if (!lanes) break;
        vec g = load_real(from, at, lanes, bf);
        vec d = load_real(j->x, at, lanes, bf) - c.mean;
        if (open == OPEN_BY_X) g = where_positive(d * c.scale + c.shift, g);
        store_real(j->gx, at, p * g + q * d + r, lanes, bf);
    }
}

#define BODIES(name, open, bf)                                                           \
    static void sum_##name(void *arg, int64_t begin, int64_t end)                        \
    {                                                                                    \
        for (int64_t part = begin; part < end; part++)                                   \
            sum_part(arg, part, open, bf);                                               \
    }                                                                                    \
    static void apply_##name(void *arg, int64_t begin, int64_t end)                      \
    {                                                                                    \
        for (int64_t part = begin; part < end; part++)                                   \
            apply_part(arg, part, open, bf);                                             \
    }
BODIES(f32, OPEN, 0)
BODIES(by_x_f32, OPEN_BY_X, 0)
BODIES(by_y_f32, OPEN_BY_Y, 0)
BODIES(bf16, OPEN, 1)
BODIES(by_x_bf16, OPEN_BY_X, 1)
BODIES(by_y_bf16, OPEN_BY_Y, 1)
#undef BODIES

/* gγ and gβ, and the coefficients of gx. */
static void conclude(const grad_job *j, const float *gamma, const float *invstd,
                     float *g_gamma, float *g_beta)
{
    int64_t padded = norm_padded(&j->v);
    double n = (double)(j->v.rows * j->v.plane);
    for (int64_t i = 0; i < j->v.channels; i++) {
        double total = 0;
        double product = 0;
        for (int64_t r = 0; r < j->v.rows; r++) {
            total += j->s.part[0][r * padded + i];
            product += j->s.part[1][r * padded + i];
        }
        double scale = (double)gamma[i] * invstd[i];
        j->s.coef[P][i] = (float)scale;
        j->s.coef[Q][i] = (float)(-scale * invstd[i] * invstd[i] * product / n);
        j->s.coef[R][i] = (float)(-scale * total / n);
        g_gamma[i] = (float)(product * invstd[i]);
        g_beta[i] = (float)total;
    }
}

typedef void body_fn(void *, int64_t, int64_t);

static void both_passes(const cpu_call *c, grad_job *j, int open, uint32_t first_in,
                        uint32_t first_out)
{
    static body_fn *const sums[2][3] = {{sum_f32, sum_by_x_f32, sum_by_y_f32},
                                        {sum_bf16, sum_by_x_bf16, sum_by_y_bf16}};
    static body_fn *const applies[2][3] = {
        {apply_f32, apply_by_x_f32, apply_by_y_f32},
        {apply_bf16, apply_by_x_bf16, apply_by_y_bf16}};
    int64_t n_parts = j->v.rows * norm_parts(&j->v);
    memcpy(j->s.coef[MEAN], c->in[first_in + 1], (size_t)j->v.channels * sizeof(float));
    avcl__cpu_for(c->device, n_parts, norm_grain(&j->v), sums[j->v.is_bf16][open], j);
    conclude(j, c->in[first_in], c->in[first_in + 2], c->out[first_out],
             c->out[first_out + 1]);
    avcl__cpu_for(c->device, n_parts, norm_grain(&j->v), applies[j->v.is_bf16][open], j);
}

static grad_job job_of(const cpu_call *c, uint32_t x)
{
    const avcl_kernel *k = c->kernel;
    grad_job j = {.v = norm_view_of(&k->in_info[x], k->in_tag[x] == AVCL_CPU_BLOCKED),
                  .g = c->in[0],
                  .x = c->in[x],
                  .gx = c->out[0]};
    j.s = norm_scratch_of(&j.v, c->scratch);
    return j;
}

/* g, x, γ, mean, invstd -> gx, gγ, gβ */
static avcl_status batch_norm_backward(const cpu_call *c)
{
    grad_job j = job_of(c, 1);
    both_passes(c, &j, OPEN, 2, 1);
    return AVCL_OK;
}

/* g, x, γ, mean, invstd, scale, shift -> gx, gγ, gβ */
static avcl_status batch_norm_relu_backward(const cpu_call *c)
{
    grad_job j = job_of(c, 1);
    size_t bytes = (size_t)j.v.channels * sizeof(float);
    memcpy(j.s.coef[SCALE], c->in[5], bytes);
    memcpy(j.s.coef[SHIFT], c->in[6], bytes);
    both_passes(c, &j, OPEN_BY_X, 2, 1);
    return AVCL_OK;
}

/* g, y, x, γ, mean, invstd -> gx, gs, gγ, gβ */
static avcl_status batch_norm_add_relu_backward(const cpu_call *c)
{
    grad_job j = job_of(c, 2);
    j.y = c->in[1];
    j.gs = c->out[1];
    both_passes(c, &j, OPEN_BY_Y, 3, 2);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_norm_grad)[] = {
    {.name = "batch_norm_backward",
     .run = batch_norm_backward,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = "batch_norm_relu_backward",
     .run = batch_norm_relu_backward,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = "batch_norm_add_relu_backward",
     .run = batch_norm_add_relu_backward,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = NULL},
};
