/*
 * simsiam.c - SimSiam between video and audio: each predicts the other's projection.
 *
 *     L = -1/2 (cos(p_v, sg z_a) + cos(p_a, sg z_v)), batch mean; -1 at best
 *
 * -1 within an epoch is a collapse: the diagnostics of a run tell (diag/spread).
 */
#include "head.h"
#include "views.h"

AVCL_PLUGIN_MANIFEST("avcl.simsiam", "1.0");

struct params {
    int64_t hidden;
    int64_t out;
    int64_t predictor;
};

typedef struct stream {
    avcl_node z;
    avcl_node p;
} stream;

static stream declare(const avcl_build *b, const struct params *p, const char *name,
                      avcl_node x)
{
    int64_t width = p->hidden ? p->hidden : avcl_b_dim(b, x, 1);
    uint32_t first = HEAD_BN | HEAD_RELU | HEAD_NO_BIAS;
    const struct head_layer projector[3] = {
        {width, first}, {width, first}, {p->out, HEAD_BN_PLAIN | HEAD_NO_BIAS}};
    const struct head_layer predictor[2] = {{p->predictor, first}, {p->out, HEAD_LINEAR}};
    struct head h = {.b = b};
    stream s;
    b->graph->push(b->call, name);
    s.z = head_mlp(&h, "projector", x, projector, 3);
    s.p = head_mlp(&h, "predictor", s.z, predictor, 2);
    b->graph->pop(b->call);
    return s;
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_status rc = head_check(b, inputs[VIDEO], inputs[AUDIO], 2);
    if (rc) return rc;
    stream v = declare(b, p, "video", inputs[VIDEO]);
    stream a = declare(b, p, "audio", inputs[AUDIO]);
    avcl_node both =
        avcl_b_add(b, head_mean_cosine(b, v.p, a.z), head_mean_cosine(b, a.p, v.z));
    outputs[LOSS] = avcl_b_affine(b, both, -0.5, 0);
    outputs[Z_VIDEO] = v.z;
    outputs[Z_AUDIO] = a.z;
    return avcl_b_status(b);
}

/* ---- tables ---------------------------------------------------------------------- */
static const avcl_param params[] = {
    {.name = "hidden",
     .doc = "Width of the hidden layers of the projector; 0 = that of the features.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .def_int = 0,
     .offset = offsetof(struct params, hidden)},
    {.name = "out",
     .doc = "Width of the projection.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 2048,
     .offset = offsetof(struct params, out)},
    {.name = "predictor",
     .doc = "Width of the hidden layer of the predictor.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 512,
     .offset = offsetof(struct params, predictor)},
};

static const avcl_method method = {
    .struct_size = sizeof method,
    .n_in = N_VIEWS,
    .n_out = N_LOSS_AND_Z,
    .port_size = sizeof(avcl_port),
    .inputs = view_ports,
    .outputs = loss_and_z_ports,
    .build = build,
};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_METHOD,
    .name = "simsiam",
    .summary = "SimSiam: video and audio predict each other, no negatives.",
    .cite = "Chen, He, Exploring simple Siamese representation learning, CVPR 2021",
    .params = params,
    .iface = &method,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.simsiam",
    .version = "1.0",
    .license = "MIT",
    .summary = "SimSiam between video and audio.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
