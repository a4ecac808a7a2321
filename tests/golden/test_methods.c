/*
 * test_methods.c - the compared methods at their closed forms (methods page, F).
 *
 * Rows that are equal make batch norm give its shift: weights are set so that projections
 * become what a formula needs.
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

#include "method_rig.h"

/* Batch norm of what is normalised already divides by sqrt(1 + 1e-5) with channels off by
 * its eps: a cosine is off by the square of that. */
static const double TWICE_NORMALISED = 1e-8;

enum { N = METHOD_N, D = METHOD_D };

/* ---- SimCLR
 * ---------------------------------------------------------------------------- */
static double nt_xent(const double *v, const double *a, int64_t n, int64_t d, double tau)
{
    double sum = 0;
    for (int64_t i = 0; i < 2 * n; i++) {
        const double *x = i < n ? v + i * d : a + (i - n) * d;
        double all = 0;
        double right = 0;
        for (int64_t k = 0; k < 2 * n; k++) {
            const double *y = k < n ? v + k * d : a + (k - n) * d;
            double e = k == i ? 0 : exp(method_cosine(x, y, d) / tau);
            all += e;
            if (k == (i + n) % (2 * n)) right = e;
        }
        sum -= log(right / all);
    }
    return sum / (double)n; /* both directions' means, added */
}

static void test_simclr__closed_forms(void **state)
{
    (void)state;
    method_rig r;
    int64_t n;
    avcl_attr small[2] = {avcl_attr_int("hidden", 5), avcl_attr_int("out", 3)};
    method_open(&r, "simclr", small, 2);
    method_fill(&r, "video", 0.7);
    method_fill(&r, "audio", -0.2);
    double *bias = method_get(&r, "m/video/fc2/bias", &n);
    method_put(&r, "m/audio/fc2/bias", bias,
               n); /* equal rows: all that is left of a head */
    free(bias);
    golden_near(method_run(&r), 2 * log(2 * N - 1), METHOD_SUMS);
    method_scatter(&r, "video", 1);
    method_scatter(&r, "audio", 2);
    double loss = method_run(&r);
    double *v = method_get(&r, "z_video", &n);
    double *a = method_get(&r, "z_audio", &n);
    golden_near(loss, nt_xent(v, a, N, 3, 0.1), METHOD_ROUTES);
    free(v);
    free(a);
    method_close(&r);
}

/* ---- BYOL
 * ------------------------------------------------------------------------------- */
enum { HIDDEN = 5, OUT = 4 };

/* Equal rows, shifts of one and weights of one: every projection is along (1, ..., 1). */
static void open_byol(method_rig *r)
{
    static const char *const heads[] = {"video/projector", "video/predictor",
                                        "video/target",    "audio/projector",
                                        "audio/predictor", "audio/target"};
    avcl_attr at[2] = {avcl_attr_int("hidden", HIDDEN), avcl_attr_int("out", OUT)};
    char name[64];
    method_open(r, "byol", at, 2);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "m/%s/fc1/bn/bias", heads[i]);
        method_fill(r, name, 1);
        snprintf(name, sizeof name, "m/%s/fc2/weight", heads[i]);
        method_fill(r, name, 1);
    }
    method_fill(r, "video", 0.3);
    method_fill(r, "audio", 0.1);
    method_fill(r, "target_video", 0.3);
    method_fill(r, "target_audio", 0.1);
}

static void test_byol__closed_forms(void **state)
{
    (void)state;
    method_rig r;
    double rows[OUT * HIDDEN];
    open_byol(&r);
    golden_near(method_run(&r), 0, METHOD_SUMS);
    for (int i = 0; i < OUT * HIDDEN; i++)
        rows[i] = i / HIDDEN < OUT / 2 ? 1 : -1;
    method_put(&r, "m/video/target/fc2/weight", rows,
               OUT * HIDDEN); /* orthogonal to (1, ...) */
    golden_near(method_run(&r), 2, METHOD_SUMS);
    method_put(&r, "m/audio/target/fc2/weight", rows, OUT * HIDDEN);
    golden_near(method_run(&r), 4, METHOD_SUMS);
    method_close(&r);
}

static void test_byol__momentum_rises_to_one(void **state)
{
    (void)state;
    method_rig r;
    open_byol(&r);
    const avcl_method *byol = avcl_graph_instance_module(r.g, 1)->iface;
    struct {
        double tau;
        int64_t sizes[2];
    } params = {.tau = 0.99};
    double tau[5];
    assert_int_equal(byol->n_scalars, 1);
    assert_string_equal(byol->scalars[0], "momentum");
    for (int64_t i = 0; i < 5; i++)
        byol->schedule(&params, 25 * i, 100, &tau[i]);
    golden_near(tau[0], 0.99, METHOD_ROUTES);
    golden_near(tau[1], 1 - 0.01 * (1 + sqrt(0.5)) / 2, METHOD_ROUTES);
    golden_near(tau[2], 0.995, METHOD_ROUTES);
    golden_near(tau[4], 1, METHOD_ROUTES);
    method_close(&r);
}

/* A target is a mixture with the weights as the optimiser has just left them, and its
 * statistics are of its own input. */
