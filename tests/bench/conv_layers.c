/*
 * conv_layers.c - convolution kernels of the cpu device, layer by layer.
 *
 *     build/release/bin/conv_layers [--bf16] [batch [threads [layer [plan row]]]]
 *
 * For each layer whose name begins so (conv_layers.h) and each direction it runs the
 * device as the library's direct kernel and as conv=auto in turn and prints the best time
 * of each, the rate over all taps and the ratio. Packing the weights from row-major is
 * part of the time. A row of the kernel plan (core/doc/kernel-plan.md) can be tried in
 * place of the table's.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "avcl/device.h"
#include "avcl/ops.h"
#include "base/cores.h"
#include "base/parallel.h"
#include "conv_layers.h"

static const char *const ops[] = {"conv3d", "conv3d_backward_data",
                                  "conv3d_backward_weight"};
static const char *const modes[] = {"library", "auto"};

enum { N_MODES = 2, MAX_VALUES = 3, PLAN_SIZE = 65536 };

/* A node on one device: its kernels and values. Value 2 is the output. */
typedef struct node {
    const avcl_device_api *api;
    avcl_device *device;
    avcl_dtype real; /* of activations and the weights that are read */
    avcl_tinfo info[MAX_VALUES];
    uint32_t tag[MAX_VALUES];
    void *data[MAX_VALUES];
    void *plain; /* weights before they are packed */
    uint64_t plain_bytes;
    uint64_t scratch_bytes;
    avcl_kernel *kernel;
    avcl_kernel *pack;
    void *scratch;
    double best_s;
} node;

static void die(const char *what, const avcl_error *err)
{
    fprintf(stderr, "conv_layers: %s: %s\n", what, err->message);
    exit(1);
}

