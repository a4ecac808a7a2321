/* line.c - ops along one axis: logsumexp, argmax, l2_normalise. Doubles inside. */
#include <math.h>

#include "kernels.h"

typedef struct line_job {
    const float *x;
    void *y;
    float *norm;
    int64_t length;
    int64_t stride; /* between elements of a line; lines with it are neighbours */
    double eps;
} line_job;

static int64_t start_of(const line_job *j, int64_t line)
{
    return line / j->stride * j->stride * j->length + line % j->stride;
}

static void logsumexp_some(void *arg, int64_t begin, int64_t end)
{
    const line_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        const float *x = j->x + start_of(j, i);
        float best = -INFINITY;
        double total = 0;
        for (int64_t k = 0; k < j->length; k++)
            best = fmaxf(best, x[k * j->stride]);
        float base = isfinite(best) ? best : 0;
        for (int64_t k = 0; k < j->length; k++)
            total += expf(x[k * j->stride] - base);
        ((float *)j->y)[i] = (float)(base + log(total));
    }
}

static void argmax_some(void *arg, int64_t begin, int64_t end)
{
    const line_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        const float *x = j->x + start_of(j, i);
        int64_t best = 0;
        for (int64_t k = 1; k < j->length; k++)
            if (x[k * j->stride] > x[best * j->stride]) best = k;
        ((int32_t *)j->y)[i] = (int32_t)best;
    }
}

static void normalise_some(void *arg, int64_t begin, int64_t end)
{
    const line_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        const float *x = j->x + start_of(j, i);
        float *y = (float *)j->y + start_of(j, i);
        double squares = 0;
        for (int64_t k = 0; k < j->length; k++)
            squares += (double)x[k * j->stride] * x[k * j->stride];
        double norm = fmax(sqrt(squares), j->eps);
        for (int64_t k = 0; k < j->length; k++)
            y[k * j->stride] = (float)(x[k * j->stride] / norm);
        j->norm[i] = (float)norm;
    }
}

static avcl_status each(const cpu_call *c, void (*body)(void *, int64_t, int64_t))
{
    const avcl_axis_attrs *a = c->attrs;
    const avcl_tinfo *x = &c->kernel->in_info[0];
    int64_t length = x->shape[a->axis];
    line_job j = {.x = c->in[0],
                  .y = c->out[0],
                  .norm = c->kernel->n_out > 1 ? c->out[1] : NULL,
                  .length = length,
                  .stride = avcl__extent(x, (int32_t)a->axis + 1, x->ndim),
                  .eps = a->eps};
    avcl__cpu_for(c->device, avcl__count(x) / length, grain_of(length * 4), body, &j);
    return AVCL_OK;
}

static avcl_status logsumexp(const cpu_call *c)
{
    return each(c, logsumexp_some);
}

static avcl_status argmax(const cpu_call *c)
{
    return each(c, argmax_some);
}

static avcl_status l2_normalise(const cpu_call *c)
{
    return each(c, normalise_some);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_line)[] = {
    {.name = "logsumexp", sizeof(avcl_axis_attrs), .run = logsumexp},
    {.name = "argmax", sizeof(avcl_axis_attrs), .run = argmax},
    {.name = "l2_normalise", sizeof(avcl_axis_attrs), .run = l2_normalise},
    {.name = NULL},
};
