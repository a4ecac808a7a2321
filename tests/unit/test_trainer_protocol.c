/* test_trainer_protocol.c - accumulation, warm-up, early stopping, kept checkpoints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "small_run.h"
#include "train/train_impl.h"

static const char ROWS[] = "a_short.mp4,c0,train\nb_short.mp4,c1,train\n"
                           "c_short.mp4,c2,train\nd_short.mp4,c0,train\n"
                           "e_short.mp4,c1,train\nf_short.mp4,c2,train\n"
                           "g_short.mp4,c0,train\n"
                           "h.mp4,c0,val\ni.mp4,c1,val\nj.mp4,c2,val\n";
enum { N_BATCHES = 3, N_WEIGHTS = SMALL_CLASSES * SMALL_INPUTS };

static avcl_trainer *start(small_run *r, const avcl_trainer_options *o)
{
    avcl_error err = {0};
    avcl_trainer *t = avcl_trainer_new(r->s, r->d, o, &err);
    if (!t) fail_msg("%s", err.message);
    return t;
}

static avcl_status take(avcl_trainer *t, avcl_event *event)
{
    avcl_error err = {0};
    avcl_status rc = avcl_trainer_step(t, event, &err);
    if (rc && rc != AVCL_END) fail_msg("%s", err.message);
    return rc;
}

static void read_weights(const small_run *r, float out[N_WEIGHTS])
{
    assert_int_equal(
        avcl_session_read(r->s, "head/weight", out, sizeof(float) * N_WEIGHTS, NULL),
        AVCL_OK);
}

/* 2 + 1 batches an epoch: weights and what follows them move with steps, not batches. */
static void test_accumulation__moves_after_k_batches_and_at_the_end(void **state)
{
    (void)state;
    static const int moves[N_BATCHES] = {0, 1, 1};
    float before[N_WEIGHTS];
    float after[N_WEIGHTS];
    float slow_before[N_WEIGHTS];
    float slow_after[N_WEIGHTS];
    small_run r;
    avcl_event event;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    o.accumulate = 2;
    avcl_trainer *t = start(&r, &o);
    for (int i = 0; i < N_BATCHES; i++) {
        read_weights(&r, before);
        avcl_session_read(r.s, "slow", slow_before, sizeof slow_before, NULL);
        assert_int_equal(take(t, &event), AVCL_OK);
        read_weights(&r, after);
        avcl_session_read(r.s, "slow", slow_after, sizeof slow_after, NULL);
        assert_int_equal(memcmp(before, after, sizeof after) != 0, moves[i]);
        assert_int_equal(memcmp(slow_before, slow_after, sizeof slow_after) != 0,
                         moves[i]);
    }
    assert_int_equal(t->p.n_updates, 2);
    assert_int_equal(t->p.n_steps, N_BATCHES);
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* The rates of six batches in two epochs, two batches a step: 1/3, 2/3, then whole. */
static void test_warmup__counts_optimiser_steps(void **state)
{
    (void)state;
    static const double want[] = {1. / 3, 1. / 3, 2. / 3, 1, 1, 1};
    small_run r;
    avcl_event event;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    o.accumulate = 2;
    o.schedule.warmup_epochs = 1.5;
    avcl_trainer *t = start(&r, &o);
    for (int i = 0; i < 6; i++) {
        double rate = avcl__rate_now(t) / o.optim.lr;
        assert_true(fabs(rate - want[i]) < 1e-15);
        assert_int_equal(take(t, &event), AVCL_OK);
        if (event.step == N_BATCHES) assert_int_equal(take(t, &event), AVCL_OK);
    }
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* A rate too small to move f32 weights: after epoch 1 nothing gets better. */
static avcl_trainer_options hopeless(const small_run *r)
{
    avcl_trainer_options o = small_run_options(r);
    o.epochs = 9;
    o.val_split = "val";
    o.select = "max val/top1";
    o.optim.lr = 1e-30;
    o.early_stop = 3;
    return o;
}

static uint32_t epochs_of(avcl_trainer *t)
{
    avcl_event event;
    uint32_t n = 0;
    while (take(t, &event) == AVCL_OK)
        n += event.kind == AVCL_EVENT_EPOCH;
    return n;
}

static void test_early_stop__ends_when_nothing_gets_better(void **state)
{
    (void)state;
    small_run r;
    avcl_error err = {0};
    uint32_t epoch;
    double value;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = hopeless(&r);
    avcl_trainer *t = start(&r, &o);
    assert_int_equal(epochs_of(t), 4);
    assert_int_equal(avcl_trainer_load_best(t, &epoch, &value, NULL), AVCL_OK);
    assert_int_equal(epoch, 1);
    avcl_trainer_free(t);
    t = start(&r, &o); /* it was over: a resumed one does nothing more */
    if (avcl_trainer_resume(t, &err)) fail_msg("%s", err.message);
    assert_int_equal(epochs_of(t), 0);
    avcl_trainer_free(t);
    o.select = "last";
    assert_null(avcl_trainer_new(r.s, r.d, &o, &err));
    assert_non_null(strstr(err.message, "early_stop = 3"));
    small_run_close(&r);
}

static int is_there(const small_run *r, uint32_t epoch)
{
    char path[AVCL_TEMP_PATH + 64];
    snprintf(path, sizeof path, "%s/epoch-%04u.safetensors", r->dir, epoch);
    return access(path, R_OK) == 0;
}

static void test_keep_every__keeps_weights_of_those_epochs(void **state)
{
    (void)state;
    float at_two[N_WEIGHTS] = {0};
    float loaded[N_WEIGHTS];
    char path[AVCL_TEMP_PATH + 64];
    small_run r;
    avcl_event event;
    avcl_error err = {0};
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    o.keep_every = 2;
    avcl_trainer *t = start(&r, &o);
    while (take(t, &event) == AVCL_OK)
        if (event.kind == AVCL_EVENT_EPOCH && event.epoch == 2) read_weights(&r, at_two);
    avcl_trainer_free(t);
    for (uint32_t e = 1; e <= 4; e++)
        assert_int_equal(is_there(&r, e), e % 2 == 0);
    snprintf(path, sizeof path, "%s/epoch-0002.safetensors", r.dir);
    if (avcl_checkpoint_load(r.s, path, NULL, 0, &err)) fail_msg("%s", err.message);
    read_weights(&r, loaded);
    assert_memory_equal(loaded, at_two, sizeof loaded);
    small_run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accumulation__moves_after_k_batches_and_at_the_end),
        cmocka_unit_test(test_warmup__counts_optimiser_steps),
        cmocka_unit_test(test_early_stop__ends_when_nothing_gets_better),
        cmocka_unit_test(test_keep_every__keeps_weights_of_those_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
