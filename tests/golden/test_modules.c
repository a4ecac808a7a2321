/*
 * test_modules.c - AMFM and the small modules against numbers worked out elsewhere.
 *
 * Values are those of the methods page (K.1, K.8, D.1), in f64 on the reference
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amfm__small_case),
        cmocka_unit_test(test_amfm__counts_parameters),
        cmocka_unit_test(test_cross_entropy__uniform_scores_give_ln_k),
        cmocka_unit_test(test_concat__hands_both_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
