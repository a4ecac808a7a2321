/*
 * test_modules.c - R3D, AMFM and the small modules against numbers worked out elsewhere.
 *
 * Values are those of the methods page (K.1, K.2, K.8, D.1), in f64 on the reference
 * device unless a test says otherwise.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"
#include "golden.h"

/* Expected values are given to ten significant digits. */
static const double PRINTED = 1e-9;
/* Two f64 routes to one number, of a few thousand operations each. */
static const double F64_ROUTES = 1e-11;
/* 20 convolutions in f32: each output sums thousands of equal terms, whose rounding
 * errors all point the same way. */
static const double F32_DEEP = 1e-4;

/* ---- K.8, AMFM
 * ---------------------------------------------------------------------------------- */
static avcl_graph *amfm(avcl_host *host, const char *gate, int64_t n, int64_t d,
                        int shared)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[2] = {n, d};
    avcl_node in[2] = {avcl_graph_input(g, "v", AVCL_F32, shape, 2),
                       avcl_graph_input(g, "a", AVCL_F32, shape, 2)};
    avcl_attr at[2] = {avcl_attr_str("gate", gate),
                       avcl_attr_bool("shared_excitation", shared)};
    avcl_node out[2] = {0};
    avcl_graph_apply(g, avcl_graph_instance(g, AVCL_KIND_FUSION, "amfm", at, 2, "amfm"),
                     in, 2, out, 2);
    avcl_graph_keep(g, "f_v", out[0]);
    avcl_graph_keep(g, "f_a", out[1]);
    golden_check(avcl_graph_status(g, &err), &err);
    return g;
}

static int64_t count_weights(const avcl_graph *g)
{
    int64_t n = 0;
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        int64_t size = 1;
        for (int32_t k = 0; k < v.info.ndim; k++)
            size *= v.info.shape[k];
        n += v.is_state ? 0 : size;
    }
    return n;
}

