/*
 * r2plus1d.c - R(2+1)D-18: R3D whose every convolution is one over space and one over
 * time, with as many channels between them as give the number of weights of the whole.
 */
#include "residual.h"

AVCL_PLUGIN_MANIFEST("avcl.r2plus1d", "1.0");

/* Of kt x d x d weights from c_in to c_out channels (section 3.5 of the citation). */
static int64_t channels_between(int64_t c_in, int64_t c_out, const int64_t kernel[3])
{
    int64_t space = kernel[1] * kernel[2] * c_in;
    int64_t time = kernel[0] * c_out;
    if (space + time <= 0) return 1; /* c_in is 0 in a poisoned graph */
    int64_t n = kernel[0] * kernel[1] * kernel[2] * c_in * c_out / (space + time);
    return n > 0 ? n : 1;
}

/* time(relu(bn(space(x)))): the 1x1x1 shortcuts too. */
static avcl_node factorised(const avcl_build *b, avcl_node x, const char *name,
                            int64_t width, const conv_shape *c)
{
    const int64_t *k = c->kernel;
    const int64_t *s = c->stride;
    conv_shape space = {{1, k[1], k[2]}, {1, s[1], s[2]}};
    conv_shape time = {{k[0], 1, 1}, {s[0], 1, 1}};
    int64_t between = channels_between(avcl_b_dim(b, x, 1), width, k);
    b->graph->push(b->call, name);
    x = conv(b, x, "spatial", between, &space, 0);
    x = avcl_b_relu(b, avcl_b_batch_norm(b, x, "bn"));
    x = conv(b, x, "temporal", width, &time, 0);
    b->graph->pop(b->call);
    return x;
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    return residual_network(b, params, inputs[0], factorised, outputs);
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
    .name = "r2plus1d",
    .summary = "R3D with every convolution split into space and time.",
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
    .id = "avcl.r2plus1d",
    .version = "1.0",
    .license = "MIT",
    .summary = "The R(2+1)D backbone.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
