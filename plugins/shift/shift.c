/*
 * shift.c - a custom op with its kernel: part of the channels move one frame in time.
 *
 * The temporal shift of Lin et al. (TSM, ICCV 2019): of C channels, the first
 * C * fraction see the next frame, as many after them see the one before, the rest stay.
 * Frames that would come from outside are zero.
 *
 *     cc -O2 -shared $(pkg-config --cflags avcl-plugin) shift.c -o shift.avcl.so
 */
#include <string.h>

#include "avcl/plugin.h"

AVCL_PLUGIN_MANIFEST("org.example.shift", "1.0");

struct attrs {
    double fraction;
};

static const avcl_param params[] = {
    {.name = "fraction",
     .doc = "Part of the channels that moves each way.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0,
     .max = 0.5,
     .def_float = 0.125,
     .offset = offsetof(struct attrs, fraction)},
};

/* ---- the op: shapes alone
 * -------------------------------------------------------------- */
static avcl_status infer(const avcl_build *b, const void *attrs,
                         const avcl_tinfo *in_info, uint32_t n_in, avcl_tinfo *out_info)
{
    (void)attrs;
    (void)n_in;
    if (in_info[0].ndim != 5)
        return b->host->report(b->call, AVCL_E_SHAPE, "takes clips [N,C,T,H,W]");
    out_info[0] = in_info[0];
    return AVCL_OK;
}

#define CLIP                                                                             \
    {                                                                                    \
        AVCL_F32, 5, {2, 8, 4, 3, 5}, -1, 1, 0                                           \
    }
static const avcl_case_input clip[] = {CLIP};
static const avcl_case_input still[] = {{AVCL_F32, 5, {1, 3, 1, 2, 2}, -1, 1, 0}};
static const avcl_attr half[] = {{"fraction", {AVCL_FLOAT, 1, 0, 0.5, NULL, NULL}}};
static const avcl_op_case cases[] = {
    {"eighth", 1, 0, clip, NULL},
    {"half", 1, 1, clip, half},
    {"one frame", 1, 1, still, half},
};

static const avcl_custom_op op = {
    .struct_size = sizeof op,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .n_cases = sizeof cases / sizeof *cases,
    .save_in = 0, /* linear: backward reads neither input nor output */
    .save_out = 0,
    .cases = cases,
    .infer = infer,
};

/* ---- the kernel: bytes alone
 * ----------------------------------------------------------- */
struct job {
    const char *from;
    char *to;
    int64_t channels;
    int64_t frames;
    int64_t bytes; /* of one frame of one channel */
    int64_t moving;
    int64_t direction; /* 1 forward, -1 backward: the transposed map */
};

static void move(void *arg, int64_t begin, int64_t end)
{
    const struct job *j = arg;
    for (int64_t row = begin; row < end; row++) { /* a channel of a clip */
        int64_t c = row % j->channels;
        int64_t step = c < j->moving ? 1 : c < 2 * j->moving ? -1 : 0;
        const char *from = j->from + row * j->frames * j->bytes;
        char *to = j->to + row * j->frames * j->bytes;
        for (int64_t t = 0; t < j->frames; t++) {
            int64_t source = t + step * j->direction;
            if (source >= 0 && source < j->frames)
                memcpy(to + t * j->bytes, from + source * j->bytes, (size_t)j->bytes);
            else
                memset(to + t * j->bytes, 0, (size_t)j->bytes);
        }
    }
}

static avcl_status run(const avcl_run *r, const struct attrs *a, const avcl_tensor *from,
                       avcl_tensor *to, int64_t direction)
{
    int64_t rows = from->shape[0] * from->shape[1];
    int64_t real = from->dtype == AVCL_F64 ? 8 : 4;
    struct job j = {from->data,
                    to->data,
                    from->shape[1],
                    from->shape[2],
                    from->shape[3] * from->shape[4] * real,
                    (int64_t)((double)from->shape[1] * a->fraction),
                    direction};
    r->host->parallel_for(r->host, rows, 4, move, &j);
    return AVCL_OK;
}

static avcl_status forward(const avcl_run *r, const void *attrs,
                           const avcl_tensor *const *inputs, avcl_tensor *const *outputs)
{
    return run(r, attrs, inputs[0], outputs[0], 1);
}

static avcl_status backward(const avcl_run *r, const void *attrs,
                            const avcl_tensor *const *inputs,
                            const avcl_tensor *const *outputs,
                            const avcl_tensor *const *out_grad,
                            avcl_tensor *const *in_grad)
{
    (void)inputs;
    (void)outputs;
    return in_grad[0] ? run(r, attrs, out_grad[0], in_grad[0], -1) : AVCL_OK;
}

static const avcl_custom_kernel kernel = {
    .struct_size = sizeof kernel,
    .dtypes = AVCL_DTYPE_BIT(AVCL_F32) | AVCL_DTYPE_BIT(AVCL_F64),
    .op = "shift",
    .device = "cpu",
    .forward = forward,
    .backward = backward,
};

/* ---- both in one plugin
 * ------------------------------------------------------------------ */
static const avcl_module op_module = {
    .struct_size = sizeof op_module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct attrs),
    .numerics = 1,
    .kind = AVCL_KIND_OP,
    .name = "shift",
    .summary = "Moves part of the channels one frame forward and as many back.",
    .cite = "Lin, Gan, Han: TSM, ICCV 2019",
    .params = params,
    .iface = &op,
};

static const avcl_module kernel_module = {
    .struct_size = sizeof kernel_module,
    .param_size = sizeof(avcl_param),
    .numerics = 1,
    .kind = AVCL_KIND_KERNEL,
    .name = "shift_cpu",
    .summary = "The shift in host memory, f32 and f64.",
    .iface = &kernel,
};
static const avcl_module *const modules[] = {&op_module, &kernel_module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 2,
    .id = "org.example.shift",
    .version = "1.0",
    .license = "MIT",
    .summary = "Temporal shift of channels.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
