/* test_loader_samplers.c - the balanced sampler and the one that draws a sample more than
 * once: what is in a batch, and that workers, ranks and resume change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loader_rig.h"

enum { ROWS = 23, CLASSES = 3, BATCH = 6, GROUP = 2, N = 9 };

#define TEST(name) cmocka_unit_test_setup_teardown(name, loader_set_up, loader_tear_down)

static avcl_loader_options sampled(avcl_sampler sampler)
{
    avcl_loader_options o = loader_options(BATCH);
    o.sampler = sampler;
    o.group = GROUP;
    return o;
}

static void test_samplers__balanced_batches_hold_every_class_alike(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    avcl_loader_options o = sampled(AVCL_SAMPLER_BALANCED);
    avcl_loader *l = loader_start(d, &o);
    int64_t seen[ROWS] = {0};
    uint32_t n_batches = avcl_loader_n_batches(l);
    for (uint32_t g = 0; g < n_batches; g++) {
        avcl_batch b = loader_take(l);
        int count[CLASSES] = {0};
        for (int i = 0; i < BATCH; i++) {
            count[b.label[i]]++;
            seen[b.sample[i]]++;
            if (i % GROUP) assert_int_equal(b.label[i], b.label[i - 1]);
        }
        for (int c = 0; c < CLASSES; c++)
            assert_int_equal(count[c], GROUP);
        avcl_loader_release(l);
    }
    /* A class gives all its samples before one comes again. */
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < ROWS; b++)
            if (a % CLASSES == b % CLASSES) assert_true(seen[a] - seen[b] <= 1);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_samplers__views_of_one_sample_differ(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    avcl_loader_options o = sampled(AVCL_SAMPLER_VIEWS);
    avcl_loader *l = loader_start(d, &o);
    assert_int_equal(avcl_loader_n_batches(l), ROWS * GROUP / BATCH);
    int n_different = 0;
    int seen[ROWS] = {0};
    for (uint32_t g = 0; g < avcl_loader_n_batches(l); g++) {
        avcl_batch b = loader_take(l);
        for (int i = 0; i < BATCH; i += GROUP) {
            assert_int_equal(b.sample[i], b.sample[i + 1]);
            assert_int_equal(b.clip[i], 0);
            assert_int_equal(b.clip[i + 1], 1);
            assert_int_equal(seen[b.sample[i]]++, 0);
            n_different +=
                memcmp(b.rgb + i * RGB_ROW, b.rgb + (i + 1) * RGB_ROW, RGB_ROW) != 0;
        }
        avcl_loader_release(l);
    }
    assert_true(n_different >= ROWS - 4); /* a draw may meet itself */
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_samplers__nothing_depends_on_workers_or_resume(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    for (avcl_sampler s = AVCL_SAMPLER_BALANCED; s <= AVCL_SAMPLER_VIEWS; s++) {
        char want[N][65];
        char got[N][65];
        avcl_loader_options o = sampled(s);
        o.workers = 1;
        loader_hash_batches(d, &o, N, want);
        for (o.workers = 2; o.workers <= 8; o.workers *= 4) {
            loader_hash_batches(d, &o, N, got);
            assert_memory_equal(got, want, sizeof want);
        }
        avcl_loader *l = loader_start(d, &o);
        uint32_t per_epoch = avcl_loader_n_batches(l);
        avcl_loader_free(l);
        for (uint32_t at = 1; at < N; at++) {
            o.epoch = at / per_epoch;
            o.position = at % per_epoch;
            loader_hash_batches(d, &o, (int)(N - at), got);
            assert_memory_equal(got, want[at], (N - at) * sizeof *want);
        }
    }
    avcl_dataset_free(d);
}

static void test_samplers__ranks_together_are_one(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    for (avcl_sampler s = AVCL_SAMPLER_BALANCED; s <= AVCL_SAMPLER_VIEWS; s++) {
        avcl_loader_options o = sampled(s);
        avcl_loader *whole = loader_start(d, &o);
        avcl_loader *part[2];
        o.ranks = 2;
        for (o.rank = 0; o.rank < 2; o.rank++)
            part[o.rank] = loader_start(d, &o);
        for (int i = 0; i < N; i++) {
            avcl_batch w = loader_take(whole);
            for (int r = 0; r < 2; r++) {
                enum { HALF = BATCH / 2 };
                avcl_batch p = loader_take(part[r]);
                assert_memory_equal(w.sample + r * HALF, p.sample,
                                    HALF * sizeof(int64_t));
                assert_memory_equal(w.rgb + r * HALF * RGB_ROW, p.rgb, HALF * RGB_ROW);
                avcl_loader_release(part[r]);
            }
            avcl_loader_release(whole);
        }
        avcl_loader_free(part[0]);
        avcl_loader_free(part[1]);
        avcl_loader_free(whole);
    }
    avcl_dataset_free(d);
}

static void refuse(avcl_dataset *d, avcl_loader_options o, const char *text)
{
    avcl_error err = {0};
    assert_null(avcl_loader_new(d, &o, &err));
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
}

static void test_samplers__refuse_what_makes_no_batch(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    avcl_loader_options o = sampled(AVCL_SAMPLER_BALANCED);
    o.group = 4;
    refuse(d, o, "group is 4, expected a divisor of the batch of 6");
    o.group = 1;
    refuse(d, o, "has 3 classes with labels, a batch of 6 in groups of 1 needs 6");
    o = sampled(AVCL_SAMPLER_VIEWS);
    o.shuffle = 0;
    refuse(d, o, "is for training");
    o = sampled(7);
    refuse(d, o, "sampler is 7, expected 0 to 2");
    avcl_dataset_free(d);
}

/* strict: the first bad sample ends it, however few they are. */
static void test_samplers__strict_ends_at_the_first_bad_sample(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "a.mp4,x\nb.mp4,x\nbad.mp4,x\n", 0);
    avcl_loader_options o = loader_options(3);
    o.max_bad = 1;
    avcl_loader *l = loader_start(d, &o);
    loader_take(l);
    avcl_loader_free(l);
    o.strict = 1;
    l = loader_start(d, &o);
    avcl_error err = {0};
    avcl_batch b;
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message, "bad.mp4"));
    assert_non_null(strstr(err.message, "strict"));
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_samplers__balanced_batches_hold_every_class_alike),
        TEST(test_samplers__views_of_one_sample_differ),
        TEST(test_samplers__nothing_depends_on_workers_or_resume),
        TEST(test_samplers__ranks_together_are_one),
        TEST(test_samplers__refuse_what_makes_no_batch),
        TEST(test_samplers__strict_ends_at_the_first_bad_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
