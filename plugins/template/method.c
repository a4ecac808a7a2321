/*
 * tiny.c - a method: a backbone on two views, features pulled together.
 *
 * The views and the backbone are the script's to choose; a number that changes during
 * training ("strength" here) is declared by build and told by schedule.
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

struct params {
    const char *backbone;
    int64_t width;
    double strength;
};

static const avcl_param params[] = {
    {.name = "backbone",
     .doc = "Backbone on both views; it must have a parameter `width`.",
     .type = AVCL_STR,
     .flags = AVCL_P_STRUCTURAL,
     .def_str = "r3d",
     .offset = offsetof(struct params, backbone)},
    {.name = "width",
     .doc = "Its width.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 2,
     .def_int = 64,
     .offset = offsetof(struct params, width)},
    {.name = "strength",
     .doc = "Weight of the loss at the end; it rises from 0.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .min = 0,
     .def_float = 1,
     .offset = offsetof(struct params, strength)},
};

static const avcl_port inputs[] = {
    {.name = "view0", .layout = "NCTHW", .doc = "One view of a clip."},
    {.name = "view1", .layout = "NCTHW", .doc = "Another view of it."},
};
static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "Squared distance of the views' features."},
    {.name = "embedding", .layout = "NC", .doc = "Features of the first view."},
};

static avcl_node features(const avcl_build *b, avcl_instance net, avcl_node view)
{
    enum { MAX_TAPS = 16 };
    avcl_node taps[MAX_TAPS] = {0};
    b->graph->apply(b->call, net, &view, 1, taps, MAX_TAPS);
    for (int i = MAX_TAPS - 1; i >= 0; i--) /* pool is the last that is there */
        if (taps[i]) return taps[i];
    return 0;
}

static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    avcl_attr width = avcl_attr_int("width", p->width);
    avcl_instance net =
        b->graph->instance(b->call, AVCL_KIND_BACKBONE, p->backbone, &width, 1, "net");
    avcl_node u = features(b, net, in[0]);
    avcl_node v = features(b, net, in[1]); /* the same weights */
    avcl_node distance = avcl_b_square(b, avcl_b_sub(b, u, v));
    avcl_node strength = b->graph->scalar(b->call, "strength", p->strength);
    out[0] = avcl_b_mul(b, avcl_b_mean(b, distance, NULL, 0, 0), strength);
    out[1] = u;
    return avcl_b_status(b);
}

/* Linear in the step; a function of its arguments and of nothing else. */
static void schedule(const void *given, int64_t step, int64_t total, double *values)
{
    const struct params *p = given;
    values[0] = p->strength * (double)(step + 1) / (double)total;
}

static const char *const scalars[] = {"strength"};

static const avcl_method method = {
    .struct_size = sizeof method,
    .n_in = 2,
    .n_out = 2,
    .port_size = sizeof(avcl_port),
    .inputs = inputs,
    .outputs = outputs,
    .build = build,
    .scalars = scalars,
    .n_scalars = 1,
    .schedule = schedule,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1, /* raise it when the same inputs give other numbers: runs count anew */
    .kind = AVCL_KIND_METHOD,
    .name = "tiny",
    .summary = "Two views of a clip get the same features.",
    .params = params,
    .iface = &method,
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
