/*
 * fused.c - batch normalisation with a sum and a relu behind it, and the way back.
 *
 * Plain loops over the formulas of core/doc/ops.md, on purpose not built on norm.c's.
 */
#include <math.h>
#include <stdlib.h>

#include "reference.h"

typedef struct walk { /* element e of a value with channels on axis 1 */
    int64_t n;        /* elements */
    int64_t channels;
    int64_t plane;
} walk;

static walk walk_of(const avcl_tinfo *x)
{
    return (walk){avcl__count(x), x->shape[1], avcl__extent(x, 2, x->ndim)};
}

static int64_t channel(const walk *w, int64_t e)
{
    return e / w->plane % w->channels;
}

static double positive(double v)
{
    return v <= 0 ? 0 : v; /* NaN stays NaN */
}

/* Mean and biased variance of every channel. */
static void moments(const walk *w, const double *x, double *mean, double *var)
{
    double n = (double)(w->n / w->channels);
    for (int64_t k = 0; k < w->channels; k++)
        mean[k] = var[k] = 0;
    for (int64_t e = 0; e < w->n; e++)
        mean[channel(w, e)] += x[e] / n;
    for (int64_t e = 0; e < w->n; e++) {
        double d = x[e] - mean[channel(w, e)];
        var[channel(w, e)] += d * d / n;
    }
}

static avcl_status batch_norm_relu(const ref_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const double *const *in = (const double *const *)c->in; /* x γ β mean var s */
    double *const *out = (double *const *)c->out;
    walk w = walk_of(&c->in_info[0]);
    double n = (double)(w.n / w.channels);
    moments(&w, in[0], out[1], out[2]);
    for (int64_t k = 0; k < w.channels; k++) {
        double var = out[2][k];
        out[2][k] = 1 / sqrt(var + a->eps);
        out[3][k] = (1 - a->momentum) * in[3][k] + a->momentum * out[1][k];
        out[4][k] =
            (1 - a->momentum) * in[4][k] + a->momentum * (n > 1 ? var * n / (n - 1) : 0);
        out[5][k] = in[1][k] * out[2][k];
        out[6][k] = in[2][k];
    }
    for (int64_t e = 0; e < w.n; e++) {
        int64_t k = channel(&w, e);
        double y = (in[0][e] - out[1][k]) * out[5][k] + out[6][k];
        out[0][e] = positive(c->n_in > 5 ? y + in[5][e] : y);
    }
    return AVCL_OK;
}

static avcl_status batch_norm_eval_relu(const ref_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const double *const *in = (const double *const *)c->in; /* x γ β mean var s */
    double *y = c->out[0];
    walk w = walk_of(&c->in_info[0]);
    for (int64_t e = 0; e < w.n; e++) {
        int64_t k = channel(&w, e);
        double v = (in[0][e] - in[3][k]) / sqrt(in[4][k] + a->eps) * in[1][k] + in[2][k];
        y[e] = positive(c->n_in > 5 ? v + in[5][e] : v);
    }
    return AVCL_OK;
}

static avcl_status normalise_relu(const ref_call *c)
{
    const double *const *in = (const double *const *)c->in; /* x mean scale shift s */
    double *y = c->out[0];
    walk w = walk_of(&c->in_info[0]);
    for (int64_t e = 0; e < w.n; e++) {
        int64_t k = channel(&w, e);
        double v = (in[0][e] - in[1][k]) * in[2][k] + in[3][k];
        y[e] = positive(c->n_in > 4 ? v + in[4][e] : v);
    }
    return AVCL_OK;
}

/* From g behind the relu's edge: gx, gγ, gβ of y = (x - mean) invstd γ + β. */
static void backward(const walk *w, const double *g, const double *x, const double *gamma,
                     const double *mean, const double *invstd, double *const *out)
{
    double n = (double)(w->n / w->channels);
    double *g_gamma = out[1];
    double *g_beta = out[2];
    for (int64_t k = 0; k < w->channels; k++)
        g_gamma[k] = g_beta[k] = 0;
    for (int64_t e = 0; e < w->n; e++) {
        int64_t k = channel(w, e);
        g_gamma[k] += g[e] * (x[e] - mean[k]) * invstd[k];
        g_beta[k] += g[e];
    }
    for (int64_t e = 0; e < w->n; e++) {
        int64_t k = channel(w, e);
        double x_hat = (x[e] - mean[k]) * invstd[k];
        out[0][e] = gamma[k] * invstd[k] * (g[e] - (g_beta[k] + x_hat * g_gamma[k]) / n);
    }
}

static avcl_status batch_norm_relu_backward(const ref_call *c)
{
    /* g x γ mean invstd scale shift -> gx gγ gβ */
    const double *const *in = (const double *const *)c->in;
    walk w = walk_of(&c->in_info[1]);
    double *open = malloc((size_t)w.n * sizeof *open);
    if (!open) return avcl__fail(c->err, AVCL_E_NOMEM, "no memory for a kernel");
    for (int64_t e = 0; e < w.n; e++) {
        int64_t k = channel(&w, e);
        open[e] = (in[1][e] - in[3][k]) * in[5][k] + in[6][k] > 0 ? in[0][e] : 0;
    }
    backward(&w, open, in[1], in[2], in[3], in[4], (double *const *)c->out);
    free(open);
    return AVCL_OK;
}

static avcl_status batch_norm_add_relu_backward(const ref_call *c)
{
    /* g y x γ mean invstd -> gx gs gγ gβ */
    const double *const *in = (const double *const *)c->in;
    double *const *out = (double *const *)c->out;
    double *const by[3] = {out[0], out[2], out[3]};
    walk w = walk_of(&c->in_info[2]);
    for (int64_t e = 0; e < w.n; e++)
        out[1][e] = in[1][e] > 0 ? in[0][e] : 0;
    backward(&w, out[1], in[2], in[3], in[4], in[5], by);
    return AVCL_OK;
}

const ref_op avcl__ref_fused[] = {
    {.name = "batch_norm_relu", sizeof(avcl_batch_norm_attrs), .run = batch_norm_relu},
    {.name = "batch_norm_eval_relu",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm_eval_relu},
    {.name = "normalise_relu", .run = normalise_relu},
    {.name = "batch_norm_relu_backward", .run = batch_norm_relu_backward},
    {.name = "batch_norm_add_relu_backward", .run = batch_norm_add_relu_backward},
    {.name = NULL},
};
