/* module.c - the CPU device behind avcl/device.h: opens, plans and runs kernels. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conv/conv.h"
#include "conv/rows.h"
#include "cpu.h"

static void close_device(avcl_device *device)
{
    if (!device) return;
    avcl__library_close(device);
    avcl__conv_plan_close(device);
    free(device);
}

/* "OpenBLAS 0.3.21 DYNAMIC_ARCH …": the first two words. */
static void describe_blas(char *text, size_t size)
{
    char name[32] = "";
    char version[32] = "";
    sscanf(openblas_get_config(), "%31s %31s", name, version);
    snprintf(text, size, "%s %s", name, version);
}

static const char *const conv_names[] = {"auto", "direct", "winograd"};

static avcl_status set_conv(avcl_device *device, const char *conv, avcl_error *err)
{
    for (int i = 0; i < 3; i++)
        if (!conv || !strcmp(conv, conv_names[i])) {
            device->conv = i;
            return AVCL_OK;
        }
    return avcl__fail(err, AVCL_E_INVALID, "conv '%s' is none of auto, direct, winograd",
                      conv);
}

static void describe_into(avcl_device *device)
{
    char library[80];
    char blas[80];
    avcl__library_describe(library, sizeof library);
    describe_blas(blas, sizeof blas);
    snprintf(device->text, sizeof device->text,
             "cpu: %s%s%s %s, %u thread%s, conv %s, plan %016llx", device->isa->name,
             *library ? " " : "", library, blas, device->n_threads,
             device->n_threads == 1 ? "" : "s", conv_names[device->conv],
             (unsigned long long)device->plan->hash);
}

static avcl_status open_device(const avcl_host_api *host,
                               const avcl_device_options *options, avcl_device **out,
                               avcl_error *err)
{
    avcl_device *device = calloc(1, sizeof *device);
    if (!device) return avcl__fail(err, AVCL_E_NOMEM, "no memory for the device");
    device->host = host;
    device->n_threads =
        options && options->n_threads ? options->n_threads : host->n_threads;
    if (device->n_threads < 1) device->n_threads = 1;
    if (device->n_threads > host->n_threads && host->n_threads)
        device->n_threads = host->n_threads;
    device->isa =
        avcl__cpu_pick_isa(avcl__library_allows_avx512(), avcl__library_allows_avx2());
    avcl_status status = set_conv(device, options ? options->conv : NULL, err);
    if (!status)
        status = avcl__conv_plan_open(device, options ? options->kernel_plan : NULL, err);
    if (!status) status = avcl__library_open(device, err);
    if (status) {
        close_device(device);
        return status;
    }
    describe_into(device);
    *out = device;
    return AVCL_OK;
}

static const char *describe(avcl_device *device)
{
    return device->text;
}

static int has(avcl_dtype dtype, const avcl_kernel_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_in; i++)
        if (spec->in_info[i].dtype == dtype) return 1;
    for (uint32_t i = 0; i < spec->n_out; i++)
        if (spec->out_info[i].dtype == dtype) return 1;
    return 0;
}

static int32_t supports(avcl_device *device, const avcl_kernel_spec *spec)
{
    const cpu_op *op = avcl__cpu_find(device, spec->op);
    if (!op || has(AVCL_F64, spec) || (op->supports && !op->supports(spec))) return 0;
    return !has(AVCL_BF16, spec) || (op->takes_bf16 && op->takes_bf16(spec));
}

static void layouts(avcl_device *device, const avcl_kernel_spec *spec,
                    uint32_t *want_in_tag, uint32_t *out_tag)
{
    const cpu_op *op = avcl__cpu_find(device, spec->op);
    if (op && op->layouts)
        op->layouts(device, spec, want_in_tag, out_tag);
    else
        avcl__cpu_layout_plain(device, spec, want_in_tag, out_tag);
}

