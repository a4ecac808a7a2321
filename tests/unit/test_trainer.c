/* test_trainer.c - trainings of a tiny model: what they do, and the same after a stop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/ir.h"
#include "small_run.h"
#include "train/train_impl.h"

/* Seven clips that can be read and one that cannot, so replacements are met too. Short
 * ones have three starts only, few enough to learn. */
static const char ROWS[] =
    "a_short.mp4,c0,train\nb_short.mp4,c1,train\nc_short.mp4,c2,train\n"
    "d_short.mp4,c0,train\nbad.mp4,c1,train\ne_short.mp4,c1,train\n"
    "f_short.mp4,c2,train\ng_short.mp4,c0,train\n"
    "h.mp4,c0,val\ni.mp4,c1,val\nj.mp4,c2,val\n";
enum { N_STEPS = 4, MAX_EVENTS = 64 };

static avcl_trainer *start(small_run *r, const avcl_trainer_options *o)
{
    avcl_error err = {0};
    avcl_trainer *t = avcl_trainer_new(r->s, r->d, o, &err);
    if (!t) fail_msg("%s", err.message);
    return t;
}

/* The pace of a run is not a number of its. */
static avcl_status take(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    avcl_status rc = avcl_trainer_step(t, event, err);
    event->clips_per_s = 0;
    event->wait_fraction = 0;
    event->loader = (avcl_loader_stats){0};
    return rc;
}

/* Runs to the end; returns how many events there were. */
static int finish(avcl_trainer *t, avcl_event *events)
{
    avcl_error err = {0};
    avcl_status rc = AVCL_OK;
    int n = 0;
    while (n < MAX_EVENTS && (rc = take(t, &events[n], &err)) == AVCL_OK)
        n++;
    if (rc != AVCL_END) fail_msg("%s", err.message);
    return n;
}

static double metric(const avcl_event *event, const char *name)
{
    for (uint32_t i = 0; i < event->n_metrics; i++)
        if (strcmp(event->metrics[i].name, name) == 0) return event->metrics[i].value;
    fail_msg("no metric '%s'", name);
    return 0;
}

/* Everything a session holds, in one buffer: variables and moments. */
static size_t read_all(avcl_session *s, unsigned char *out, size_t cap)
{
    const avcl_graph *g = avcl_session_graph(s);
    avcl_variable v;
    size_t used = 0;
    memset(out, 0, cap);
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        uint64_t n = avcl__tinfo_bytes(&v.info);
        assert_true(used + n <= cap);
        assert_int_equal(avcl_session_read(s, v.name, out + used, n, NULL), AVCL_OK);
        used += n;
    }
    uint64_t n = avcl_session_n_weights(s) * sizeof(float);
    for (int32_t which = AVCL_FLAT_MOMENTUM; which <= AVCL_FLAT_SECOND; which++) {
        assert_true(used + n <= cap);
        assert_int_equal(avcl_session_read_flat(s, which, out + used, n, NULL), AVCL_OK);
        used += n;
    }
    return used;
}

enum { STATE_BYTES = 8192 };

/* ---- training --------------------------------------------------------------------- */

static void test_trainer__loss_falls(void **state)
{
    (void)state;
    static avcl_event events[MAX_EVENTS];
    small_run r;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    o.epochs = 12;
    avcl_trainer *t = start(&r, &o);
    assert_int_equal(finish(t, events), 12 * (N_STEPS + 1));
    double first = metric(&events[N_STEPS], "train/loss");
    double last = metric(&events[12 * (N_STEPS + 1) - 1], "train/loss");
    if (!(last < 0.7 * first)) fail_msg("%g, then %g", first, last);
    assert_true(metric(&events[N_STEPS], "data/n_bad") == 1);
    avcl_trainer_free(t);
    small_run_close(&r);
}

