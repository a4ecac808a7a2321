/* device_rig.c - opens a device module and runs single nodes on it. */
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/philox.h"
#include "base/parallel.h"
#include "device_rig.h"

static void run_parallel(const avcl_host_api *host, int64_t n, int64_t grain,
                         void (*body)(void *arg, int64_t begin, int64_t end), void *arg)
{
    avcl__parallel_for(host->n_threads, n, grain, body, arg);
}

static const avcl_module *load(rig *r, const char *name)
{
    char path[4096];
    const char *folder = getenv("AVCL_PLUGIN_PATH");
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/%s.avcl.so", folder, name);
    r->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!r->object) fail_msg("%s", dlerror());
    const avcl_plugin *plugin = dlsym(r->object, AVCL_ENTRY_SYMBOL);
    assert_non_null(plugin);
    assert_int_equal(plugin->n_modules, 1);
    return plugin->modules[0];
}

void rig_open(rig *r, const char *name, avcl_dtype real, uint32_t n_threads)
{
    rig_open_with(r, name, real, n_threads, NULL);
}

void rig_open_with(rig *r, const char *name, avcl_dtype real, uint32_t n_threads,
                   const avcl_device_options *options)
{
    memset(r, 0, sizeof *r);
    const avcl_module *module = load(r, name);
    assert_string_equal(module->kind, AVCL_KIND_DEVICE);
    assert_string_equal(module->name, name);
    r->api = module->iface;
    assert_string_equal(r->api->build_id, AVCL_BUILD_ID);
    r->real = real;
    r->host = (avcl_host_api){.struct_size = sizeof r->host,
                              .abi_major = AVCL_ABI_MAJOR,
                              .abi_minor = AVCL_ABI_MINOR,
                              .n_threads = n_threads,
                              .version = "rig",
                              .parallel_for = run_parallel};
    avcl_error err = {0};
    if (r->api->open(&r->host, options, &r->device, &err)) fail_msg("%s", err.message);
}

void rig_close(rig *r)
{
    if (r->device) r->api->close(r->device);
    /* The object stays mapped, as plugins do. */
    memset(r, 0, sizeof *r);
}

static uint64_t width(avcl_dtype dtype)
{
    if (dtype == AVCL_BF16) return 2;
    return dtype == AVCL_F64 || dtype == AVCL_I64 ? 8 : dtype == AVCL_U8 ? 1 : 4;
}

static avcl_tinfo info_of(const rig *r, const rig_value *v)
{
    avcl_tinfo info = v->info;
    if (info.dtype == AVCL_F32) info.dtype = r->real;
    if (info.dtype == AVCL_BF16 && r->real == AVCL_F64) info.dtype = AVCL_F64;
    return info;
}

int64_t rig_count(const rig_value *v)
{
    int64_t n = 1;
    for (int32_t i = 0; i < v->info.ndim; i++)
        n *= v->info.shape[i];
    return n;
}

rig_value rig_shape(avcl_dtype dtype, int64_t a, int64_t b, int64_t c, int64_t d,
                    int64_t e)
{
    rig_value v = {{.dtype = dtype, .shape = {a, b, c, d, e}}, NULL};
    while (v.info.ndim < 5 && v.info.shape[v.info.ndim])
        v.info.ndim++;
    v.data = calloc((size_t)rig_count(&v), sizeof *v.data);
    assert_non_null(v.data);
    return v;
}

