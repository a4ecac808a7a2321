/*
 * test_losses.c - SelfCL and CGRA against printed values and closed-form gradients.
 *
 * Values are those of the methods page (K.4 to K.7, D.2, D.3). Sessions run in f64 on the
 * reference device, so tolerances are those of the printed digits.
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
/* Expected values given to eight digits, twice their last half digit. */
static const double PRINTED_8 = 4e-8;
/* Two f64 routes to one number, of a few thousand operations each. */
static const double F64_ROUTES = 1e-11;

static const double V3[9] = {1, 2, 0, 0, 1, 3, 2, -1, 1};
static const double A3[9] = {2, 0, 1, 1, 1, 1, 0, 3, -1};

/* ---- a term of two features
 * --------------------------------------------------------------- */
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
    avcl_instance m =
        avcl_graph_instance(g, t->kind, t->name, t->params, t->n_params, "term");
    uint32_t n_out = strcmp(t->kind, AVCL_KIND_ALIGNMENT) == 0 ? 2 : 1;
    avcl_graph_apply(g, m, in, 2, out, n_out);
    avcl_graph_minimize(g, 1.0, out[0]);
}

static void run_term(const term *t, const double *v, const double *a, term_result *r)
{
    avcl_error err = {0};
    avcl_host *host = golden_host();
    avcl_graph *g = avcl_graph_new(host, &err);
    declare_term(g, t);
    golden_check(avcl_graph_status(g, &err), &err);
    avcl_session_options o = {
        .device = "reference", .precision = AVCL_F64, .flags = AVCL_SESSION_INPUT_GRADS};
    avcl_session *s = avcl_session_new(g, &o, &err);
    golden_check(err.code, &err);
    uint64_t bytes = (uint64_t)(t->n * t->d) * sizeof(double);
    golden_check(avcl_session_write(s, "v", v, bytes, &err), &err);
    golden_check(avcl_session_write(s, "a", a, bytes, &err), &err);
    golden_check(avcl_session_run(s, AVCL_TRAIN, &err), &err);
    golden_check(avcl_session_read(s, "loss", &r->loss, sizeof r->loss, &err), &err);
    golden_check(avcl_session_read(s, "grad/v", r->gv, bytes, &err), &err);
    golden_check(avcl_session_read(s, "grad/a", r->ga, bytes, &err), &err);
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static double selfcl(const double *v, const double *a, int64_t n, int64_t d, double tau,
                     const char *reduction)
{
    avcl_attr at[2] = {avcl_attr_float("tau", tau),
                       avcl_attr_str("reduction", reduction)};
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

/* ---- K.4, K.5
 * -------------------------------------------------------------------------------- */
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
    golden_near(all_equal, 109.887591, PRINTED_8);
    golden_near(selfcl(same, same, N, D, 0.5, "sum"), all_equal, PRINTED);
    golden_near(selfcl(same, same, N, D, 0.07, "sum"), all_equal, PRINTED);
    golden_near(selfcl(v, a, N, D, 0.1, "sum"), all_equal, PRINTED);
    golden_near(selfcl(v, a, N, D, 0.1, "mean"), all_equal / N, PRINTED);
    golden_near(selfcl(v, v, N, D, 0.5, "sum"), 2 * N * (log(exp(2) + 2 * N - 2) - 2),
                PRINTED);
    golden_near(selfcl(v, v, N, D, 0.5, "sum"), 2 * 25.942049, PRINTED_8);
    for (int i = 0; i < N * D; i++)
        a[i] = -v[i];
    golden_near(selfcl(v, a, N, D, 0.5, "sum"), 2 * 86.491175, PRINTED_8);
}

static void test_selfcl__small_case(void **state)
{
    (void)state;
    golden_near(selfcl(V3, A3, 3, 3, 0.5, "sum"), 13.100122548, PRINTED);
    golden_near(selfcl(V3, A3, 3, 3, 0.5, "mean"), 13.100122548 / 3, PRINTED);
}

/* ---- K.6, K.7
 * -------------------------------------------------------------------------------- */
static void test_cgra__small_case(void **state)
{
    (void)state;
    golden_near(cgra(V3, A3, 3, 3, 0, "paper"), 2.361345481, PRINTED);
    golden_near(cgra(V3, A3, 3, 3, 1, "paper"), 6.923566139, PRINTED);
    golden_near(cgra(V3, A3, 3, 3, 1, "barlow"), 6.923520296, PRINTED);
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
    golden_near(cgra(v, a, N, D, 0, "paper"), 1308.16, PRINTED);
    for (int i = 0; i < N * D; i++)
        a[i] = -v[i];
    golden_near(cgra(v, a, N, D, 0, "paper"), 3356.16, PRINTED);
    /* A tight frame: 32 orthonormal bases of 16 side by side. */
    memset(v, 0, 2 * N * D * sizeof *v);
    for (int j = 0; j < D; j++)
        v[(j % N) * D + j] = a[(j % N) * D + j] = 1;
    golden_near(cgra(v, a, N, D, 0, "paper"), 79.36, PRINTED);
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
    golden_near(cgra(v, a, 3, 3, 0, "paper"), 2.361345481, PRINTED);
    golden_near(cgra(v, a, 3, 3, 1, "paper"), 6.923566139, PRINTED);
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
    golden_near(cgra(v, a, N, D, 0, "paper"), cgra(v, a, N + 1, D, 0, "paper"),
                F64_ROUTES);
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
        v[i * D] = 0;       /* zero */
        a[i * D + 1] = 0.3; /* constant: zero once centred */
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
    golden_near(r.loss, D, F64_ROUTES); /* C = 0: every (1 - C_ii)^2 is 1 */
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
    golden_near(r.loss, 2 * N * log(2 * N - 1), PRINTED);
    for (int i = 0; i < N * D; i++)
        assert_true(isfinite(r.gv[i]) && isfinite(r.ga[i]));
}

/* ---- D.2, D.3: gradients in closed form
 * ------------------------------------------------------- */
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
static void back_columns(const double *y, const double *dy, const double *norm,
                         double *dx, int n, int d)
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
        golden_near(r.gv[i], gv[i], F64_ROUTES);
        golden_near(r.ga[i], ga[i], F64_ROUTES);
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
static void add_direction(const double *x, const double *y, double tau, double *dx,
                          double *dy)
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
        golden_near(r.gv[i], gv[i], F64_ROUTES);
        golden_near(r.ga[i], ga[i], F64_ROUTES);
    }
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
