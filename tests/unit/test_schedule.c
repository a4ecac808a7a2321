/* test_schedule.c - learning rates epoch by epoch, against PyTorch 1.13's schedulers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/schedule.h"

/* PyTorch multiplies step by step where closed forms are used here: a few roundings. */
static const double ROUNDINGS = 1e-14;

static void expect_lr(double lr, double expected, int epoch)
{
    if (!(fabs(lr - expected) <= ROUNDINGS * expected))
        fail_msg("epoch %d: lr %.17g, expected %.17g", epoch, lr, expected);
}

/* The paper's protocol: patience 50 means that the 51st bad epoch lowers the rate. */
static void test_schedule__constant_loss_drops_after_52_and_103(void **state)
{
    (void)state;
    const avcl_schedule s = {.kind = AVCL_LR_PLATEAU,
                             .patience = 50,
                             .factor = 0.1,
                             .min_lr = 1e-7,
                             .threshold = 1e-4};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 1e-3);
    double expected = 1e-3;
    for (int epoch = 1; epoch <= 120; epoch++) {
        avcl__schedule_step(&at, &s, 1e-3, 300, 7.0);
        if (epoch == 52 || epoch == 103) expected *= 0.1;
        expect_lr(at.lr, expected, epoch);
    }
}

/* Zeros are the defaults that avcl_schedule names. */
static void test_schedule__zeros_mean_the_defaults(void **state)
{
    (void)state;
    const avcl_schedule s = {.kind = AVCL_LR_PLATEAU};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 1.0);
    for (int epoch = 1; epoch <= 52; epoch++) {
        expect_lr(at.lr, 1.0, epoch);
        avcl__schedule_step(&at, &s, 1.0, 300, 1.0 - 1e-6 * epoch);
    }
    expect_lr(at.lr, 0.1, 52);
}

/* ReduceLROnPlateau('min', 0.1, patience 2, threshold 1e-4, min_lr 3e-3): improvements
 * just inside and outside of the threshold, a NaN, and losses below zero. */
static void test_schedule__plateau_equals_pytorch(void **state)
{
    (void)state;
    static const struct {
        double loss;
        double lr;
        uint32_t n_bad;
    } rows[] = {
        {1.0, 0.1, 0},       {0.9, 0.1, 0},    {0.89995, 0.1, 1}, {0.8999, 0.1, 0},
        {0.95, 0.1, 1},      {0.7, 0.1, 0},    {0.71, 0.1, 1},    {0.72, 0.1, 2},
        {NAN, 0.01, 0},      {0.699, 0.01, 0}, {0.6999, 0.01, 1}, {0.69999, 0.01, 2},
        {0.69998, 0.003, 0}, {0.5, 0.003, 0},  {-1.0, 0.003, 0},  {-1.00001, 0.003, 0},
        {-1.0002, 0.003, 0}, {-0.9, 0.003, 1},
    };
    const avcl_schedule s = {.kind = AVCL_LR_PLATEAU,
                             .patience = 2,
                             .factor = 0.1,
                             .min_lr = 3e-3,
                             .threshold = 1e-4};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.1);
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        avcl__schedule_step(&at, &s, 0.1, 300, rows[i].loss);
        expect_lr(at.lr, rows[i].lr, i + 1);
        assert_int_equal(at.n_bad, rows[i].n_bad);
    }
}

/* A change under 1e-8 is not made: at 1.05e-8 a factor of 0.1 would change 9.45e-9. */
static void test_schedule__tiny_changes_are_not_made(void **state)
{
    (void)state;
    const avcl_schedule s = {.kind = AVCL_LR_PLATEAU, .patience = 1, .factor = 0.1};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 1.05e-8);
    for (int epoch = 1; epoch <= 10; epoch++)
        avcl__schedule_step(&at, &s, 1.05e-8, 300, 1.0);
    expect_lr(at.lr, 1.05e-8, 10);
}

/* StepLR(step_size 3, gamma 0.5) */
static void test_schedule__step_equals_pytorch(void **state)
{
    (void)state;
    static const double lr[] = {0.1,   0.1,   0.05,  0.05,   0.05,
                                0.025, 0.025, 0.025, 0.0125, 0.0125};
    const avcl_schedule s = {.kind = AVCL_LR_STEP, .factor = 0.5, .step_epochs = 3};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.1);
    for (int i = 0; i < 10; i++) {
        avcl__schedule_step(&at, &s, 0.1, 300, 0);
        expect_lr(at.lr, lr[i], i + 1);
    }
}

/* MultiStepLR(milestones [2, 5, 6], gamma 0.2), as IIC's */
static void test_schedule__multistep_equals_pytorch(void **state)
{
    (void)state;
    static const double lr[] = {0.1, 0.02, 0.02, 0.02, 0.004, 0.0008, 0.0008, 0.0008};
    const avcl_schedule s = {.kind = AVCL_LR_MULTISTEP,
                             .factor = 0.2,
                             .n_milestones = 3,
                             .milestones = {2, 5, 6}};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.1);
    for (int i = 0; i < 8; i++) {
        avcl__schedule_step(&at, &s, 0.1, 300, 0);
        expect_lr(at.lr, lr[i], i + 1);
    }
}

