/* test_winograd.c - convolution by Winograd's algorithm against plain sums in f64, next
 * to the library's direct kernels: the same numbers, about as exact, whatever the blocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_pair.h"

/* max |error| / rms: at most this many times that of direct convolution in f32. */
static const double LOSS_OF_ACCURACY = 8;
/* The same, absolutely: transforms magnify rounding (6e-8) by some tens. */
static const double TOLERANCE = 5e-5;

typedef struct shape {
    int64_t n, in, out;
    int64_t x[3];
    int64_t k; /* taps in time */
    int64_t pad[3];
    int bias;
} shape;

/* Stride-1 layers of R3D with fewer frames or smaller planes. */
static const shape layers[] = {
    {1, 64, 64, {4, 16, 16}, 3, {1, 1, 1}, 0},
    {1, 128, 128, {3, 14, 14}, 3, {1, 1, 1}, 0},
    {1, 256, 256, {2, 14, 14}, 3, {1, 1, 1}, 0},
    {1, 512, 512, {2, 7, 7}, 3, {1, 1, 1}, 0},
    {2, 64, 64, {1, 28, 28}, 3, {1, 1, 1}, 0}, /* sound */
};

static const shape odd[] = {
    {3, 16, 16, {1, 4, 4}, 3, {1, 1, 1}, 0},  /* one tile */
    {2, 16, 32, {5, 7, 9}, 3, {1, 1, 1}, 1},  /* ragged tiles */
    {1, 83, 39, {4, 6, 5}, 1, {0, 1, 1}, 0},  /* channels of R(2+1)D, planes only */
    {2, 20, 83, {2, 3, 11}, 3, {1, 1, 1}, 1}, /* tile wider than the plane */
    {5, 5, 7, {3, 1, 1}, 3, {1, 1, 1}, 0},    /* mostly padding */
    {1, 48, 16, {1, 13, 8}, 3, {1, 1, 1}, 0}, /* an odd number of blocks */
    {2, 17, 33, {3, 8, 8}, 2, {1, 0, 2}, 1},  /* even kernel, uneven padding */
    {1, 8, 8, {6, 5, 6}, 5, {2, 1, 1}, 0},    /* five taps */
    {40, 16, 16, {2, 5, 5}, 3, {1, 1, 1}, 0}, /* blocks across many images */
};

enum {
    N_LAYERS = sizeof layers / sizeof *layers,
    N_ODD = sizeof odd / sizeof *odd,
};

static const char *const ops[] = {"conv3d", "conv3d_backward_data",
                                  "conv3d_backward_weight"};

static rig_value value_x(const shape *s)
{
    return pair_real(s->n, s->in, s->x[0], s->x[1], s->x[2]);
}

static rig_value value_w(const shape *s)
{
    return pair_real(s->out, s->in, s->k, 3, 3);
}

static rig_value value_y(const shape *s)
{
    return pair_real(s->n, s->out, s->x[0] + 2 * s->pad[0] - s->k + 1,
                     s->x[1] + 2 * s->pad[1] - 2, s->x[2] + 2 * s->pad[2] - 2);
}

/* A convolution in a direction; `a` holds its attributes. */
static rig_node node_of(const shape *s, int op, avcl_conv3d_attrs *a)
{
    *a = (avcl_conv3d_attrs){.stride = {3, 0, {1, 1, 1}}, .pad = {.n = 3}};
    rig_node node = rig_op(ops[op], a, op == 0 && s->bias ? 3 : 2, 1);
    node.in[0] = op == 0 ? value_x(s) : value_y(s);
    node.in[1] = op == 2 ? value_x(s) : value_w(s);
    if (node.n_in > 2) node.in[2] = pair_real(s->out, 0, 0, 0, 0);
    node.out[0] = op == 0 ? value_y(s) : op == 1 ? value_x(s) : value_w(s);
    memcpy(a->pad.v, s->pad, sizeof s->pad);
    a->shape.n = 5;
    memcpy(a->shape.v, node.out[0].info.shape, 5 * sizeof(int64_t));
    return node;
}

static void open_cpu(rig *r, const char *conv, const char *plan, uint32_t n_threads)
{
    avcl_device_options o = {.conv = conv, .kernel_plan = plan};
    rig_open_with(r, "cpu", AVCL_F32, n_threads, &o);
}

/* Runs a convolution on a device; its result. Free it. */
static rig_value result(const rig *r, const shape *s, int op)
{
    avcl_conv3d_attrs a;
    rig_node node = node_of(s, op, &a);
    node.blocked = r->real == AVCL_F32;
    rig_run(r, &node);
    rig_value out = rig_copy(&node.out[0]);
    rig_free(&node);
    return out;
}

/* Whether the instruction set has it: forced to, a kernel says so. */
static int has_winograd(const rig *r)
{
    return !strstr(r->api->describe(r->device), "base");
}

