/* test_ops_gradient.c - every op case against finite differences in f64 on the reference
 * device: for a unit direction u, (L(x + e u) - L(x - e u)) / 2 e against <grad, u>. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "avcl/philox.h"
#include "host_fixture.h"
#include "op_case.h"

/* A step of EPS per element: truncation (EPS^2) and rounding (1e-16 / EPS) balance at
 * about 1e-10; a 2 % error in one row of sixteen shows as 6e-3. TOLERANCE lies three
 * orders from either. */
static const double EPS = 1e-5;
static const double TOLERANCE = 1e-6;
/* Where the gradient is exactly zero there is nothing to be relative to. */
static const double ZERO_GRADIENT = 1e-9;
enum {
    N_DIRECTIONS = 20,
    N_DRAWS = 4 /* a kink within EPS of a drawn value is bad luck once, not four times */
};

typedef struct probe {
    op_case t;
    uint32_t input;
    int64_t n;
    double *u;
    double *grad;
} probe;

static double loss_at(probe *p, double step)
{
    avcl_error err = {0};
    double loss = NAN;
    double *x = p->t.value[p->input];
    double *moved = malloc((size_t)p->n * sizeof *moved);
    assert_non_null(moved);
    for (int64_t k = 0; k < p->n; k++)
        moved[k] = x[k] + step * p->u[k];
    p->t.value[p->input] = moved;
    avcl_status st = op_case_write(&p->t, p->input, &err);
    p->t.value[p->input] = x;
    free(moved);
    if (!st) st = avcl_session_run(p->t.session, AVCL_TRAIN, &err);
    if (!st) st = avcl_session_read(p->t.session, "loss", &loss, sizeof loss, &err);
    if (st) fail_msg("%s: %s", p->t.op->name, err.message);
    return loss;
}

/* A random unit vector, by Box and Muller. */
static void draw_direction(probe *p, uint64_t seed)
{
    double norm = 0;
    for (int64_t k = 0; k < p->n; k++) {
        avcl_philox r = avcl_philox_at(seed, (uint64_t)k, p->input, AVCL_STREAM_FILL, 1);
        double radius = sqrt(-2 * log(1 - avcl_philox_unit(r.x[0])));
        p->u[k] = radius * cos(2 * acos(-1) * avcl_philox_unit(r.x[1])) + 1e-300;
        norm += p->u[k] * p->u[k];
    }
    for (int64_t k = 0; k < p->n; k++)
        p->u[k] /= sqrt(norm);
}

/* The error along u relative to what a direction sees on average, |grad| / sqrt(n);
 * *kink is how far the two one-sided differences disagree, in the same unit. */
static double error_along(probe *p, double *kink)
{
    double size = sqrt((double)p->n), along = 0, norm = 0;
    for (int64_t k = 0; k < p->n; k++) {
        along += p->grad[k] * p->u[k];
        norm += p->grad[k] * p->grad[k];
    }
    norm = sqrt(norm);
    double ahead = loss_at(p, EPS * size), here = loss_at(p, 0);
    double behind = loss_at(p, -EPS * size), h = EPS * size;
    double slope = (ahead - behind) / (2 * h);
    *kink = fabs((ahead - here) / h - (here - behind) / h);
    if (norm == 0) return fabs(slope) <= ZERO_GRADIENT ? 0 : INFINITY;
    *kink *= size / norm;
    return fabs(slope - along) * size / norm;
}

/* The largest error over the directions for one draw of the inputs. */
static double check_draw(probe *p, uint64_t seed, double *kink)
{
    avcl_error err = {0};
    char name[32];
    double worst = 0;
    snprintf(name, sizeof name, "grad/x%u", p->input);
    if (op_case_run(&p->t, seed, &err)) fail_msg("%s: %s", p->t.op->name, err.message);
    p->grad = op_case_read(&p->t, name, &p->n, &err);
    if (!p->grad)
        fail_msg("%s, %s: input %u has no gradient: %s", p->t.op->name, p->t.row->label,
                 p->input, err.message);
    p->u = malloc((size_t)p->n * sizeof *p->u);
    assert_non_null(p->u);
    for (uint64_t d = 0; d < N_DIRECTIONS; d++) {
        double bend;
        draw_direction(p, seed ^ (d << 32));
        double error = error_along(p, &bend);
        if (error > worst || isnan(error)) {
            worst = isnan(error) ? INFINITY : error;
            *kink = bend;
        }
    }
    free(p->u);
    free(p->grad);
    return worst;
}

static void check_input(probe *p)
{
    uint64_t seed = op_case_seed(p->t.op, p->t.row);
    double error = 0;
    for (int draw = 0; draw < N_DRAWS; draw++) {
        double kink = 0;
        error = check_draw(p, seed + 1000 * (uint64_t)draw, &kink);
        if (error <= TOLERANCE) return;
        if (kink < error) break;
    }
    fail_msg("%s, case '%s', input %u: the gradient is off by %.3g, %.3g allowed",
             p->t.op->name, p->t.row->label, p->input, error, TOLERANCE);
}

static uint32_t check_case(avcl_host *host, const avcl_op *op, const avcl_op_case *row)
{
    avcl_error err = {0};
    uint32_t checked = 0;
    probe p = {.input = 0};
    if (op_case_open(&p.t, host, op, row, "reference", AVCL_F64, &err))
        fail_msg("%s, case '%s': %s", op->name, row->label, err.message);
    for (p.input = 0; p.t.has_loss && p.input < row->n_in; p.input++)
        if (op_case_differentiates(&p.t, p.input)) {
            check_input(&p);
            checked++;
        }
    op_case_close(&p.t);
    return checked;
}

static void test_op_gradient__equals_finite_differences(void **state)
{
    avcl_host *host = *state;
    for (uint32_t i = 0; i < avcl_host_n_ops(host); i++) {
        const avcl_op *op = avcl_host_get_op(host, i);
        uint32_t checked = 0;
        for (uint32_t k = 0; k < op->n_cases; k++)
            checked += check_case(host, op, &op->cases[k]);
        if (op->grad && checked == 0)
            fail_msg("%s: no case reaches its gradient", op->name);
    }
}

/* The rig itself must find faults: a loss through stop_gradient has slope, yet no
 * gradient. */
static void test_op_gradient__rig_sees_a_fault_in_one_element(void **state)
{
    avcl_error err = {0};
    const avcl_op *op = avcl_host_find_op(*state, "square");
    probe p = {.input = 0};
    double kink = 0;
    assert_int_equal(
        op_case_open(&p.t, *state, op, &op->cases[0], "reference", AVCL_F64, &err),
        AVCL_OK);
    assert_true(check_draw(&p, 1, &kink) <= TOLERANCE);
    assert_int_equal(op_case_run(&p.t, 1, &err), AVCL_OK);
    p.grad = op_case_read(&p.t, "grad/x0", &p.n, &err);
    p.u = calloc((size_t)p.n, sizeof *p.u);
    assert_non_null(p.grad);
    assert_non_null(p.u);
    p.u[0] = 1;
    p.grad[0] *= 1.02;
    double seen = error_along(&p, &kink);
    assert_true(seen > 100 * TOLERANCE && kink < seen);
    free(p.u);
    free(p.grad);
    op_case_close(&p.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op_gradient__rig_sees_a_fault_in_one_element),
        cmocka_unit_test(test_op_gradient__equals_finite_differences),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
