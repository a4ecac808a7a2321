/*
 * test_loader.c - samples and batches do not depend on workers, ranks, resume or the
 * cache.
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

/* ---- one sample ---------------------------------------------------------------- */

/* Every pixel against the formula: one crop for all frames, repeated end, planar layout.
 */
static void expect_pixels(const avcl_dataset *d, int64_t row, const avcl_view *view,
                          uint32_t epoch, const avcl_sample *s)
{
    avcl_sample_info info;
    avcl_dataset_get_sample(d, row, &info);
    int64_t n = strstr(info.rel, "short") ? FAKE_SHORT : FAKE_FRAMES;
    avcl_draw_key key = {SEED, info.key, epoch, 0};
    avcl_cut cut = avcl__cut_clip(view, &key, n);
    assert_int_equal(s->start_frame, cut.start);
    assert_true(s->start_s == (double)cut.start / 25);
    assert_int_equal(s->n_padded, n < T ? T - n : 0);
    for (int c = 0; c < 3; c++)
        for (int t = 0; t < T; t++)
            for (int y = 0; y < CROP; y++)
                for (int x = 0; x < CROP; x++) {
                    int64_t frame = cut.start + t < n ? cut.start + t : n - 1;
                    assert_int_equal(s->rgb[((c * T + t) * CROP + y) * CROP + x],
                                     fake_pixel(avcl__sample_key(info.rel), frame,
                                                cut.y + y, cut.x + x, c));
                }
}

static void test_loader__sample_is_cut_from_the_right_place(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, 6, 0);
    uint8_t rgb[RGB_ROW];
    uint16_t mel[MEL_ROW];
    avcl_error err = {0};
    for (int32_t random = 0; random < 2; random++)
        for (int64_t row = 0; row < 6; row++) {
            avcl_view view = loader_view(random);
            avcl_sample s = {.rgb = rgb, .mel = mel};
            memset(mel, 0xFF, sizeof mel);
            assert_int_equal(avcl_sample_read(d, row, SEED, 4, &view, 0, &s, &err),
                             AVCL_OK);
            expect_pixels(d, row, &view, 4, &s);
            assert_int_equal(s.label, row % 3);
            assert_int_equal(s.has_audio, row % 5 != 3);
            int any = 0;
            for (int i = 0; i < MEL_ROW; i++)
                any |= mel[i];
            assert_int_equal(any != 0, s.has_audio); /* no sound: a picture of zeros */
        }
    avcl_dataset_free(d);
}

static void test_loader__failed_sample_leaves_outputs_untouched(void **state)
{
    avcl_dataset *d = loader_open_set(*state, "bad.mp4,x\n", 0);
    avcl_view view = loader_view(1);
    uint8_t rgb[RGB_ROW] = {42};
    uint16_t mel[MEL_ROW] = {42};
    avcl_sample s = {.rgb = rgb, .mel = mel, .label = 9};
    avcl_error err = {0};
    assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &view, 0, &s, &err), AVCL_E_CORRUPT);
    assert_string_equal(err.message, "bad.mp4: no moov in bad.mp4");
    assert_int_equal(s.label, 9);
    assert_int_equal(rgb[0], 42);
    assert_int_equal(mel[0], 42);
    err = (avcl_error){0};
    assert_int_equal(avcl_sample_read(d, 1, SEED, 0, &view, 0, &s, &err),
                     AVCL_E_NOT_FOUND);
    err = (avcl_error){0};
    assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &view, 1, &s, &err), AVCL_E_INVALID);
    avcl_dataset_free(d);
}

static void read_mel(avcl_dataset *d, int64_t row, int32_t shuffled, uint16_t *mel)
{
    avcl_view view = loader_view(0);
    avcl_sample s = {.mel = mel};
    view.frames = 0;
    view.shuffle_pairs = shuffled;
    assert_int_equal(avcl_sample_read(d, row, SEED, 2, &view, 0, &s, NULL), AVCL_OK);
}

