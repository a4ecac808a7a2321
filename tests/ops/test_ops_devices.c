/* test_ops_devices.c - every op case, outputs and gradients, on every device, in f32 and
 * where it can in bf16, by every algorithm of convolutions, against the reference device
 * in f64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"
#include "op_case.h"

/* Normalised mean squared error. f32 rounds to 6e-8; exp(x - lse) at |x| near 900 turns
 * that into 5e-5 of the result, whose square is 3e-9. One wrong value in the largest
 * case (5000) is 2e-4. */
static const double NMSE = 1e-8;
/* bf16 rounds to 2^-9 = 2e-3; inputs, weights and results do, a handful of times on the
 * way to a gradient; cancellation in batch norm's gradient takes the rest. */
static const double NMSE_BF16 = 2e-4;
/* Mean square of what should be zero throughout: rounding of values near 1, squared. */
static const double ZERO = 1e-12;

static int is_integer(const op_case *t, const char *name)
{
    return name[0] == 'y' && t->out[atoi(name + 1)].dtype == AVCL_I32;
}

typedef struct target {
    avcl_session_options options;
} target;

static void compare(op_case *expect, op_case *t, const char *name, const target *on)
{
    double nmse = on->options.precision == AVCL_BF16 ? NMSE_BF16 : NMSE;
    avcl_error err = {0};
    int64_t n, m;
    double *want = op_case_read(expect, name, &n, &err);
    double *got = op_case_read(t, name, &m, &err);
    if (!want || !got) fail_msg("%s: %s", t->op->name, err.message);
    assert_int_equal(n, m);
    double wrong = 0, size = 0;
    for (int64_t k = 0; k < n; k++) {
        wrong += (got[k] - want[k]) * (got[k] - want[k]);
        size += want[k] * want[k];
    }
    double allowed = is_integer(t, name) ? 0 : size > 0 ? nmse * size : ZERO * (double)n;
    if (!(wrong <= allowed))
        fail_msg("%s, case '%s' on %s: %s is off by %.3g (squared sum), %.3g allowed",
                 t->op->name, t->row->label, avcl_session_device_text(t->session), name,
                 wrong, allowed);
    free(want);
    free(got);
}

static void compare_all(op_case *expect, op_case *t, const target *on)
{
    avcl_error none = {0};
    avcl_tinfo info;
    char name[32];
    for (uint32_t i = 0; i < t->op->n_out; i++) {
        snprintf(name, sizeof name, "y%u", i);
        if (!avcl_session_describe(expect->session, name, &info, &none))
            compare(expect, t, name, on);
    }
    for (uint32_t i = 0; t->has_loss && i < t->row->n_in; i++) {
        snprintf(name, sizeof name, "grad/x%u", i);
        if (op_case_differentiates(t, i)) compare(expect, t, name, on);
    }
}

/* 1 if it was computed in the precision that was asked for. */
static int check_case(avcl_host *host, const avcl_op *op, const avcl_op_case *row,
                      const target *on)
{
    avcl_error err = {0};
    op_case expect, t;
    uint64_t seed = op_case_seed(op, row);
    if (op_case_open(&expect, host, op, row, "reference", AVCL_F64, &err) ||
        op_case_open_with(&t, host, op, row, &on->options, &err) ||
        op_case_run(&expect, seed, &err) || op_case_run(&t, seed, &err))
        fail_msg("%s, case '%s' on %s, conv %s: %s", op->name, row->label,
                 on->options.device, on->options.conv, err.message);
    compare_all(&expect, &t, on);
    int as_asked = avcl_session_precision(t.session) == on->options.precision;
    op_case_close(&expect);
    op_case_close(&t);
    return as_asked;
}

static const char *const convs[] = {"auto", "direct", "winograd"};

enum { N_CONVS = sizeof convs / sizeof *convs };

/* Returns how many cases were computed in that precision. */
static int check_device(avcl_host *host, const char *device, avcl_dtype precision)
{
    target on = {{.device = device, .precision = precision}};
    int n = 0;
    for (uint32_t i = 0; i < avcl_host_n_ops(host); i++) {
        const avcl_op *op = avcl_host_get_op(host, i);
        int n_convs = strncmp(op->name, "conv", 4) ? 1 : N_CONVS;
        for (uint32_t k = 0; k < op->n_cases; k++)
            for (int c = 0; c < n_convs; c++) {
                on.options.conv = convs[c];
                n += check_case(host, op, &op->cases[k], &on);
            }
    }
    return n;
}

static void test_op_device__reference_f32_agrees_with_f64(void **state)
{
    check_device(*state, "reference", AVCL_F32);
}

/* Whatever else is installed: cpu today, an accelerator tomorrow. */
static void test_op_device__every_other_agrees_with_reference(void **state)
{
    uint32_t n = 0;
    avcl_host_load_all(*state);
    for (uint32_t i = 0; i < avcl_host_n_modules(*state); i++) {
        const avcl_module *m = avcl_host_get_module(*state, i, NULL);
        if (strcmp(m->kind, AVCL_KIND_DEVICE) || !strcmp(m->name, "reference")) continue;
        check_device(*state, m->name, AVCL_F32);
        n++;
    }
    if (n == 0) skip();
}

enum {
    LEAST_IN_BF16 = 25
}; /* cases, convolutions not counted: not every CPU has those */

static void test_op_device__cpu_in_bf16_agrees_with_reference(void **state)
{
    assert_true(check_device(*state, "cpu", AVCL_BF16) >= LEAST_IN_BF16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op_device__reference_f32_agrees_with_f64),
        cmocka_unit_test(test_op_device__every_other_agrees_with_reference),
        cmocka_unit_test(test_op_device__cpu_in_bf16_agrees_with_reference),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
