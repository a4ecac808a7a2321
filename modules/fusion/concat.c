/*
 * concat.c - no fusion: both features pass as they are, for whoever concatenates them.
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("avcl.concat", "1.0");

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    (void)params;
    outputs[0] = inputs[0];
    outputs[1] = inputs[1];
    return avcl_b_status(b);
}

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Video features."},
    {.name = "audio", .layout = "NC", .doc = "Audio features."},
};

static const avcl_port outputs[] = {
    {.name = "video", .layout = "NC", .doc = "The video features."},
    {.name = "audio", .layout = "NC", .doc = "The audio features."},
};

static const avcl_builder builder = {
    .struct_size = sizeof builder,
    .n_in = sizeof inputs / sizeof *inputs,
    .n_out = sizeof outputs / sizeof *outputs,
    .port_size = sizeof(avcl_port),
    .inputs = inputs,
    .outputs = outputs,
    .build = build,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .numerics = 1,
    .kind = AVCL_KIND_FUSION,
    .name = "concat",
    .summary = "Plain concatenation: no gate between the modalities.",
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.concat",
    .version = "1.0",
    .license = "MIT",
    .summary = "Fusion that leaves features alone.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
