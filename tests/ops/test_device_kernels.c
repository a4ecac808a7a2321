/*
 * test_device_kernels.c - the cpu device against the reference in f64, kernel by
 * kernel: layouts, padding channels, cut kernels, threads.
 *
 * Errors are measured against the largest value of the oracle's output.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_pair.h"

/* ---- every op ------------------------------------------------------------------ */

static void test_device__supplies_every_op(void **state)
{
    static const char *const ops[] = {
        "relu",
        "relu_backward",
        "sigmoid",
        "tanh",
        "exp",
        "sqrt",
        "elu",
        "elu_backward",
        "log",
        "neg",
        "square",
        "abs",
        "sign",
        "affine",
        "add",
        "sub",
        "mul",
        "div",
        "maximum",
        "greater_equal",
        "sum",
        "mean",
        "max",
        "equal",
        "variance",
        "logsumexp",
        "argmax",
        "broadcast_to",
        "sum_to",
        "constant",
        "eye",
        "one_hot",
        "matmul",
        "linear",
        "conv3d",
        "conv3d_backward_data",
        "batch_norm",
        "max_pool3d",
        "avg_pool3d",
        "conv3d_backward_weight",
        "concat",
        "slice",
        "pad_zero",
        "batch_norm_backward",
        "reshape",
        "transpose",
        "gather",
        "batch_norm_eval",
        "scatter_add",
        "dropout",
        "random_index",
        "l2_normalise",
        "max_pool3d_backward",
        "cross_entropy",
        "identity",
        "stop_gradient",
        "avg_pool3d_backward",
        "all_gather",
        "all_reduce",
        "cast",
        "global_avg_pool_backward",
        "sgd",
        "adamw",
        "square_sum",
        "reorder",
        "global_avg_pool",
        "global_max_pool",
        "cross_entropy_backward",
    };
    pair *d = *state;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        avcl_kernel_spec spec = {.op = ops[i]};
        if (!d->cpu.api->supports(d->cpu.device, &spec)) fail_msg("cpu: no %s", ops[i]);
        if (!d->f64.api->supports(d->f64.device, &spec))
            fail_msg("reference: no %s", ops[i]);
    }
    avcl_kernel_spec unknown = {.op = "convolve"};
    assert_false(d->cpu.api->supports(d->cpu.device, &unknown));
    assert_false(d->f64.api->supports(d->f64.device, &unknown));
}

static void test_device__cpu_refuses_f64(void **state)
{
    pair *d = *state;
    avcl_tinfo info = {AVCL_F64, 1, {4}};
    uint32_t plain = 0;
    avcl_kernel_spec spec = {"relu", NULL, 1, 1, &info, &info, &plain, &plain};
    avcl_kernel *kernel = NULL;
    uint64_t scratch = 0;
    avcl_error err = {0};
    assert_false(d->cpu.api->supports(d->cpu.device, &spec));
    assert_int_equal(d->cpu.api->prepare(d->cpu.device, &spec, &kernel, &scratch, &err),
                     AVCL_E_DTYPE);
    assert_null(kernel);
    assert_true(d->f64.api->supports(d->f64.device, &spec));
}

/* ---- half floats --------------------------------------------------------------- */

/* Known half floats: 1, -2, the least subnormal, the largest, minus infinity. */
static void test_source__half_floats(void **state)
{
    pair *d = *state;
    static const uint16_t half[64] = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0xFC00, 0x8000};
    static const float value[6] = {1, -2, 0x1p-24f, 65504, -1.0f / 0.0f, 0};
    avcl_cast_attrs cast = {AVCL_F32};
    avcl_tinfo in = {AVCL_F16, 1, {6}};
    avcl_tinfo out = {AVCL_F32, 1, {6}};
    uint32_t plain = 0;
    avcl_kernel_spec spec = {"cast", &cast, 1, 1, &in, &out, &plain, &plain};
    const rig *rigs[] = {&d->cpu, &d->f32};
    for (int i = 0; i < 2; i++) {
        avcl_kernel *kernel = NULL;
        uint64_t bytes = 0;
        float got[64];
        _Alignas(64) char scratch[1024];
        const void *x = half;
        void *y = got;
        const avcl_device_api *api = rigs[i]->api;
        assert_int_equal(api->prepare(rigs[i]->device, &spec, &kernel, &bytes, NULL), 0);
        assert_true(bytes <= sizeof scratch);
        assert_int_equal(api->run(rigs[i]->device, kernel, &x, &y, scratch, NULL), 0);
        for (int k = 0; k < 6; k++)
            assert_true(got[k] == value[k]);
        api->release(rigs[i]->device, kernel);
    }
}

/* ---- convolution --------------------------------------------------------------- */

typedef struct conv_case {
    int64_t x[5];
    int64_t o;
    int64_t k[3];
    int64_t stride[3];
    int64_t pad[3];
    int bias;
} conv_case;

