/*
 * test_device_ops.c - pools, moves, reductions, losses and pointwise kernels of the
 * cpu device against the reference; reorders, dropout masks and refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_pair.h"

enum { N_SHAPES = 5 };
/* Aligned channels, ragged channels, more than one strip, one row, a vector. */
static const int64_t shapes[N_SHAPES][5] = {{2, 16, 3, 6, 6},
                                            {2, 21, 2, 5, 3},
                                            {1, 5, 4, 30, 30},
                                            {3, 70, 0, 0, 0},
                                            {9, 0, 0, 0, 0}};

static rig_value shaped(int i)
{
    const int64_t *s = shapes[i];
    return pair_real(s[0], s[1], s[2], s[3], s[4]);
}

static rig_value ints(int64_t n, int64_t m, double lo, double hi)
{
    return rig_uniform(rig_shape(AVCL_I32, n, m, 0, 0, 0), lo, hi, 5);
}

/* ---- pointwise ------------------------------------------------------------------ */

static void test_pointwise__unary(void **state)
{
    static const char *const ops[] = {"relu",     "sigmoid",      "tanh",   "exp",
                                      "neg",      "abs",          "square", "sign",
                                      "identity", "stop_gradient"};
    for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
        for (int i = 0; i < N_SHAPES; i++) {
            rig_node node = rig_op(ops[o], NULL, 1, 1);
            node.in[0] = shaped(i);
            node.out[0] = shaped(i);
            pair_check(*state, node, PAIR_TOLERANCE_MAP);
        }
}

static void test_pointwise__positive_domain(void **state)
{
    static const char *const ops[] = {"sqrt", "log"};
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < N_SHAPES; i++) {
            rig_node node = rig_op(ops[o], NULL, 1, 1);
            node.in[0] = rig_uniform(shaped(i), 0.1, 4, 3);
            node.out[0] = shaped(i);
            pair_check(*state, node, PAIR_TOLERANCE_MAP);
        }
}

static void test_pointwise__with_numbers(void **state)
{
    static const char *const ops[] = {"affine", "elu", "elu_backward"};
    static const avcl_affine_attrs attrs[] = {{-1.5, 0}, {0.75, 0.25}};
    for (int o = 0; o < 3; o++)
        for (int a = 0; a < 2; a++)
            for (int i = 0; i < N_SHAPES; i++) {
                rig_node node = rig_op(ops[o], &attrs[a], o == 2 ? 2 : 1, 1);
                node.in[0] = shaped(i);
                if (o == 2) node.in[1] = rig_uniform(shaped(i), -0.7, 1, 11);
                node.out[0] = shaped(i);
                pair_check(*state, node, PAIR_TOLERANCE_MAP);
            }
}

static void test_pointwise__binary_of_one_shape(void **state)
{
    static const char *const ops[] = {"add",           "sub",   "mul", "maximum",
                                      "greater_equal", "equal", "div", "relu_backward"};
    for (int o = 0; o < 8; o++)
        for (int i = 0; i < N_SHAPES; i++) {
            rig_node node = rig_op(ops[o], NULL, 2, 1);
            node.in[0] = shaped(i);
            node.in[1] = rig_uniform(shaped(i), 0.2, 1.2, 13);
            for (int64_t k = 0; k < rig_count(&node.in[0]); k += 3) /* ties */
                node.in[0].data[k] = node.in[1].data[k];
            node.out[0] = shaped(i);
            pair_check(*state, node, PAIR_TOLERANCE_MAP);
        }
}

