/*
 * fixture.c - a plugin of ABI 1.0 with a module of every kind, compiled against the
 * headers of that day beside it. Neither ever changes: every later host must take it.
 */
#include <string.h>

#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.frozen", "1.0");

struct width {
    int64_t width;
};
static const avcl_param width_rows[] = {
    {.name = "width",
     .doc = "Channels.",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL,
     .min = 1,
     .def_int = 8,
     .offset = offsetof(struct width, width)},
};
struct factor {
    double factor;
};
static const avcl_param factor_rows[] = {
    {.name = "factor",
     .doc = "What is multiplied with.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 0.1,
     .max = 2,
     .def_float = 0.5,
     .offset = offsetof(struct factor, factor)},
};
#define MODULE(variable, kind_, name_, rows, type, table)                                \
    static const avcl_module variable = {.struct_size = sizeof variable,                 \
                                         .param_size = sizeof(avcl_param),               \
                                         .n_params = 1,                                  \
                                         .params_size = sizeof(type),                    \
                                         .numerics = 1,                                  \
                                         .kind = kind_,                                  \
                                         .name = name_,                                  \
                                         .summary = "Of ABI 1.0.",                       \
                                         .params = rows,                                 \
                                         .iface = table}

/* ---- builders ---------------------------------------------------------------------- */
static avcl_status build_backbone(const avcl_build *b, const void *params,
                                  const avcl_node *inputs, avcl_node *outputs)
{
    int64_t width = ((const struct width *)params)->width;
    int64_t shape[5] = {width, avcl_b_dim(b, inputs[0], 1), 3, 3, 3};
    avcl_node w = b->graph->weight(b->call, "conv/weight", shape, 5, "normal", 0.1);
    avcl_node x =
        avcl_b_conv3d(b, inputs[0], w, (int64_t[3]){1, 2, 2}, (int64_t[3]){1, 1, 1});
    outputs[0] = avcl_b_global_avg_pool(b, avcl_b_relu(b, avcl_b_batch_norm(b, x, "bn")));
    return avcl_b_status(b);
}
static const avcl_port clip_port[] = {
    {.name = "clip", .layout = "NCTHW", .doc = "Clip."}};
static const avcl_port pool_port[] = {{.name = "pool", .layout = "NC", .doc = "Mean."}};
static const avcl_builder backbone = {
    sizeof backbone, 1, 1, sizeof(avcl_port), clip_port, pool_port, build_backbone};
MODULE(backbone_module, AVCL_KIND_BACKBONE, "backbone", width_rows, struct width,
       &backbone);

static avcl_status build_fusion(const avcl_build *b, const void *params,
                                const avcl_node *inputs, avcl_node *outputs)
{
    double factor = ((const struct factor *)params)->factor;
    avcl_node other[2] = {avcl_b_affine(b, inputs[1], factor, 0),
                          avcl_b_affine(b, inputs[0], factor, 0)};
    for (int i = 0; i < 2; i++)
        outputs[i] = avcl_b_add(b, inputs[i], other[i]);
    return avcl_b_status(b);
}
static const avcl_port pair_port[] = {{.name = "video", .layout = "NC", .doc = "One."},
                                      {.name = "audio", .layout = "NC", .doc = "Two."}};
static const avcl_builder fusion = {
    sizeof fusion, 2, 2, sizeof(avcl_port), pair_port, pair_port, build_fusion};
MODULE(fusion_module, AVCL_KIND_FUSION, "fusion", factor_rows, struct factor, &fusion);

static avcl_status build_loss(const avcl_build *b, const void *params,
                              const avcl_node *inputs, avcl_node *outputs)
{
    double factor = ((const struct factor *)params)->factor;
    avcl_node d = avcl_b_square(b, avcl_b_sub(b, inputs[0], inputs[1]));
    outputs[0] = avcl_b_affine(b, avcl_b_mean(b, d, NULL, 0, 0), factor, 0);
    return avcl_b_status(b);
}
static const avcl_port loss_port[] = {{.name = "loss", .layout = "", .doc = "Loss."}};
static const avcl_builder loss = {sizeof loss, 2,         1,         sizeof(avcl_port),
                                  pair_port,   loss_port, build_loss};
