/*
 * backbone.c - the smallest useful plugin: a backbone of two 3-D convolutions. Copy it.
 *
 *     cc -shared -fPIC -fvisibility=hidden -I.../include backbone.c -o tiny.avcl.so
 *     AVCL_PLUGIN_PATH=$PWD avcl plugin info tiny
 */
#include "avcl/build.h" /* the ops by short names; plugin.h alone is the contract */

/* Read from the file before it is loaded: your id (reverse DNS) and version. */
AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

/* The host fills this struct from defaults, the script and the command line. */
struct params {
    int64_t width;
};

static const avcl_param params[] = {
    {.name = "width",
     .doc = "Channels of the first convolution.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 8,
     .offset = offsetof(struct params, width)},
};

/* N batch, C channels, T time, H height, W width; `pool` is what classifiers look for. */
static const avcl_port inputs[] = {
    {.name = "clip", .layout = "NCTHW", .doc = "Frames, or a spectrogram of depth 1."},
};
enum { CONV1, CONV2, POOL, N_TAPS };
static const avcl_port taps[N_TAPS] = {
    {.name = "conv1",
     .layout = "NCTHW",
     .doc = "First layer, half the height and width."},
    {.name = "conv2", .layout = "NCTHW", .doc = "Second layer, half of that."},
    {.name = "pool", .layout = "NC", .doc = "Average of conv2 over time and space."},
};

/* Convolution, batch normalisation, relu. Weights are named by the scopes pushed here:
 * video/conv1/weight. A wrong shape poisons the result; nothing needs a check in between.
 */
static avcl_node layer(const avcl_build *b, avcl_node x, const char *name, int64_t width)
{
    int64_t shape[5] = {width, avcl_b_dim(b, x, 1), 3, 3, 3};
    b->graph->push(b->call, name);
    avcl_node w = b->graph->weight(b->call, "weight", shape, 5, "normal", 0.05);
    x = avcl_b_conv3d(b, x, w, (int64_t[3]){1, 2, 2}, (int64_t[3]){1, 1, 1});
    x = avcl_b_relu(b, avcl_b_batch_norm(b, x, "bn"));
    b->graph->pop(b->call);
    return x;
}

/* Declares the graph once; gradients, memory and devices are the host's business. */
static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    out[CONV1] = layer(b, in[0], "conv1", p->width);
    out[CONV2] = layer(b, out[CONV1], "conv2", 2 * p->width);
    out[POOL] = avcl_b_global_avg_pool(b, out[CONV2]);
    return avcl_b_status(b);
}

static const avcl_builder builder = {sizeof builder, 1,    N_TAPS, sizeof(avcl_port),
                                     inputs,         taps, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1, /* raise it when the same inputs give other numbers: runs count anew */
    .kind = AVCL_KIND_BACKBONE,
    .name = "tiny",
    .summary = "Two convolutions.",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module}; /* a plugin may bring several */

/* The one symbol that the host looks for. */
const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.tiny",
    .version = "1.0",
    .license = "MIT",
    .summary = "A template to copy.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