/* The upper half of an f32; what is cut off is lost. */
static uint16_t bf16_of(double x)
{
    float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static float bf16_to_f32(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

rig_value rig_uniform(rig_value v, double lo, double hi, uint64_t seed)
{
    for (int64_t i = 0; i < rig_count(&v); i++) {
        avcl_philox word = avcl_philox_at(seed, (uint64_t)i, 0, AVCL_STREAM_FILL, 0);
        double x = lo + (hi - lo) * avcl_philox_unit(word.x[0]);
        v.data[i] = v.info.dtype == AVCL_F32    ? (double)(float)x
                    : v.info.dtype == AVCL_BF16 ? (double)bf16_to_f32(bf16_of(x))
                                                : floor(x);
    }
    return v;
}

rig_value rig_copy(const rig_value *v)
{
    rig_value copy = *v;
    size_t size = (size_t)rig_count(v) * sizeof *v->data;
    copy.data = malloc(size);
    assert_non_null(copy.data);
    memcpy(copy.data, v->data, size);
    return copy;
}

/* Infinite where a is NaN. */
static double worst_difference(const rig_value *a, const rig_value *b)
{
    double worst = 0;
    for (int64_t i = 0; i < rig_count(b); i++) {
        double d = fabs(a->data[i] - b->data[i]);
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

double rig_error(const rig_value *a, const rig_value *b)
{
    double size = 1e-30;
    for (int64_t i = 0; i < rig_count(b); i++)
        size = fmax(size, fabs(b->data[i]));
    return worst_difference(a, b) / size;
}

double rig_error_in_rms(const rig_value *a, const rig_value *b)
{
    double squares = 0;
    for (int64_t i = 0; i < rig_count(b); i++)
        squares += b->data[i] * b->data[i];
    return worst_difference(a, b) / sqrt(squares / (double)rig_count(b));
}

int rig_equal(const rig_value *a, const rig_value *b)
{
    return rig_count(a) == rig_count(b) &&
           !memcmp(a->data, b->data, (size_t)rig_count(a) * sizeof *a->data);
}

static void store(void *to, avcl_dtype dtype, const double *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case AVCL_F64:
            ((double *)to)[i] = from[i];
            break;
        case AVCL_I64:
            ((int64_t *)to)[i] = (int64_t)from[i];
            break;
        case AVCL_I32:
            ((int32_t *)to)[i] = (int32_t)from[i];
            break;
        case AVCL_U8:
            ((uint8_t *)to)[i] = (uint8_t)from[i];
            break;
        case AVCL_BF16:
            ((uint16_t *)to)[i] = bf16_of(from[i]);
            break;
        default:
            ((float *)to)[i] = (float)from[i];
            break;
        }
    }
}

static void load_values(double *to, avcl_dtype dtype, const void *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case AVCL_F64:
            to[i] = ((const double *)from)[i];
            break;
        case AVCL_I64:
            to[i] = (double)((const int64_t *)from)[i];
            break;
        case AVCL_I32:
            to[i] = ((const int32_t *)from)[i];
            break;
        case AVCL_U8:
            to[i] = ((const uint8_t *)from)[i];
            break;
        case AVCL_BF16:
            to[i] = bf16_to_f32(((const uint16_t *)from)[i]);
            break;
        default:
            to[i] = ((const float *)from)[i];
            break;
        }
    }
}

/* Gives back what holds a value in a layout. */
static void drop(const rig *r, uint32_t tag, const avcl_tinfo *info, void *data)
{
    if (data) r->api->free(r->device, data, r->api->bytes(r->device, tag, info));
}

/* Runs one prepared kernel with fresh scratch. */
static avcl_status launch(const rig *r, const avcl_kernel_spec *spec,
                          const void *const *in, void *const *out, avcl_error *err)
{
    avcl_kernel *kernel = NULL;
    uint64_t scratch_bytes = 0;
    avcl_status status = r->api->prepare(r->device, spec, &kernel, &scratch_bytes, err);
    if (status) return status;
    void *scratch = r->api->alloc(r->device, scratch_bytes + 64);
    memset(scratch, 0xFF, scratch_bytes); /* kernels may not count on zeros */
    status = r->api->run(r->device, kernel, in, out, scratch, err);
    r->api->free(r->device, scratch, scratch_bytes + 64);
    r->api->release(r->device, kernel);
    return status;
}

/* A new buffer holding `data` in another layout; every byte of it was dirty before. */
static void *reordered(const rig *r, const avcl_tinfo *info, const void *data,
                       uint32_t from, uint32_t to)
{
    avcl_error err = {0};
    uint64_t size = r->api->bytes(r->device, to, info);
    void *out = r->api->alloc(r->device, size);
    assert_non_null(out);
    memset(out, 0xFF, size);
    avcl_kernel_spec spec = {"reorder", NULL, 1, 1, info, info, &from, &to};
    if (launch(r, &spec, &data, &out, &err)) fail_msg("reorder: %s", err.message);
    return out;
}

uint32_t rig_blocked_tag(const rig *r)
{
    avcl_conv3d_attrs a = {.stride = {3, 0, {1, 1, 1}}, .pad = {3, 0, {1, 1, 1}}};
    avcl_tinfo in[] = {{AVCL_F32, 5, {1, 32, 4, 8, 8}}, {AVCL_F32, 5, {32, 32, 3, 3, 3}}};
    avcl_tinfo out = {AVCL_F32, 5, {1, 32, 4, 8, 8}};
    uint32_t plain[] = {0, 0};
    uint32_t want[2] = {0};
    uint32_t made = 0;
    avcl_kernel_spec spec = {"conv3d", &a, 2, 1, in, &out, plain, plain};
    if (r->api->layouts) r->api->layouts(r->device, &spec, want, &made);
    return made;
}

typedef struct buffers {
    void *in[RIG_MAX_IN];
    void *out[RIG_MAX_OUT];
    avcl_tinfo in_info[RIG_MAX_IN];
    avcl_tinfo out_info[RIG_MAX_OUT];
    uint32_t in_tag[RIG_MAX_IN];
    uint32_t out_tag[RIG_MAX_OUT];
} buffers;

