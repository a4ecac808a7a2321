/*
 * r3d.c - R3D-18 without pooling: a stem and four residual stages of one 3x3x3 block
 * each.
 */
#include "residual.h"

AVCL_PLUGIN_MANIFEST("avcl.r3d", "1.0");

static avcl_node whole(const avcl_build *b, avcl_node x, const char *name, int64_t width,
                       const conv_shape *c)
{
    return conv(b, x, name, width, c, 0);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    return residual_network(b, params, inputs[0], whole, outputs);
}

static const avcl_builder builder = {
    .struct_size = sizeof builder,
    .n_in = 1,
    .n_out = N_TAPS,
    .port_size = sizeof(avcl_port),
    .inputs = clip_port,
    .outputs = residual_taps,
    .build = build,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof residual_params / sizeof *residual_params,
    .params_size = sizeof(struct backbone_params),
    .numerics = 1,
    .kind = AVCL_KIND_BACKBONE,
    .name = "r3d",
    .summary = "Residual 3-D convolutional network, 9 convolutions.",
    .cite = "Tran et al., A closer look at spatiotemporal convolutions, CVPR 2018",
    .params = residual_params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
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
