/*
 * iic.c - IIC between video and audio: instances against memories, with intra-negatives.
 *
 *     L_v = -ln( exp(v.m_a[y] / tau) / sum over 2 (K + 1) of exp(v.m / tau) )
 *
 * The others are K audio memories drawn at random, and K + 1 memories of intra-negatives
 * (the same clip with its motion taken away): the clip's own and those of the K draws.
 * L_a likewise with the video memories. After the loss m[y] = unit(mu m[y] + (1 - mu) x).
 * All logits equal: ln(2 (K + 1)) a view.
 *
 * A memory holds a row of every clip of the data set; only those trained on are renewed,
 * so the loss means nothing on other clips: select = 'min train/loss', not val/loss.
 */
#include "head.h"

AVCL_PLUGIN_MANIFEST("avcl.iic", "1.0");

enum { VIDEO, AUDIO, NEGATIVE, SAMPLE_INDEX };
enum { LOSS, Z_VIDEO, Z_AUDIO };

struct params {
    double tau;
    double momentum;
    int64_t negatives;
    int64_t samples;
    int32_t official;
    int32_t reserved;
};

/* What a step looks up: rows of its own clips, and those drawn for each. */
typedef struct rows {
    avcl_node own;   /* i32 [N] */
    avcl_node drawn; /* i32 [N K] */
    int64_t n;
    int64_t k;
    int64_t width;
} rows;

typedef struct memory {
    avcl_node own;   /* [N,D] */
    avcl_node drawn; /* [N,K,D] */
} memory;

static avcl_node draw(const avcl_build *b, const struct params *p, int64_t n)
{
    avcl_node rng = b->graph->rng(b->call);
    avcl_attr at[4] = {avcl_attr_int("rows", n), avcl_attr_int("columns", p->negatives),
                       avcl_attr_int("n", p->samples),
                       avcl_attr_int("salt", b->graph->next_salt(b->call))};
    return avcl_b_op(b, "random_index", &rng, 1, at, 4);
}

/* m[y] moves towards x at commit; what is looked up is from before. */
static memory remember(const avcl_build *b, const struct params *p, const char *name,
                       const rows *r, avcl_node x)
{
    int64_t shape[2] = {p->samples, r->width};
    int64_t drawn[3] = {r->n, r->k, r->width};
    double bound = sqrt(3.0 / (double)r->width); /* of unit length in expectation */
    avcl_node bank = b->graph->state(b->call, name, shape, 2, "uniform", bound);
    memory m = {.own = avcl_b_op2(b, "gather", bank, r->own)};
    m.drawn = avcl_b_reshape(b, avcl_b_op2(b, "gather", bank, r->drawn), drawn, 3);
    avcl_node old = avcl_b_affine(b, m.own, p->momentum, 0);
    avcl_node new = avcl_b_affine(b, head_stop(b, x), 1 - p->momentum, 0);
    avcl_node row = head_unit(b, avcl_b_add(b, old, new));
    b->graph->assign_rows(b->call, bank, r->own, row);
    return m;
}

/* <x_i, m_ij>, [N,K]. */
static avcl_node products(const avcl_build *b, const rows *r, avcl_node x, avcl_node m)
{
    avcl_node row = avcl_b_reshape(b, x, (int64_t[3]){r->n, 1, r->width}, 3);
    avcl_node dots = avcl_b_matmul(b, row, m, 0, 1);
    return avcl_b_reshape(b, dots, (int64_t[2]){r->n, r->k}, 2);
}

static avcl_node view(const avcl_build *b, const struct params *p, const rows *r,
                      avcl_node x, const memory *other, const memory *negative)
{
    avcl_node others[3] = {products(b, r, x, other->drawn), head_dot(b, x, negative->own),
                           products(b, r, x, negative->drawn)};
    return head_first_of(b, head_dot(b, x, other->own), others, 3, p->tau);
}

