/* test_native.c - our own direct kernel for the gradient of w, f32 and bf16, against
 * plain sums in f64: any kernel, stride, padding and number of channels; the same bits on
 * any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_pair.h"

/* max |error| / rms. Products of bf16 are exact and sums are f32 in either type: some
 * thousand roundings of 6e-8 that mostly cancel. */
static const double TOLERANCE = 4e-6;

typedef struct shape {
    int64_t n, in, out;
    int64_t x[3];
    int64_t k[3];
    int64_t stride[3];
    int64_t pad[3];
} shape;

static const shape shapes[] = {
    {2, 64, 128, {4, 14, 14}, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}}, /* conv3a, smaller */
    {4, 256, 32, {4, 7, 7}, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},   /* conv5a */
    {2, 64, 128, {4, 14, 14}, {1, 1, 1}, {2, 2, 2}, {0, 0, 0}}, /* a shortcut */
    {3, 32, 272, {2, 7, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},   /* three parts of gy */
    {2, 64, 32, {1, 9, 9}, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},    /* sound: one frame */
    {1, 83, 39, {5, 6, 7}, {3, 1, 1}, {1, 1, 1}, {1, 0, 0}},    /* R(2+1)D's channels */
    {2, 42, 85, {2, 9, 10}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}},   /* and its planes */
    {5, 5, 7, {3, 1, 1}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},      /* mostly padding */
    {1, 17, 16, {3, 5, 300}, {1, 1, 5}, {1, 1, 1}, {0, 0, 2}},  /* rows beyond a chunk */
    {2, 16, 33, {4, 8, 9}, {2, 4, 3}, {3, 2, 1}, {0, 2, 2}},    /* uneven everything */
    {1, 20, 48, {2, 6, 5}, {1, 1, 4}, {1, 1, 3}, {0, 0, 3}},    /* outputs of padding */
    {2, 3, 64, {3, 20, 22}, {3, 7, 7}, {1, 2, 2}, {1, 3, 3}},   /* a picture */
    {2, 1, 39, {1, 9, 37}, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}},    /* sound as one */
    {3, 4, 20, {4, 5, 6}, {2, 3, 2}, {1, 1, 1}, {1, 0, 1}},     /* odd pictures */
    {70, 16, 16, {1, 2, 2}, {1, 2, 2}, {1, 2, 2}, {0, 1, 1}},   /* chunks of images */
};

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static int64_t extent(const shape *s, int d)
{
    return (s->x[d] + 2 * s->pad[d] - s->k[d]) / s->stride[d] + 1;
}

static rig_value real(avcl_dtype dtype, int64_t a, int64_t b, const int64_t *c)
{
    return rig_uniform(rig_shape(dtype, a, b, c[0], c[1], c[2]), -1, 1,
                       (uint64_t)(31 * a + b));
}

static rig_node node_of(const shape *s, avcl_dtype dtype, avcl_conv3d_attrs *a)
{
    int64_t y[] = {extent(s, 0), extent(s, 1), extent(s, 2)};
    *a = (avcl_conv3d_attrs){.stride = {.n = 3}, .pad = {.n = 3}, .shape = {.n = 5}};
    rig_node node = rig_op("conv3d_backward_weight", a, 2, 1);
    memcpy(a->stride.v, s->stride, sizeof s->stride);
    memcpy(a->pad.v, s->pad, sizeof s->pad);
    node.in[0] = real(dtype, s->n, s->out, y);
    node.in[1] = real(dtype, s->n, s->in, s->x);
    node.out[0] = real(AVCL_F32, s->out, s->in, s->k);
    memcpy(a->shape.v, node.out[0].info.shape, 5 * sizeof(int64_t));
    return node;
}

/* Whether the device would run the kernel in question. */
static int runs_native(const rig *r, const shape *s, avcl_dtype dtype)
{
    avcl_conv3d_attrs a;
    char row[256] = "";
    rig_node node = node_of(s, dtype, &a);
    avcl_tinfo in[] = {node.in[0].info, node.in[1].info};
    uint32_t tags[2] = {0};
    avcl_kernel_spec spec = {node.op, &a, 2, 1, in, &node.out[0].info, tags, tags};
    int takes = r->api->supports(r->device, &spec) &&
                r->api->plan_row(r->device, &spec, 0, row, sizeof row);
    rig_free(&node);
    return takes && strstr(row, "native") != NULL;
}

/* The gradient, as numbers. Free it. */
static rig_value result(const rig *r, const shape *s, avcl_dtype dtype)
{
    avcl_conv3d_attrs a;
    rig_node node = node_of(s, dtype, &a);
    node.blocked = r->real == AVCL_F32;
    rig_run(r, &node);
    rig_value out = rig_copy(&node.out[0]);
    rig_free(&node);
    return out;
}

/* 0 if there are no such instructions. */
static int check_type(const rig *cpu, const rig *oracle, avcl_dtype dtype)
{
    for (int i = 0; i < N_SHAPES; i++) {
        if (!runs_native(cpu, &shapes[i], dtype)) return 0;
        rig_value exact = result(oracle, &shapes[i], dtype);
        rig_value got = result(cpu, &shapes[i], dtype);
        double error = rig_error_in_rms(&got, &exact);
        if (!(error <= TOLERANCE)) fail_msg("shape %d: error %.3g of the rms", i, error);
        free(exact.data);
        free(got.data);
    }
    return 1;
}

static void check_against_oracle(avcl_dtype dtype)
{
    avcl_device_options o = {.conv = "direct"};
    rig cpu, oracle;
    rig_open_with(&cpu, "cpu", AVCL_F32, 2, &o);
    rig_open(&oracle, "reference", AVCL_F64, 2);
    int has = check_type(&cpu, &oracle, dtype);
    rig_close(&cpu);
    rig_close(&oracle);
    if (!has) skip();
}

static void test_native__f32_against_f64(void **state)
{
    (void)state;
    check_against_oracle(AVCL_F32);
}

static void test_native__bf16_against_f64(void **state)
{
    (void)state;
    check_against_oracle(AVCL_BF16);
}

/* One, two, five threads, of which some get a part of a block's taps; and again. */
static void test_native__threads_change_nothing(void **state)
{
    static const uint32_t n_threads[] = {2, 5, 5};
    static const avcl_dtype dtypes[] = {AVCL_F32, AVCL_BF16};
    avcl_device_options o = {.conv = "direct"};
    rig one;
    (void)state;
    rig_open_with(&one, "cpu", AVCL_F32, 1, &o);
    for (int t = 0; t < 3; t++) {
        rig more;
        rig_open_with(&more, "cpu", AVCL_F32, n_threads[t], &o);
        for (int i = 0; i < 2 * N_SHAPES; i++) {
            const shape *s = &shapes[i / 2];
            if (!runs_native(&one, s, dtypes[i % 2])) continue;
            rig_value a = result(&one, s, dtypes[i % 2]);
            rig_value b = result(&more, s, dtypes[i % 2]);
            if (!rig_equal(&a, &b)) fail_msg("shape %d: bits depend on threads", i / 2);
            free(a.data);
            free(b.data);
        }
        rig_close(&more);
    }
    rig_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native__f32_against_f64),
        cmocka_unit_test(test_native__bf16_against_f64),
        cmocka_unit_test(test_native__threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
