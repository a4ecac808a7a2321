/*
 * test_modules.c - the paper's modules against numbers worked out elsewhere.
 *
 * Values and closed forms are those of the methods page (K.1 to K.8, D.2, D.3); sessions run
 * in f64 on the reference device, so tolerances are those of the printed digits.
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

/* The expected values are given to ten significant digits. */
static const double PRINTED = 1e-9;
/* Expected values given to eight digits, twice their last half digit. */
static const double PRINTED_8 = 4e-8;
/* Two f64 routes to one number, of a few thousand operations each. */
static const double F64_ROUTES = 1e-11;
/* 20 convolutions in f32: each output sums thousands of equal terms, whose rounding
 * errors all point the same way. */
static const double F32_DEEP = 1e-4;

static const double V3[9] = {1, 2, 0, 0, 1, 3, 2, -1, 1};
static const double A3[9] = {2, 0, 1, 1, 1, 1, 0, 3, -1};

static void check(avcl_status rc, const avcl_error *err)
{
    if (rc) fail_msg("%s: %s", avcl_status_name(rc), err->message);
}

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (fabs(want) > 1 ? fabs(want) : 1)))
        fail_msg("got %.17g, want %.17g", got, want);
}

static avcl_host *new_host(void)
{
    avcl_error err = {0};
    avcl_host *host = avcl_host_new(NULL, &err);
    if (!host) fail_msg("%s", err.message);
    return host;
}

/* ---- a term of two features --------------------------------------------------------------- */
typedef struct term {
    const char *kind;
    const char *name;
    const avcl_attr *params;
    uint32_t n_params;
    int64_t n;
    int64_t d;
} term;

typedef struct term_result {
    double loss;
    double gv[16 * 512];
    double ga[16 * 512];
} term_result;

static void declare_term(avcl_graph *g, const term *t)
{
    int64_t shape[2] = {t->n, t->d};
    avcl_node in[2] = {avcl_graph_input(g, "v", AVCL_F32, shape, 2),
                       avcl_graph_input(g, "a", AVCL_F32, shape, 2)};
    avcl_node out[2] = {0};
    avcl_instance m = avcl_graph_instance(g, t->kind, t->name, t->params, t->n_params, "term");
    uint32_t n_out = strcmp(t->kind, AVCL_KIND_ALIGNMENT) == 0 ? 2 : 1;
    avcl_graph_apply(g, m, in, 2, out, n_out);
    avcl_graph_minimize(g, 1.0, out[0]);
}

static void run_term(const term *t, const double *v, const double *a, term_result *r)
{
    avcl_error err = {0};
    avcl_host *host = new_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    declare_term(g, t);
    check(avcl_graph_status(g, &err), &err);
    avcl_session_options o = {.device = "reference",
                              .precision = AVCL_F64,
                              .flags = AVCL_SESSION_INPUT_GRADS};
    avcl_session *s = avcl_session_new(g, &o, &err);
    check(err.code, &err);
    uint64_t bytes = (uint64_t)(t->n * t->d) * sizeof(double);
    check(avcl_session_write(s, "v", v, bytes, &err), &err);
    check(avcl_session_write(s, "a", a, bytes, &err), &err);
    check(avcl_session_run(s, AVCL_TRAIN, &err), &err);
    check(avcl_session_read(s, "loss", &r->loss, sizeof r->loss, &err), &err);
    check(avcl_session_read(s, "grad/v", r->gv, bytes, &err), &err);
    check(avcl_session_read(s, "grad/a", r->ga, bytes, &err), &err);
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static double selfcl(const double *v, const double *a, int64_t n, int64_t d, double tau,
                     const char *reduction)
{
    avcl_attr at[2] = {avcl_attr_float("tau", tau), avcl_attr_str("reduction", reduction)};
    term t = {AVCL_KIND_LOSS, "selfcl", at, 2, n, d};
    static term_result r;
    run_term(&t, v, a, &r);
    return r.loss;
}

static double cgra(const double *v, const double *a, int64_t n, int64_t d, int center,
                   const char *norm)
{
    avcl_attr at[2] = {avcl_attr_bool("center", center), avcl_attr_str("norm", norm)};
    term t = {AVCL_KIND_ALIGNMENT, "cgra", at, 2, n, d};
    static term_result r;
    run_term(&t, v, a, &r);
    return r.loss;
}

/* Any fixed, well spread numbers. */
static void scatter(double *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (double)(seed >> 11) / 9007199254740992.0 * 2 - 1;
    }
}