MODULE(loss_module, AVCL_KIND_LOSS, "loss", factor_rows, struct factor, &loss);
MODULE(alignment_module, AVCL_KIND_ALIGNMENT, "alignment", factor_rows, struct factor,
       &loss);

static avcl_status build_method(const avcl_build *b, const void *params,
                                const avcl_node *inputs, avcl_node *outputs)
{
    avcl_node warm = b->graph->scalar(b->call, "warm", 1);
    avcl_status status = build_loss(b, params, inputs, outputs);
    outputs[0] = avcl_b_mul(b, outputs[0], warm);
    return status ? status : avcl_b_status(b);
}
static void schedule(const void *params, int64_t step, int64_t total, double *values)
{
    (void)params;
    values[0] = 1 - 0.5 * (double)step / (double)total;
}
static const char *const scalars[] = {"warm"};
static const avcl_method method = {
    sizeof method, 2, 1, sizeof(avcl_port), pair_port, loss_port, build_method,
    scalars,       1, 0, schedule};
MODULE(method_module, AVCL_KIND_METHOD, "method", factor_rows, struct factor, &method);

/* ---- an op and its kernel ---------------------------------------------------------- */
static avcl_status infer(const avcl_build *b, const void *attrs,
                         const avcl_tinfo *in_info, uint32_t n_in, avcl_tinfo *out_info)
{
    (void)b;
    (void)attrs;
    (void)n_in;
    out_info[0] = in_info[0];
    return AVCL_OK;
}
static const avcl_case_input matrix[] = {{AVCL_F32, 2, {3, 5}, -1, 1, 0}};
static const avcl_op_case cases[] = {{"matrix", 1, 0, matrix, NULL}};
static const avcl_custom_op op = {.struct_size = sizeof op,
                                  .min_in = 1,
                                  .max_in = 1,
                                  .n_out = 1,
                                  .n_cases = 1,
                                  .cases = cases,
                                  .infer = infer};
MODULE(op_module, AVCL_KIND_OP, "scale", factor_rows, struct factor, &op);

static avcl_status scale(const void *attrs, const avcl_tensor *from, avcl_tensor *to)
{
    double factor = ((const struct factor *)attrs)->factor;
    if (from->dtype == AVCL_F64)
        for (uint64_t i = 0; i < from->nbytes / sizeof(double); i++)
            ((double *)to->data)[i] = factor * ((const double *)from->data)[i];
    else
        for (uint64_t i = 0; i < from->nbytes / sizeof(float); i++)
            ((float *)to->data)[i] = (float)factor * ((const float *)from->data)[i];
    return AVCL_OK;
}
static avcl_status forward(const avcl_run *run, const void *attrs,
                           const avcl_tensor *const *inputs, avcl_tensor *const *outputs)
{
    (void)run;
    return scale(attrs, inputs[0], outputs[0]);
}
static avcl_status backward(const avcl_run *run, const void *attrs,
                            const avcl_tensor *const *inputs,
                            const avcl_tensor *const *outputs,
                            const avcl_tensor *const *out_grad,
                            avcl_tensor *const *in_grad)
{
    (void)run;
    (void)inputs;
    (void)outputs;
    return in_grad[0] ? scale(attrs, out_grad[0], in_grad[0]) : AVCL_OK;
}
static const avcl_custom_kernel kernel = {.struct_size = sizeof kernel,
                                          .dtypes = AVCL_DTYPE_BIT(AVCL_F32) |
                                                    AVCL_DTYPE_BIT(AVCL_F64),
                                          .op = "scale",
                                          .device = "cpu",
                                          .forward = forward,
                                          .backward = backward};
