/* loss.c - softmax cross-entropy, weighted per sample. Label < 0 counts as weight 0. */
#include <math.h>

#include "reference.h"

static double weight_of(const int32_t *label, const double *weight, int64_t i)
{
    return label[i] < 0 ? 0 : weight[i];
}

static double total_weight(const int32_t *label, const double *weight, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += weight_of(label, weight, i);
    return total;
}

/* Writes the softmax of z[0, n) and returns ln Σ exp. */
static double softmax(const double *z, double *prob, int64_t n)
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

static avcl_status cross_entropy(const ref_call *c)
{
    const double *logits = c->in[0];
    const int32_t *label = c->in[1];
    const double *weight = c->in[2];
    double *loss = c->out[0];
    double *prob = c->out[1];
    int64_t n = c->in_info[0].shape[0];
    int64_t n_classes = c->in_info[0].shape[1];
    avcl_status status = avcl__check_labels(label, n, n_classes, c->err);
    if (status) return status;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *z = logits + i * n_classes;
        double log_sum = softmax(z, prob + i * n_classes, n_classes);
        double w = weight_of(label, weight, i);
        if (w != 0) total += w * (log_sum - z[label[i]]);
    }
    double sum = total_weight(label, weight, n);
    *loss = sum != 0 ? total / sum : 0;
    return AVCL_OK;
}

/* gz = g w / Σw (prob - onehot). */
static avcl_status cross_entropy_backward(const ref_call *c)
{
    const double *g = c->in[0];
    const double *prob = c->in[1];
    const int32_t *label = c->in[2];
    const double *weight = c->in[3];
    double *out = c->out[0];
    int64_t n = c->in_info[1].shape[0];
    int64_t n_classes = c->in_info[1].shape[1];
    avcl_status status = avcl__check_labels(label, n, n_classes, c->err);
    if (status) return status;
    double sum = total_weight(label, weight, n);
    for (int64_t i = 0; i < n; i++) {
        double w = weight_of(label, weight, i);
        double scale = w != 0 && sum != 0 ? *g * w / sum : 0;
        for (int64_t k = 0; k < n_classes; k++)
            out[i * n_classes + k] =
                scale != 0 ? scale * (prob[i * n_classes + k] - (k == label[i])) : 0;
    }
    return AVCL_OK;
}

const ref_op avcl__ref_loss[] = {
    {.name = "cross_entropy", .run = cross_entropy},
    {.name = "cross_entropy_backward", .run = cross_entropy_backward},
    {.name = NULL},
};