/* ---- K.4, K.5 -------------------------------------------------------------------------------- */
static void test_selfcl__known_values(void **state)
{
    (void)state;
    enum { N = 16, D = 32 };
    double same[N * D];
    double v[N * D] = {0};
    double a[N * D] = {0};
    for (int i = 0; i < N * D; i++)
        same[i] = 1 + i % D;
    for (int i = 0; i < N; i++) {
        v[i * D + i] = 2; /* lengths must not matter */
        a[i * D + N + i] = 3;
    }
    double all_equal = 2 * N * log(2 * N - 1);
    assert_near(all_equal, 109.887591, PRINTED_8);
    assert_near(selfcl(same, same, N, D, 0.5, "sum"), all_equal, PRINTED);
    assert_near(selfcl(same, same, N, D, 0.07, "sum"), all_equal, PRINTED);
    assert_near(selfcl(v, a, N, D, 0.1, "sum"), all_equal, PRINTED);
    assert_near(selfcl(v, a, N, D, 0.1, "mean"), all_equal / N, PRINTED);
    assert_near(selfcl(v, v, N, D, 0.5, "sum"), 2 * N * (log(exp(2) + 2 * N - 2) - 2), PRINTED);
    assert_near(selfcl(v, v, N, D, 0.5, "sum"), 2 * 25.942049, PRINTED_8);
    for (int i = 0; i < N * D; i++)
        a[i] = -v[i];
    assert_near(selfcl(v, a, N, D, 0.5, "sum"), 2 * 86.491175, PRINTED_8);
}

static void test_selfcl__small_case(void **state)
{
    (void)state;
    assert_near(selfcl(V3, A3, 3, 3, 0.5, "sum"), 13.100122548, PRINTED);
    assert_near(selfcl(V3, A3, 3, 3, 0.5, "mean"), 13.100122548 / 3, PRINTED);
}

/* ---- K.6, K.7 -------------------------------------------------------------------------------- */
static void test_cgra__small_case(void **state)
{
    (void)state;
    assert_near(cgra(V3, A3, 3, 3, 0, "paper"), 2.361345481, PRINTED);
    assert_near(cgra(V3, A3, 3, 3, 1, "paper"), 6.923566139, PRINTED);
    assert_near(cgra(V3, A3, 3, 3, 1, "barlow"), 6.923520296, PRINTED);
}

static void test_cgra__bounds(void **state)
{
    (void)state;
    enum { N = 16, D = 512 };
    double *v = malloc(2 * N * D * sizeof *v);
    double *a = v + N * D;
    assert_non_null(v);
    /* All columns proportional: C is all ones, or all minus ones. */
    for (int i = 0; i < N * D; i++)
        v[i] = (1 + i / D) * (1 + i % D);
    memcpy(a, v, N * D * sizeof *v);
    assert_near(cgra(v, a, N, D, 0, "paper"), 1308.16, PRINTED);
    for (int i = 0; i < N * D; i++)
        a[i] = -v[i];
    assert_near(cgra(v, a, N, D, 0, "paper"), 3356.16, PRINTED);
    /* A tight frame: 32 orthonormal bases of 16 side by side. */
    memset(v, 0, 2 * N * D * sizeof *v);
    for (int j = 0; j < D; j++)
        v[(j % N) * D + j] = a[(j % N) * D + j] = 1;
    assert_near(cgra(v, a, N, D, 0, "paper"), 79.36, PRINTED);
    scatter(v, 2 * N * D, 7);
    assert_true(cgra(v, a, N, D, 1, "paper") >= 72.7664);
    assert_true(cgra(v, v, N, D, 1, "paper") >= 84.8213);
    free(v);
}

static void test_cgra__scale_does_not_matter(void **state)
{
    (void)state;
    double v[9];
    double a[9];
    for (int i = 0; i < 9; i++) {
        v[i] = V3[i] * 1e-6;
        a[i] = A3[i] * 1e6;
    }
    assert_near(cgra(v, a, 3, 3, 0, "paper"), 2.361345481, PRINTED);
    assert_near(cgra(v, a, 3, 3, 1, "paper"), 6.923566139, PRINTED);
}

