/*
 * byol.c - BYOL between video and audio: each predicts the other's target projection.
 *
 *     L = (2 - 2 cos(p_v, sg z'_a)) + (2 - 2 cos(p_a, sg z'_v)), batch mean
 *     tau_t = 1 - (1 - tau_0) (cos(pi t / T) + 1) / 2
 *
 * Targets follow the online networks after each step of the optimiser; their batch
 * statistics come from their own forward. Equal: 0; orthogonal: 2 a direction.
 */
#include "head.h"
#include "views.h"

AVCL_PLUGIN_MANIFEST("avcl.byol", "1.0");

struct params {
    double tau;
    int64_t hidden;
    int64_t out;
};

static const char *const scalars[] = {"momentum"};

static void schedule(const void *params, int64_t step, int64_t total, double *values)
{
    const struct params *p = params;
    static const double pi = 3.14159265358979323846;
    double t = total > 0 ? (double)step / (double)total : 0;
    values[0] = 1 - (1 - p->tau) * (cos(pi * t) + 1) / 2;
}

/* One modality: z of the online network, its prediction p, z' of the target. */
typedef struct stream {
    avcl_node z;
    avcl_node p;
    avcl_node target;
} stream;

static stream declare(const avcl_build *b, const struct params *p, const char *name,
                      avcl_node x, avcl_node x_target, avcl_node momentum)
{
    const struct head_layer layers[2] = {{p->hidden, HEAD_BN | HEAD_RELU},
                                         {p->out, HEAD_NO_BIAS}};
    struct head projector = {.b = b};
    struct head predictor = {.b = b};
    stream s;
    b->graph->push(b->call, name);
    s.z = head_mlp(&projector, "projector", x, layers, 2);
    s.p = head_mlp(&predictor, "predictor", s.z, layers, 2);
    head_follow(&projector, momentum);
    s.target = head_mlp(&projector, "target", head_stop(b, x_target), layers, 2);
    b->graph->pop(b->call);
    return s;
}

static avcl_node distance(const avcl_build *b, avcl_node prediction, avcl_node target)
{
    return avcl_b_affine(b, head_mean_cosine(b, prediction, target), -2, 2);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_status rc = head_check(b, inputs[VIDEO], inputs[AUDIO], 2);
    if (rc) return rc;
    avcl_node momentum = b->graph->scalar(b->call, scalars[0], p->tau);
    stream v = declare(b, p, "video", inputs[VIDEO], inputs[TARGET_VIDEO], momentum);
    stream a = declare(b, p, "audio", inputs[AUDIO], inputs[TARGET_AUDIO], momentum);
    outputs[LOSS] = avcl_b_add(b, distance(b, v.p, a.target), distance(b, a.p, v.target));
    outputs[Z_VIDEO] = v.z;
    outputs[Z_AUDIO] = a.z;
    return avcl_b_status(b);
}

/* ---- tables ---------------------------------------------------------------------- */
static const avcl_param params[] = {
    {.name = "tau",
     .doc =
         "Momentum of the targets at the start; it rises to 1. Published: 0.99 for 300 "
         "epochs, 0.996 for 1000.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 1,
     .def_float = 0.99,
     .offset = offsetof(struct params, tau)},
    {.name = "hidden",
     .doc = "Width of the hidden layer of projector and predictor.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 4096,
     .offset = offsetof(struct params, hidden)},
    {.name = "out",
     .doc = "Width of the projection.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 256,
     .offset = offsetof(struct params, out)},
};

static const avcl_method method = {
    .struct_size = sizeof method,
    .n_in = N_VIEWS_AND_TARGETS,
    .n_out = N_LOSS_AND_Z,
    .port_size = sizeof(avcl_port),
    .inputs = view_ports,
    .outputs = loss_and_z_ports,
    .build = build,
    .scalars = scalars,
    .n_scalars = sizeof scalars / sizeof *scalars,
    .schedule = schedule,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_METHOD,
    .name = "byol",
    .summary = "BYOL: video and audio predict each other's target projection.",
    .cite = "Grill et al., Bootstrap your own latent, NeurIPS 2020",
    .params = params,
    .iface = &method,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.byol",
    .version = "1.0",
    .license = "MIT",
    .summary = "BYOL between video and audio.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
