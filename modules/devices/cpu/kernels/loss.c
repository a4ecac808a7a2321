/* loss.c - softmax cross-entropy, weighted per sample. Label < 0 counts as weight 0. */
#include <math.h>

#include "kernels.h"

static double weight_of(const int32_t *label, const float *weight, int64_t i)
{
    return label[i] < 0 ? 0 : weight[i];
}

static double total_weight(const int32_t *label, const float *weight, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += weight_of(label, weight, i);
    return total;
}

/* Writes the softmax of z[0, n) and returns ln Σ exp. */
static double softmax(const float *z, float *prob, int64_t n)
{
    double best = -INFINITY;
    double total = 0;
    for (int64_t k = 0; k < n; k++)
        best = fmax(best, z[k]);
    for (int64_t k = 0; k < n; k++)
        total += prob[k] = exp(z[k] - best);
    for (int64_t k = 0; k < n; k++)
        prob[k] /= total;
    return best + log(total);
}

static avcl_status cross_entropy(const cpu_call *c)
{
    const float *logits = c->in[0];
    const int32_t *label = c->in[1];
    const float *weight = c->in[2];
    float *loss = c->out[0];
    float *prob = c->out[1];
    int64_t n = c->kernel->in_info[0].shape[0];
    int64_t n_classes = c->kernel->in_info[0].shape[1];
    avcl_status status = avcl__check_labels(label, n, n_classes, c->err);
    if (status) return status;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *z = logits + i * n_classes;
        double log_sum = softmax(z, prob + i * n_classes, n_classes);
        double w = weight_of(label, weight, i);
        if (w != 0) total += w * (log_sum - z[label[i]]);
    }
    double sum = total_weight(label, weight, n);
    *loss = sum != 0 ? (float)(total / sum) : 0;
    return AVCL_OK;
}

/* gz = g w / Σw (prob - onehot). */
static avcl_status cross_entropy_backward(const cpu_call *c)
{
    const float *g = c->in[0];
    const float *prob = c->in[1];
    const int32_t *label = c->in[2];
    const float *weight = c->in[3];
    float *out = c->out[0];
    int64_t n = c->kernel->in_info[1].shape[0];
    int64_t n_classes = c->kernel->in_info[1].shape[1];
    avcl_status status = avcl__check_labels(label, n, n_classes, c->err);
    if (status) return status;
    double sum = total_weight(label, weight, n);
    for (int64_t i = 0; i < n; i++) {
        double w = weight_of(label, weight, i);
        double scale = w != 0 && sum != 0 ? *g * w / sum : 0;
        for (int64_t k = 0; k < n_classes; k++)
            out[i * n_classes + k] =
                scale != 0 ? (float)(scale * (prob[i * n_classes + k] - (k == label[i])))
                           : 0;
    }
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_loss)[] = {
    {.name = "cross_entropy", .run = cross_entropy},
    {.name = "cross_entropy_backward", .run = cross_entropy_backward},
    {.name = NULL},
};
