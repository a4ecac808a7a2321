/*
 * test_loader_faults.c - bad files are replaced, listed and limited; evaluation pads and
 * ends; what cannot run is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "avcl/store.h"

#include "data/sampler.h"
#include "loader_rig.h"

enum { ROWS = 23, BATCH = 4 };

/* ---- bad files ------------------------------------------------------------------- */

static const char bad_rows[] = "a1,a\na2_bad,a\na3,a\nb1,b\nb2_bad,b\nb3,b\na4,a\nb4,b\n"
                               "u1,\nu2_bad,\n";

static void test_loader__bad_files_are_replaced_and_listed_once(void **state)
{
    avcl_dataset *d = loader_open_set(*state, bad_rows, 0);
    char hex[2][6][65];
    for (uint32_t run = 0; run < 2; run++) {
        avcl_loader_options o = loader_options(5);
        o.workers = run ? 8 : 1;
        avcl_loader *l = loader_start(d, &o);
        for (int i = 0; i < 6; i++) {
            avcl_batch b = loader_take(l);
            loader_hash_batch(&b, 5, hex[run][i]);
            for (int r = 0; r < 5; r++) {
                avcl_sample_info info;
                avcl_dataset_get_sample(d, b.sample[r], &info);
                assert_null(strstr(info.rel, "bad"));
                assert_int_equal(b.label[r], info.label);
                assert_true(b.weight[r] == 1.0f);
            }
            avcl_loader_release(l);
        }
        avcl_loader_stats stats;
        avcl_loader_get_stats(l, &stats);
        assert_int_equal(stats.n_bad, 3); /* after three epochs */
        int sum = 0;
        for (int64_t i = 0; i < 3; i++) {
            int64_t sample = -1;
            const char *reason = NULL;
            assert_int_equal(avcl_loader_get_bad(l, i, &sample, &reason), AVCL_OK);
            assert_non_null(strstr(reason, "no moov"));
            sum += 1 << sample;
        }
        assert_int_equal(sum, 1 << 1 | 1 << 4 | 1 << 9);
        assert_int_equal(avcl_loader_get_bad(l, 3, NULL, NULL), AVCL_E_NOT_FOUND);
        avcl_loader_free(l);
    }
    assert_memory_equal(hex[0], hex[1], sizeof hex[0]);
    avcl_dataset_free(d);
}

/* Other samples are what they are without the bad ones; a stand-in is of the same class.
 */
static void test_loader__a_bad_file_changes_its_own_position_only(void **state)
{
    avcl_dataset *d = loader_open_set(*state, bad_rows, 0);
    avcl_loader_options o = loader_options(10);
    avcl_loader *l = loader_start(d, &o);
    avcl_batch b = loader_take(l);
    uint64_t keys[10];
    avcl_order_item scratch[10];
    int64_t order[10];
    int n_replaced = 0;
    for (int i = 0; i < 10; i++)
        keys[i] = d->rows[i].key;
    avcl__order_fill(scratch, keys, 10, SEED, 0, order);
    for (int i = 0; i < 10; i++) {
        int is_bad = strstr(d->manifest.rows[order[i]].rel, "bad") != NULL;
        n_replaced += is_bad;
        if (!is_bad) assert_int_equal(b.sample[i], order[i]);
        if (is_bad && d->rows[order[i]].label >= 0)
            assert_int_equal(b.label[i], d->rows[order[i]].label);
    }
    assert_int_equal(n_replaced, 3);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__a_second_try_may_succeed(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "flaky.mp4,x\nb.mp4,x\n", 0);
    avcl_loader_options o = loader_options(2);
    o.max_bad = 0;
    avcl_loader *l = loader_start(d, &o);
    avcl_batch b = loader_take(l);
    assert_int_equal(b.sample[0] + b.sample[1], 1);
    avcl_loader_stats stats;
    avcl_loader_get_stats(l, &stats);
    assert_int_equal(stats.n_bad, 0);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__too_many_bad_files_end_the_run(void **state)
{
    avcl_dataset *d = loader_open_set(*state, bad_rows, 0);
    avcl_loader_options o = loader_options(10);
    avcl_batch b;
    avcl_error err = {0};
    o.max_bad = 0.2; /* two of ten may fail, three do */
    avcl_loader *l = loader_start(d, &o);
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message,
                           "3 of 10 samples of split 'train' cannot be read, more "
                           "than the 20% allowed by max_bad: "));
    assert_non_null(strstr(err.message, "a2_bad: no moov in a2_bad"));
    err = (avcl_error){0};
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_CORRUPT); /* and stays ended */
    avcl_loader_free(l);
    o.max_bad = 0.3;
    l = loader_start(d, &o);
    loader_take(l);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__a_class_without_readable_files_is_an_error(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "a_bad,a\nb,b\na2_bad,a\nb2,b\n", 0);
    avcl_loader_options o = loader_options(4);
    avcl_batch b;
    avcl_error err = {0};
    avcl_loader *l = loader_start(d, &o);
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_CORRUPT);
    assert_non_null(
        strstr(err.message, "no sample of class 'a' in split 'train' can be read"));
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