static void test_pointwise__broadcasts(void **state)
{
    static const int64_t cases[][2][5] = {
        {{3, 4, 90, 0, 0}, {90, 0, 0, 0, 0}}, {{3, 4, 90, 0, 0}, {4, 1, 0, 0, 0}},
        {{4, 1, 0, 0, 0}, {3, 1, 70, 0, 0}},  {{2, 16, 2, 4, 4}, {1, 16, 1, 1, 1}},
        {{7, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},   {{0, 0, 0, 0, 0}, {5, 7, 0, 0, 0}},
        {{6, 1, 0, 0, 0}, {1, 6, 0, 0, 0}},
    };
    static const int64_t results[][5] = {
        {3, 4, 90, 0, 0}, {3, 4, 90, 0, 0}, {3, 4, 70, 0, 0}, {2, 16, 2, 4, 4},
        {7, 0, 0, 0, 0},  {5, 7, 0, 0, 0},  {6, 6, 0, 0, 0},
    };
    static const char *const ops[] = {"add", "sub", "div"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int o = 0; o < 3; o++) {
            const int64_t *a = cases[i][0];
            const int64_t *b = cases[i][1];
            const int64_t *y = results[i];
            rig_node node = rig_op(ops[o], NULL, 2, 1);
            node.in[0] = pair_real(a[0], a[1], a[2], a[3], a[4]);
            node.in[1] = rig_uniform(pair_real(b[0], b[1], b[2], b[3], b[4]), 0.5, 2, 17);
            node.out[0] = pair_real(y[0], y[1], y[2], y[3], y[4]);
            pair_check(*state, node, PAIR_TOLERANCE_MAP);
        }
}

/* ---- pooling -------------------------------------------------------------------- */

static const avcl_pool3d_attrs pools[] = {
    {.kernel = {3, 0, {1, 2, 2}}, .stride = {3, 0, {1, 2, 2}}, .pad = {3, 0, {0, 0, 0}}},
    {.kernel = {3, 0, {2, 3, 3}}, .stride = {3, 0, {1, 2, 1}}, .pad = {3, 0, {1, 1, 1}}},
};

static rig_value pooled(int i, const avcl_pool3d_attrs *a)
{
    int64_t n[3];
    for (int d = 0; d < 3; d++)
        n[d] = (shapes[i][2 + d] + 2 * a->pad.v[d] - a->kernel.v[d]) / a->stride.v[d] + 1;
    return pair_real(shapes[i][0], shapes[i][1], n[0], n[1], n[2]);
}

static void test_pool__max_and_back(void **state)
{
    pair *d = *state;
    for (int i = 0; i < 3; i++)
        for (int p = 0; p < 2; p++) {
            avcl_pool3d_attrs a = pools[p];
            rig_node forward = rig_op("max_pool3d", &a, 1, 2);
            forward.in[0] = shaped(i);
            forward.out[0] = pooled(i, &a);
            forward.out[1] = pooled(i, &a);
            forward.out[1].info.dtype = AVCL_I32;
            rig_run(&d->f64, &forward);
            rig_node backward = rig_op("max_pool3d_backward", &a, 2, 1);
            a.shape.n = 5;
            memcpy(a.shape.v, shapes[i], sizeof shapes[i]);
            backward.in[0] = pooled(i, &a);
            backward.in[1] = rig_copy(&forward.out[1]);
            backward.out[0] = shaped(i);
            pair_check(d, forward, 0); /* a maximum is exact, its place too */
            pair_check(d, backward, PAIR_TOLERANCE_MAP);
        }
}

static void test_pool__average_and_back(void **state)
{
    for (int i = 0; i < 3; i++)
        for (int p = 0; p < 2; p++) {
            avcl_pool3d_attrs a = pools[p];
            rig_node forward = rig_op("avg_pool3d", &a, 1, 1);
            rig_node backward = rig_op("avg_pool3d_backward", &a, 1, 1);
            forward.in[0] = shaped(i);
            forward.out[0] = pooled(i, &a);
            backward.in[0] = pooled(i, &a);
            backward.out[0] = shaped(i);
            pair_check(*state, forward, PAIR_TOLERANCE_MAP);
            pair_check(*state, backward, PAIR_TOLERANCE_MAP);
        }
}

static void test_pool__global(void **state)
{
    for (int i = 0; i < 3; i++) {
        const int64_t *s = shapes[i];
        avcl_shape_attrs a = {.shape = {5, 0, {s[0], s[1], s[2], s[3], s[4]}}};
        rig_node average = rig_op("global_avg_pool", NULL, 1, 1);
        rig_node greatest = rig_op("global_max_pool", NULL, 1, 1);
        rig_node back = rig_op("global_avg_pool_backward", &a, 1, 1);
        average.in[0] = shaped(i);
        average.out[0] = pair_real(s[0], s[1], 0, 0, 0);
        greatest.in[0] = shaped(i);
        greatest.out[0] = pair_real(s[0], s[1], 0, 0, 0);
        back.in[0] = pair_real(s[0], s[1], 0, 0, 0);
        back.out[0] = shaped(i);
        pair_check(*state, average, PAIR_TOLERANCE_SUM);
        pair_check(*state, greatest, 0);
        pair_check(*state, back, PAIR_TOLERANCE_MAP);
    }
}

/* ---- reductions ----------------------------------------------------------------- */

static void test_reduce__any_axes(void **state)
{
    static const char *const ops[] = {"sum", "mean", "max", "variance"};
    for (int mask = 1; mask < 32; mask++)
        for (int o = 0; o < 4; o++) {
            const int64_t shape[5] = {3, 18, 2, 5, 40};
            avcl_axes_attrs a = {.keep = 1};
            int64_t kept[5];
            for (int d = 0; d < 5; d++) {
                kept[d] = mask >> d & 1 ? 1 : shape[d];
                if (mask >> d & 1) a.axes.v[a.axes.n++] = d;
            }
            rig_node node = rig_op(ops[o], &a, 1, 1);
            node.in[0] = pair_real(shape[0], shape[1], shape[2], shape[3], shape[4]);
            node.out[0] = pair_real(kept[0], kept[1], kept[2], kept[3], kept[4]);
            /* Sums of both signs nearly cancel: measure them where they do not. */
            node.in[0] = rig_uniform(node.in[0], o == 3 ? -1 : 0, 1, 23);
            pair_check(*state, node, PAIR_TOLERANCE_SUM);
        }
}

static void test_reduce__sum_to_and_broadcast_to(void **state)
{
    static const int64_t small[][5] = {{0, 0, 0, 0, 0},
                                       {40, 0, 0, 0, 0},
                                       {5, 1, 0, 0, 0},
                                       {3, 1, 40, 0, 0},
                                       {1, 5, 1, 0, 0}};
    for (int i = 0; i < 5; i++) {
        const int64_t *s = small[i];
        rig_node down = rig_op("sum_to", NULL, 1, 1);
        rig_node up = rig_op("broadcast_to", NULL, 1, 1);
        down.in[0] = rig_uniform(pair_real(3, 5, 40, 0, 0), 0, 1, 29);
        down.out[0] = pair_real(s[0], s[1], s[2], s[3], s[4]);
        up.in[0] = pair_real(s[0], s[1], s[2], s[3], s[4]);
        up.out[0] = pair_real(3, 5, 40, 0, 0);
        pair_check(*state, down, PAIR_TOLERANCE_SUM);
        pair_check(*state, up, 0);
    }
}

static void test_line__along_each_axis(void **state)
{
    const int64_t shape[3] = {4, 7, 9};
    for (int64_t axis = 0; axis < 3; axis++) {
        avcl_axis_attrs a = {.axis = axis, .eps = 1e-12};
        int64_t k[3] = {shape[0], shape[1], shape[2]};
        k[axis] = 1;
        rig_node lse = rig_op("logsumexp", &a, 1, 1);
        rig_node arg = rig_op("argmax", &a, 1, 1);
        rig_node l2 = rig_op("l2_normalise", &a, 1, 2);
        lse.in[0] = rig_uniform(pair_real(4, 7, 9, 0, 0), -50, 90, 31);
        arg.in[0] = pair_real(4, 7, 9, 0, 0);
        l2.in[0] = pair_real(4, 7, 9, 0, 0);
        lse.out[0] = pair_real(k[0], k[1], k[2], 0, 0);
        arg.out[0] = rig_shape(AVCL_I32, k[0], k[1], k[2], 0, 0);
        l2.out[0] = pair_real(4, 7, 9, 0, 0);
        l2.out[1] = pair_real(k[0], k[1], k[2], 0, 0);
        pair_check(*state, lse, PAIR_TOLERANCE_MAP);
        pair_check(*state, arg, 0);
        pair_check(*state, l2, PAIR_TOLERANCE_MAP);
    }
}

/* ---- moves ---------------------------------------------------------------------- */

static void test_move__slices_and_transposes(void **state)
{
    avcl_axis_attrs join = {.axis = 1};
    avcl_range_attrs range = {1, 2, 5};
    avcl_perm_attrs perm = {{3, 0, {2, 0, 1}}};
    rig_node concat = rig_op("concat", &join, 3, 1);
    concat.in[0] = pair_real(3, 2, 5, 0, 0);
    concat.in[1] = pair_real(3, 1, 5, 0, 0);
    concat.in[2] = pair_real(3, 4, 5, 0, 0);
    concat.out[0] = pair_real(3, 7, 5, 0, 0);
    rig_node slice = rig_op("slice", &range, 1, 1);
    slice.in[0] = pair_real(3, 7, 5, 0, 0);
    slice.out[0] = pair_real(3, 3, 5, 0, 0);
    rig_node pad = rig_op("pad_zero", &range, 1, 1);
    pad.in[0] = pair_real(3, 7, 5, 0, 0);
    pad.out[0] = pair_real(3, 14, 5, 0, 0);
    rig_node transpose = rig_op("transpose", &perm, 1, 1);
    transpose.in[0] = pair_real(3, 7, 5, 0, 0);
    transpose.out[0] = pair_real(5, 3, 7, 0, 0);
    pair_check(*state, concat, 0);
    pair_check(*state, slice, 0);
    pair_check(*state, pad, 0);
    pair_check(*state, transpose, 0);
}

static void test_move__rows(void **state)
{
    avcl_count_attrs rows = {.n = 6};
    rig_node gather = rig_op("gather", NULL, 2, 1);
    gather.in[0] = pair_real(6, 7, 2, 0, 0);
    gather.in[1] = ints(9, 0, 0, 5.99);
    gather.out[0] = pair_real(9, 7, 2, 0, 0);
    rig_node scatter = rig_op("scatter_add", &rows, 2, 1);
    scatter.in[0] = pair_real(9, 7, 2, 0, 0);
    scatter.in[1] = ints(9, 0, 0, 5.99);
    scatter.out[0] = pair_real(6, 7, 2, 0, 0);
    rig_node hot = rig_op("one_hot", &rows, 1, 1);
    hot.in[0] = ints(9, 0, -1, 5.99);
    hot.out[0] = pair_real(9, 6, 0, 0, 0);
    pair_check(*state, gather, 0);
    pair_check(*state, scatter, PAIR_TOLERANCE_MAP);
    pair_check(*state, hot, 0);
}

static void test_source__constants_and_casts(void **state)
{
    avcl_shape_attrs fill = {{2, 0, {3, 5}}, 0.25};
    avcl_count_attrs eye = {.n = 4, .scale = 2.5};
    avcl_cast_attrs cast = {AVCL_F32};
    rig_node constant = rig_op("constant", &fill, 0, 1);
    constant.out[0] = pair_real(3, 5, 0, 0, 0);
    rig_node identity = rig_op("eye", &eye, 0, 1);
    identity.out[0] = pair_real(4, 4, 0, 0, 0);
    pair_check(*state, constant, 0);
    pair_check(*state, identity, 0);
    static const avcl_dtype types[] = {AVCL_U8, AVCL_I32, AVCL_I64, AVCL_F32};
    for (int i = 0; i < 4; i++) {
        rig_node node = rig_op("cast", &cast, 1, 1);
        node.in[0] = rig_uniform(rig_shape(types[i], 70, 3, 0, 0, 0), 0, 255, 37);
        node.out[0] = pair_real(70, 3, 0, 0, 0);
        pair_check(*state, node, 0);
    }
}

/* ---- products, losses ---------------------------------------------------------- */

static void test_matmul__all_transposes(void **state)
{
    for (int t = 0; t < 4; t++)
        for (int64_t batch = 0; batch < 3; batch += 2) {
            avcl_matmul_attrs a = {t & 1, t >> 1};
            int64_t left[] = {t & 1 ? 33 : 17, t & 1 ? 17 : 33};
            int64_t right[] = {t >> 1 ? 9 : 33, t >> 1 ? 33 : 9};
            rig_node node = rig_op("matmul", &a, 2, 1);
            if (batch) {
                node.in[0] = pair_real(batch, left[0], left[1], 0, 0);
                node.in[1] = pair_real(batch, right[0], right[1], 0, 0);
                node.out[0] = pair_real(batch, 17, 9, 0, 0);
            } else {
                node.in[0] = pair_real(left[0], left[1], 0, 0, 0);
                node.in[1] = pair_real(right[0], right[1], 0, 0, 0);
                node.out[0] = pair_real(17, 9, 0, 0, 0);
            }
            pair_check(*state, node, PAIR_TOLERANCE_SUM);
        }
}

static void test_linear__with_and_without_bias(void **state)
{
    for (uint32_t n_in = 2; n_in < 4; n_in++) {
        rig_node node = rig_op("linear", NULL, n_in, 1);
        node.in[0] = pair_real(6, 50, 0, 0, 0);
        node.in[1] = pair_real(11, 50, 0, 0, 0);
        if (n_in == 3) node.in[2] = pair_real(11, 0, 0, 0, 0);
        node.out[0] = pair_real(6, 11, 0, 0, 0);
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
    }
}

static void test_cross_entropy__and_back(void **state)
{
    for (int weighted = 0; weighted < 2; weighted++) {
        rig_node node = rig_op("cross_entropy", NULL, 3, 2);
        node.in[0] = rig_uniform(pair_real(9, 6, 0, 0, 0), -30, 30, 41);
        node.in[1] = ints(9, 0, -1, 5.99);
        node.in[2] = rig_uniform(pair_real(9, 0, 0, 0, 0), 0, weighted, 43);
        node.out[0] = pair_real(0, 0, 0, 0, 0);
        node.out[1] = pair_real(9, 6, 0, 0, 0);
        rig_node back = rig_op("cross_entropy_backward", NULL, 4, 1);
        back.in[0] = rig_uniform(pair_real(0, 0, 0, 0, 0), 2, 3, 47);
        back.in[1] = rig_uniform(pair_real(9, 6, 0, 0, 0), 0, 1, 53);
        back.in[2] = rig_copy(&node.in[1]);
        back.in[3] = rig_copy(&node.in[2]);
        back.out[0] = pair_real(9, 6, 0, 0, 0);
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
        pair_check(*state, back, PAIR_TOLERANCE_MAP);
    }
}

/* The mask is part of the mathematics: equal bits on every device. */
static void test_dropout__same_bits_everywhere(void **state)
{
    pair *d = *state;
    avcl_dropout_attrs a = {0.3, 5};
    for (int i = 0; i < N_SHAPES; i++) {
        rig_node cpu = rig_op("dropout", &a, 2, 1);
        cpu.in[0] = shaped(i);
        cpu.in[1] = rig_uniform(rig_shape(AVCL_I64, 3, 0, 0, 0, 0), 3, 900, 59);
        cpu.out[0] = shaped(i);
        rig_node one = cpu;
        rig_node oracle = cpu;
        one.out[0] = shaped(i);
        oracle.out[0] = shaped(i);
        rig_run(&d->cpu, &cpu);
        rig_run(&d->one, &one);
        rig_run(&d->f32, &oracle);
        assert_true(rig_equal(&cpu.out[0], &oracle.out[0]));
        assert_true(rig_equal(&one.out[0], &oracle.out[0]));
        free(one.out[0].data);
        free(oracle.out[0].data);
        rig_free(&cpu);
    }
}

/* ---- refusals ------------------------------------------------------------------- */

static void refused(const rig *r, const rig_node *node, const char *text)
{
    rig_node copy = *node;
    avcl_error err = {0};
    assert_int_equal(rig_try(r, &copy, &err), AVCL_E_INVALID);
    assert_int_equal(err.code, AVCL_E_INVALID);
    assert_non_null(strstr(err.message, text));
}

static void test_rows__outside_are_refused(void **state)
{
    pair *d = *state;
    avcl_count_attrs four = {.n = 4};
    rig_node gather = rig_op("gather", NULL, 2, 1);
    gather.in[0] = pair_real(4, 3, 0, 0, 0);
    gather.in[1] = ints(2, 0, 0, 0);
    gather.in[1].data[1] = -1;
    gather.out[0] = pair_real(2, 3, 0, 0, 0);
    rig_node hot = rig_op("one_hot", &four, 1, 1);
    hot.in[0] = ints(2, 0, 0, 0);
    hot.in[0].data[1] = 4;
    hot.out[0] = pair_real(2, 4, 0, 0, 0);
    refused(&d->cpu, &gather, "-1");
    refused(&d->f64, &gather, "-1");
    refused(&d->cpu, &hot, "4");
    refused(&d->f64, &hot, "4");
    rig_free(&gather);
    rig_free(&hot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointwise__unary),
        cmocka_unit_test(test_pointwise__positive_domain),
        cmocka_unit_test(test_pointwise__with_numbers),
        cmocka_unit_test(test_pointwise__binary_of_one_shape),
        cmocka_unit_test(test_pointwise__broadcasts),
        cmocka_unit_test(test_pool__max_and_back),
        cmocka_unit_test(test_pool__average_and_back),
        cmocka_unit_test(test_pool__global),
        cmocka_unit_test(test_reduce__any_axes),
        cmocka_unit_test(test_reduce__sum_to_and_broadcast_to),
        cmocka_unit_test(test_line__along_each_axis),
        cmocka_unit_test(test_move__slices_and_transposes),
        cmocka_unit_test(test_move__rows),
        cmocka_unit_test(test_source__constants_and_casts),
        cmocka_unit_test(test_matmul__all_transposes),
        cmocka_unit_test(test_linear__with_and_without_bias),
        cmocka_unit_test(test_cross_entropy__and_back),
        cmocka_unit_test(test_dropout__same_bits_everywhere),
        cmocka_unit_test(test_rows__outside_are_refused),
    };
    return cmocka_run_group_tests(tests, pair_open, pair_close);
}
