/*
 * tiny.c - an op of its own with a kernel: y = x^3 + a x, element by element.
 *
 * For what the ops there are cannot express; see `avcl help ops` first. The gradient is
 * the kernel's: gx = (3 x^2 + a) gy. It reads x, so the op saves input 0.
 */
#include "avcl/plugin.h"

AVCL_PLUGIN_MANIFEST("org.example.tiny", "1.0");

struct attrs {
    double a;
};

static const avcl_param attrs_rows[] = {
    {.name = "a",
     .doc = "Factor of the linear term.",
     .type = AVCL_FLOAT,
     .def_float = 0.5,
     .offset = offsetof(struct attrs, a)},
};

/* ---- the op: shapes alone; it sees no data --------------------------------------- */
static avcl_status infer(const avcl_build *b, const void *attrs,
                         const avcl_tinfo *in_info, uint32_t n_in, avcl_tinfo *out_info)
{
    (void)b;
    (void)attrs;
    (void)n_in;
    out_info[0] = in_info[0];
    return AVCL_OK;
}

/* What `avcl plugin check` feeds it: shapes, attributes, ranges. */
static const avcl_case_input matrix[] = {{AVCL_F32, 2, {5, 7}, -1, 1, 0}};
static const avcl_op_case cases[] = {{"matrix", 1, 0, matrix, NULL}};

static const avcl_custom_op op = {
    .struct_size = sizeof op,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .n_cases = 1,
    .save_in = 1, /* bit 0: backward reads input 0 */
    .cases = cases,
    .infer = infer,
};

/* ---- the kernel: f64 for the tests, f32 for training ------------------------------ */
static int64_t count(const avcl_tensor *t)
{
    return (int64_t)(t->nbytes / (t->dtype == AVCL_F64 ? sizeof(double) : sizeof(float)));
}

static avcl_status forward(const avcl_run *run, const void *attrs,
                           const avcl_tensor *const *inputs, avcl_tensor *const *outputs)
{
    double a = ((const struct attrs *)attrs)->a;
    (void)run;
    for (int64_t i = 0; i < count(inputs[0]); i++)
        if (inputs[0]->dtype == AVCL_F64) {
            double x = ((const double *)inputs[0]->data)[i];
            ((double *)outputs[0]->data)[i] = x * x * x + a * x;
        } else {
            float x = ((const float *)inputs[0]->data)[i];
            ((float *)outputs[0]->data)[i] = x * x * x + (float)a * x;
        }
    return AVCL_OK;
}

static avcl_status backward(const avcl_run *run, const void *attrs,
                            const avcl_tensor *const *inputs,
                            const avcl_tensor *const *outputs,
                            const avcl_tensor *const *out_grad,
                            avcl_tensor *const *in_grad)
{
    double a = ((const struct attrs *)attrs)->a;
    (void)run;
    (void)outputs;
    if (!in_grad[0]) return AVCL_OK; /* nobody wants it */
    for (int64_t i = 0; i < count(inputs[0]); i++)
        if (inputs[0]->dtype == AVCL_F64) {
            double x = ((const double *)inputs[0]->data)[i];
            double gy = ((const double *)out_grad[0]->data)[i];
            ((double *)in_grad[0]->data)[i] = (3 * x * x + a) * gy;
        } else {
            float x = ((const float *)inputs[0]->data)[i];
            float gy = ((const float *)out_grad[0]->data)[i];
            ((float *)in_grad[0]->data)[i] = (3 * x * x + (float)a) * gy;
        }
    return AVCL_OK;
}

static const avcl_custom_kernel kernel = {
    .struct_size = sizeof kernel,
    .dtypes = AVCL_DTYPE_BIT(AVCL_F32) | AVCL_DTYPE_BIT(AVCL_F64),
    .op = "tiny",
    .device = "cpu",
    .forward = forward,
    .backward = backward,
};

/* ---- both in one plugin -------------------------------------------------------------
 */
static const avcl_module op_module = {
    .struct_size = sizeof op_module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof attrs_rows / sizeof *attrs_rows,
    .params_size = sizeof(struct attrs),
    .numerics = 1, /* raise it when the same inputs give other numbers: runs count anew */
    .kind = AVCL_KIND_OP,
    .name = "tiny",
    .summary = "A cubic, element by element.",
    .params = attrs_rows,
    .iface = &op,
};
static const avcl_module kernel_module = {
    .struct_size = sizeof kernel_module,
    .param_size = sizeof(avcl_param),
    .numerics = 1,
    .kind = AVCL_KIND_KERNEL,
    .name = "tiny_cpu",
    .summary = "The cubic in host memory.",
    .iface = &kernel,
};
static const avcl_module *const modules[] = {&op_module, &kernel_module};

/* The one symbol that the host looks for. */
const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 2,
    .id = "org.example.tiny",
    .version = "1.0",
    .license = "MIT",
    .summary = "A template to copy.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