static const conv_case convs[] = {
    {{2, 3, 4, 16, 16}, 16, {3, 7, 7}, {1, 2, 2}, {1, 3, 3}, 0}, /* R3D conv1 */
    {{2, 3, 1, 16, 16}, 16, {3, 7, 7}, {1, 2, 2}, {1, 3, 3}, 0}, /* on audio */
    {{2, 1, 1, 16, 16}, 16, {3, 7, 7}, {1, 2, 2}, {1, 3, 3}, 0}, /* one channel */
    {{2, 16, 4, 8, 8}, 16, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, 0},  /* conv2 */
    {{2, 16, 4, 8, 8}, 32, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}, 0},  /* conv3 */
    {{2, 16, 4, 8, 8}, 32, {1, 1, 1}, {2, 2, 2}, {0, 0, 0}, 0},  /* its shortcut */
    {{2, 32, 2, 4, 4}, 64, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}, 0},  /* taps cut at one end */
    {{2, 64, 1, 2, 2}, 64, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, 0},  /* one frame */
    {{2, 64, 1, 1, 1}, 32, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, 0},  /* one position */
    {{2, 16, 1, 8, 8}, 32, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}, 1},  /* audio conv3 */
    {{2, 16, 4, 7, 7}, 83, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, 0},  /* R(2+1)D: 83 */
    {{2, 83, 4, 7, 7}, 20, {3, 1, 1}, {1, 1, 1}, {1, 0, 0}, 0},  /* from 83 */
    {{2, 20, 1, 7, 7}, 39, {3, 1, 1}, {2, 1, 1}, {1, 0, 0}, 1},  /* one frame, ragged */
    {{1, 8, 3, 5, 6}, 4, {2, 3, 2}, {1, 2, 1}, {0, 1, 1}, 1},    /* nothing round */
    {{3, 5, 2, 9, 5}, 7, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}, 0},    /* unread input */
};

enum { N_CONVS = sizeof convs / sizeof *convs };

static rig_value conv_weight(const conv_case *c)
{
    return pair_real(c->o, c->x[1], c->k[0], c->k[1], c->k[2]);
}

static rig_value conv_x(const conv_case *c)
{
    return pair_real(c->x[0], c->x[1], c->x[2], c->x[3], c->x[4]);
}

static rig_value conv_y(const conv_case *c)
{
    int64_t n[3];
    for (int d = 0; d < 3; d++)
        n[d] = (c->x[2 + d] + 2 * c->pad[d] - c->k[d]) / c->stride[d] + 1;
    return pair_real(c->x[0], c->o, n[0], n[1], n[2]);
}

static avcl_conv3d_attrs conv_attrs(const conv_case *c, const rig_value *shape)
{
    avcl_conv3d_attrs a = {.stride = {.n = 3}, .pad = {.n = 3}};
    memcpy(a.stride.v, c->stride, sizeof c->stride);
    memcpy(a.pad.v, c->pad, sizeof c->pad);
    if (shape) {
        a.shape.n = 5;
        memcpy(a.shape.v, shape->info.shape, 5 * sizeof(int64_t));
    }
    return a;
}

static void test_conv3d__forward(void **state)
{
    for (int i = 0; i < N_CONVS; i++) {
        const conv_case *c = &convs[i];
        avcl_conv3d_attrs a = conv_attrs(c, NULL);
        rig_node node = rig_op("conv3d", &a, c->bias ? 3 : 2, 1);
        node.in[0] = conv_x(c);
        node.in[1] = conv_weight(c);
        if (c->bias) node.in[2] = pair_real(c->o, 0, 0, 0, 0);
        node.out[0] = conv_y(c);
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
    }
}

static void test_conv3d__backward_data(void **state)
{
    for (int i = 0; i < N_CONVS; i++) {
        const conv_case *c = &convs[i];
        rig_node node = rig_op("conv3d_backward_data", NULL, 2, 1);
        node.in[0] = conv_y(c);
        node.in[1] = conv_weight(c);
        node.out[0] = conv_x(c);
        avcl_conv3d_attrs a = conv_attrs(c, &node.out[0]);
        node.attrs = &a;
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
    }
}

static void test_conv3d__backward_weight(void **state)
{
    for (int i = 0; i < N_CONVS; i++) {
        const conv_case *c = &convs[i];
        rig_node node = rig_op("conv3d_backward_weight", NULL, 2, 1);
        node.in[0] = conv_y(c);
        node.in[1] = conv_x(c);
        node.out[0] = conv_weight(c);
        avcl_conv3d_attrs a = conv_attrs(c, &node.out[0]);
        node.attrs = &a;
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
    }
}

