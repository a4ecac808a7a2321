/*
 * residual.h - the skeleton that R3D and R(2+1)D share: a stem and four residual stages
 * of one block each. They differ in what a convolution is. [build]
 */
#ifndef AVCL_BACKBONES_RESIDUAL_H
#define AVCL_BACKBONES_RESIDUAL_H

#include "layers.h"

/* One convolution of the network, under the scope `name`; no bias, a batch norm follows.
 */
typedef avcl_node residual_conv(const avcl_build *b, avcl_node x, const char *name,
                                int64_t width, const conv_shape *c);

static inline avcl_node downsample(const avcl_build *b, avcl_node x, residual_conv *conv_,
                                   int64_t width, int64_t stride)
{
    conv_shape point = {{1, 1, 1}, {stride, stride, stride}};
    b->graph->push(b->call, "downsample");
    x = conv_(b, x, "conv", width, &point);
    x = avcl_b_batch_norm(b, x, "bn");
    b->graph->pop(b->call);
    return x;
}

/* relu(shortcut(x) + bn(conv(relu(bn(conv(x)))))); the first convolution has the stride.
 */
static inline avcl_node stage(const avcl_build *b, avcl_node x, const char *name,
                              residual_conv *conv_, int64_t width, int64_t stride)
{
    conv_shape first = conv_3x3x3(stride);
    conv_shape second = conv_3x3x3(1);
    b->graph->push(b->call, name);
    b->graph->push(b->call, "block1");
    avcl_node shortcut = stride > 1 ? downsample(b, x, conv_, width, stride) : x;
    avcl_node y = conv_(b, x, "conv1", width, &first);
    y = avcl_b_relu(b, avcl_b_batch_norm(b, y, "bn1"));
    y = conv_(b, y, "conv2", width, &second);
    y = avcl_b_batch_norm(b, y, "bn2");
    b->graph->pop(b->call);
    b->graph->pop(b->call);
    return avcl_b_relu(b, avcl_b_add(b, shortcut, y));
}

/* Declares the whole network and fills taps[N_TAPS]. */
static inline avcl_status residual_network(const avcl_build *b,
                                           const struct backbone_params *p, avcl_node x,
                                           residual_conv *conv_, avcl_node *taps)
{
    avcl_status st = check_stem(b, p->stem);
    if (st) return st;
    conv_shape stem = {{3, p->stem, p->stem}, {1, 2, 2}};
    x = conv_(b, x, "conv1", p->width, &stem);
    taps[CONV1] = avcl_b_relu(b, avcl_b_batch_norm(b, x, "bn1"));
    taps[CONV2] = stage(b, taps[CONV1], "conv2", conv_, p->width, 1);
    taps[CONV3] = stage(b, taps[CONV2], "conv3", conv_, 2 * p->width, 2);
    taps[CONV4] = stage(b, taps[CONV3], "conv4", conv_, 4 * p->width, 2);
    taps[CONV5] = stage(b, taps[CONV4], "conv5", conv_, 8 * p->width, 2);
    taps[POOL] = avcl_b_global_avg_pool(b, taps[CONV5]);
    return avcl_b_status(b);
}

static const avcl_param residual_params[] = {
    WIDTH_PARAM(
        "Channels of conv1 and conv2; conv3, conv4 and conv5 have 2, 4 and 8 times "
        "that."),
    STEM_PARAM(7,
               "Height and width of conv1's kernel: 7 as in the published code, 3 as in "
               "print."),
};

static const avcl_port residual_taps[N_TAPS] = {
    {.name = "conv1", .layout = "NCTHW", .doc = "Stem, half the height and width."},
    {.name = "conv2", .layout = "NCTHW", .doc = "First stage, same size."},
    {.name = "conv3", .layout = "NCTHW", .doc = "Second stage, half of every axis."},
    {.name = "conv4", .layout = "NCTHW", .doc = "Third stage, a quarter of every axis."},
    {.name = "conv5", .layout = "NCTHW", .doc = "Last stage, an eighth of every axis."},
    {.name = "pool", .layout = "NC", .doc = "Average of conv5 over time and space."},
};

#endif