/* The N x N route (N < D) and the D x D route (N >= D) are one function: a zero row more
 * changes no uncentred sum. */
static void test_cgra__both_routes_agree(void **state)
{
    (void)state;
    enum { N = 5, D = 6 };
    double v[(N + 1) * D] = {0};
    double a[(N + 1) * D] = {0};
    scatter(v, N * D, 1);
    scatter(a, N * D, 2);
    assert_near(cgra(v, a, N, D, 0, "paper"), cgra(v, a, N + 1, D, 0, "paper"), F64_ROUTES);
}

static void test_cgra__dead_columns_are_harmless(void **state)
{
    (void)state;
    enum { N = 4, D = 6 };
    static term_result r;
    double v[N * D];
    double a[N * D];
    scatter(v, N * D, 3);
    scatter(a, N * D, 4);
    for (int i = 0; i < N; i++) {
        v[i * D] = 0;        /* zero */
        a[i * D + 1] = 0.3;  /* constant: zero once centred */
    }
    term t = {AVCL_KIND_ALIGNMENT, "cgra", NULL, 0, N, D};
    run_term(&t, v, a, &r);
    assert_true(isfinite(r.loss));
    for (int i = 0; i < N; i++) {
        assert_true(r.gv[i * D] == 0 && r.ga[i * D + 1] == 0);
        for (int k = 0; k < D; k++)
            assert_true(isfinite(r.gv[i * D + k]) && isfinite(r.ga[i * D + k]));
    }
    memset(v, 0, sizeof v);
    memset(a, 0, sizeof a);
    run_term(&t, v, a, &r);
    assert_near(r.loss, D, F64_ROUTES); /* C = 0: every (1 - C_ii)^2 is 1 */
}

static void test_selfcl__zero_rows_are_harmless(void **state)
{
    (void)state;
    enum { N = 4, D = 3 };
    static term_result r;
    double v[N * D] = {0};
    double a[N * D] = {0};
    term t = {AVCL_KIND_LOSS, "selfcl", NULL, 0, N, D};
    run_term(&t, v, a, &r);
    assert_near(r.loss, 2 * N * log(2 * N - 1), PRINTED);
    for (int i = 0; i < N * D; i++)
        assert_true(isfinite(r.gv[i]) && isfinite(r.ga[i]));
}

/* ---- D.2, D.3: gradients in closed form ------------------------------------------------------- */
static void normalise_columns(const double *x, double *y, double *norm, int n, int d)
{
    for (int k = 0; k < d; k++) {
        double mean = 0;
        double ss = 0;
        for (int i = 0; i < n; i++)
            mean += x[i * d + k] / n;
        for (int i = 0; i < n; i++)
            ss += (x[i * d + k] - mean) * (x[i * d + k] - mean);
        norm[k] = sqrt(ss);
        for (int i = 0; i < n; i++)
            y[i * d + k] = (x[i * d + k] - mean) / norm[k];
    }
}

/* dx_k = (dy_k - y_k <y_k, dy_k>) / |x_k|, minus its batch mean. */
static void back_columns(const double *y, const double *dy, const double *norm, double *dx,
                         int n, int d)
{
    for (int k = 0; k < d; k++) {
        double dot = 0;
        double mean = 0;
        for (int i = 0; i < n; i++)
            dot += y[i * d + k] * dy[i * d + k];
        for (int i = 0; i < n; i++) {
            dx[i * d + k] = (dy[i * d + k] - y[i * d + k] * dot) / norm[k];
            mean += dx[i * d + k] / n;
        }
        for (int i = 0; i < n; i++)
            dx[i * d + k] -= mean;
    }
}

enum { GN = 5, GD = 7 };

static void cgra_gradient(const double *v, const double *a, double lambda, double *gv,
                          double *ga)
{
    double x[GN * GD], y[GN * GD], nx[GD], ny[GD], dx[GN * GD] = {0}, dy[GN * GD] = {0};
    normalise_columns(v, x, nx, GN, GD);
    normalise_columns(a, y, ny, GN, GD);
    for (int i = 0; i < GD; i++)
        for (int j = 0; j < GD; j++) {
            double c = 0;
            for (int b = 0; b < GN; b++)
                c += x[b * GD + i] * y[b * GD + j];
            double g = i == j ? -2 * (1 - c) : 2 * lambda * c;
            for (int b = 0; b < GN; b++) {
                dx[b * GD + i] += y[b * GD + j] * g;
                dy[b * GD + j] += x[b * GD + i] * g;
            }
        }
    back_columns(x, dx, nx, gv, GN, GD);
    back_columns(y, dy, ny, ga, GN, GD);
}