/* From a convolution to the pool, forward and backward, nothing is reordered. */
static void test_layouts__chain_stays_blocked(void **state)
{
    pair *d = *state;
    uint32_t blocked = rig_blocked_tag(&d->cpu);
    if (blocked == AVCL_TAG_PLAIN) skip(); /* built without oneDNN */
    for (int i = 0; i < 12; i++) {
        const conv_case *c = &convs[i];
        avcl_conv3d_attrs a = conv_attrs(c, NULL);
        rig_node node = rig_op("conv3d", &a, 2, 1);
        node.in[0] = conv_x(c);
        node.in[1] = conv_weight(c);
        node.out[0] = conv_y(c);
        node.blocked = c->x[1] > 3;
        rig_run(&d->cpu, &node);
        assert_int_equal(node.tags[RIG_MAX_IN], blocked);
        assert_int_equal(node.tags[0], node.blocked ? blocked : AVCL_TAG_PLAIN);
        rig_free(&node);
    }
}

/* ---- batch normalisation ------------------------------------------------------- */

static const int64_t norm_shapes[][5] = {
    {3, 16, 4, 8, 8}, {2, 20, 2, 5, 3},  {5, 37, 0, 0, 0},  {4, 16, 0, 0, 0},
    {2, 3, 7, 0, 0},  {2, 6, 1, 40, 40}, {2, 130, 1, 1, 1}, {2, 1, 3, 4, 4},
};

enum { N_NORMS = sizeof norm_shapes / sizeof *norm_shapes };

static rig_node norm_node(const int64_t *s, double offset, avcl_batch_norm_attrs *a)
{
    rig_node node = rig_op("batch_norm", a, 5, 5);
    node.in[0] = pair_real(s[0], s[1], s[2], s[3], s[4]);
    for (int64_t i = 0; i < rig_count(&node.in[0]); i++)
        node.in[0].data[i] = (float)(node.in[0].data[i] + offset);
    for (int i = 1; i < 5; i++)
        node.in[i] =
            rig_uniform(rig_shape(AVCL_F32, s[1], 0, 0, 0, 0), 0.5, 1.5, (uint64_t)i);
    node.out[0] = pair_like(&node.in[0]);
    for (int i = 1; i < 5; i++)
        node.out[i] = rig_shape(AVCL_F32, s[1], 0, 0, 0, 0);
    return node;
}

static void test_batch_norm__matches_the_oracle(void **state)
{
    avcl_batch_norm_attrs a = {1e-5, 0.1};
    for (int i = 0; i < N_NORMS; i++)
        pair_check(*state, norm_node(norm_shapes[i], 0, &a), PAIR_TOLERANCE_SUM);
}

static void test_batch_norm__survives_a_large_mean(void **state)
{
    avcl_batch_norm_attrs a = {1e-5, 0.1};
    for (int i = 0; i < N_NORMS; i++)
        pair_check(*state, norm_node(norm_shapes[i], 1000, &a), PAIR_TOLERANCE_SUM);
}

static void test_batch_norm__eval(void **state)
{
    avcl_batch_norm_attrs a = {1e-5, 0.1};
    for (int i = 0; i < N_NORMS; i++) {
        rig_node node = norm_node(norm_shapes[i], 0, &a);
        node.op = "batch_norm_eval";
        for (int k = 1; k < 5; k++)
            free(node.out[k].data);
        node.n_out = 1;
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
    }
}

static void test_batch_norm__backward(void **state)
{
    avcl_batch_norm_attrs a = {1e-5, 0.1};
    pair *d = *state;
    for (int i = 0; i < N_NORMS; i++) {
        rig_node forward = norm_node(norm_shapes[i], 0.5, &a);
        rig_run(&d->f32, &forward);
        rig_node node = rig_op("batch_norm_backward", &a, 5, 3);
        rig_value gy = rig_uniform(pair_like(&forward.in[0]), -1, 1, 99);
        node.in[0] = gy;
        node.in[1] = rig_copy(&forward.in[0]);
        node.in[2] = rig_copy(&forward.in[1]);
        node.in[3] = rig_copy(&forward.out[1]);
        node.in[4] = rig_copy(&forward.out[2]);
        node.out[0] = pair_like(&gy);
        node.out[1] = rig_copy(&forward.in[1]);
        node.out[2] = rig_copy(&forward.in[1]);
        rig_free(&forward);
        pair_check(d, node, PAIR_TOLERANCE_SUM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device__supplies_every_op),
        cmocka_unit_test(test_device__cpu_refuses_f64),
        cmocka_unit_test(test_source__half_floats),
        cmocka_unit_test(test_conv3d__forward),
        cmocka_unit_test(test_conv3d__backward_data),
        cmocka_unit_test(test_conv3d__backward_weight),
        cmocka_unit_test(test_layouts__chain_stays_blocked),
        cmocka_unit_test(test_batch_norm__matches_the_oracle),
        cmocka_unit_test(test_batch_norm__survives_a_large_mean),
        cmocka_unit_test(test_batch_norm__eval),
        cmocka_unit_test(test_batch_norm__backward),
    };
    return cmocka_run_group_tests(tests, pair_open, pair_close);
}
