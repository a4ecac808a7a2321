/*
 * s3dg.c - a small S3D-G: separable 3-D convolutions with feature gating.
 *
 *     unit: 1 x 3 x 3 in space, then 3 x 1 x 1 in time, each with batch norm and relu
 *     gate: x * sigmoid(W mean(x) + b), per channel
 *
 * Xie, Sun, Huang, Tu, Murphy: Rethinking spatiotemporal feature learning, ECCV 2018,
 * section 5. One unit a stage instead of their Inception blocks.
 */
#include <math.h>

#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.s3dg", "1.0");

struct params {
    int64_t width;
    int32_t gating;
    int32_t reserved;
};

static const avcl_param params[] = {
    {.name = "width",
     .doc = "Channels of conv1; the later stages have 2, 4 and 8 times that.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX | AVCL_P_LOG | AVCL_P_STRUCTURAL,
     .min = 1,
     .max = 256,
     .def_int = 32,
     .offset = offsetof(struct params, width)},
    {.name = "gating",
     .doc = "Scale channels by what the whole clip shows.",
     .type = AVCL_BOOL,
     .flags = AVCL_P_STRUCTURAL,
     .def_int = 1,
     .offset = offsetof(struct params, gating)},
};

static const avcl_port inputs[] = {
    {.name = "clip", .layout = "NCTHW", .doc = "Frames, or a spectrogram of depth 1."},
};
enum { CONV1, CONV2, CONV3, CONV4, POOL, N_TAPS };
static const avcl_port taps[N_TAPS] = {
    {.name = "conv1",
     .layout = "NCTHW",
     .doc = "First stage, half the height and width."},
    {.name = "conv2", .layout = "NCTHW", .doc = "Second stage, half of that."},
    {.name = "conv3", .layout = "NCTHW", .doc = "Third stage, half of every axis."},
    {.name = "conv4", .layout = "NCTHW", .doc = "Last stage, half of every axis again."},
    {.name = "pool", .layout = "NC", .doc = "Average of conv4 over time and space."},
};

/* Convolution, batch norm, relu; He initialisation. */
static avcl_node layer(const avcl_build *b, avcl_node x, const char *name, int64_t width,
                       const int64_t kernel[3], const int64_t stride[3])
{
    int64_t shape[5] = {width, avcl_b_dim(b, x, 1), kernel[0], kernel[1], kernel[2]};
    int64_t pad[3] = {kernel[0] / 2, kernel[1] / 2, kernel[2] / 2};
    int64_t fan_in = shape[1] * kernel[0] * kernel[1] * kernel[2];
    if (fan_in < 1) return 0;
    b->graph->push(b->call, name);
    avcl_node w = b->graph->weight(b->call, "weight", shape, 5, "normal",
                                   sqrt(2.0 / (double)fan_in));
    x = avcl_b_conv3d(b, x, w, stride, pad);
    x = avcl_b_relu(b, avcl_b_batch_norm(b, x, "bn"));
    b->graph->pop(b->call);
    return x;
}

static avcl_node gate(const avcl_build *b, avcl_node x)
{
    int64_t c = avcl_b_dim(b, x, 1);
    int64_t shape[2] = {c, c};
    if (c < 1) return 0;
    b->graph->push(b->call, "gate");
    avcl_node w =
        b->graph->weight(b->call, "weight", shape, 2, "normal", sqrt(1.0 / (double)c));
    avcl_node bias = b->graph->weight(b->call, "bias", &c, 1, "fill", 0);
    b->graph->pop(b->call);
    avcl_node mean = avcl_b_global_avg_pool(b, x);
    avcl_node scale = avcl_b_sigmoid(b, avcl_b_linear(b, mean, w, bias));
    const int64_t wide[5] = {avcl_b_dim(b, x, 0), c, 1, 1, 1};
    return avcl_b_mul(b, x, avcl_b_reshape(b, scale, wide, 5));
}

/* Space first, time second; the stride is shared out likewise. */
static avcl_node stage(const avcl_build *b, const struct params *p, avcl_node x,
                       const char *name, int64_t width, int64_t time_stride)
{
    b->graph->push(b->call, name);
    x = layer(b, x, "space", width, (int64_t[3]){1, 3, 3}, (int64_t[3]){1, 2, 2});
    x = layer(b, x, "time", width, (int64_t[3]){3, 1, 1},
              (int64_t[3]){time_stride, 1, 1});
    if (p->gating) x = gate(b, x);
    b->graph->pop(b->call);
    return x;
}

static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    out[CONV1] = stage(b, p, in[0], "conv1", p->width, 1);
    out[CONV2] = stage(b, p, out[CONV1], "conv2", 2 * p->width, 1);
    out[CONV3] = stage(b, p, out[CONV2], "conv3", 4 * p->width, 2);
    out[CONV4] = stage(b, p, out[CONV3], "conv4", 8 * p->width, 2);
    out[POOL] = avcl_b_global_avg_pool(b, out[CONV4]);
    return avcl_b_status(b);
}

static const avcl_builder builder = {sizeof builder, 1,    N_TAPS, sizeof(avcl_port),
                                     inputs,         taps, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_BACKBONE,
    .name = "s3dg",
    .summary = "Separable 3-D convolutions with feature gating.",
    .cite = "Xie et al.: Rethinking spatiotemporal feature learning, ECCV 2018",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.s3dg",
    .version = "1.0",
    .license = "MIT",
    .summary = "A small S3D-G.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