static void run_parallel(const avcl_host_api *host, int64_t n, int64_t grain,
                         void (*body)(void *arg, int64_t begin, int64_t end), void *arg)
{
    avcl__parallel_for(host->n_threads, n, grain, body, arg);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void set_infos(node *n, const layer *l, int64_t batch, int op)
{
    avcl_tinfo x = {n->real, 5, {batch, l->in, l->x[0], l->x[1], l->x[2]}};
    avcl_tinfo w = {
        op == 2 ? AVCL_F32 : n->real, 5, {l->out, l->in, l->k[0], l->k[1], l->k[2]}};
    avcl_tinfo y = {n->real, 5, {batch, l->out}};
    for (int d = 0; d < 3; d++)
        y.shape[2 + d] = (l->x[d] + 2 * (l->k[d] / 2) - l->k[d]) / l->stride[d] + 1;
    n->info[0] = op == 0 ? x : y;
    n->info[1] = op == 2 ? x : w;
    n->info[2] = op == 0 ? y : op == 1 ? x : w;
}

static avcl_kernel *prepare(node *n, const avcl_kernel_spec *spec, uint64_t *scratch)
{
    avcl_error err = {0};
    avcl_kernel *k = NULL;
    uint64_t bytes = 0;
    if (n->api->prepare(n->device, spec, &k, &bytes, &err)) die(spec->op, &err);
    if (bytes > *scratch) *scratch = bytes;
    return k;
}

/* Numbers in [-1, 1), one or two to a word. */
static void fill(void *to, uint64_t bytes, avcl_dtype dtype)
{
    uint32_t state = 1;
    uint32_t *words = to;
    for (uint64_t i = 0; i < bytes / sizeof *words; i++) {
        state = state * 1664525U + 1013904223U;
        float x = (float)(state >> 8) * 0x1p-23F - 1;
        memcpy(&words[i], &x, sizeof x);
        if (dtype == AVCL_BF16) words[i] = (words[i] & 0xFFFF0000U) | words[i] >> 16;
    }
}

/* The weights are packed before a kernel that reads them, unpacked after one that
 * writes them, where their layout is not row-major. */
static void make(node *n, const layer *l, int64_t batch, int op)
{
    avcl_conv3d_attrs a = {.stride = {.n = 3}, .pad = {.n = 3}, .shape = {.n = 5}};
    uint64_t scratch = 64;
    uint32_t w = op == 2 ? 2 : 1;
    set_infos(n, l, batch, op);
    for (int d = 0; d < 3; d++) {
        a.stride.v[d] = l->stride[d];
        a.pad.v[d] = l->k[d] / 2;
    }
    memcpy(a.shape.v, n->info[2].shape, 5 * sizeof(int64_t));
    uint32_t blocked[2] = {1, op == 2 ? 1 : 0};
    avcl_kernel_spec spec = {ops[op], &a, 2, 1, n->info, n->info + 2, blocked, NULL};
    n->api->layouts(n->device, &spec, n->tag, n->tag + 2);
    spec.in_tag = n->tag;
    spec.out_tag = n->tag + 2;
    n->kernel = prepare(n, &spec, &scratch);
    uint32_t plain = 0;
    avcl_kernel_spec pack = {"reorder",   NULL,        1,      1,
                             n->info + w, n->info + w, &plain, n->tag + w};
    avcl_kernel_spec unpack = {"reorder",   NULL,        1,          1,
                               n->info + w, n->info + w, n->tag + w, &plain};
    n->pack = n->tag[w] ? prepare(n, op == 2 ? &unpack : &pack, &scratch) : NULL;
    for (int i = 0; i < MAX_VALUES; i++) {
        uint64_t bytes = n->api->bytes(n->device, n->tag[i], &n->info[i]);
        n->data[i] = n->api->alloc(n->device, bytes);
        fill(n->data[i], bytes, n->info[i].dtype);
    }
    n->plain_bytes = n->api->bytes(n->device, 0, &n->info[w]);
    n->plain = n->api->alloc(n->device, n->plain_bytes);
    fill(n->plain, n->plain_bytes, n->info[w].dtype);
    n->scratch_bytes = scratch;
    n->scratch = n->api->alloc(n->device, scratch);
    n->best_s = 1e30;
}

static void step(node *n, int op)
{
    avcl_error err = {0};
    const void *from = op == 2 ? n->data[2] : n->plain;
    void *to = op == 2 ? n->plain : n->data[1];
    double begin = now();
    if (n->pack && op != 2) n->api->run(n->device, n->pack, &from, &to, n->scratch, &err);
    if (n->api->run(n->device, n->kernel, (const void *const *)n->data, n->data + 2,
                    n->scratch, &err))
        die(ops[op], &err);
    if (n->pack && op == 2) n->api->run(n->device, n->pack, &from, &to, n->scratch, &err);
    double s = now() - begin;
    if (s < n->best_s) n->best_s = s;
}

static void drop(node *n)
{
    for (int i = 0; i < MAX_VALUES; i++)
        n->api->free(n->device, n->data[i],
                     n->api->bytes(n->device, n->tag[i], &n->info[i]));
    n->api->free(n->device, n->plain, n->plain_bytes);
    n->api->free(n->device, n->scratch, n->scratch_bytes);
    n->api->release(n->device, n->kernel);
    if (n->pack) n->api->release(n->device, n->pack);
}

static const char *text_of(const node *n)
{
    return n->api->kernel_text(n->device, n->kernel);
}

/* Whether an activation has to be in another layout than its neighbours want. */
static const char *reorders(const node *n, int op)
{
    uint32_t other = op == 2 ? n->tag[1] : n->tag[2];
    return n->tag[0] > 1 || other > 1 ? "  reorders" : "";
}

static void compare(node *nodes, const layer *l, int64_t batch, int op)
{
    double flops = 2.0 * (double)(batch * l->in * l->out);
    for (int m = 0; m < N_MODES; m++)
        make(&nodes[m], l, batch, op);
    const avcl_tinfo *y = op == 0 ? &nodes[0].info[2] : &nodes[0].info[0];
    for (int d = 0; d < 3; d++)
        flops *= (double)(l->k[d] * y->shape[2 + d]);
    double begin = now();
    for (int i = 0; i < 3 || (i < 9 && now() - begin < 1.5); i++)
        for (int m = 0; m < N_MODES; m++)
            step(&nodes[m], op);
    double direct = nodes[0].best_s;
    double best = nodes[1].best_s;
    printf("%-8s %-23s %-18s %8.2f ms %6.0f GFLOP/s   %-30s %8.2f ms %6.0f GFLOP/s   "
           "x%.2f%s\n",
           l->name, ops[op], text_of(&nodes[0]), 1e3 * direct, flops / direct * 1e-9,
           text_of(&nodes[1]), 1e3 * best, flops / best * 1e-9, direct / best,
           reorders(&nodes[1], op));
    fflush(stdout);
    for (int m = 0; m < N_MODES; m++)
        drop(&nodes[m]);
}

/* Rows that give every layer to the library. */
static const char *library_plan(char *plan)
{
    static const char *const isas[] = {"avx512", "avx2"};
    int n = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (int k = 0; k < 6; k++) {
            const layer *l = &layers[i];
            n += snprintf(plan + n, PLAN_SIZE - (size_t)n,
                          "%s %s %ldx%ldx%ldx%ld %ldx%ldx%ldx%ld s%ldx%ldx%ld "
                          "p%ldx%ldx%ld direct\n",
                          ops[k % 3], isas[k / 3], l->in, l->x[0], l->x[1], l->x[2],
                          l->out, l->k[0], l->k[1], l->k[2], l->stride[0], l->stride[1],
                          l->stride[2], l->k[0] / 2, l->k[1] / 2, l->k[2] / 2);
        }
    return plan;
}

int main(int argc, char **argv)
{
    int is_bf16 = argc > 1 && !strcmp(argv[1], "--bf16");
    argc -= is_bf16;
    argv += is_bf16;
    int64_t batch = argc > 1 ? atoll(argv[1]) : 4;
    uint32_t threads = argc > 2 ? (uint32_t)atoi(argv[2]) : avcl__cpu_count();
    const char *only = argc > 3 ? argv[3] : "";
    char path[4096];
    avcl_error err = {0};
    snprintf(path, sizeof path, "%s/cpu.avcl.so", getenv("AVCL_PLUGIN_PATH"));
    void *object = dlopen(path, RTLD_NOW);
    if (!object) {
        fprintf(stderr, "conv_layers: %s (is AVCL_PLUGIN_PATH set?)\n", dlerror());
        return 1;
    }
    const avcl_plugin *plugin = dlsym(object, AVCL_ENTRY_SYMBOL);
    avcl_host_api host = {.struct_size = sizeof host,
                          .n_threads = threads,
                          .version = "conv_layers",
                          .parallel_for = run_parallel};
    node nodes[N_MODES] = {{0}};
    static char plan[PLAN_SIZE];
    for (int m = 0; m < N_MODES; m++) {
        avcl_device_options o = {.conv = "auto",
                                 .kernel_plan = m == 0     ? library_plan(plan)
                                                : argc > 4 ? argv[4]
                                                           : NULL};
        nodes[m].api = plugin->modules[0]->iface;
        nodes[m].real = is_bf16 ? AVCL_BF16 : AVCL_F32;
        if (nodes[m].api->open(&host, &o, &nodes[m].device, &err)) die(modes[m], &err);
    }
    printf("%s, batch %lld\n", nodes[0].api->describe(nodes[0].device), (long long)batch);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (int op = 0; op < 3; op++)
            if (!strncmp(layers[i].name, only, strlen(only)) &&
                !(op == 1 && layers[i].in <= 3))
                compare(nodes, &layers[i], batch, op);
    for (int m = 0; m < N_MODES; m++)
        nodes[m].api->close(nodes[m].device);
    return 0;
}
