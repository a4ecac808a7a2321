/*
 * cross_entropy.c - softmax cross-entropy of class scores, a weighted mean over the rows.
 *
 * Rows of weight 0 (the padding of a last batch) and of a negative label do not count.
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("avcl.cross_entropy", "1.0");

enum { LOGITS, LABEL, WEIGHT };

static avcl_node ones(const avcl_build *b, int64_t n)
{
    avcl_attr at[2] = {avcl_attr_ints("shape", &n, 1), avcl_attr_float("value", 1)};
    return avcl_b_op(b, "constant", NULL, 0, at, 2);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    (void)params;
    avcl_node weight =
        inputs[WEIGHT] ? inputs[WEIGHT] : ones(b, avcl_b_dim(b, inputs[LOGITS], 0));
    avcl_node in[3] = {inputs[LOGITS], inputs[LABEL], weight};
    outputs[0] = avcl_b_op(b, "cross_entropy", in, 3, NULL, 0);
    return avcl_b_status(b);
}

static const avcl_port inputs[] = {
    {.name = "logits", .layout = "NC", .doc = "Class scores."},
    {.name = "label",
     .layout = "N",
     .doc = "Class index; negative = none.",
     .dtype = AVCL_I32,
     .domain = AVCL_DOMAIN_CLASS},
    {.name = "weight",
     .layout = "N",
     .doc = "Weight of each row; 1 when absent.",
     .flags = AVCL_PORT_OPTIONAL | AVCL_PORT_NOGRAD,
     .domain = AVCL_DOMAIN_PROBABILITY},
};

static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "Weighted mean of -ln p(label)."},
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
    .kind = AVCL_KIND_LOSS,
    .name = "cross_entropy",
    .summary = "Softmax cross-entropy.",
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.cross_entropy",
    .version = "1.0",
    .license = "MIT",
    .summary = "Supervised classification loss.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
