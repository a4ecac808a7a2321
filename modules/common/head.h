/*
 * head.h - linear layers, projectors and predictors, and losses that several share.
 *
 * A head declared with `momentum` = 0 owns its weights and notes them; declared again
 * with the same note and a momentum, under another name, it follows them. Its batch
 * statistics are its own either way: they come from its own forward.
 *
 *     struct head h = {.b = b};
 *     avcl_node z = head_mlp(&h, "projector", x, layers, n);
 *     head_follow(&h, momentum);
 *     avcl_node z_target = head_mlp(&h, "target", x_target, layers, n);
 */
#ifndef AVCL_MODULES_HEAD_H
#define AVCL_MODULES_HEAD_H

#include <math.h>
#include <stdio.h>

#include "avcl/build.h"

enum { HEAD_MAX_WEIGHTS = 24 };

/* What follows the linear layer. */
enum {
    HEAD_LINEAR = 0,
    HEAD_RELU = 1,
    HEAD_BN = 2,
    HEAD_BN_PLAIN = 4,
    HEAD_NO_BIAS = 8,
    HEAD_ELU = 16,
};

struct head_layer {
    int64_t width;
    uint32_t flags; /* HEAD_BN_PLAIN: normalised without scale and shift */
};

struct head {
    const avcl_build *b;
    avcl_node momentum;
    avcl_node weights[HEAD_MAX_WEIGHTS];
    uint32_t n;
};

static inline void head_follow(struct head *h, avcl_node momentum)
{
    h->momentum = momentum;
    h->n = 0;
}

static inline avcl_node head_weight(struct head *h, const char *name,
                                    const int64_t *shape, int32_t ndim, const char *init,
                                    double arg)
{
    const avcl_graph_api *g = h->b->graph;
    if (h->n >= HEAD_MAX_WEIGHTS) return 0;
    if (h->momentum) return g->follow(h->b->call, name, h->weights[h->n++], h->momentum);
    h->weights[h->n] = g->weight(h->b->call, name, shape, ndim, init, arg);
    return h->weights[h->n++];
}

/* As PyTorch starts it: weights and bias within 1 / sqrt(fan_in). */
static inline avcl_node head_linear(struct head *h, avcl_node x, int64_t width,
                                    int has_bias)
{
    int64_t shape[2] = {width, avcl_b_dim(h->b, x, 1)};
    double bound = shape[1] > 0 ? 1 / sqrt((double)shape[1]) : 0;
    avcl_node w = head_weight(h, "weight", shape, 2, "uniform", bound);
    avcl_node bias = has_bias ? head_weight(h, "bias", &width, 1, "uniform", bound) : 0;
    return avcl_b_linear(h->b, x, w, bias);
}

static inline avcl_node head_constant(const struct head *h, int64_t n, double value)
{
    avcl_attr at[2] = {avcl_attr_float("value", value), avcl_attr_ints("shape", &n, 1)};
    return avcl_b_op(h->b, "constant", NULL, 0, at, 2);
}

static inline avcl_node head_batch_norm(struct head *h, avcl_node x, int is_plain)
{
    const avcl_graph_api *g = h->b->graph;
    avcl_call *call = h->b->call;
    int64_t c = avcl_b_dim(h->b, x, 1);
    g->push(call, "bn");
    avcl_node in[5] = {
        x,
        is_plain ? head_constant(h, c, 1) : head_weight(h, "weight", &c, 1, "fill", 1),
        is_plain ? head_constant(h, c, 0) : head_weight(h, "bias", &c, 1, "fill", 0),
        g->state(call, "running_mean", &c, 1, "fill", 0),
        g->state(call, "running_var", &c, 1, "fill", 1),
    };
    avcl_node y = avcl_b_op(h->b, "batch_norm", in, 5, NULL, 0);
    g->assign(call, in[3], avcl_b_result(h->b, y, 3), AVCL_FORWARD);
    g->assign(call, in[4], avcl_b_result(h->b, y, 4), AVCL_FORWARD);
    g->pop(call);
    return y;
}

