/* optim.c - steps of optimisers, over one flat buffer; the norm of one. */
#include <math.h>

#include "reference.h"

static avcl_status sgd(const ref_call *c)
{
    const avcl_sgd_attrs *a = c->attrs;
    const double *w = c->in[0];
    const double *g = c->in[1];
    const double *v = c->in[2];
    const double *rate = c->in[3];
    double *new_w = c->out[0];
    double *new_v = c->out[1];
    int64_t n = avcl__count(&c->in_info[0]);
    for (int64_t i = 0; i < n; i++) {
        double d = rate[1] * g[i] + rate[2] * w[i];
        double velocity = a->momentum * v[i] + d;
        new_w[i] = w[i] - rate[0] * (a->nesterov ? d + a->momentum * velocity : velocity);
        new_v[i] = velocity;
    }
    return AVCL_OK;
}

static avcl_status adamw(const ref_call *c)
{
    const avcl_adamw_attrs *a = c->attrs;
    const double *w = c->in[0];
    const double *g = c->in[1];
    const double *m = c->in[2];
    const double *v = c->in[3];
    const double *rate = c->in[4];
    double *new_w = c->out[0];
    double *new_m = c->out[1];
    double *new_v = c->out[2];
    int64_t n = avcl__count(&c->in_info[0]);
    for (int64_t i = 0; i < n; i++) {
        double d = rate[1] * g[i];
        double mean = a->beta1 * m[i] + (1 - a->beta1) * d;
        double square = a->beta2 * v[i] + (1 - a->beta2) * d * d;
        new_w[i] = rate[2] * w[i] - rate[0] * mean / (rate[3] * sqrt(square) + a->eps);
        new_m[i] = mean;
        new_v[i] = square;
    }
    return AVCL_OK;
}

static avcl_status square_sum(const ref_call *c)
{
    const double *x = c->in[0];
    double sum = 0;
    int64_t n = avcl__count(&c->in_info[0]);
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    *(double *)c->out[0] = sum;
    return AVCL_OK;
}

const ref_op avcl__ref_optim[] = {
    {.name = "sgd", sizeof(avcl_sgd_attrs), .run = sgd},
    {.name = "adamw", sizeof(avcl_adamw_attrs), .run = adamw},
    {.name = "square_sum", .run = square_sum},
    {.name = NULL},
};