static void test_cgra__gradient_in_closed_form(void **state)
{
    (void)state;
    static term_result r;
    double v[GN * GD], a[GN * GD], gv[GN * GD], ga[GN * GD];
    scatter(v, GN * GD, 11);
    scatter(a, GN * GD, 12);
    avcl_attr lambda = avcl_attr_float("lambda", 0.3);
    term t = {AVCL_KIND_ALIGNMENT, "cgra", &lambda, 1, GN, GD};
    run_term(&t, v, a, &r);
    cgra_gradient(v, a, 0.3, gv, ga);
    for (int i = 0; i < GN * GD; i++) {
        assert_near(r.gv[i], gv[i], F64_ROUTES);
        assert_near(r.ga[i], ga[i], F64_ROUTES);
    }
}

static double dot(const double *x, const double *y)
{
    double s = 0;
    for (int k = 0; k < GD; k++)
        s += x[k] * y[k];
    return s;
}

/* One direction: P = softmax rows of [x y' | x x' without i = i] / tau; adds to dx and dy
 * (P_xy - I) y, (P_xy - I)' x and (P_xx + P_xx') x, all / tau. */
static void add_direction(const double *x, const double *y, double tau, double *dx, double *dy)
{
    for (int i = 0; i < GN; i++) {
        double across[GN], within[GN], sum = 0;
        for (int j = 0; j < GN; j++) {
            across[j] = exp(dot(x + i * GD, y + j * GD) / tau);
            within[j] = i == j ? 0 : exp(dot(x + i * GD, x + j * GD) / tau);
            sum += across[j] + within[j];
        }
        for (int j = 0; j < GN; j++)
            for (int k = 0; k < GD; k++) {
                double p = (across[j] / sum - (i == j)) / tau;
                double q = within[j] / sum / tau;
                dx[i * GD + k] += p * y[j * GD + k] + q * x[j * GD + k];
                dy[j * GD + k] += p * x[i * GD + k];
                dx[j * GD + k] += q * x[i * GD + k];
            }
    }
}

static void back_rows(const double *x, const double *y, const double *dy, double *dx)
{
    for (int i = 0; i < GN; i++) {
        double along = dot(y + i * GD, dy + i * GD);
        double norm = sqrt(dot(x + i * GD, x + i * GD));
        for (int k = 0; k < GD; k++)
            dx[i * GD + k] = (dy[i * GD + k] - y[i * GD + k] * along) / norm;
    }
}

static void test_selfcl__gradient_in_closed_form(void **state)
{
    (void)state;
    static term_result r;
    const double tau = 0.3;
    double v[GN * GD], a[GN * GD], nv[GN * GD], na[GN * GD], gv[GN * GD], ga[GN * GD];
    double dv[GN * GD] = {0};
    double da[GN * GD] = {0};
    scatter(v, GN * GD, 21);
    scatter(a, GN * GD, 22);
    for (int i = 0; i < GN * GD; i++) {
        nv[i] = v[i] / sqrt(dot(v + i / GD * GD, v + i / GD * GD));
        na[i] = a[i] / sqrt(dot(a + i / GD * GD, a + i / GD * GD));
    }
    avcl_attr at = avcl_attr_float("tau", tau);
    term t = {AVCL_KIND_LOSS, "selfcl", &at, 1, GN, GD};
    run_term(&t, v, a, &r);
    add_direction(nv, na, tau, dv, da);
    add_direction(na, nv, tau, da, dv);
    back_rows(v, nv, dv, gv);
    back_rows(a, na, da, ga);
    for (int i = 0; i < GN * GD; i++) {
        assert_near(r.gv[i], gv[i], F64_ROUTES);
        assert_near(r.ga[i], ga[i], F64_ROUTES);
    }
}