/* Linear layers under NAME/fc1, NAME/fc2, ... with what follows each. */
static inline avcl_node head_mlp(struct head *h, const char *name, avcl_node x,
                                 const struct head_layer *layers, int n)
{
    const avcl_graph_api *g = h->b->graph;
    g->push(h->b->call, name);
    for (int i = 0; i < n; i++) {
        char fc[16];
        snprintf(fc, sizeof fc, "fc%d", i + 1);
        g->push(h->b->call, fc);
        uint32_t flags = layers[i].flags;
        x = head_linear(h, x, layers[i].width, !(flags & HEAD_NO_BIAS));
        if (flags & (HEAD_BN | HEAD_BN_PLAIN))
            x = head_batch_norm(h, x, !!(flags & HEAD_BN_PLAIN));
        if (flags & HEAD_RELU) x = avcl_b_relu(h->b, x);
        if (flags & HEAD_ELU) x = avcl_b_op1(h->b, "elu", x);
        g->pop(h->b->call);
    }
    g->pop(h->b->call);
    return x;
}

/* ---- losses ---------------------------------------------------------------------- */
static inline avcl_node head_unit(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "l2_normalise", x);
}

static inline avcl_node head_stop(const avcl_build *b, avcl_node x)
{
    return avcl_b_op1(b, "stop_gradient", x);
}

/* <x_i, y_i> of every row, [N,1]. */
static inline avcl_node head_dot(const avcl_build *b, avcl_node x, avcl_node y)
{
    static const int64_t channels = 1;
    return avcl_b_sum(b, avcl_b_mul(b, x, y), &channels, 1, 1);
}

/* Batch mean of the cosine of x and a y that gets no gradient. */
static inline avcl_node head_mean_cosine(const avcl_build *b, avcl_node x, avcl_node y)
{
    avcl_node dot = head_dot(b, head_unit(b, x), head_unit(b, head_stop(b, y)));
    return avcl_b_mean(b, dot, NULL, 0, 0);
}

/* Mean cross-entropy of logits/tau whose first column is the right one. */
static inline avcl_node head_first_of(const avcl_build *b, avcl_node positive,
                                      const avcl_node *negatives, uint32_t n, double tau)
{
    avcl_node parts[4] = {positive};
    avcl_attr axis = avcl_attr_int("axis", 1);
    avcl_attr keep[2] = {axis, avcl_attr_bool("keep", 1)};
    for (uint32_t i = 0; i < n && i < 3; i++)
        parts[i + 1] = negatives[i];
    avcl_node logits = avcl_b_affine(b, avcl_b_concat(b, parts, n + 1, 1), 1 / tau, 0);
    avcl_node lse = avcl_b_op(b, "logsumexp", &logits, 1, keep, 2);
    avcl_node right = avcl_b_affine(b, positive, 1 / tau, 0);
    return avcl_b_mean(b, avcl_b_sub(b, lse, right), NULL, 0, 0);
}

/* Both features must have the same shape, in a batch of `least` or more. */
static inline avcl_status head_check(const avcl_build *b, avcl_node video,
                                     avcl_node audio, int64_t least)
{
    int64_t v[2] = {avcl_b_dim(b, video, 0), avcl_b_dim(b, video, 1)};
    int64_t a[2] = {avcl_b_dim(b, audio, 0), avcl_b_dim(b, audio, 1)};
    char text[160];
    if (avcl_b_status(b)) return avcl_b_status(b);
    if (v[0] != a[0]) {
        snprintf(text, sizeof text, "video has a batch of %lld but audio of %lld",
                 (long long)v[0], (long long)a[0]);
        return avcl_b_report(b, AVCL_E_SHAPE, text);
    }
    if (v[0] >= least) return AVCL_OK;
    snprintf(text, sizeof text, "needs a batch of %lld or more, got %lld",
             (long long)least, (long long)v[0]);
    return avcl_b_report(b, AVCL_E_SHAPE, text);
}

#endif