static void run_amfm(const char *gate, const double f_v[2], const double f_a[2])
{
    avcl_error err = {0};
    avcl_host *host = golden_host();
    avcl_graph *g = amfm(host, gate, 1, 2, 1);
    avcl_session_options o = {
        .device = "reference", .precision = AVCL_F64, .flags = AVCL_SESSION_NO_GRADIENT};
    avcl_session *s = avcl_session_new(g, &o, &err);
    golden_check(err.code, &err);
    const struct {
        const char *name;
        double values[8];
        uint64_t n;
    } all[] = {
        {"v", {1, 2}, 2},
        {"a", {3, -1}, 2},
        {"amfm/squeeze/weight", {1, 0, 1, 0, 0, 1, 0, 1}, 8},
        {"amfm/squeeze/bias", {0, 0}, 2},
        {"amfm/excite/weight", {1, -1, -1, 1}, 4},
        {"amfm/excite/bias", {0, 0.5}, 2},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        golden_check(avcl_session_write(s, all[i].name, all[i].values,
                                        all[i].n * sizeof(double), &err),
                     &err);
    golden_check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double got[2][2];
    golden_check(avcl_session_read(s, "f_v", got[0], sizeof got[0], &err), &err);
    golden_check(avcl_session_read(s, "f_a", got[1], sizeof got[1], &err), &err);
    for (int i = 0; i < 2; i++) {
        golden_near(got[0][i], f_v[i], PRINTED);
        golden_near(got[1][i], f_a[i], PRINTED);
    }
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static void test_amfm__small_case(void **state)
{
    (void)state;
    run_amfm("relu", (double[2]){3, 0}, (double[2]){9, 0});
    run_amfm("sigmoid", (double[2]){.952574127, .151716360},
             (double[2]){2.857722380, -.075858180});
}

static void test_amfm__counts_parameters(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    avcl_graph *g = amfm(host, "relu", 2, 512, 1);
    assert_int_equal(count_weights(g), 787456);
    avcl_graph_free(g);
    g = amfm(host, "relu", 2, 512, 0);
    assert_int_equal(count_weights(g), 787456 + 512 * 512 + 512);
    avcl_graph_free(g);
    avcl_host_free(host);
}

/* ---- cross-entropy, concat
 * ------------------------------------------------------------------------ */
static void test_cross_entropy__uniform_scores_give_ln_k(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = golden_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[2] = {3, 5};
    avcl_node in[3] = {avcl_graph_input(g, "x", AVCL_F32, shape, 2),
                       avcl_graph_input(g, "y", AVCL_I32, shape, 1),
                       avcl_graph_input(g, "w", AVCL_F32, shape, 1)};
    avcl_node out[2] = {0};
    avcl_instance m =
        avcl_graph_instance(g, AVCL_KIND_LOSS, "cross_entropy", NULL, 0, "ce");
    avcl_graph_apply(g, m, in, 3, &out[0], 1);
    in[2] = 0; /* optional */
    avcl_graph_apply(g, m, in, 3, &out[1], 1);
    avcl_graph_keep(g, "weighted", out[0]);
    avcl_graph_keep(g, "plain", out[1]);
    golden_check(avcl_graph_status(g, &err), &err);
    avcl_session_options o = {
        .device = "reference", .precision = AVCL_F64, .flags = AVCL_SESSION_NO_GRADIENT};
    avcl_session *s = avcl_session_new(g, &o, &err);
    golden_check(err.code, &err);
    double x[15] = {0};
    x[14] = log(4); /* last row: p = 1/8 each, 1/2 for class 4 */
    int32_t y[3] = {0, 3, 4};
    double w[3] = {1, 1, 0};
    golden_check(avcl_session_write(s, "x", x, sizeof x, &err), &err);
    golden_check(avcl_session_write(s, "y", y, sizeof y, &err), &err);
    golden_check(avcl_session_write(s, "w", w, sizeof w, &err), &err);
    golden_check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double got[2];
    golden_check(avcl_session_read(s, "weighted", &got[0], sizeof *got, &err), &err);
    golden_check(avcl_session_read(s, "plain", &got[1], sizeof *got, &err), &err);
    golden_near(got[0], log(5), F64_ROUTES);
    golden_near(got[1], (2 * log(5) + log(2)) / 3, F64_ROUTES);
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static void test_concat__hands_both_through(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = golden_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t v[2] = {2, 3};
    int64_t a[2] = {2, 4};
    avcl_node in[2] = {avcl_graph_input(g, "v", AVCL_F32, v, 2),
                       avcl_graph_input(g, "a", AVCL_F32, a, 2)};
    avcl_node out[2] = {0};
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_FUSION, "concat", NULL, 0, "c");
    golden_check(avcl_graph_apply(g, m, in, 2, out, 2), &err);
    avcl_tinfo info;
    golden_check(avcl_graph_info(g, out[0], &info), &err);
    assert_int_equal(info.shape[1], 3);
    golden_check(avcl_graph_info(g, out[1], &info), &err);
    assert_int_equal(info.shape[1], 4);
    assert_int_equal(count_weights(g), 0);
    avcl_graph_free(g);
    avcl_host_free(host);
}

/* ---- K.1, K.2: R3D
 * ----------------------------------------------------------------------------------- */
enum { CONV5 = 4, POOL = 5, N_TAPS = 6 };

static avcl_graph *r3d(avcl_host *host, const int64_t shape[5], const avcl_attr *params,
                       uint32_t n_params, avcl_node taps[N_TAPS])
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_instance m =
        avcl_graph_instance(g, AVCL_KIND_BACKBONE, "r3d", params, n_params, "net");
    avcl_graph_apply(g, m, &x, 1, taps, N_TAPS);
    avcl_graph_keep(g, "pool", taps[POOL]);
    golden_check(avcl_graph_status(g, &err), &err);
    return g;
}

static void assert_shape(const avcl_graph *g, avcl_node node, const int64_t *want,
                         int32_t ndim)
{
    avcl_tinfo info = {0};
    assert_int_equal(avcl_graph_info(g, node, &info), AVCL_OK);
    assert_int_equal(info.ndim, ndim);
    for (int32_t i = 0; i < ndim; i++)
        assert_int_equal(info.shape[i], want[i]);
}

static void test_r3d__parameters_and_shapes(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    avcl_node taps[N_TAPS] = {0};
    avcl_graph *g = r3d(host, (int64_t[5]){1, 3, 16, 112, 112}, NULL, 0, taps);
    assert_int_equal(count_weights(g), 14361792);
    assert_shape(g, taps[0], (int64_t[5]){1, 64, 16, 56, 56}, 5);
    assert_shape(g, taps[2], (int64_t[5]){1, 128, 8, 28, 28}, 5);
    assert_shape(g, taps[CONV5], (int64_t[5]){1, 512, 2, 7, 7}, 5);
    assert_shape(g, taps[POOL], (int64_t[2]){1, 512}, 2);
    uint32_t n_states = 0;
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++)
        n_states += (uint32_t)v.is_state;
    assert_int_equal(avcl_graph_n_variables(g) - n_states, 36);
    avcl_graph_free(g);
    g = r3d(host, (int64_t[5]){2, 1, 1, 112, 112}, NULL, 0, taps);
    assert_int_equal(count_weights(g), 14342976);
    assert_shape(g, taps[CONV5], (int64_t[5]){2, 512, 1, 7, 7}, 5);
    avcl_graph_free(g);
    avcl_attr stem = avcl_attr_int("stem", 3);
    g = r3d(host, (int64_t[5]){1, 3, 16, 112, 112}, &stem, 1, taps);
    assert_int_equal(count_weights(g), 14361792 - 64 * 3 * 3 * (49 - 9));
    assert_shape(g, taps[CONV5], (int64_t[5]){1, 512, 2, 7, 7}, 5);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static void test_r3d__names_in_registration_order(void **state)
{
    (void)state;
    static const char *const names[] = {
        "net/conv1/weight",
        "net/bn1/weight",
        "net/bn1/bias",
        "net/conv2/block1/conv1/weight",
        "net/conv2/block1/bn1/weight",
        "net/conv2/block1/bn1/bias",
        "net/conv2/block1/conv2/weight",
        "net/conv2/block1/bn2/weight",
        "net/conv2/block1/bn2/bias",
        "net/conv3/block1/downsample/conv/weight",
        "net/conv3/block1/downsample/bn/weight",
        "net/conv3/block1/downsample/bn/bias",
        "net/conv3/block1/conv1/weight",
    };
    avcl_host *host = golden_host();
    avcl_node taps[N_TAPS] = {0};
    avcl_graph *g = r3d(host, (int64_t[5]){1, 3, 4, 32, 32}, NULL, 0, taps);
    avcl_variable v;
    size_t seen = 0;
    for (uint32_t i = 0; seen < sizeof names / sizeof *names; i++) {
        assert_int_equal(avcl_graph_get_variable(g, i, &v), AVCL_OK);
        if (!v.is_state) assert_string_equal(v.name, names[seen++]);
    }
    avcl_graph_free(g);
    avcl_host_free(host);
}

static void test_r3d__refuses_other_stems(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = golden_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, (int64_t[5]){1, 3, 4, 32, 32}, 5);
    avcl_attr stem = avcl_attr_int("stem", 5);
    avcl_node taps[N_TAPS];
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_BACKBONE, "r3d", &stem, 1, "net");
    assert_int_not_equal(avcl_graph_apply(g, m, &x, 1, taps, N_TAPS), AVCL_OK);
    assert_int_equal(avcl_graph_status(g, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "stem = 5 is neither 3 nor 7"));
    avcl_graph_free(g);
    avcl_host_free(host);
}

