/*
 * norm_scale.c - what batch normalisation does once the statistics are known:
 * y = relu((x - mean) scale + shift + s), relu and s where wanted.
 *
 * The forward pass, its repetition in the backward pass and the evaluation form all
 * come through here, so that a value computed again has the same bits.
 */
#include <math.h>

#include "norm.h"

static inline __attribute__((always_inline)) void
scale_some(const norm_scale_job *j, int64_t begin, int64_t end, int add, int relu, int bf)
{
    for (int64_t part = begin; part < end; part++) {
        norm_walk w = norm_walk_of(&j->v, part);
        vec mean = norm_coef(&j->v, j->mean, part);
        vec scale = norm_coef(&j->v, j->scale, part);
        vec shift = norm_coef(&j->v, j->shift, part);
        for (int64_t i = 0; i <= w.n; i++) {
            int64_t lanes = i < w.n ? w.lanes : w.tail;
            int64_t at = w.at + i * w.step;
            if (!lanes) break;
            vec y = (load_real(j->x, at, lanes, bf) - mean) * scale + shift;
            if (add) y += load_real(j->s, at, lanes, bf);
            store_real(j->y, at, relu ? relu_vec(y) : y, lanes, bf);
        }
    }
}

#define BODY(name, add, relu, bf)                                                        \
    static void name(void *arg, int64_t begin, int64_t end)                              \
    {                                                                                    \
        scale_some(arg, begin, end, add, relu, bf);                                      \
    }
BODY(plain_f32, 0, 0, 0)
BODY(relu_f32, 0, 1, 0)
BODY(add_relu_f32, 1, 1, 0)
BODY(plain_bf16, 0, 0, 1)
BODY(relu_bf16, 0, 1, 1)
BODY(add_relu_bf16, 1, 1, 1)
#undef BODY

void AVCL_ISA_NAME(avcl__norm_scale)(const avcl_device *device, const norm_scale_job *j)
{
    static void (*const bodies[2][3])(void *, int64_t, int64_t) = {
        {plain_f32, relu_f32, add_relu_f32}, {plain_bf16, relu_bf16, add_relu_bf16}};
    norm_scale_job job = *j;
    avcl__cpu_for(device, j->v.rows * norm_parts(&j->v), norm_grain(&j->v),
                  bodies[j->v.is_bf16][j->s ? 2 : j->relu], &job);
}

static norm_view view_of(const cpu_call *c)
{
    return norm_view_of(&c->kernel->in_info[0], c->kernel->in_tag[0] == AVCL_CPU_BLOCKED);
}

/* x, γ, β, mean, var[, s] */
static avcl_status eval(const cpu_call *c, int relu)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const float *const *in = (const float *const *)c->in;
    norm_view v = view_of(c);
    norm_scratch s = norm_scratch_of(&v, c->scratch);
    for (int64_t k = 0; k < v.channels; k++) {
        s.coef[0][k] = in[3][k];
        s.coef[1][k] = (float)(in[1][k] / sqrt(in[4][k] + a->eps));
        s.coef[2][k] = in[2][k];
    }
    norm_scale_job j = {v,         s.coef[0], s.coef[1],
                        s.coef[2], c->in[0],  c->kernel->n_in > 5 ? c->in[5] : NULL,
                        c->out[0], relu};
    AVCL_ISA_NAME(avcl__norm_scale)(c->device, &j);
    return AVCL_OK;
}

static avcl_status batch_norm_eval(const cpu_call *c)
{
    return eval(c, 0);
}

static avcl_status batch_norm_eval_relu(const cpu_call *c)
{
    return eval(c, 1);
}

/* x, mean, scale, shift[, s] */
static avcl_status normalise_relu(const cpu_call *c)
{
    norm_view v = view_of(c);
    norm_scratch s = norm_scratch_of(&v, c->scratch);
    for (int i = 0; i < 3; i++)
        memcpy(s.coef[i], c->in[1 + i], (size_t)v.channels * sizeof(float));
    norm_scale_job j = {.v = v,
                        .mean = s.coef[0],
                        .scale = s.coef[1],
                        .shift = s.coef[2],
                        .x = c->in[0],
                        .s = c->kernel->n_in > 4 ? c->in[4] : NULL,
                        .y = c->out[0],
                        .relu = 1};
    AVCL_ISA_NAME(avcl__norm_scale)(c->device, &j);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_norm_scale)[] = {
    {.name = "batch_norm_eval",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm_eval,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = "batch_norm_eval_relu",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm_eval_relu,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = "normalise_relu",
     .run = normalise_relu,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = NULL},
};
