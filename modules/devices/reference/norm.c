/*
 * norm.c - batch normalisation over all axes but 1, and l2 normalisation.
 *
 * y = γ (x - mean) invstd + β with the biased variance; running values get the
 * unbiased one.
 */
#include <math.h>

#include "reference.h"

typedef struct channels {
    int64_t rows;  /* N */
    int64_t n;     /* C */
    int64_t plane; /* everything behind the channel axis */
} channels;

static channels channels_of(const avcl_tinfo *x)
{
    return (channels){x->shape[0], x->shape[1], avcl__extent(x, 2, x->ndim)};
}

/* Element i of channel c. */
static int64_t at(const channels *v, int64_t c, int64_t i)
{
    return (i / v->plane * v->n + c) * v->plane + i % v->plane;
}

static avcl_status batch_norm(const ref_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const double *x = c->in[0];
    const double *gamma = c->in[1];
    const double *beta = c->in[2];
    const double *running_mean = c->in[3];
    const double *running_var = c->in[4];
    double *const *out = (double *const *)c->out; /* y, mean, invstd, new_mean, new_var */
    channels v = channels_of(&c->in_info[0]);
    int64_t n = v.rows * v.plane;
    for (int64_t k = 0; k < v.n; k++) {
        double total = 0;
        double squares = 0;
        for (int64_t i = 0; i < n; i++)
            total += x[at(&v, k, i)];
        double mean = total / (double)n;
        for (int64_t i = 0; i < n; i++) {
            double d = x[at(&v, k, i)] - mean;
            squares += d * d;
        }
        double invstd = 1 / sqrt(squares / (double)n + a->eps);
        for (int64_t i = 0; i < n; i++)
            out[0][at(&v, k, i)] = gamma[k] * (x[at(&v, k, i)] - mean) * invstd + beta[k];
        double unbiased = n > 1 ? squares / (double)(n - 1) : 0;
        out[1][k] = mean;
        out[2][k] = invstd;
        out[3][k] = (1 - a->momentum) * running_mean[k] + a->momentum * mean;
        out[4][k] = (1 - a->momentum) * running_var[k] + a->momentum * unbiased;
    }
    return AVCL_OK;
}

static avcl_status batch_norm_eval(const ref_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const double *x = c->in[0];
    const double *gamma = c->in[1];
    const double *beta = c->in[2];
    const double *mean = c->in[3];
    const double *var = c->in[4];
    double *y = c->out[0];
    channels v = channels_of(&c->in_info[0]);
    for (int64_t k = 0; k < v.n; k++)
        for (int64_t i = 0; i < v.rows * v.plane; i++)
            y[at(&v, k, i)] =
                gamma[k] * (x[at(&v, k, i)] - mean[k]) / sqrt(var[k] + a->eps) + beta[k];
    return AVCL_OK;
}

/* gx = γ invstd (gy - gβ/n - x̂ gγ/n), x̂ = (x - mean) invstd. */
static avcl_status batch_norm_backward(const ref_call *c)
{
    const double *gy = c->in[0];
    const double *x = c->in[1];
    const double *gamma = c->in[2];
    const double *mean = c->in[3];
    const double *invstd = c->in[4];
    double *const *out = (double *const *)c->out; /* gx, gγ, gβ */
    channels v = channels_of(&c->in_info[1]);
    int64_t n = v.rows * v.plane;
    for (int64_t k = 0; k < v.n; k++) {
        double g_gamma = 0;
        double g_beta = 0;
        for (int64_t i = 0; i < n; i++) {
            int64_t e = at(&v, k, i);
            g_gamma += gy[e] * (x[e] - mean[k]) * invstd[k];
            g_beta += gy[e];
        }
        for (int64_t i = 0; i < n; i++) {
            int64_t e = at(&v, k, i);
            double x_hat = (x[e] - mean[k]) * invstd[k];
            out[0][e] = gamma[k] * invstd[k] *
                        (gy[e] - g_beta / (double)n - x_hat * g_gamma / (double)n);
        }
        out[1][k] = g_gamma;
        out[2][k] = g_beta;
    }
    return AVCL_OK;
}

static avcl_status l2_normalise(const ref_call *c)
{
    const avcl_axis_attrs *a = c->attrs;
    const avcl_tinfo *info = &c->in_info[0];
    int64_t length = info->shape[a->axis];
    int64_t inner = avcl__extent(info, (int32_t)a->axis + 1, info->ndim);
    int64_t outer = avcl__extent(info, 0, (int32_t)a->axis);
    double *norm = c->out[1];
    for (int64_t i = 0; i < outer * inner; i++) {
        int64_t start = i / inner * inner * length + i % inner;
        const double *x = (const double *)c->in[0] + start;
        double *y = (double *)c->out[0] + start;
        double squares = 0;
        for (int64_t k = 0; k < length; k++)
            squares += x[k * inner] * x[k * inner];
        norm[i] = fmax(sqrt(squares), a->eps);
        for (int64_t k = 0; k < length; k++)
            y[k * inner] = x[k * inner] / norm[i];
    }
    return AVCL_OK;
}

const ref_op avcl__ref_norm[] = {
    {.name = "batch_norm", sizeof(avcl_batch_norm_attrs), .run = batch_norm},
    {.name = "batch_norm_eval", sizeof(avcl_batch_norm_attrs), .run = batch_norm_eval},
    {.name = "batch_norm_backward", .run = batch_norm_backward},
    {.name = "l2_normalise", sizeof(avcl_axis_attrs), .run = l2_normalise},
    {.name = NULL},
};
