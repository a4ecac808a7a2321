/*
 * r3d.c - R3D-18 without pooling: a stem and four residual stages of one 3x3x3 block
 * each.
 *
 * Taps are the stages' outputs and their global average. A depth-1 input (a spectrogram)
 * runs through the same layers; only the middle temporal tap of a kernel sees it then.
 */
#include <math.h>
#include <stdio.h>

#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("avcl.r3d", "1.0");

enum { CONV1, CONV2, CONV3, CONV4, CONV5, POOL, N_TAPS };

struct params {
    int64_t width;
    int64_t stem;
};

/* ---- layers --------------------------------------------------------------------------
 */
/* kernel [kt, kh, kw], padded to keep the size; no bias, a batch norm follows. */
static avcl_node conv(const avcl_build *b, avcl_node x, const char *name, int64_t width,
                      const int64_t kernel[3], const int64_t stride[3])
{
    int64_t c_in = avcl_b_dim(b, x, 1);
    int64_t shape[5] = {width, c_in, kernel[0], kernel[1], kernel[2]};
    int64_t pad[3] = {kernel[0] / 2, kernel[1] / 2, kernel[2] / 2};
    double fan_in = (double)(c_in * kernel[0] * kernel[1] * kernel[2]);
    b->graph->push(b->call, name);
    avcl_node w = b->graph->weight(b->call, "weight", shape, 5, "uniform",
                                   fan_in > 0 ? 1 / sqrt(fan_in) : 0);
    x = avcl_b_conv3d(b, x, w, stride, pad);
    b->graph->pop(b->call);
    return x;
}

static avcl_node conv_3x3x3(const avcl_build *b, avcl_node x, const char *name,
                            int64_t width, int64_t stride)
{
    return conv(b, x, name, width, (int64_t[3]){3, 3, 3},
                (int64_t[3]){stride, stride, stride});
}

static avcl_node downsample(const avcl_build *b, avcl_node x, int64_t width,
                            int64_t stride)
{
    b->graph->push(b->call, "downsample");
    x = conv(b, x, "conv", width, (int64_t[3]){1, 1, 1},
             (int64_t[3]){stride, stride, stride});
    x = avcl_b_batch_norm(b, x, "bn");
    b->graph->pop(b->call);
    return x;
}

/* relu(shortcut(x) + bn(conv(relu(bn(conv(x)))))); the first convolution has the stride.
 */
static avcl_node stage(const avcl_build *b, avcl_node x, const char *name, int64_t width,
                       int64_t stride)
{
    b->graph->push(b->call, name);
    b->graph->push(b->call, "block1");
    avcl_node shortcut = stride > 1 ? downsample(b, x, width, stride) : x;
    avcl_node y = conv_3x3x3(b, x, "conv1", width, stride);
    y = avcl_b_relu(b, avcl_b_batch_norm(b, y, "bn1"));
    y = conv_3x3x3(b, y, "conv2", width, 1);
    y = avcl_b_batch_norm(b, y, "bn2");
    b->graph->pop(b->call);
    b->graph->pop(b->call);
    return avcl_b_relu(b, avcl_b_add(b, shortcut, y));
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    if (p->stem != 3 && p->stem != 7) {
        char text[64];
        snprintf(text, sizeof text, "stem = %lld is neither 3 nor 7", (long long)p->stem);
        return avcl_b_report(b, AVCL_E_INVALID, text);
    }
    avcl_node x = conv(b, inputs[0], "conv1", p->width, (int64_t[3]){3, p->stem, p->stem},
                       (int64_t[3]){1, 2, 2});
    outputs[CONV1] = avcl_b_relu(b, avcl_b_batch_norm(b, x, "bn1"));
    outputs[CONV2] = stage(b, outputs[CONV1], "conv2", p->width, 1);
    outputs[CONV3] = stage(b, outputs[CONV2], "conv3", 2 * p->width, 2);
    outputs[CONV4] = stage(b, outputs[CONV3], "conv4", 4 * p->width, 2);
    outputs[CONV5] = stage(b, outputs[CONV4], "conv5", 8 * p->width, 2);
    outputs[POOL] = avcl_b_global_avg_pool(b, outputs[CONV5]);
    return avcl_b_status(b);
}

/* ---- tables
 * ---------------------------------------------------------------------------- */
static const avcl_param params[] = {
    {.name = "width",
     .doc = "Channels of conv1 and conv2; conv3, conv4 and conv5 have 2, 4 and 8 times "
            "that.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX | AVCL_P_LOG | AVCL_P_STRUCTURAL,
     .min = 1,
     .max = 512,
     .def_int = 64,
     .offset = offsetof(struct params, width)},
    {.name = "stem",
     .doc =
         "Height and width of conv1's kernel: 7 as in the published code, 3 as in print.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX | AVCL_P_STRUCTURAL,
     .min = 3,
     .max = 7,
     .def_int = 7,
     .offset = offsetof(struct params, stem)},
};

static const avcl_port inputs[] = {
    {.name = "clip", .layout = "NCTHW", .doc = "Frames, or a spectrogram of depth 1."},
};

static const avcl_port taps[N_TAPS] = {
    {.name = "conv1", .layout = "NCTHW", .doc = "Stem, half the height and width."},
    {.name = "conv2", .layout = "NCTHW", .doc = "First stage, same size."},
    {.name = "conv3", .layout = "NCTHW", .doc = "Second stage, half of every axis."},
    {.name = "conv4", .layout = "NCTHW", .doc = "Third stage, a quarter of every axis."},
    {.name = "conv5", .layout = "NCTHW", .doc = "Last stage, an eighth of every axis."},
    {.name = "pool", .layout = "NC", .doc = "Average of conv5 over time and space."},
};

static const avcl_builder builder = {sizeof builder, 1,    N_TAPS, sizeof(avcl_port),
                                     inputs,         taps, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_BACKBONE,
    .name = "r3d",
    .summary = "Residual 3-D convolutional network, 9 convolutions.",
    .cite = "Tran et al., A closer look at spatiotemporal convolutions, CVPR 2018",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v0 = {
    .struct_size = sizeof avcl_plugin_v0,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.r3d",
    .version = "1.0",
    .license = "MIT",
    .summary = "The R3D backbone.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