/* ---- evaluation ---------------------------------------------------------------------
 */

static avcl_loader_options make_evaluation(uint32_t batch, int32_t n_clips)
{
    avcl_loader_options o = loader_options(batch);
    o.shuffle = o.drop_last = o.replace_bad = 0;
    o.max_bad = 0;
    o.view.random = 0;
    o.view.n_clips = n_clips;
    return o;
}

static void test_loader__evaluation_pads_and_ends(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, 5, 0);
    avcl_loader_options o = make_evaluation(4, 3); /* 15 clips: 4 4 4 3 */
    avcl_loader *l = loader_start(d, &o);
    avcl_batch b;
    uint8_t zeros[RGB_ROW] = {0};
    assert_int_equal(avcl_loader_n_batches(l), 4);
    for (int item = 0; item < 16;) {
        b = loader_take(l);
        assert_int_equal(b.n, item < 12 ? 4 : 3);
        for (int r = 0; r < 4; r++, item++) {
            assert_int_equal(b.sample[r], item < 15 ? item / 3 : -1);
            assert_int_equal(b.clip[r], item < 15 ? item % 3 : 0);
            assert_true(b.weight[r] == (item < 15 ? 1.0f : 0.0f));
        }
        if (item < 16) avcl_loader_release(l);
    }
    assert_int_equal(b.label[3], -1);
    assert_memory_equal(b.rgb + 3 * RGB_ROW, zeros, RGB_ROW);
    assert_int_equal(avcl_loader_next(l, &b, NULL), AVCL_E_INVALID); /* not released */
    avcl_loader_release(l);
    assert_int_equal(avcl_loader_next(l, &b, NULL), AVCL_END);
    assert_int_equal(avcl_loader_next(l, &b, NULL), AVCL_END);
    avcl_loader_free(l);
    o.position = 4;
    l = loader_start(d, &o);
    assert_int_equal(avcl_loader_next(l, &b, NULL), AVCL_END);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__clips_of_a_sample_start_where_they_should(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "a.mp4,x\n", 0);
    avcl_loader_options o = make_evaluation(3, 3);
    avcl_loader *l = loader_start(d, &o);
    avcl_batch b = loader_take(l);
    static const int64_t starts[] = {0, 17, 34}; /* 0, (40 - 6) / 2, 40 - 6 */
    for (int r = 0; r < 3; r++)
        assert_int_equal(b.rgb[r * RGB_ROW],
                         fake_pixel(avcl__sample_key("a.mp4"), starts[r], (H - CROP) / 2,
                                    (W - CROP) / 2, 0));
    assert_memory_equal(b.mel, b.mel + MEL_ROW,
                        MEL_ROW * 2); /* one sound for all clips */
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__evaluation_never_replaces(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "a,x\nb_bad,x\nc,x\n", 0);
    avcl_loader_options o = make_evaluation(3, 1);
    avcl_loader *l = loader_start(d, &o);
    avcl_batch b = loader_take(l);
    assert_int_equal(b.n, 3);
    assert_int_equal(b.sample[1], 1);
    assert_int_equal(b.label[1], 0);
    assert_true(b.weight[0] == 1.0f && b.weight[1] == 0.0f && b.weight[2] == 1.0f);
    int64_t sample = -1;
    const char *reason = NULL;
    assert_int_equal(avcl_loader_get_bad(l, 0, &sample, &reason), AVCL_OK);
    assert_int_equal(sample, 1);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