/* ---- K.8, AMFM ---------------------------------------------------------------------------------- */
static avcl_graph *amfm(avcl_host *host, const char *gate, int64_t n, int64_t d, int shared)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[2] = {n, d};
    avcl_node in[2] = {avcl_graph_input(g, "v", AVCL_F32, shape, 2),
                       avcl_graph_input(g, "a", AVCL_F32, shape, 2)};
    avcl_attr at[2] = {avcl_attr_str("gate", gate), avcl_attr_bool("shared_excitation", shared)};
    avcl_node out[2] = {0};
    avcl_graph_apply(g, avcl_graph_instance(g, AVCL_KIND_FUSION, "amfm", at, 2, "amfm"), in, 2,
                     out, 2);
    avcl_graph_keep(g, "f_v", out[0]);
    avcl_graph_keep(g, "f_a", out[1]);
    check(avcl_graph_status(g, &err), &err);
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
    avcl_host *host = new_host();
    avcl_graph *g = amfm(host, gate, 1, 2, 1);
    avcl_session_options o = {.device = "reference",
                              .precision = AVCL_F64,
                              .flags = AVCL_SESSION_NO_GRADIENT};
    avcl_session *s = avcl_session_new(g, &o, &err);
    check(err.code, &err);
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
        check(avcl_session_write(s, all[i].name, all[i].values, all[i].n * sizeof(double), &err),
              &err);
    check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double got[2][2];
    check(avcl_session_read(s, "f_v", got[0], sizeof got[0], &err), &err);
    check(avcl_session_read(s, "f_a", got[1], sizeof got[1], &err), &err);
    for (int i = 0; i < 2; i++) {
        assert_near(got[0][i], f_v[i], PRINTED);
        assert_near(got[1][i], f_a[i], PRINTED);
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
    avcl_host *host = new_host();
    avcl_graph *g = amfm(host, "relu", 2, 512, 1);
    assert_int_equal(count_weights(g), 787456);
    avcl_graph_free(g);
    g = amfm(host, "relu", 2, 512, 0);
    assert_int_equal(count_weights(g), 787456 + 512 * 512 + 512);
    avcl_graph_free(g);
    avcl_host_free(host);
}

/* ---- cross-entropy, concat ------------------------------------------------------------------------ */
static void test_cross_entropy__uniform_scores_give_ln_k(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = new_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[2] = {3, 5};
    avcl_node in[3] = {avcl_graph_input(g, "x", AVCL_F32, shape, 2),
                       avcl_graph_input(g, "y", AVCL_I32, shape, 1),
                       avcl_graph_input(g, "w", AVCL_F32, shape, 1)};
    avcl_node out[2] = {0};
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_LOSS, "cross_entropy", NULL, 0, "ce");
    avcl_graph_apply(g, m, in, 3, &out[0], 1);
    in[2] = 0; /* optional */
    avcl_graph_apply(g, m, in, 3, &out[1], 1);
    avcl_graph_keep(g, "weighted", out[0]);
    avcl_graph_keep(g, "plain", out[1]);
    check(avcl_graph_status(g, &err), &err);
    avcl_session_options o = {.device = "reference",
                              .precision = AVCL_F64,
                              .flags = AVCL_SESSION_NO_GRADIENT};
    avcl_session *s = avcl_session_new(g, &o, &err);
    check(err.code, &err);
    double x[15] = {0};
    x[14] = log(4); /* last row: p = 1/8 each, 1/2 for class 4 */
    int32_t y[3] = {0, 3, 4};
    double w[3] = {1, 1, 0};
    check(avcl_session_write(s, "x", x, sizeof x, &err), &err);
    check(avcl_session_write(s, "y", y, sizeof y, &err), &err);
    check(avcl_session_write(s, "w", w, sizeof w, &err), &err);
    check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double got[2];
    check(avcl_session_read(s, "weighted", &got[0], sizeof *got, &err), &err);
    check(avcl_session_read(s, "plain", &got[1], sizeof *got, &err), &err);
    assert_near(got[0], log(5), F64_ROUTES);
    assert_near(got[1], (2 * log(5) + log(2)) / 3, F64_ROUTES);
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static void test_concat__hands_both_through(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = new_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t v[2] = {2, 3};
    int64_t a[2] = {2, 4};
    avcl_node in[2] = {avcl_graph_input(g, "v", AVCL_F32, v, 2),
                       avcl_graph_input(g, "a", AVCL_F32, a, 2)};
    avcl_node out[2] = {0};
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_FUSION, "concat", NULL, 0, "c");
    check(avcl_graph_apply(g, m, in, 2, out, 2), &err);
    avcl_tinfo info;
    check(avcl_graph_info(g, out[0], &info), &err);
    assert_int_equal(info.shape[1], 3);
    check(avcl_graph_info(g, out[1], &info), &err);
    assert_int_equal(info.shape[1], 4);
    assert_int_equal(count_weights(g), 0);
    avcl_graph_free(g);
    avcl_host_free(host);
}

