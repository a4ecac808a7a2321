/*
 * layers.h - what the three backbones of the paper are made of, and what they ask for.
 *
 * All keep the size at stride 1: a kernel is padded by half of itself. A depth-1 input (a
 * spectrogram) runs through the same layers; only the middle temporal tap of a kernel
 * sees it then. [build]
 */
#ifndef AVCL_BACKBONES_LAYERS_H
#define AVCL_BACKBONES_LAYERS_H

#include <math.h>
#include <stdio.h>

#include "avcl/build.h"

enum { CONV1, CONV2, CONV3, CONV4, CONV5, POOL, N_TAPS };

struct backbone_params {
    int64_t width;
    int64_t stem;
};

typedef struct conv_shape {
    int64_t kernel[3]; /* T, H, W */
    int64_t stride[3];
} conv_shape;

static inline conv_shape conv_3x3x3(int64_t stride)
{
    return (conv_shape){{3, 3, 3}, {stride, stride, stride}};
}

/* Weights, and a bias on request, start as PyTorch's do: uniform within 1 / sqrt(fan_in).
 */
static inline avcl_node conv(const avcl_build *b, avcl_node x, const char *name,
                             int64_t width, const conv_shape *c, int bias)
{
    const int64_t *k = c->kernel;
    int64_t c_in = avcl_b_dim(b, x, 1);
    int64_t shape[5] = {width, c_in, k[0], k[1], k[2]};
    int64_t pad[3] = {k[0] / 2, k[1] / 2, k[2] / 2};
    double fan_in = (double)(c_in * k[0] * k[1] * k[2]);
    double bound = fan_in > 0 ? 1 / sqrt(fan_in) : 0;
    b->graph->push(b->call, name);
    avcl_node w = b->graph->weight(b->call, "weight", shape, 5, "uniform", bound);
    avcl_node add =
        bias ? b->graph->weight(b->call, "bias", &width, 1, "uniform", bound) : 0;
    x = avcl_b_conv3d_bias(b, x, w, add, c->stride, pad);
    b->graph->pop(b->call);
    return x;
}

/* Refuses a first kernel that is neither the published nor the printed one. */
static inline avcl_status check_stem(const avcl_build *b, int64_t stem)
{
    if (stem == 3 || stem == 7) return AVCL_OK;
    char text[64];
    snprintf(text, sizeof text, "stem = %lld is neither 3 nor 7", (long long)stem);
    return avcl_b_report(b, AVCL_E_INVALID, text);
}

/* ---- rows of the parameter tables ----------------------------------------------------
 */
#define WIDTH_PARAM(text)                                                                \
    {                                                                                    \
        .name = "width", .doc = (text), .type = AVCL_INT,                                \
        .flags = AVCL_P_MIN | AVCL_P_MAX | AVCL_P_LOG | AVCL_P_STRUCTURAL, .min = 1,     \
        .max = 512, .def_int = 64, .offset = offsetof(struct backbone_params, width)     \
    }

#define STEM_PARAM(published, text)                                                      \
    {                                                                                    \
        .name = "stem", .doc = (text), .type = AVCL_INT,                                 \
        .flags = AVCL_P_MIN | AVCL_P_MAX | AVCL_P_STRUCTURAL, .min = 3, .max = 7,        \
        .def_int = (published), .offset = offsetof(struct backbone_params, stem)         \
    }

static const avcl_port clip_port[] = {
    {.name = "clip", .layout = "NCTHW", .doc = "Frames, or a spectrogram of depth 1."},
};

#endif