static void write_filled(avcl_session *s, const char *name, const avcl_tinfo *info,
                         double value)
{
    avcl_error err = {0};
    uint64_t n = 1;
    for (int32_t i = 0; i < info->ndim; i++)
        n *= (uint64_t)info->shape[i];
    int wide = info->dtype == AVCL_F64;
    void *data = malloc(n * 8);
    assert_non_null(data);
    for (uint64_t i = 0; i < n; i++) {
        if (wide)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    golden_check(avcl_session_write(s, name, data, n * (wide ? 8 : 4), &err), &err);
    free(data);
}

/* Every convolution averages: weights 1 / fan_in; BN as it starts; an input of ones. */
static void run_constant_r3d(avcl_host *host, int64_t t, const char *device,
                             avcl_dtype precision, double want, double tolerance)
{
    avcl_error err = {0};
    avcl_node taps[N_TAPS] = {0};
    avcl_graph *g = r3d(host, (int64_t[5]){1, 3, t, 112, 112}, NULL, 0, taps);
    avcl_session_options o = {
        .device = device, .precision = precision, .flags = AVCL_SESSION_NO_GRADIENT};
    avcl_session *s = avcl_session_new(g, &o, &err);
    golden_check(err.code, &err);
    avcl_tinfo info;
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        if (v.info.ndim != 5) continue;
        golden_check(avcl_session_describe(s, v.name, &info, &err), &err);
        double fan_in =
            (double)(info.shape[1] * info.shape[2] * info.shape[3] * info.shape[4]);
        write_filled(s, v.name, &info, 1 / fan_in);
    }
    golden_check(avcl_session_describe(s, "x", &info, &err), &err);
    write_filled(s, "x", &info, 1);
    golden_check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double wide[512];
    float narrow[512];
    void *to = precision == AVCL_F64 ? (void *)wide : (void *)narrow;
    uint64_t bytes = precision == AVCL_F64 ? sizeof wide : sizeof narrow;
    golden_check(avcl_session_read(s, "pool", to, bytes, &err), &err);
    for (int i = 0; i < 512; i++)
        golden_near(precision == AVCL_F64 ? wide[i] : (double)narrow[i], want, tolerance);
    avcl_session_free(s);
    avcl_graph_free(g);
}

