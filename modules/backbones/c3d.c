/*
 * c3d.c - C3D with batch norms and a global average in place of its dense layers: eight
 * 3x3x3 convolutions with biases, a max pool after each of the first four groups.
 *
 * A clip of one frame has no time to halve: a pool is never deeper than its input.
 */
#include "layers.h"

AVCL_PLUGIN_MANIFEST("avcl.c3d", "1.0");

/* relu(bn_name(conv_name(x))) */
static avcl_node layer(const avcl_build *b, avcl_node x, const char *name, int64_t width,
                       const conv_shape *c)
{
    char text[16];
    x = conv(b, x, name, width, c, 1);
    snprintf(text, sizeof text, "bn%s", name + sizeof "conv" - 1);
    return avcl_b_relu(b, avcl_b_batch_norm(b, x, text));
}

static avcl_node layer_3x3x3(const avcl_build *b, avcl_node x, const char *name,
                             int64_t width)
{
    conv_shape c = conv_3x3x3(1);
    return layer(b, x, name, width, &c);
}

/* Halves height and width, and time by `depth` where there is any. */
static avcl_node pool(const avcl_build *b, avcl_node x, int64_t depth)
{
    int64_t frames = avcl_b_dim(b, x, 2);
    int64_t kt = frames < depth ? 1 : depth;
    return avcl_b_max_pool3d(b, x, (int64_t[3]){kt, 2, 2});
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct backbone_params *p = params;
    avcl_status st = check_stem(b, p->stem);
    if (st) return st;
    int64_t w = p->width;
    conv_shape stem = {{3, p->stem, p->stem}, {1, 1, 1}};
    avcl_node x = outputs[CONV1] = layer(b, inputs[0], "conv1", w, &stem);
    x = pool(b, x, 1);
    x = outputs[CONV2] = layer_3x3x3(b, x, "conv2", 2 * w);
    x = pool(b, x, 2);
    x = layer_3x3x3(b, x, "conv3a", 4 * w);
    x = outputs[CONV3] = layer_3x3x3(b, x, "conv3b", 4 * w);
    x = pool(b, x, 2);
    x = layer_3x3x3(b, x, "conv4a", 8 * w);
    x = outputs[CONV4] = layer_3x3x3(b, x, "conv4b", 8 * w);
    x = pool(b, x, 2);
    x = layer_3x3x3(b, x, "conv5a", 8 * w);
    outputs[CONV5] = layer_3x3x3(b, x, "conv5b", 8 * w);
    outputs[POOL] = avcl_b_global_avg_pool(b, outputs[CONV5]);
    return avcl_b_status(b);
}

/* ---- tables
 * ---------------------------------------------------------------------------- */
static const avcl_param params[] = {
    WIDTH_PARAM(
        "Channels of conv1; conv2, conv3, conv4 and conv5 have 2, 4, 8 and 8 times "
        "that."),
    STEM_PARAM(3,
               "Height and width of conv1's kernel: 3 as published and in print, or 7."),
};

static const avcl_port taps[N_TAPS] = {
    {.name = "conv1", .layout = "NCTHW", .doc = "First layer, the size of the input."},
    {.name = "conv2",
     .layout = "NCTHW",
     .doc = "Second layer, half the height and width."},
    {.name = "conv3", .layout = "NCTHW", .doc = "conv3b: time by 2, space by 4."},
    {.name = "conv4", .layout = "NCTHW", .doc = "conv4b: time by 4, space by 8."},
    {.name = "conv5", .layout = "NCTHW", .doc = "conv5b: time by 8, space by 16."},
    {.name = "pool", .layout = "NC", .doc = "Average of conv5 over time and space."},
};

static const avcl_builder builder = {
    .struct_size = sizeof builder,
    .n_in = 1,
    .n_out = N_TAPS,
    .port_size = sizeof(avcl_port),
    .inputs = clip_port,
    .outputs = taps,
    .build = build,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct backbone_params),
    .numerics = 1,
    .kind = AVCL_KIND_BACKBONE,
    .name = "c3d",
    .summary = "C3D with batch norms and global pooling, 8 convolutions.",
    .cite = "Tran et al., Learning spatiotemporal features with 3D convolutional "
            "networks, ICCV 2015",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.c3d",
    .version = "1.0",
    .license = "MIT",
    .summary = "The C3D backbone.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