static avcl_status check(avcl_device *device, const avcl_kernel_spec *spec,
                         avcl_error *err)
{
    const cpu_op *op = avcl__cpu_find(device, spec->op);
    if (!op)
        return avcl__fail(err, AVCL_E_UNSUPPORTED,
                          "the cpu device has no kernel for op '%s'", spec->op);
    if (!supports(device, spec))
        return avcl__fail(err, AVCL_E_DTYPE, "op '%s': the cpu device has no f64",
                          spec->op);
    if (spec->n_in > AVCL_KERNEL_MAX_IN || spec->n_out > AVCL_KERNEL_MAX_OUT)
        return avcl__fail(
            err, AVCL_E_INVALID,
            "op '%s' has %u inputs and %u outputs, the limits are %d and %d", spec->op,
            spec->n_in, spec->n_out, AVCL_KERNEL_MAX_IN, AVCL_KERNEL_MAX_OUT);
    if (!op->judges_tags && !avcl__cpu_tags_fit(device, spec, op))
        return avcl__fail(err, AVCL_E_UNSUPPORTED, "op '%s' does not take these layouts",
                          spec->op);
    return AVCL_OK;
}

static void release(avcl_device *device, avcl_kernel *kernel)
{
    (void)device;
    if (!kernel) return;
    if (kernel->free_plan) kernel->free_plan(kernel->plan);
    free(kernel->attrs);
    free(kernel);
}

static avcl_kernel *copy_spec(const avcl_kernel_spec *spec, const cpu_op *op)
{
    avcl_kernel *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->op = op;
    k->text = "";
    k->n_in = spec->n_in;
    k->n_out = spec->n_out;
    if (op->attrs_size) {
        k->attrs = malloc(op->attrs_size);
        if (!k->attrs) {
            free(k);
            return NULL;
        }
        memcpy(k->attrs, spec->attrs, op->attrs_size);
    }
    for (uint32_t i = 0; i < k->n_in; i++) {
        k->in_info[i] = spec->in_info[i];
        k->in_tag[i] = spec->in_tag[i];
    }
    for (uint32_t i = 0; i < k->n_out; i++) {
        k->out_info[i] = spec->out_info[i];
        k->out_tag[i] = spec->out_tag[i];
    }
    return k;
}

static avcl_status prepare(avcl_device *device, const avcl_kernel_spec *spec,
                           avcl_kernel **out, uint64_t *scratch_bytes, avcl_error *err)
{
    avcl_status status = check(device, spec, err);
    if (status) return status;
    const cpu_op *op = avcl__cpu_find(device, spec->op);
    avcl_kernel *kernel = copy_spec(spec, op);
    if (!kernel) return avcl__fail(err, AVCL_E_NOMEM, "no memory for a kernel");
    if (op->prepare) status = op->prepare(device, kernel, err);
    if (status) {
        release(device, kernel);
        return status;
    }
    *out = kernel;
    *scratch_bytes = kernel->scratch;
    return AVCL_OK;
}

static avcl_status run(avcl_device *device, avcl_kernel *kernel,
                       const void *const *inputs, void *const *outputs, void *scratch,
                       avcl_error *err)
{
    cpu_call call = {device, kernel, kernel->attrs, inputs, outputs, scratch, err};
    return kernel->op->run(&call);
}

static void copy(avcl_device *device, void *dst, const void *src, uint64_t bytes)
{
    (void)device;
    memcpy(dst, src, bytes);
}

static const char *kernel_text(avcl_device *device, const avcl_kernel *kernel)
{
    (void)device;
    return kernel->text;
}

static double ceiling(avcl_device *device, int32_t which)
{
    return device->isa->ceiling(device, which);
}

static const avcl_device_api api = {
    .struct_size = sizeof(avcl_device_api),
    .build_id = AVCL_BUILD_ID,
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .supports = supports,
    .layouts = layouts,
    .bytes = avcl__cpu_bytes,
    .prepare = prepare,
    .run = run,
    .release = release,
    .alloc = avcl__cpu_alloc,
    .free = avcl__cpu_free,
    .upload = copy,
    .download = copy,
    .kernel_text = kernel_text,
    .plan_row = avcl__conv_candidate,
    .ceiling = ceiling,
    .custom_kernels = "cpu",
};

static const avcl_module cpu = {
    .struct_size = sizeof(avcl_module),
    .param_size = sizeof(avcl_param),
    .numerics = 1,
    .kind = AVCL_KIND_DEVICE,
    .name = "cpu",
    .summary = "f32 on all cores: oneDNN convolutions in blocked layouts, OpenBLAS.",
    .iface = &api,
};

static const avcl_module *const modules[] = {&cpu};

AVCL_PLUGIN_MANIFEST("avcl.cpu", "0.1.0");

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof(avcl_plugin),
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.cpu",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "The CPU device.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