static const avcl_module kernel_module = {.struct_size = sizeof kernel_module,
                                          .param_size = sizeof(avcl_param),
                                          .numerics = 1,
                                          .kind = AVCL_KIND_KERNEL,
                                          .name = "scale_cpu",
                                          .summary = "Of ABI 1.0.",
                                          .iface = &kernel};

/* ---- samples ----------------------------------------------------------------------- */
static const char *const names[] = {"a", "b", "c", "d"};
static avcl_status open_set(const avcl_reading *r, const void *params, const char *path,
                            void **self)
{
    (void)r;
    (void)path;
    *self = (void *)params;
    return AVCL_OK;
}
static void close_set(void *self)
{
    (void)self;
}
static int64_t count(void *self)
{
    (void)self;
    return 4;
}
static avcl_status row(const avcl_reading *r, void *self, int64_t index,
                       avcl_dataset_row *out)
{
    (void)r;
    (void)self;
    if (index < 0 || index >= 4) return AVCL_END;
    out->name = names[index];
    out->label = index % 2 ? "odd" : "even";
    return AVCL_OK;
}
static avcl_status clip(const avcl_reading *r, void *self, int64_t index,
                        avcl_clip_info *out)
{
    (void)r;
    (void)index;
    out->n_frames = 6;
    out->height = 16;
    out->width = 12 + (int32_t)((const struct width *)self)->width;
    out->fps = 3;
    return AVCL_OK;
}
static avcl_status frames(const avcl_reading *r, void *self, int64_t index, int64_t start,
                          int64_t n, uint8_t *rgb)
{
    int64_t picture = 16 * (12 + ((const struct width *)self)->width) * 3;
    (void)r;
    for (int64_t i = 0; i < n * picture; i++)
        rgb[i] = (uint8_t)((start * picture + i) * (index + 1));
    return AVCL_OK;
}
static const avcl_custom_dataset dataset = {.struct_size = sizeof dataset,
                                            .flags = AVCL_DATASET_SYNTHETIC,
                                            .open = open_set,
                                            .close = close_set,
                                            .count = count,
                                            .row = row,
                                            .clip = clip,
                                            .frames = frames};
MODULE(dataset_module, AVCL_KIND_DATASET, "dataset", width_rows, struct width, &dataset);

static avcl_status apply(const avcl_reading *r, const void *params, avcl_tensor *t)
{
    double drawn;
    avcl_status status = r->host->random_fill(r->call, 0, 1, &drawn);
    float factor = (float)(((const struct factor *)params)->factor * drawn);
    for (uint64_t i = 0; !status && i < t->nbytes / sizeof(float); i++)
        ((float *)t->data)[i] *= factor;
    return status;
}
static const avcl_custom_transform transform = {
    .struct_size = sizeof transform, .field = AVCL_FIELD_MEL, .apply = apply};
MODULE(transform_module, AVCL_KIND_TRANSFORM, "transform", factor_rows, struct factor,
       &transform);

static avcl_status start(const avcl_host_api *host, avcl_call *call)
{
    return host->abi_major == 1 && host->struct_size >= sizeof *host
               ? AVCL_OK
               : host->report(call, AVCL_E_ABI, "its host is older than 1.0");
}

static const avcl_module *const modules[] = {
    &backbone_module, &fusion_module, &alignment_module, &loss_module,     &method_module,
    &op_module,       &kernel_module, &dataset_module,   &transform_module};
const avcl_plugin avcl_plugin_v1 = {.struct_size = sizeof avcl_plugin_v1,
                                    .abi_major = AVCL_ABI_MAJOR,
                                    .abi_minor = AVCL_ABI_MINOR,
                                    .n_modules = sizeof modules / sizeof *modules,
                                    .id = "org.example.frozen",
                                    .version = "1.0",
                                    .license = "MIT",
                                    .summary = "One of every kind, of ABI 1.0.",
                                    .manifest = avcl_manifest_,
                                    .modules = modules,
                                    .init = start};