static void test_loader__shuffled_pairs_take_the_sound_of_another(void **state)
{
    enum { N = 6 };
    char text[] = "a,x\nb,x\nc,y\nd,y\ne,x\nf,x\nlone,x,one\n";
    avcl_dataset *d = loader_open_set(*state, text, 1);
    uint16_t own[N][MEL_ROW];
    uint16_t got[MEL_ROW];
    for (int i = 0; i < N; i++)
        read_mel(d, i, 0, own[i]);
    for (int i = 0; i < N; i++) {
        int from = -1;
        read_mel(d, i, 1, got);
        for (int k = 0; k < N; k++)
            if (!memcmp(got, own[k], sizeof got)) from = k;
        assert_true(from >= 0 && from != i);
    }
    avcl_view view = loader_view(0);
    avcl_sample s = {.mel = got};
    view.frames = 0;
    view.shuffle_pairs = 1;
    assert_int_equal(avcl_sample_read(d, N, SEED, 2, &view, 0, &s, NULL), AVCL_E_INVALID);
    avcl_dataset_free(d);
}

/* ---- determinism ----------------------------------------------------------------- */

enum { ROWS = 23, BATCH = 4, STEPS = 14 }; /* 5 batches an epoch: almost three epochs */

static void test_loader__workers_and_slots_change_nothing(void **state)
{
    loader_rig *f = *state;
    static const uint32_t workers[] = {1, 2, 8};
    char first[STEPS][65];
    char again[STEPS][65];
    f->fake.delay_us = 200;
    avcl_dataset *d = loader_open_rows(f, ROWS, 0);
    for (int i = 0; i < 3; i++) {
        avcl_loader_options o = loader_options(BATCH);
        o.workers = workers[i];
        o.slots = (uint32_t)i + 1;
        loader_hash_batches(d, &o, STEPS, i ? again : first);
        if (i) assert_memory_equal(first, again, sizeof first);
    }
    assert_string_not_equal(first[0], first[5]); /* epochs differ */
    avcl_dataset_free(d);
}