/* Plain loops over 112 x 112 pictures take minutes when every access is checked; the op
 * cases make the same kernels run under the sanitizers at small sizes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZER_TAKES_MINUTES = 1 };
#else
enum { SANITIZER_TAKES_MINUTES = 0 };
#endif

static void test_r3d__constant_weights_on_reference(void **state)
{
    (void)state;
    if (SANITIZER_TAKES_MINUTES) skip();
    avcl_host *host = golden_host();
    run_constant_r3d(host, 1, "reference", AVCL_F64, 0.43668287326026534, F64_ROUTES);
    avcl_host_free(host);
}

static void test_r3d__constant_weights_on_cpu(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    if (!avcl_host_find(host, AVCL_KIND_DEVICE, "cpu", NULL)) {
        avcl_host_free(host);
        skip();
    }
    run_constant_r3d(host, 1, "cpu", AVCL_F32, 0.43668287326026534, F32_DEEP);
    run_constant_r3d(host, 16, "cpu", AVCL_F32, 7.624251959380377, F32_DEEP);
    avcl_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amfm__small_case),
        cmocka_unit_test(test_amfm__counts_parameters),
        cmocka_unit_test(test_cross_entropy__uniform_scores_give_ln_k),
        cmocka_unit_test(test_concat__hands_both_through),
        cmocka_unit_test(test_r3d__parameters_and_shapes),
        cmocka_unit_test(test_r3d__names_in_registration_order),
        cmocka_unit_test(test_r3d__refuses_other_stems),
        cmocka_unit_test(test_r3d__constant_weights_on_reference),
        cmocka_unit_test(test_r3d__constant_weights_on_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
