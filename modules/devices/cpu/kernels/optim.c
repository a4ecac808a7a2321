/* optim.c - stochastic gradient descent with momentum, over one flat buffer. */
#include "kernels.h"

typedef struct sgd_job {
    const float *w;
    const float *g;
    const float *v;
    float *new_w;
    float *new_v;
    float lr;
    float momentum;
    float weight_decay;
    int nesterov;
} sgd_job;

static void step(void *arg, int64_t begin, int64_t end)
{
    const sgd_job *j = arg;
    float look_ahead = j->nesterov ? j->momentum : 1;
    float direct = j->nesterov ? 1 : 0;
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) {
        vec w = *(const vec_any *)(j->w + i);
        vec d = *(const vec_any *)(j->g + i) + j->weight_decay * w;
        vec v = j->momentum * *(const vec_any *)(j->v + i) + d;
        *(vec_any *)(j->new_w + i) = w - j->lr * (direct * d + look_ahead * v);
        *(vec_any *)(j->new_v + i) = v;
    }
    for (; i < end; i++) {
        float w = j->w[i];
        float d = j->g[i] + j->weight_decay * w;
        float v = j->momentum * j->v[i] + d;
        j->new_w[i] = w - j->lr * (direct * d + look_ahead * v);
        j->new_v[i] = v;
    }
}

static avcl_status sgd(const cpu_call *c)
{
    const avcl_sgd_attrs *a = c->attrs;
    sgd_job j = {c->in[0],           c->in[1],
                 c->in[2],           c->out[0],
                 c->out[1],          *(const float *)c->in[3],
                 (float)a->momentum, (float)a->weight_decay,
                 a->nesterov};
    avcl__cpu_for(c->device, avcl__count(&c->kernel->in_info[0]), AVCL_CPU_GRAIN, step,
                  &j);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_optim)[] = {
    {.name = "sgd", sizeof(avcl_sgd_attrs), .run = sgd},
    {.name = NULL},
};