/* ---- K.1, K.2: R3D ----------------------------------------------------------------------------------- */
enum { CONV5 = 4, POOL = 5, N_TAPS = 6 };

static avcl_graph *r3d(avcl_host *host, const int64_t shape[5], const avcl_attr *params,
                       uint32_t n_params, avcl_node taps[N_TAPS])
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_BACKBONE, "r3d", params, n_params, "net");
    avcl_graph_apply(g, m, &x, 1, taps, N_TAPS);
    avcl_graph_keep(g, "pool", taps[POOL]);
    check(avcl_graph_status(g, &err), &err);
    return g;
}

static void assert_shape(const avcl_graph *g, avcl_node node, const int64_t *want, int32_t ndim)
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
    avcl_host *host = new_host();
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
        "net/conv1/weight", "net/bn1/weight", "net/bn1/bias",
        "net/conv2/block1/conv1/weight", "net/conv2/block1/bn1/weight",
        "net/conv2/block1/bn1/bias", "net/conv2/block1/conv2/weight",
        "net/conv2/block1/bn2/weight", "net/conv2/block1/bn2/bias",
        "net/conv3/block1/downsample/conv/weight", "net/conv3/block1/downsample/bn/weight",
        "net/conv3/block1/downsample/bn/bias", "net/conv3/block1/conv1/weight",
    };
    avcl_host *host = new_host();
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
    avcl_host *host = new_host();
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

static void write_filled(avcl_session *s, const char *name, const avcl_tinfo *info, double value)
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
    check(avcl_session_write(s, name, data, n * (wide ? 8 : 4), &err), &err);
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
    check(err.code, &err);
    avcl_tinfo info;
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        if (v.info.ndim != 5) continue;
        check(avcl_session_describe(s, v.name, &info, &err), &err);
        double fan_in = (double)(info.shape[1] * info.shape[2] * info.shape[3] * info.shape[4]);
        write_filled(s, v.name, &info, 1 / fan_in);
    }
    check(avcl_session_describe(s, "x", &info, &err), &err);
    write_filled(s, "x", &info, 1);
    check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double wide[512];
    float narrow[512];
    void *to = precision == AVCL_F64 ? (void *)wide : (void *)narrow;
    uint64_t bytes = precision == AVCL_F64 ? sizeof wide : sizeof narrow;
    check(avcl_session_read(s, "pool", to, bytes, &err), &err);
    for (int i = 0; i < 512; i++)
        assert_near(precision == AVCL_F64 ? wide[i] : (double)narrow[i], want, tolerance);
    avcl_session_free(s);
    avcl_graph_free(g);
}

static void test_r3d__constant_weights_on_reference(void **state)
{
    (void)state;
    avcl_host *host = new_host();
    run_constant_r3d(host, 1, "reference", AVCL_F64, 0.43668287326026534, F64_ROUTES);
    avcl_host_free(host);
}

static void test_r3d__constant_weights_on_cpu(void **state)
{
    (void)state;
    avcl_host *host = new_host();
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
        cmocka_unit_test(test_selfcl__known_values),
        cmocka_unit_test(test_selfcl__small_case),
        cmocka_unit_test(test_selfcl__zero_rows_are_harmless),
        cmocka_unit_test(test_selfcl__gradient_in_closed_form),
        cmocka_unit_test(test_cgra__small_case),
        cmocka_unit_test(test_cgra__bounds),
        cmocka_unit_test(test_cgra__scale_does_not_matter),
        cmocka_unit_test(test_cgra__both_routes_agree),
        cmocka_unit_test(test_cgra__dead_columns_are_harmless),
        cmocka_unit_test(test_cgra__gradient_in_closed_form),
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