static void test_byol__target_follows_after_the_optimiser(void **state)
{
    (void)state;
    method_rig r;
    int64_t n;
    avcl_attr at[2] = {avcl_attr_int("hidden", HIDDEN), avcl_attr_int("out", OUT)};
    method_open(&r, "byol", at, 2);
    method_scatter(&r, "video", 1);
    method_scatter(&r, "audio", 2);
    method_scatter(&r, "target_video", 3);
    method_scatter(&r, "target_audio", 4);
    golden_check(
        avcl_session_write(r.s, "momentum", &(double){0.75}, sizeof(double), &r.err),
        &r.err);
    method_scatter(&r, "m/video/target/fc1/weight", 5);
    double *target = method_get(&r, "m/video/target/fc1/weight", &n);
    double *weight = method_get(&r, "m/video/projector/fc1/weight", &n);
    method_step(&r);
    double *after = method_get(&r, "m/video/projector/fc1/weight", &n);
    double *now = method_get(&r, "m/video/target/fc1/weight", &n);
    double moved = 0;
    for (int64_t i = 0; i < n; i++) {
        moved += fabs(after[i] - weight[i]);
        golden_near(now[i], 0.75 * target[i] + 0.25 * after[i], METHOD_ROUTES);
    }
    assert_true(moved > 1e-4); /* else before and after the optimiser look alike */
    double *mean = method_get(&r, "m/video/target/fc1/bn/running_mean", &n);
    double *online = method_get(&r, "m/video/projector/fc1/bn/running_mean", &n);
    assert_true(fabs(mean[0] - online[0]) > 1e-6);
    free(target);
    free(weight);
    free(after);
    free(now);
    free(mean);
    free(online);
    method_close(&r);
}

/* ---- SimSiam
 * ---------------------------------------------------------------------------- */
/* One network twice on equal inputs, and predictors that give back what they get: a shift
 * of ten keeps their relu out of the way. */
static void test_simsiam__is_minus_one_where_predictions_are_right(void **state)
{
    (void)state;
    method_rig r;
    int64_t n;
    avcl_attr at[2] = {avcl_attr_int("out", OUT), avcl_attr_int("predictor", OUT)};
    static const char *const copied[] = {"fc1/weight", "fc2/weight", "fc3/weight"};
    static const char *const streams[] = {"video", "audio"};
    char from[64];
    char to[64];
    method_open(&r, "simsiam", at, 2);
    for (int i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "m/video/projector/%s", copied[i]);
        snprintf(to, sizeof to, "m/audio/projector/%s", copied[i]);
        double *w = method_get(&r, from, &n);
        method_put(&r, to, w, n);
        free(w);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(to, sizeof to, "m/%s/predictor/fc1/weight", streams[i]);
        method_identity(&r, to, OUT, 1);
        snprintf(to, sizeof to, "m/%s/predictor/fc1/bn/bias", streams[i]);
        method_fill(&r, to, 10);
        snprintf(to, sizeof to, "m/%s/predictor/fc2/weight", streams[i]);
        method_identity(&r, to, OUT, 1);
        snprintf(to, sizeof to, "m/%s/predictor/fc2/bias", streams[i]);
        method_fill(&r, to, -10);
        method_scatter(&r, streams[i], 3);
    }
    golden_near(method_run(&r), -1, TWICE_NORMALISED);
    double *z =
        method_get(&r, "z_video", &n); /* of mean 0 and variance 1 over the batch */
    for (int c = 0; c < OUT; c++) {
        double sum = 0;
        double square = 0;
        for (int i = 0; i < N; i++) {
            sum += z[i * OUT + c];
            square += z[i * OUT + c] * z[i * OUT + c];
        }
        golden_near(sum, 0, METHOD_ROUTES);
        golden_near(square / N, 1, 1e-2); /* eps beside a small variance */
    }
    free(z);
    method_close(&r);
}

/* ---- Barlow Twins
 * ------------------------------------------------------------------------ */
static double barlow(const double *x, const double *y, int64_t d, double lambda)
{
    double loss = 0;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            double mx = 0;
            double my = 0;
            double xx = 0;
            double yy = 0;
            double xy = 0;
            for (int64_t b = 0; b < N; b++) {
                mx += x[b * d + i] / N;
                my += y[b * d + j] / N;
            }
            for (int64_t b = 0; b < N; b++) {
                double p = x[b * d + i] - mx;
                double q = y[b * d + j] - my;
                xx += p * p / N;
                yy += q * q / N;
                xy += p * q / N;
            }
            double c = xy / sqrt((xx + 1e-5) * (yy + 1e-5));
            loss += i == j ? (1 - c) * (1 - c) : lambda * c * c;
        }
    return loss;
}

static void test_barlow_twins__is_its_formula(void **state)
{
    (void)state;
    for (int64_t width = 3; width < 9; width += 4) { /* narrower and wider than N */
        method_rig r;
        int64_t n;
        avcl_attr at[3] = {avcl_attr_int("width", width), avcl_attr_float("lambda", 0.2),
                           avcl_attr_float("scale", 0.024)};
        method_open(&r, "barlow_twins", at, 3);
        method_scatter(&r, "video", 1);
        method_scatter(&r, "audio", 2);
        double loss = method_run(&r);
        double *v = method_get(&r, "z_video", &n);
        double *a = method_get(&r, "z_audio", &n);
        golden_near(loss, 0.024 * barlow(v, a, width, 0.2), METHOD_ROUTES);
        free(v);
        free(a);
        method_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simclr__closed_forms),
        cmocka_unit_test(test_byol__closed_forms),
        cmocka_unit_test(test_byol__momentum_rises_to_one),
        cmocka_unit_test(test_byol__target_follows_after_the_optimiser),
        cmocka_unit_test(test_simsiam__is_minus_one_where_predictions_are_right),
        cmocka_unit_test(test_barlow_twins__is_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