static void choose(const rig *r, rig_node *node, buffers *b)
{
    uint32_t arriving[RIG_MAX_IN] = {0};
    uint32_t blocked = node->blocked ? rig_blocked_tag(r) : AVCL_TAG_PLAIN;
    for (uint32_t i = 0; i < node->n_in; i++)
        if (b->in_info[i].ndim == 5) arriving[i] = blocked;
    avcl_kernel_spec spec = {node->op,   node->attrs, node->n_in, node->n_out,
                             b->in_info, b->out_info, arriving,   b->out_tag};
    if (r->api->layouts && !node->all_plain)
        r->api->layouts(r->device, &spec, b->in_tag, b->out_tag);
    memcpy(node->tags, b->in_tag, sizeof b->in_tag);
    memcpy(node->tags + RIG_MAX_IN, b->out_tag, sizeof b->out_tag);
}

static void fill_inputs(const rig *r, const rig_node *node, buffers *b)
{
    for (uint32_t i = 0; i < node->n_in; i++) {
        int64_t n = rig_count(&node->in[i]);
        uint64_t size = (uint64_t)n * width(b->in_info[i].dtype);
        void *plain = r->api->alloc(r->device, size);
        store(plain, b->in_info[i].dtype, node->in[i].data, n);
        b->in[i] = plain;
        if (b->in_tag[i] == AVCL_TAG_PLAIN) continue;
        b->in[i] = reordered(r, &b->in_info[i], plain, AVCL_TAG_PLAIN, b->in_tag[i]);
        drop(r, AVCL_TAG_PLAIN, &b->in_info[i], plain);
    }
}

/* Reads an output; its padding must be what a reorder of the same values writes. */
static void read_output(const rig *r, rig_node *node, buffers *b, uint32_t i)
{
    const avcl_tinfo *info = &b->out_info[i];
    void *plain = reordered(r, info, b->out[i], b->out_tag[i], AVCL_TAG_PLAIN);
    load_values(node->out[i].data, info->dtype, plain, rig_count(&node->out[i]));
    if (b->out_tag[i] != AVCL_TAG_PLAIN && info->dtype == AVCL_F32) {
        void *again = reordered(r, info, plain, AVCL_TAG_PLAIN, b->out_tag[i]);
        uint64_t size = r->api->bytes(r->device, b->out_tag[i], info);
        const float *x = b->out[i];
        const float *y = again;
        for (uint64_t k = 0; k < size / sizeof *x; k++) /* -0 is as good as 0 */
            if (x[k] != y[k] && !(isnan(x[k]) && isnan(y[k])))
                fail_msg("op '%s': output %u is %g, not %g, at %llu of its layout",
                         node->op, i, (double)x[k], (double)y[k], (unsigned long long)k);
        drop(r, b->out_tag[i], info, again);
    }
    drop(r, AVCL_TAG_PLAIN, info, plain);
}

avcl_status rig_try(const rig *r, rig_node *node, avcl_error *err)
{
    buffers b;
    memset(&b, 0, sizeof b);
    for (uint32_t i = 0; i < node->n_in; i++)
        b.in_info[i] = info_of(r, &node->in[i]);
    for (uint32_t i = 0; i < node->n_out; i++)
        b.out_info[i] = info_of(r, &node->out[i]);
    choose(r, node, &b);
    fill_inputs(r, node, &b);
    for (uint32_t i = 0; i < node->n_out; i++) {
        uint64_t size = r->api->bytes(r->device, b.out_tag[i], &b.out_info[i]);
        b.out[i] = r->api->alloc(r->device, size);
        memset(b.out[i], 0xFF, size);
    }
    avcl_kernel_spec spec = {node->op,  node->attrs, node->n_in, node->n_out,
                             b.in_info, b.out_info,  b.in_tag,   b.out_tag};
    avcl_status status =
        launch(r, &spec, (const void *const *)b.in, (void *const *)b.out, err);
    for (uint32_t i = 0; !status && i < node->n_out; i++)
        read_output(r, node, &b, i);
    for (uint32_t i = 0; i < node->n_in; i++)
        drop(r, b.in_tag[i], &b.in_info[i], b.in[i]);
    for (uint32_t i = 0; i < node->n_out; i++)
        drop(r, b.out_tag[i], &b.out_info[i], b.out[i]);
    return status;
}

rig_node rig_op(const char *op, const void *attrs, uint32_t n_in, uint32_t n_out)
{
    rig_node node;
    memset(&node, 0, sizeof node);
    node.op = op;
    node.attrs = attrs;
    node.n_in = n_in;
    node.n_out = n_out;
    return node;
}

void rig_run(const rig *r, rig_node *node)
{
    avcl_error err = {0};
    if (rig_try(r, node, &err)) fail_msg("op '%s': %s", node->op, err.message);
}

void rig_free(rig_node *node)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        free(node->in[i].data);
    for (uint32_t i = 0; i < node->n_out; i++)
        free(node->out[i].data);
}