/* Two epochs of four steps of LinearLR(start_factor 1/8, total_iters 7), then constant.
 */
static void test_schedule__warmup_equals_pytorch(void **state)
{
    (void)state;
    static const double lr[] = {0.0125, 0.025,  0.0375, 0.05, 0.0625,
                                0.075,  0.0875, 0.1,    0.1,  0.1};
    const avcl_schedule s = {.kind = AVCL_LR_CONSTANT, .warmup_epochs = 2};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.1);
    for (uint32_t i = 0; i < 10; i++) {
        avcl_moment now = {.epoch = i / 4, .step = i % 4, .n_steps = 4, .n_epochs = 5};
        expect_lr(avcl__schedule_rate(&at, &s, 0.1, &now), lr[i], (int)i);
    }
}

/* CosineAnnealingLR(T_max 8, eta_min 0.01) after one epoch of warm-up, two steps an
 * epoch: the rate at each of the ten steps. */
static void test_schedule__cosine_by_steps_begins_after_warmup(void **state)
{
    (void)state;
    static const double lr[] = {
        0.05,
        0.1,
        0.1,
        0.09657457896300791,
        0.08681980515339464,
        0.07222075445642904,
        0.05500000000000001,
        0.03777924554357096,
        0.02318019484660537,
        0.013425421036992097,
    };
    const avcl_schedule s = {
        .kind = AVCL_LR_COSINE, .min_lr = 0.01, .per_step = 1, .warmup_epochs = 1};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.1);
    for (uint32_t i = 0; i < 10; i++) {
        avcl_moment now = {.epoch = i / 2, .step = i % 2, .n_steps = 2, .n_epochs = 5};
        expect_lr(avcl__schedule_rate(&at, &s, 0.1, &now), lr[i], (int)i);
    }
}

/* CosineAnnealingLR(T_max 10, eta_min 0.01) */
static void test_schedule__cosine_equals_pytorch(void **state)
{
    (void)state;
    static const double lr[] = {
        0.09779754323328192,  0.09140576474687263,
        0.08145033635316129,  0.06890576474687264,
        0.05500000000000001,  0.04109423525312737,
        0.028549663646838717, 0.01859423525312737,
        0.012202456766718092, 0.01,
    };
    const avcl_schedule s = {.kind = AVCL_LR_COSINE, .min_lr = 0.01};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.1);
    for (int i = 0; i < 10; i++) {
        avcl__schedule_step(&at, &s, 0.1, 10, 0);
        expect_lr(at.lr, lr[i], i + 1);
    }
}

static void test_schedule__a_copied_state_goes_on_the_same(void **state)
{
    (void)state;
    const avcl_schedule s = {.kind = AVCL_LR_PLATEAU, .patience = 3, .factor = 0.5};
    avcl_schedule_state whole;
    avcl_schedule_state resumed;
    avcl__schedule_start(&whole, &s, 1.0);
    for (int i = 0; i < 40; i++) {
        double loss = fmod(i * 0.37, 1.0) + 0.5; /* up and down, never twice the same */
        if (i == 17) resumed = whole;
        avcl__schedule_step(&whole, &s, 1.0, 40, loss);
        if (i >= 17) {
            avcl__schedule_step(&resumed, &s, 1.0, 40, loss);
            assert_memory_equal(&whole, &resumed, sizeof whole);
        }
    }
    assert_true(whole.lr < 0.1);
}

static void test_schedule__constant_stays(void **state)
{
    (void)state;
    const avcl_schedule s = {.kind = AVCL_LR_CONSTANT};
    avcl_schedule_state at;
    avcl__schedule_start(&at, &s, 0.3);
    for (int i = 0; i < 200; i++)
        avcl__schedule_step(&at, &s, 0.3, 100, 1.0);
    assert_true(at.lr == 0.3);
    assert_int_equal(at.epoch, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule__constant_loss_drops_after_52_and_103),
        cmocka_unit_test(test_schedule__zeros_mean_the_defaults),
        cmocka_unit_test(test_schedule__plateau_equals_pytorch),
        cmocka_unit_test(test_schedule__tiny_changes_are_not_made),
        cmocka_unit_test(test_schedule__step_equals_pytorch),
        cmocka_unit_test(test_schedule__multistep_equals_pytorch),
        cmocka_unit_test(test_schedule__warmup_equals_pytorch),
        cmocka_unit_test(test_schedule__cosine_by_steps_begins_after_warmup),
        cmocka_unit_test(test_schedule__cosine_equals_pytorch),
        cmocka_unit_test(test_schedule__a_copied_state_goes_on_the_same),
        cmocka_unit_test(test_schedule__constant_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