static void test_winograd__is_nearly_as_exact_as_direct(void **state)
{
    rig winograd, direct, oracle;
    (void)state;
    open_cpu(&winograd, "winograd", NULL, 2);
    open_cpu(&direct, "direct", NULL, 2);
    rig_open(&oracle, "reference", AVCL_F64, 2);
    for (int i = 0; i < N_LAYERS; i++)
        for (int op = 0; op < 3; op++) {
            rig_value exact = result(&oracle, &layers[i], op);
            rig_value fast = result(&winograd, &layers[i], op);
            rig_value slow = result(&direct, &layers[i], op);
            double loss =
                rig_error_in_rms(&fast, &exact) / rig_error_in_rms(&slow, &exact);
            print_message("%lld channels, %s: %.2e, direct %.2e, ratio %.2f\n",
                          (long long)layers[i].in, ops[op],
                          rig_error_in_rms(&fast, &exact),
                          rig_error_in_rms(&slow, &exact), loss);
            if (!(loss <= LOSS_OF_ACCURACY))
                fail_msg("layer %d, %s: %.3g times the error of direct", i, ops[op],
                         loss);
            if (has_winograd(&winograd) && rig_equal(&fast, &slow))
                fail_msg("layer %d, %s: both ran the same kernel", i, ops[op]);
            free(exact.data);
            free(fast.data);
            free(slow.data);
        }
    rig_close(&winograd);
    rig_close(&direct);
    rig_close(&oracle);
}

static void test_winograd__odd_shapes(void **state)
{
    rig winograd, oracle;
    (void)state;
    open_cpu(&winograd, "winograd", NULL, 2);
    rig_open(&oracle, "reference", AVCL_F64, 2);
    for (int i = 0; i < N_ODD; i++)
        for (int op = 0; op < 3; op++) {
            rig_value exact = result(&oracle, &odd[i], op);
            rig_value fast = result(&winograd, &odd[i], op);
            double error = rig_error_in_rms(&fast, &exact);
            if (!(error <= TOLERANCE))
                fail_msg("shape %d, %s: error %.3g of the rms", i, ops[op], error);
            free(exact.data);
            free(fast.data);
        }
    rig_close(&winograd);
    rig_close(&oracle);
}

/* Bits depend neither on threads nor on how often it ran. */
static void test_winograd__threads_change_nothing(void **state)
{
    rig one, three;
    (void)state;
    open_cpu(&one, "winograd", NULL, 1);
    open_cpu(&three, "winograd", NULL, 3);
    for (int i = 0; i < N_ODD; i++)
        for (int op = 0; op < 3; op++) {
            rig_value a = result(&one, &odd[i], op);
            rig_value b = result(&three, &odd[i], op);
            rig_value c = result(&three, &odd[i], op);
            if (!rig_equal(&a, &b) || !rig_equal(&b, &c))
                fail_msg("shape %d, %s: bits depend on threads", i, ops[op]);
            free(a.data);
            free(b.data);
            free(c.data);
        }
    rig_close(&one);
    rig_close(&three);
}

/* Rows for one shape with blocks of any size: forward and data are the same bits, since
 * blocks cut no sum; the gradient of w is summed in another order. */
static void test_winograd__blocks_change_little(void **state)
{
    static const char *const kernels[] = {
        "winograd tiles=1 frames=1",
        "winograd tiles=3 frames=2",
        "winograd tiles=14 frames=16",
        "winograd tiles=5 frames=3 share=points",
        "winograd tiles=4096 frames=1 share=points",
    };
    static const shape s = {2, 16, 32, {5, 7, 9}, 3, {1, 1, 1}, 0};
    rig first;
    (void)state;
    open_cpu(&first, "winograd", NULL, 2);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int op = 0; op < 3; op++) {
            char plan[512];
            int n = 0;
            for (int isa = 0; isa < 2; isa++)
                n += snprintf(plan + n, sizeof plan - (size_t)n,
                              "%s %s 16x5x7x9 32x3x3x3 s1x1x1 p1x1x1 %s\n", ops[op],
                              isa ? "avx2" : "avx512", kernels[i]);
            rig other;
            open_cpu(&other, "auto", plan, 2);
            rig_value a = result(&first, &s, op);
            rig_value b = result(&other, &s, op);
            double error = rig_error_in_rms(&b, &a);
            if (op < 2 ? !rig_equal(&a, &b) : !(error <= TOLERANCE))
                fail_msg("%s with '%s' is off by %.3g", ops[op], kernels[i], error);
            free(a.data);
            free(b.data);
            rig_close(&other);
        }
    rig_close(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_winograd__is_nearly_as_exact_as_direct),
        cmocka_unit_test(test_winograd__odd_shapes),
        cmocka_unit_test(test_winograd__threads_change_nothing),
        cmocka_unit_test(test_winograd__blocks_change_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
