/*
 * module.c - the reference device: plain loops, f32 and f64, the oracle.
 *
 * A f32 session computes in double too: run() widens real inputs into scratch and
 * rounds the outputs, so that a kernel exists once.
 */
#include <stdlib.h>
#include <string.h>

#include "reference.h"

struct avcl_device {
    int unused; /* the device has no state */
};

struct avcl_kernel {
    const ref_op *op;
    void *attrs;
    uint32_t n_in;
    uint32_t n_out;
    avcl_tinfo in_info[AVCL_KERNEL_MAX_IN];
    avcl_tinfo out_info[AVCL_KERNEL_MAX_OUT];
};

static avcl_status open_device(const avcl_host_api *host,
                               const avcl_device_options *options, avcl_device **out,
                               avcl_error *err)
{
    (void)host;
    (void)options;
    avcl_device *device = calloc(1, sizeof *device);
    if (!device) return avcl__fail(err, AVCL_E_NOMEM, "no memory for the device");
    *out = device;
    return AVCL_OK;
}

static void close_device(avcl_device *device)
{
    free(device);
}

static const char *describe(avcl_device *device)
{
    (void)device;
    return "reference: plain loops in double, 1 thread";
}

/* No value may mix the two reals, and bf16 is none. */
static int reals_agree(const avcl_tinfo *info, uint32_t n, avcl_dtype *real)
{
    for (uint32_t i = 0; i < n; i++) {
        avcl_dtype dtype = info[i].dtype;
        if (dtype == AVCL_BF16) return 0;
        if (dtype != AVCL_F32 && dtype != AVCL_F64) continue;
        if (*real && dtype != *real) return 0;
        *real = dtype;
    }
    return 1;
}

static int32_t supports(avcl_device *device, const avcl_kernel_spec *spec)
{
    (void)device;
    avcl_dtype real = 0;
    return avcl__ref_find(spec->op) && reals_agree(spec->in_info, spec->n_in, &real) &&
           reals_agree(spec->out_info, spec->n_out, &real);
}

static uint64_t bytes_of(avcl_device *device, uint32_t tag, const avcl_tinfo *info)
{
    (void)device;
    (void)tag;
    return (uint64_t)avcl__count(info) * avcl__dtype_size(info->dtype);
}

static int is_widened(const avcl_tinfo *info)
{
    return info->dtype == AVCL_F32;
}

static uint64_t widened_bytes(const avcl_tinfo *info)
{
    return avcl__align((uint64_t)avcl__count(info) * sizeof(double));
}

static avcl_status check(const avcl_kernel_spec *spec, avcl_error *err)
{
    if (!supports(NULL, spec))
        return avcl__fail(err, AVCL_E_UNSUPPORTED,
                          "the reference device has no kernel for op '%s'", spec->op);
    if (spec->n_in > AVCL_KERNEL_MAX_IN || spec->n_out > AVCL_KERNEL_MAX_OUT)
        return avcl__fail(err, AVCL_E_INVALID,
                          "op '%s' has %u inputs and %u outputs, the "
                          "limits are %d and %d",
                          spec->op, spec->n_in, spec->n_out, AVCL_KERNEL_MAX_IN,
                          AVCL_KERNEL_MAX_OUT);
    return AVCL_OK;
}

static void release(avcl_device *device, avcl_kernel *kernel)
{
    (void)device;
    if (!kernel) return;
    free(kernel->attrs);
    free(kernel);
}

static avcl_status prepare(avcl_device *device, const avcl_kernel_spec *spec,
                           avcl_kernel **out, uint64_t *scratch_bytes, avcl_error *err)
{
    avcl_status status = check(spec, err);
    if (status) return status;
    avcl_kernel *k = calloc(1, sizeof *k);
    if (!k) return avcl__fail(err, AVCL_E_NOMEM, "no memory for a kernel");
    k->op = avcl__ref_find(spec->op);
    k->n_in = spec->n_in;
    k->n_out = spec->n_out;
    k->attrs = k->op->attrs_size ? malloc(k->op->attrs_size) : NULL;
    if (k->op->attrs_size && !k->attrs) {
        release(device, k);
        return avcl__fail(err, AVCL_E_NOMEM, "no memory for a kernel");
    }
    if (k->attrs) memcpy(k->attrs, spec->attrs, k->op->attrs_size);
    uint64_t scratch = 0;
    for (uint32_t i = 0; i < k->n_in; i++) {
        k->in_info[i] = spec->in_info[i];
        if (is_widened(&k->in_info[i])) scratch += widened_bytes(&k->in_info[i]);
    }
    for (uint32_t i = 0; i < k->n_out; i++) {
        k->out_info[i] = spec->out_info[i];
        if (is_widened(&k->out_info[i])) scratch += widened_bytes(&k->out_info[i]);
    }
    *out = k;
    *scratch_bytes = scratch;
    return AVCL_OK;
}

static void widen(const float *x, double *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
}

static void narrow(const double *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
}

static avcl_status run(avcl_device *device, avcl_kernel *k, const void *const *inputs,
                       void *const *outputs, void *scratch, avcl_error *err)
{
    (void)device;
    const void *in[AVCL_KERNEL_MAX_IN] = {NULL};
    void *out[AVCL_KERNEL_MAX_OUT] = {NULL};
    char *at = scratch;
    for (uint32_t i = 0; i < k->n_in; i++) {
        in[i] = inputs[i];
        if (!is_widened(&k->in_info[i])) continue;
        widen(inputs[i], (double *)at, avcl__count(&k->in_info[i]));
        in[i] = at;
        at += widened_bytes(&k->in_info[i]);
    }
    for (uint32_t i = 0; i < k->n_out; i++) {
        out[i] = outputs[i];
        if (!is_widened(&k->out_info[i])) continue;
        out[i] = at;
        at += widened_bytes(&k->out_info[i]);
    }
    ref_call call = {k->op,       k->attrs, k->n_in, k->n_out, k->in_info,
                     k->out_info, in,       out,     err};
    avcl_status status = k->op->run(&call);
    if (status) return status;
    for (uint32_t i = 0; i < k->n_out; i++)
        if (is_widened(&k->out_info[i]))
            narrow(out[i], outputs[i], avcl__count(&k->out_info[i]));
    return AVCL_OK;
}

static void *alloc_memory(avcl_device *device, uint64_t bytes)
{
    (void)device;
    return avcl__aligned_alloc(bytes);
}

static void free_memory(avcl_device *device, void *p, uint64_t bytes)
{
    (void)device;
    (void)bytes;
    free(p);
}

static void copy(avcl_device *device, void *dst, const void *src, uint64_t bytes)
{
    (void)device;
    memcpy(dst, src, bytes);
}

static const avcl_device_api api = {
    .struct_size = sizeof(avcl_device_api),
    .has_f64 = 1,
    .build_id = AVCL_BUILD_ID,
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .supports = supports,
    .bytes = bytes_of,
    .prepare = prepare,
    .run = run,
    .release = release,
    .alloc = alloc_memory,
    .free = free_memory,
    .upload = copy,
    .download = copy,
    .custom_kernels = "cpu",
};

static const avcl_module reference = {
    .struct_size = sizeof(avcl_module),
    .param_size = sizeof(avcl_param),
    .numerics = 1,
    .kind = AVCL_KIND_DEVICE,
    .name = "reference",
    .summary = "Plain loops in f32 and f64: what every other device is compared with.",
    .iface = &api,
};

static const avcl_module *const modules[] = {&reference};

AVCL_PLUGIN_MANIFEST("avcl.reference", "0.1.0");

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof(avcl_plugin),
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "avcl.reference",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "The reference device.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