/* ---- ends and refusals
 * ----------------------------------------------------------------- */

static void test_loader__can_be_freed_at_any_moment(void **state)
{
    loader_rig *f = *state;
    f->fake.delay_us = 300;
    avcl_dataset *d = loader_open_rows(f, ROWS, 1);
    for (int i = 0; i < 30; i++) {
        avcl_loader_options o = loader_options(BATCH);
        o.workers = 1 + (uint32_t)i % 8;
        avcl_loader *l = loader_start(d, &o);
        for (int k = 0; k < i % 4; k++) {
            loader_take(l);
            if (k < 2) avcl_loader_release(l);
        }
        avcl_loader_free(l);
    }
    avcl_loader_free(NULL);
    avcl_dataset_free(d);
}

/* Workers read ahead by the slots and no further. */
static void test_loader__reads_ahead_within_bounds(void **state)
{
    loader_rig *f = *state;
    avcl_dataset *d = loader_open_rows(f, ROWS, 0);
    avcl_loader_options o = loader_options(BATCH);
    o.slots = 2;
    o.view.mel_crop = 0;
    avcl_loader *l = loader_start(d, &o);
    loader_take(l);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    assert_in_range(f->fake.n_opens, BATCH, 2 * BATCH);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__counts_what_it_did(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "a,x\nb_short,x\n", 1);
    avcl_loader_options o = make_evaluation(2, 1);
    o.view.mel_crop = 0;
    avcl_loader *l = loader_start(d, &o);
    loader_take(l);
    avcl_loader_stats s;
    avcl_loader_get_stats(l, &s);
    assert_int_equal(s.clips, 2);
    assert_int_equal(s.read.frames_decoded,
                     FAKE_FRAMES + FAKE_SHORT); /* whole, for the cache */
    assert_int_equal(s.read.frames_used, T + FAKE_SHORT);
    assert_int_equal(s.n_padded, 1);
    assert_int_equal(s.read.cache_hits, 0);
    avcl_loader_free(l);
    l = loader_start(d, &o);
    loader_take(l);
    avcl_loader_get_stats(l, &s);
    assert_int_equal(s.read.cache_hits, 2);
    assert_int_equal(s.read.frames_decoded, 0);
    avcl_loader_get_stats(l, &s);
    assert_int_equal(s.clips, 0); /* since the last call */
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void expect_refused(avcl_dataset *d, avcl_loader_options o, const char *message)
{
    avcl_error err = {0};
    assert_null(avcl_loader_new(d, &o, &err));
    assert_non_null(strstr(err.message, message));
}

static void test_loader__refuses_what_cannot_run(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, 6, 0);
    avcl_loader_options o = loader_options(4);
    o.split = "few5";
    expect_refused(d, o, "no split 'few5', there are: train");
    o = loader_options(8);
    expect_refused(d, o, "split 'train' has 6 clips, fewer than one batch of 8");
    o = loader_options(4);
    o.ranks = 3;
    expect_refused(d, o, "batch 4 does not divide among 3 ranks");
    o.ranks = 2;
    o.rank = 2;
    expect_refused(d, o, "rank 2 of 2");
    o = loader_options(4);
    o.position = 2;
    expect_refused(d, o, "position 2 in an epoch of 1 batches");
    o = loader_options(4);
    o.view.crop = H + 1;
    expect_refused(d, o, "crop is 11, expected 1 to 10");
    o = loader_options(4);
    o.max_bad = 1.5;
    expect_refused(d, o, "max_bad is 1.5, expected 0 to 1");
    avcl_dataset_free(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, loader_set_up, loader_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_loader__bad_files_are_replaced_and_listed_once),
        TEST(test_loader__a_bad_file_changes_its_own_position_only),
        TEST(test_loader__a_second_try_may_succeed),
        TEST(test_loader__too_many_bad_files_end_the_run),
        TEST(test_loader__a_class_without_readable_files_is_an_error),
        TEST(test_loader__evaluation_pads_and_ends),
        TEST(test_loader__clips_of_a_sample_start_where_they_should),
        TEST(test_loader__evaluation_never_replaces),
        TEST(test_loader__can_be_freed_at_any_moment),
        TEST(test_loader__reads_ahead_within_bounds),
        TEST(test_loader__counts_what_it_did),
        TEST(test_loader__refuses_what_cannot_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