static void test_trainer__an_epoch_reports_means_of_its_steps(void **state)
{
    (void)state;
    static avcl_event events[MAX_EVENTS];
    small_run r;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    o.epochs = 1;
    avcl_trainer *t = start(&r, &o);
    assert_int_equal(finish(t, events), N_STEPS + 1);
    double sum = 0;
    for (int i = 0; i < N_STEPS; i++) {
        assert_int_equal(events[i].kind, AVCL_EVENT_STEP);
        assert_int_equal(events[i].step, i + 1);
        sum += SMALL_BATCH * events[i].loss;
    }
    assert_int_equal(events[N_STEPS].kind, AVCL_EVENT_EPOCH);
    assert_true(metric(&events[N_STEPS], "train/loss") == sum / (SMALL_BATCH * N_STEPS));
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* ---- resume ----------------------------------------------------------------------- */

enum { PLAIN, ACCUMULATED, ADAPTIVE, N_PROTOCOLS };

static avcl_trainer_options resumable(const small_run *r, int protocol)
{
    avcl_trainer_options o = small_run_options(r);
    o.epochs = 3;
    o.val_split = "val";
    o.select = "min val/loss";
    o.schedule = (avcl_schedule){.kind = AVCL_LR_COSINE};
    if (protocol == PLAIN) return o;
    o.accumulate = 3; /* 3 + 1 batches an epoch: stops fall between them */
    o.optim.clip_norm = 0.5;
    o.schedule.warmup_epochs = 1.5;
    o.schedule.per_step = 1;
    if (protocol == ACCUMULATED) return o;
    o.optim.kind = AVCL_ADAMW;
    o.optim.beta1 = 0.9;
    o.optim.beta2 = 0.99;
    o.optim.eps = 1e-8;
    return o;
}

static void stop_after(small_run *r, int protocol, int k, const avcl_event *want)
{
    avcl_trainer_options o = resumable(r, protocol);
    avcl_event event;
    avcl_error err = {0};
    small_run_build(r, 1);
    avcl_trainer *t = start(r, &o);
    for (int i = 0; i < k; i++) {
        assert_int_equal(take(t, &event, &err), AVCL_OK);
        assert_memory_equal(&event, &want[i], sizeof event);
    }
    avcl_trainer_stop(t);
    assert_int_equal(take(t, &event, &err), AVCL_E_INTERRUPTED);
    assert_int_equal(event.kind, AVCL_EVENT_STOPPED);
    avcl_trainer_free(t);
    small_run_drop_model(r);
}

/* Another seed of weights: all that matters has to come from the file. */
static void resume(small_run *r, int protocol, int k, const avcl_event *want, int n_want,
                   const unsigned char *numbers, size_t n_numbers)
{
    static avcl_event events[MAX_EVENTS];
    unsigned char got[STATE_BYTES];
    avcl_trainer_options o = resumable(r, protocol);
    avcl_error err = {0};
    small_run_build(r, 99);
    avcl_trainer *t = start(r, &o);
    if (avcl_trainer_resume(t, &err)) fail_msg("%s", err.message);
    assert_int_equal(finish(t, events), n_want - k);
    for (int i = k; i < n_want; i++)
        assert_memory_equal(&events[i - k], &want[i], sizeof *want);
    assert_int_equal(read_all(r->s, got, sizeof got), n_numbers);
    assert_memory_equal(got, numbers, n_numbers);
    avcl_trainer_free(t);
}

static void check_stops(int protocol)
{
    static avcl_event want[MAX_EVENTS];
    unsigned char numbers[STATE_BYTES];
    unsigned char best[STATE_BYTES];
    small_run r;
    uint32_t epoch;
    double value;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = resumable(&r, protocol);
    avcl_trainer *t = start(&r, &o);
    int n = finish(t, want);
    size_t size = read_all(r.s, numbers, sizeof numbers);
    assert_int_equal(avcl_trainer_load_best(t, &epoch, &value, NULL), AVCL_OK);
    read_all(r.s, best, sizeof best);
    avcl_trainer_free(t);
    small_run_drop_model(&r);
    assert_int_equal(n, 3 * (N_STEPS + 1));
    for (int k = 0; k < n; k++) {
        stop_after(&r, protocol, k, want);
        resume(&r, protocol, k, want, n, numbers, size);
        small_run_drop_model(&r);
    }
    /* and from the finished training only its best epoch is left to load */
    unsigned char again[STATE_BYTES];
    uint32_t again_epoch;
    double again_value;
    small_run_build(&r, 99);
    t = start(&r, &o);
    assert_int_equal(avcl_trainer_resume(t, NULL), AVCL_OK);
    assert_int_equal(avcl_trainer_load_best(t, &again_epoch, &again_value, NULL),
                     AVCL_OK);
    read_all(r.s, again, sizeof again);
    assert_int_equal(again_epoch, epoch);
    assert_true(again_value == value);
    assert_memory_equal(again, best, size);
    avcl_trainer_free(t);
    small_run_close(&r);
}

static void test_trainer__a_stop_at_any_step_changes_no_bit(void **state)
{
    (void)state;
    for (int protocol = 0; protocol < N_PROTOCOLS; protocol++)
        check_stops(protocol);
}

static void test_trainer__nothing_to_resume_and_another_seed(void **state)
{
    (void)state;
    small_run r;
    avcl_event event;
    avcl_error err = {0};
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    avcl_trainer *t = start(&r, &o);
    assert_int_equal(avcl_trainer_resume(t, NULL), AVCL_E_NOT_FOUND);
    avcl_trainer_stop(t);
    assert_int_equal(avcl_trainer_step(t, &event, NULL), AVCL_E_INTERRUPTED);
    avcl_trainer_free(t);
    o.seed = 6;
    t = start(&r, &o);
    assert_int_equal(avcl_trainer_resume(t, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "seed 5"));
    avcl_trainer_free(t);
    char path[AVCL_TEMP_PATH];
    temp_file_write(r.dir, "last.safetensors", "torn", path);
    o.seed = 5;
    t = start(&r, &o);
    /* not NOT_FOUND, which would train from the start again */
    assert_int_equal(avcl_trainer_resume(t, NULL), AVCL_E_CORRUPT);
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* ---- selection -------------------------------------------------------------------- */

/* Trains with a rule; `best` is recomputed here from the events. */
static void check_rule(const char *select, const char *name, int sign)
{
    static avcl_event events[MAX_EVENTS];
    small_run r;
    uint32_t epoch;
    double value;
    small_run_open(&r, ROWS);
    small_run_build(&r, 3);
    avcl_trainer_options o = small_run_options(&r);
    o.epochs = 6;
    o.val_split = "val";
    o.select = select;
    o.optim.lr = 0.2; /* large, so that the losses go up and down */
    avcl_trainer *t = start(&r, &o);
    int n = finish(t, events);
    int best = -1;
    for (int i = N_STEPS; i < n; i += N_STEPS + 1) {
        int is_better =
            best < 0 || sign == 0 ||
            sign * metric(&events[i], name) > sign * metric(&events[best], name);
        assert_int_equal(events[i].is_best, is_better);
        if (is_better) best = i;
    }
    assert_int_equal(avcl_trainer_load_best(t, &epoch, &value, NULL), AVCL_OK);
    assert_int_equal(epoch, events[best].epoch);
    assert_true(value == metric(&events[best], name));
    avcl_trainer_free(t);
    small_run_close(&r);
}

static void test_trainer__the_best_epoch_is_the_rules(void **state)
{
    (void)state;
    check_rule("min val/loss", "val/loss", -1);
    check_rule("max val/top1", "val/top1", 1);
    check_rule("min train/loss", "train/loss", -1);
    check_rule("last", "train/loss", 0);
}

/* The weights that come back are those of that epoch, not of the last one. */
static void test_trainer__the_best_epoch_brings_its_weights(void **state)
{
    (void)state;
    small_run r;
    avcl_event event;
    avcl_error err = {0};
    unsigned char at_best[STATE_BYTES] = {0};
    unsigned char got[STATE_BYTES];
    uint32_t epoch;
    double value;
    small_run_open(&r, ROWS);
    small_run_build(&r, 3);
    avcl_trainer_options o = small_run_options(&r);
    o.epochs = 6;
    o.val_split = "val";
    o.select = "max val/top1";
    o.optim.lr = 0.2;
    avcl_trainer *t = start(&r, &o);
    while (take(t, &event, &err) == AVCL_OK)
        if (event.is_best) read_all(r.s, at_best, sizeof at_best);
    assert_int_equal(avcl_trainer_load_best(t, &epoch, &value, NULL), AVCL_OK);
    assert_true(epoch < 6);
    read_all(r.s, got, sizeof got);
    size_t variables = sizeof(float) * (SMALL_CLASSES * (SMALL_INPUTS + 1) * 2);
    assert_memory_equal(got, at_best, variables);
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* ---- the schedule ----------------------------------------------------------------- */

/* A rate too small to move f32 weights: the loss is constant but for dropout, which
 * validation has not, so "val/loss" never improves after epoch 1. */
static void test_trainer__plateau_lowers_the_rate(void **state)
{
    (void)state;
    static avcl_event events[MAX_EVENTS];
    small_run r;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    o.epochs = 9;
    o.val_split = "val";
    o.optim = (avcl_optim){.lr = 1e-7};
    o.schedule = (avcl_schedule){.kind = AVCL_LR_PLATEAU, .patience = 2, .factor = 0.5};
    avcl_trainer *t = start(&r, &o);
    int n = finish(t, events);
    assert_int_equal(n, 9 * (N_STEPS + 1));
    /* bad epochs 2, 3, 4 are one more than the patience: lower from epoch 5, then 8 */
    static const double want[9] = {1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25};
    for (int e = 0; e < 9; e++)
        assert_true(metric(&events[e * (N_STEPS + 1) + N_STEPS], "lr") == 1e-7 * want[e]);
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* ---- faults ----------------------------------------------------------------------- */

static void test_trainer__a_number_that_is_none_is_located(void **state)
{
    (void)state;
    small_run r;
    avcl_event event;
    avcl_error err = {0};
    unsigned char before[STATE_BYTES];
    unsigned char after[STATE_BYTES];
    small_run_open(&r, ROWS);
    small_run_begin(&r);
    avcl_graph_at(r.g, "model.lua:7");
    avcl_graph_push(r.g, "deep");
    avcl_node x = small_run_pixels(&r);
    static const int64_t shape[2] = {1, SMALL_INPUTS};
    avcl_node w = avcl_graph_weight(r.g, "w", shape, 2, "fill", -1);
    avcl_graph_at(r.g, "model.lua:9");
    avcl_node root = avcl_graph_op(r.g, "sqrt", &w, 1, NULL, 0);
    avcl_graph_pop(r.g);
    avcl_node both[2] = {x, root};
    avcl_node y = avcl_graph_op(r.g, "mul", both, 2, NULL, 0);
    avcl_graph_minimize(r.g, 1, avcl_graph_op(r.g, "mean", &y, 1, NULL, 0));
    small_run_compile(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    avcl_trainer *t = start(&r, &o);
    read_all(r.s, before, sizeof before);
    assert_int_equal(avcl_trainer_step(t, &event, &err), AVCL_E_NUMERIC);
    static const char *const parts[] = {"model.lua:9", "sqrt", "deep", "epoch 1 step 1",
                                        ".mp4"};
    for (int i = 0; i < 5; i++)
        assert_non_null(strstr(err.message, parts[i]));
    read_all(r.s, after, sizeof after);
    assert_memory_equal(before, after, sizeof before);
    avcl_trainer_free(t);
    small_run_close(&r);
}

/* Creating a trainer with one wrong option fails with `word` in the sentence. */
static void refuse(small_run *r, const avcl_trainer_options *o, const char *word)
{
    avcl_error err = {0};
    assert_null(avcl_trainer_new(r->s, r->d, o, &err));
    if (!strstr(err.message, word)) fail_msg("'%s' is not in: %s", word, err.message);
}

static void test_trainer__wrong_options_are_sentences(void **state)
{
    (void)state;
    small_run r;
    small_run_open(&r, ROWS);
    small_run_build(&r, 1);
    const avcl_trainer_options good = small_run_options(&r);
    avcl_trainer_options o = good;
    o.select = "min val/los";
    refuse(&r, &o, "min val/los");
    o = good;
    o.select = "max val/top1";
    refuse(&r, &o, "without a validation split");
    o = good;
    o.view.frames++;
    refuse(&r, &o,
           "input 'rgb' is u8 [2,3,3,2,2] in the graph; the loader makes u8 "
           "[2,3,4,2,2]");
    o = good;
    o.batch = 3;
    refuse(&r, &o, "the loader makes u8 [3,3,3,2,2]");
    o = good;
    o.train_split = "tran";
    refuse(&r, &o, "train");
    o = good;
    o.optim.lr = NAN;
    refuse(&r, &o, "lr = nan");
    small_run_close(&r);
}

static void test_trainer__too_many_logs_are_refused(void **state)
{
    (void)state;
    small_run r;
    small_run_open(&r, ROWS);
    small_run_begin(&r);
    avcl_node x = small_run_pixels(&r);
    avcl_node mean = avcl_graph_op(r.g, "mean", &x, 1, NULL, 0);
    for (int i = 0; i <= AVCL_MAX_LOGS; i++) {
        char name[16];
        snprintf(name, sizeof name, "log%d", i);
        avcl_graph_log(r.g, name, mean);
    }
    avcl_graph_minimize(r.g, 1, mean);
    small_run_compile(&r, 1);
    avcl_trainer_options o = small_run_options(&r);
    refuse(&r, &o, "logs 25 values");
    small_run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trainer__loss_falls),
        cmocka_unit_test(test_trainer__an_epoch_reports_means_of_its_steps),
        cmocka_unit_test(test_trainer__a_stop_at_any_step_changes_no_bit),
        cmocka_unit_test(test_trainer__nothing_to_resume_and_another_seed),
        cmocka_unit_test(test_trainer__the_best_epoch_is_the_rules),
        cmocka_unit_test(test_trainer__the_best_epoch_brings_its_weights),
        cmocka_unit_test(test_trainer__plateau_lowers_the_rate),
        cmocka_unit_test(test_trainer__a_number_that_is_none_is_located),
        cmocka_unit_test(test_trainer__wrong_options_are_sentences),
        cmocka_unit_test(test_trainer__too_many_logs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
