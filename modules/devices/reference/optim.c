/* optim.c - stochastic gradient descent with momentum, over one flat buffer. */
#include "reference.h"

static avcl_status sgd(const ref_call *c)
{
    const avcl_sgd_attrs *a = c->attrs;
    const double *w = c->in[0];
    const double *g = c->in[1];
    const double *v = c->in[2];
    double lr = *(const double *)c->in[3];
    double *new_w = c->out[0];
    double *new_v = c->out[1];
    int64_t n = avcl__count(&c->in_info[0]);
    for (int64_t i = 0; i < n; i++) {
        double d = g[i] + a->weight_decay * w[i];
        double velocity = a->momentum * v[i] + d;
        new_w[i] = w[i] - lr * (a->nesterov ? d + a->momentum * velocity : velocity);
        new_v[i] = velocity;
    }
    return AVCL_OK;
}

const ref_op avcl__ref_optim[] = {
    {.name = "sgd", sizeof(avcl_sgd_attrs), .run = sgd},
    {.name = NULL},
};