static void test_loader__batch_rows_are_what_sample_read_gives(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    avcl_loader_options o = loader_options(BATCH);
    avcl_loader *l = loader_start(d, &o);
    int seen[ROWS] = {0};
    assert_int_equal(avcl_loader_n_batches(l), ROWS / BATCH);
    for (uint32_t i = 0; i < ROWS / BATCH; i++) {
        avcl_batch b = loader_take(l);
        assert_int_equal(b.position, i);
        assert_int_equal(b.n, BATCH);
        for (int r = 0; r < BATCH; r++) {
            uint8_t rgb[RGB_ROW];
            uint16_t mel[MEL_ROW];
            avcl_sample s = {.rgb = rgb, .mel = mel};
            assert_int_equal(
                avcl_sample_read(d, b.sample[r], SEED, b.epoch, &o.view, 0, &s, NULL),
                AVCL_OK);
            assert_memory_equal(b.rgb + r * RGB_ROW, rgb, sizeof rgb);
            assert_memory_equal(b.mel + r * MEL_ROW, mel, sizeof mel);
            assert_int_equal(b.label[r], s.label);
            assert_true(b.weight[r] == 1.0f);
            assert_int_equal(seen[b.sample[r]]++, 0); /* once an epoch */
        }
        avcl_loader_release(l);
    }
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__ranks_together_are_one(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    avcl_loader_options o = loader_options(BATCH);
    o.drop_last = 0; /* the last batch is padded: 3 of 4 */
    for (uint32_t ranks = 2; ranks <= BATCH; ranks *= 2) {
        o.ranks = 1;
        o.rank = 0;
        avcl_loader *whole = loader_start(d, &o);
        avcl_loader *part[BATCH];
        o.ranks = ranks;
        for (o.rank = 0; o.rank < ranks; o.rank++)
            part[o.rank] = loader_start(d, &o);
        uint32_t rows = BATCH / ranks;
        for (int i = 0; i < 8; i++) {
            avcl_batch w = loader_take(whole);
            uint32_t n = 0;
            for (uint32_t r = 0; r < ranks; r++) {
                avcl_batch p = loader_take(part[r]);
                assert_memory_equal(w.sample + r * rows, p.sample,
                                    rows * sizeof *p.sample);
                assert_memory_equal(w.weight + r * rows, p.weight,
                                    rows * sizeof *p.weight);
                assert_memory_equal(w.rgb + r * rows * RGB_ROW, p.rgb, rows * RGB_ROW);
                assert_memory_equal(w.mel + r * rows * MEL_ROW, p.mel,
                                    rows * MEL_ROW * 2);
                n += p.n;
                avcl_loader_release(part[r]);
            }
            assert_int_equal(n, w.n);
            avcl_loader_release(whole);
        }
        for (uint32_t r = 0; r < ranks; r++)
            avcl_loader_free(part[r]);
        avcl_loader_free(whole);
    }
    avcl_dataset_free(d);
}

static void test_loader__resumes_anywhere(void **state)
{
    avcl_dataset *d = loader_open_rows(*state, ROWS, 0);
    avcl_loader_options o = loader_options(BATCH);
    char all[STEPS][65];
    char rest[STEPS][65];
    loader_hash_batches(d, &o, STEPS, all);
    for (int from = 1; from < STEPS; from++) {
        o.epoch = (uint32_t)from / (ROWS / BATCH);
        o.position = (uint32_t)from % (ROWS / BATCH);
        loader_hash_batches(d, &o, STEPS - from, rest);
        assert_memory_equal(all[from], rest, (size_t)(STEPS - from) * 65);
    }
    o.epoch = 0;
    o.position = ROWS / BATCH; /* the end of an epoch is the start of the next */
    loader_hash_batches(d, &o, 1, rest);
    assert_string_equal(all[ROWS / BATCH], rest[0]);
    avcl_dataset_free(d);
}

static void test_loader__memory_cache_changes_nothing(void **state)
{
    loader_rig *f = *state;
    char plain[STEPS][65];
    char cached[STEPS][65];
    avcl_loader_options o = loader_options(BATCH);
    o.workers = 4;
    avcl_dataset *d = loader_open_rows(f, ROWS, 0);
    loader_hash_batches(d, &o, STEPS, plain);
    avcl_dataset_free(d);
    d = loader_open_rows(f, ROWS, 64);
    loader_hash_batches(d, &o, STEPS, cached);
    assert_memory_equal(plain, cached, sizeof plain);
    int n_opens = f->fake.n_opens;
    loader_hash_batches(d, &o, STEPS, cached);
    assert_int_equal(f->fake.n_opens, n_opens); /* all of it from memory */
    assert_memory_equal(plain, cached, sizeof plain);
    avcl_dataset_free(d);
    /* A budget for some of the clips only. */
    d = loader_open_rows(f, ROWS, 0);
    avcl__cache_free(d->cache);
    d->cache = avcl__cache_new(5 * FAKE_FRAMES * W * H * 3, d->n_files);
    loader_hash_batches(d, &o, STEPS, cached);
    assert_memory_equal(plain, cached, sizeof plain);
    avcl_dataset_free(d);
}

/* A file whose end is torn reads alike where it is sound, cached or not. */
static void test_loader__memory_cache_forgives_no_less(void **state)
{
    uint8_t rgb[2][RGB_ROW];
    avcl_view view = loader_view(0);
    view.mel_crop = 0;
    view.n_clips = 3;
    for (uint64_t mib = 0; mib < 2; mib++) {
        avcl_dataset *d = loader_open_set(*state, "torn.mp4,x\n", mib);
        avcl_sample s = {.rgb = rgb[mib]};
        assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &view, 1, &s, NULL), AVCL_OK);
        assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &view, 2, &s, NULL),
                         AVCL_E_CORRUPT);
        avcl_dataset_free(d);
    }
    assert_memory_equal(rgb[0], rgb[1], sizeof rgb[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, loader_set_up, loader_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_loader__sample_is_cut_from_the_right_place),
        TEST(test_loader__failed_sample_leaves_outputs_untouched),
        TEST(test_loader__shuffled_pairs_take_the_sound_of_another),
        TEST(test_loader__workers_and_slots_change_nothing),
        TEST(test_loader__batch_rows_are_what_sample_read_gives),
        TEST(test_loader__ranks_together_are_one),
        TEST(test_loader__resumes_anywhere),
        TEST(test_loader__memory_cache_changes_nothing),
        TEST(test_loader__memory_cache_forgives_no_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