static avcl_status check(const avcl_build *b, const avcl_node *inputs)
{
    avcl_status rc = head_check(b, inputs[VIDEO], inputs[AUDIO], 1);
    if (rc) return rc;
    int64_t width = avcl_b_dim(b, inputs[VIDEO], 1);
    if (avcl_b_dim(b, inputs[AUDIO], 1) == width &&
        avcl_b_dim(b, inputs[NEGATIVE], 1) == width)
        return AVCL_OK;
    return avcl_b_report(b, AVCL_E_SHAPE,
                         "video, audio and negative must be of one width: they are "
                         "compared as they are");
}

static avcl_status build(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs)
{
    const struct params *p = params;
    avcl_status rc = check(b, inputs);
    if (rc) return rc;
    avcl_node x[3] = {inputs[VIDEO], inputs[AUDIO], inputs[NEGATIVE]};
    for (int i = 0; i < 3 && !p->official; i++)
        x[i] = head_unit(b, x[i]);
    rows r = {.own = inputs[SAMPLE_INDEX],
              .n = avcl_b_dim(b, x[VIDEO], 0),
              .k = p->negatives,
              .width = avcl_b_dim(b, x[VIDEO], 1)};
    r.drawn = draw(b, p, r.n);
    memory video = remember(b, p, "memory_video", &r, x[VIDEO]);
    memory audio = remember(b, p, "memory_audio", &r, x[AUDIO]);
    memory negative = remember(b, p, "memory_negative", &r, x[NEGATIVE]);
    outputs[LOSS] = avcl_b_add(b, view(b, p, &r, x[VIDEO], &audio, &negative),
                               view(b, p, &r, x[AUDIO], &video, &negative));
    outputs[Z_VIDEO] = x[VIDEO];
    outputs[Z_AUDIO] = x[AUDIO];
    return avcl_b_status(b);
}

/* ---- tables ---------------------------------------------------------------------- */
static const avcl_param params[] = {
    {.name = "tau",
     .doc = "Temperature.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_LOG,
     .min = 1e-3,
     .def_float = 0.07,
     .offset = offsetof(struct params, tau)},
    {.name = "momentum",
     .doc = "Of a memory's row when its clip is seen again.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .max = 1,
     .def_float = 0.5,
     .offset = offsetof(struct params, momentum)},
    {.name = "negatives",
     .doc = "Memories drawn for each clip of the batch, K.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN,
     .min = 1,
     .def_int = 1024,
     .offset = offsetof(struct params, negatives)},
    {.name = "samples",
     .doc = "Rows of a memory: how many clips the data set has, at least 16.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 16,
     .def_int = 1024,
     .offset = offsetof(struct params, samples)},
    {.name = "official",
     .doc = "Compare live features as they are, as the official code does: only memories "
            "are of unit length. Otherwise cosines.",
     .type = AVCL_BOOL,
     .offset = offsetof(struct params, official)},
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Video features."},
    {.name = "audio", .layout = "NC", .doc = "Audio features of the same clips."},
    {.name = "negative",
     .layout = "NC",
     .doc = "Video features of the same clips without their motion.",
     .flags = AVCL_PORT_NOGRAD},
    {.name = "sample_index",
     .layout = "N",
     .doc = "Which clip of the data set each row is.",
     .dtype = AVCL_I32,
     .domain = AVCL_DOMAIN_CLASS},
};

static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "The loss, both views added."},
    {.name = "video", .layout = "NC", .doc = "What is compared of video."},
    {.name = "audio", .layout = "NC", .doc = "What is compared of audio."},
};

static const avcl_method method = {
    .struct_size = sizeof method,
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
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_METHOD,
    .name = "iic",
    .summary = "IIC: instances against memories of the other view and intra-negatives.",
    .cite = "Tao et al., Self-supervised video representation learning using inter-intra "
            "contrastive framework, ACM MM 2020",
    .params = params,
    .iface = &method,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.iic",
    .version = "1.0",
    .license = "MIT",
    .summary = "IIC between video and audio.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
