/*
 * moco.c - MoCo between video and audio: queries of one modality, keys of the other.
 *
 *     L_v = -ln( exp(q_v.k_a / tau) / (exp(q_v.k_a / tau) + sum_j exp(q_v.n_j / tau)) )
 *
 * with n_j the K audio keys in the queue, and L_a likewise. Order of a step: keys of the
 * networks that follow, loss, keys into the queue, optimiser, following. (The official
 * code follows before it makes keys, which is the same but for the last step of all.)
 * All logits equal: ln(1 + K) a direction.
 */
#include "head.h"
#include "views.h"

AVCL_PLUGIN_MANIFEST("avcl.moco", "1.0");

enum { HEAD_KIND_LINEAR, HEAD_KIND_MLP };

struct params {
    double tau;
    double momentum;
    int64_t queue;
    int64_t hidden;
    int64_t out;
    int32_t head;
    int32_t reserved;
};

static const char *const scalars[] = {"momentum"};

static void schedule(const void *params, int64_t step, int64_t total, double *values)
{
    (void)step;
    (void)total;
    values[0] = ((const struct params *)params)->momentum;
}

/* Unit queries and keys of one modality. */
typedef struct stream {
    avcl_node query;
    avcl_node key;
} stream;

static stream declare(const avcl_build *b, const struct params *p, const char *name,
                      avcl_node x, avcl_node x_target, avcl_node momentum)
{
    const struct head_layer layers[2] = {{p->hidden, HEAD_RELU}, {p->out, HEAD_LINEAR}};
    int n = p->head == HEAD_KIND_MLP ? 2 : 1;
    struct head h = {.b = b};
    stream s;
    b->graph->push(b->call, name);
    s.query = head_unit(b, head_mlp(&h, "query", x, layers + 2 - n, n));
    head_follow(&h, momentum);
    avcl_node key = head_mlp(&h, "key", head_stop(b, x_target), layers + 2 - n, n);
    s.key = head_stop(b, head_unit(b, key));
    b->graph->pop(b->call);
    return s;
}

/* Keys of earlier steps, newest first; of unit length in expectation before there are
 * any. */
static avcl_node queue_of(const avcl_build *b, const struct params *p, const char *name)
{
    int64_t shape[2] = {p->queue, p->out};
    return b->graph->state(b->call, name, shape, 2, "normal", 1 / sqrt((double)p->out));
}

/* This step's keys go in front and the oldest fall out. Whoever reads the queue after
 * this sees them: the loss must have been declared. */
static void push(const avcl_build *b, const struct params *p, avcl_node queue,
                 avcl_node keys)
{
    int64_t n = avcl_b_dim(b, keys, 0);
    avcl_node next = keys;
    if (p->queue > n) {
        avcl_node stay = avcl_b_slice(b, queue, 0, 0, p->queue - n);
        next = avcl_b_concat(b, (avcl_node[2]){keys, stay}, 2, 0);
    }
    b->graph->assign(b->call, queue, next, AVCL_FORWARD);
}

static avcl_node direction(const avcl_build *b, const struct params *p, avcl_node query,
                           avcl_node key, avcl_node queue)
{
    avcl_node negative = avcl_b_matmul(b, query, queue, 0, 1);
    return head_first_of(b, head_dot(b, query, key), &negative, 1, p->tau);
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    char text[128];
    avcl_status rc = head_check(b, inputs[VIDEO], inputs[AUDIO], 1);
    if (rc) return rc;
    int64_t n = avcl_b_dim(b, inputs[VIDEO], 0);
    if (p->queue < n) {
        snprintf(text, sizeof text, "queue = %lld is shorter than a batch of %lld",
                 (long long)p->queue, (long long)n);
        return avcl_b_report(b, AVCL_E_INVALID, text);
    }
    avcl_node momentum = b->graph->scalar(b->call, scalars[0], p->momentum);
    stream v = declare(b, p, "video", inputs[VIDEO], inputs[TARGET_VIDEO], momentum);
    stream a = declare(b, p, "audio", inputs[AUDIO], inputs[TARGET_AUDIO], momentum);
    avcl_node queue_v = queue_of(b, p, "queue_video");
    avcl_node queue_a = queue_of(b, p, "queue_audio");
    outputs[LOSS] = avcl_b_add(b, direction(b, p, v.query, a.key, queue_a),
                               direction(b, p, a.query, v.key, queue_v));
    push(b, p, queue_v, v.key);
    push(b, p, queue_a, a.key);
    outputs[Z_VIDEO] = v.query;
    outputs[Z_AUDIO] = a.query;
    return avcl_b_status(b);
}

/* ---- tables ---------------------------------------------------------------------- */
static const char *const heads[] = {"linear", "mlp", NULL};

static const avcl_param params[] = {
    {.name = "tau",
     .doc = "Temperature.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_LOG,
     .min = 1e-3,
     .def_float = 0.07,
     .offset = offsetof(struct params, tau)},
    {.name = "momentum",
     .doc = "Of the networks that make keys.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 1,
     .def_float = 0.999,
     .offset = offsetof(struct params, momentum)},
    {.name = "queue",
     .doc = "Keys of earlier steps that serve as negatives, K; officially 65536.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 4096,
     .offset = offsetof(struct params, queue)},
    {.name = "hidden",
     .doc = "Width of the hidden layer of an mlp head.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 512,
     .offset = offsetof(struct params, hidden)},
    {.name = "out",
     .doc = "Width of queries and keys.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 128,
     .offset = offsetof(struct params, out)},
    {.name = "head",
     .doc = "One linear layer (v1) or two (v2).",
     .type = AVCL_ENUM,
     .flags = AVCL_P_STRUCTURAL,
     .choices = heads,
     .def_int = HEAD_KIND_MLP,
     .offset = offsetof(struct params, head)},
};

static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "The loss, both directions added."},
    {.name = "video", .layout = "NC", .doc = "Unit queries of video."},
    {.name = "audio", .layout = "NC", .doc = "Unit queries of audio."},
};

static const avcl_method method = {
    .struct_size = sizeof method,
    .n_in = N_VIEWS_AND_TARGETS,
    .n_out = sizeof outputs / sizeof *outputs,
    .port_size = sizeof(avcl_port),
    .inputs = view_ports,
    .outputs = outputs,
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
    .name = "moco",
    .summary = "MoCo: queries against keys of the other modality and a queue.",
    .cite = "He et al., Momentum contrast for unsupervised visual representation "
            "learning, CVPR 2020",
    .params = params,
    .iface = &method,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.moco",
    .version = "1.0",
    .license = "MIT",
    .summary = "MoCo between video and audio.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
