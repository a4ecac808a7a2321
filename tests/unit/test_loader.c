/*
 * test_loader.c - samples and batches do not depend on workers, ranks, resume or the
 * cache, and bad files are replaced, listed and limited.
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

#include "data/dataset_impl.h"
#include "data/sampler.h"
#include "fake_source.h"
#include "temp_dir.h"

enum { T = 6, W = 13, H = 10, CROP = 8, BANDS = 16, COLUMNS = 16, MEL = 12 };
enum { RGB_ROW = 3 * T * CROP * CROP, MEL_ROW = MEL * MEL };
enum { SEED = 77 };

typedef struct fixture {
    char dir[AVCL_TEMP_PATH];
    fake_state fake;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    temp_dir_make(f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static avcl_dataset *open_set(fixture *f, const char *text, uint64_t cache_mib)
{
    char list[AVCL_TEMP_PATH];
    avcl_error err = {0};
    avcl_dataset_options options = {.memory_cache_mib = cache_mib};
    temp_file_write(f->dir, "list.csv", text, list);
    avcl_dataset *d = avcl_dataset_open(list, &options, &err);
    assert_non_null(d);
    avcl_source source = fake_source(&f->fake);
    avcl__dataset_set_source(d, &source);
    return d;
}

/* n rows of three classes in "train", names from `name_of` (a %d format). */
static avcl_dataset *open_rows(fixture *f, int n, uint64_t cache_mib)
{
    char text[8192];
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "clip%d%s.mp4,c%d\n", i,
                               i % 5 == 1   ? "_short"
                               : i % 5 == 3 ? "_mute"
                                            : "",
                               i % 3);
    return open_set(f, text, cache_mib);
}

static avcl_view make_view(int32_t random)
{
    avcl_view view = {.frames = T,
                      .resize_w = W,
                      .resize_h = H,
                      .crop = CROP,
                      .mel_crop = MEL,
                      .random = random};
    view.mel = (avcl_mel_options){.rate = 8000,
                                  .window = 64,
                                  .hop = 64,
                                  .n_fft = 256,
                                  .bands = BANDS,
                                  .columns = COLUMNS};
    return view;
}

static avcl_loader_options make_options(uint32_t batch)
{
    return (avcl_loader_options){.split = "train",
                                 .batch = batch,
                                 .workers = 2,
                                 .seed = SEED,
                                 .shuffle = 1,
                                 .drop_last = 1,
                                 .replace_bad = 1,
                                 .max_bad = 1,
                                 .view = make_view(1)};
}

/* Feeds all that a batch is into a text that is hashed at the end: SHA-256, hex. */
static void hash_batch(const avcl_batch *b, uint32_t rows, char hex[65])
{
    char part[7][65];
    uint32_t place[3] = {b->epoch, b->position, b->n};
    avcl_sha256_hex(b->rgb, rows * (uint64_t)RGB_ROW, part[0]);
    avcl_sha256_hex(b->mel, rows * (uint64_t)MEL_ROW * 2, part[1]);
    avcl_sha256_hex(b->label, rows * sizeof(int32_t), part[2]);
    avcl_sha256_hex(b->weight, rows * sizeof(float), part[3]);
    avcl_sha256_hex(b->sample, rows * sizeof(int64_t), part[4]);
    avcl_sha256_hex(b->clip, rows * sizeof(int32_t), part[5]);
    avcl_sha256_hex(place, sizeof place, part[6]);
    avcl_sha256_hex(part, sizeof part, hex);
}

static avcl_batch next(avcl_loader *l)
{
    avcl_batch b;
    avcl_error err = {0};
    avcl_status status = avcl_loader_next(l, &b, &err);
    if (status) print_error("next: %s\n", err.message);
    assert_int_equal(status, AVCL_OK);
    return b;
}

static avcl_loader *start(avcl_dataset *d, const avcl_loader_options *o)
{
    avcl_error err = {0};
    avcl_loader *l = avcl_loader_new(d, o, &err);
    if (!l) print_error("new: %s\n", err.message);
    assert_non_null(l);
    return l;
}

static void hash_batches(avcl_dataset *d, const avcl_loader_options *o, int n,
                         char (*hex)[65])
{
    avcl_loader *l = start(d, o);
    for (int i = 0; i < n; i++) {
        avcl_batch b = next(l);
        hash_batch(&b, o->batch, hex[i]);
        avcl_loader_release(l);
    }
    avcl_loader_free(l);
}

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
    avcl_dataset *d = open_rows(*state, 6, 0);
    uint8_t rgb[RGB_ROW];
    uint16_t mel[MEL_ROW];
    avcl_error err = {0};
    for (int32_t random = 0; random < 2; random++)
        for (int64_t row = 0; row < 6; row++) {
            avcl_view view = make_view(random);
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
    avcl_dataset *d = open_set(*state, "bad.mp4,x\n", 0);
    avcl_view view = make_view(1);
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
    avcl_view view = make_view(0);
    avcl_sample s = {.mel = mel};
    view.frames = 0;
    view.shuffle_pairs = shuffled;
    assert_int_equal(avcl_sample_read(d, row, SEED, 2, &view, 0, &s, NULL), AVCL_OK);
}

static void test_loader__shuffled_pairs_take_the_sound_of_another(void **state)
{
    enum { N = 6 };
    char text[] = "a,x\nb,x\nc,y\nd,y\ne,x\nf,x\nlone,x,one\n";
    avcl_dataset *d = open_set(*state, text, 1);
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
    avcl_view view = make_view(0);
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
    fixture *f = *state;
    static const uint32_t workers[] = {1, 2, 8};
    char first[STEPS][65];
    char again[STEPS][65];
    f->fake.delay_us = 200;
    avcl_dataset *d = open_rows(f, ROWS, 0);
    for (int i = 0; i < 3; i++) {
        avcl_loader_options o = make_options(BATCH);
        o.workers = workers[i];
        o.slots = (uint32_t)i + 1;
        hash_batches(d, &o, STEPS, i ? again : first);
        if (i) assert_memory_equal(first, again, sizeof first);
    }
    assert_string_not_equal(first[0], first[5]); /* epochs differ */
    avcl_dataset_free(d);
}

static void test_loader__batch_rows_are_what_sample_read_gives(void **state)
{
    avcl_dataset *d = open_rows(*state, ROWS, 0);
    avcl_loader_options o = make_options(BATCH);
    avcl_loader *l = start(d, &o);
    int seen[ROWS] = {0};
    assert_int_equal(avcl_loader_n_batches(l), ROWS / BATCH);
    for (uint32_t i = 0; i < ROWS / BATCH; i++) {
        avcl_batch b = next(l);
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
    avcl_dataset *d = open_rows(*state, ROWS, 0);
    avcl_loader_options o = make_options(BATCH);
    o.drop_last = 0; /* the last batch is padded: 3 of 4 */
    for (uint32_t ranks = 2; ranks <= BATCH; ranks *= 2) {
        o.ranks = 1;
        o.rank = 0;
        avcl_loader *whole = start(d, &o);
        avcl_loader *part[BATCH];
        o.ranks = ranks;
        for (o.rank = 0; o.rank < ranks; o.rank++)
            part[o.rank] = start(d, &o);
        uint32_t rows = BATCH / ranks;
        for (int i = 0; i < 8; i++) {
            avcl_batch w = next(whole);
            uint32_t n = 0;
            for (uint32_t r = 0; r < ranks; r++) {
                avcl_batch p = next(part[r]);
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
    avcl_dataset *d = open_rows(*state, ROWS, 0);
    avcl_loader_options o = make_options(BATCH);
    char all[STEPS][65];
    char rest[STEPS][65];
    hash_batches(d, &o, STEPS, all);
    for (int from = 1; from < STEPS; from++) {
        o.epoch = (uint32_t)from / (ROWS / BATCH);
        o.position = (uint32_t)from % (ROWS / BATCH);
        hash_batches(d, &o, STEPS - from, rest);
        assert_memory_equal(all[from], rest, (size_t)(STEPS - from) * 65);
    }
    o.epoch = 0;
    o.position = ROWS / BATCH; /* the end of an epoch is the start of the next */
    hash_batches(d, &o, 1, rest);
    assert_string_equal(all[ROWS / BATCH], rest[0]);
    avcl_dataset_free(d);
}

static void test_loader__memory_cache_changes_nothing(void **state)
{
    fixture *f = *state;
    char plain[STEPS][65];
    char cached[STEPS][65];
    avcl_loader_options o = make_options(BATCH);
    o.workers = 4;
    avcl_dataset *d = open_rows(f, ROWS, 0);
    hash_batches(d, &o, STEPS, plain);
    avcl_dataset_free(d);
    d = open_rows(f, ROWS, 64);
    hash_batches(d, &o, STEPS, cached);
    assert_memory_equal(plain, cached, sizeof plain);
    int n_opens = f->fake.n_opens;
    hash_batches(d, &o, STEPS, cached);
    assert_int_equal(f->fake.n_opens, n_opens); /* all of it from memory */
    assert_memory_equal(plain, cached, sizeof plain);
    avcl_dataset_free(d);
    /* A budget for some of the clips only. */
    d = open_rows(f, ROWS, 0);
    avcl__cache_free(d->cache);
    d->cache = avcl__cache_new(5 * FAKE_FRAMES * W * H * 3, d->n_files);
    hash_batches(d, &o, STEPS, cached);
    assert_memory_equal(plain, cached, sizeof plain);
    avcl_dataset_free(d);
}

/* A file whose end is torn reads alike where it is sound, cached or not. */
static void test_loader__memory_cache_forgives_no_less(void **state)
{
    uint8_t rgb[2][RGB_ROW];
    avcl_view view = make_view(0);
    view.mel_crop = 0;
    view.n_clips = 3;
    for (uint64_t mib = 0; mib < 2; mib++) {
        avcl_dataset *d = open_set(*state, "torn.mp4,x\n", mib);
        avcl_sample s = {.rgb = rgb[mib]};
        assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &view, 1, &s, NULL), AVCL_OK);
        assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &view, 2, &s, NULL),
                         AVCL_E_CORRUPT);
        avcl_dataset_free(d);
    }
    assert_memory_equal(rgb[0], rgb[1], sizeof rgb[0]);
}

/* ---- bad files ------------------------------------------------------------------- */

static const char bad_rows[] = "a1,a\na2_bad,a\na3,a\nb1,b\nb2_bad,b\nb3,b\na4,a\nb4,b\n"
                               "u1,\nu2_bad,\n";

static void test_loader__bad_files_are_replaced_and_listed_once(void **state)
{
    avcl_dataset *d = open_set(*state, bad_rows, 0);
    char hex[2][6][65];
    for (uint32_t run = 0; run < 2; run++) {
        avcl_loader_options o = make_options(5);
        o.workers = run ? 8 : 1;
        avcl_loader *l = start(d, &o);
        for (int i = 0; i < 6; i++) {
            avcl_batch b = next(l);
            hash_batch(&b, 5, hex[run][i]);
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
    avcl_dataset *d = open_set(*state, bad_rows, 0);
    avcl_loader_options o = make_options(10);
    avcl_loader *l = start(d, &o);
    avcl_batch b = next(l);
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
    avcl_dataset *d = open_set(*state, "flaky.mp4,x\nb.mp4,x\n", 0);
    avcl_loader_options o = make_options(2);
    o.max_bad = 0;
    avcl_loader *l = start(d, &o);
    avcl_batch b = next(l);
    assert_int_equal(b.sample[0] + b.sample[1], 1);
    avcl_loader_stats stats;
    avcl_loader_get_stats(l, &stats);
    assert_int_equal(stats.n_bad, 0);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__too_many_bad_files_end_the_run(void **state)
{
    avcl_dataset *d = open_set(*state, bad_rows, 0);
    avcl_loader_options o = make_options(10);
    avcl_batch b;
    avcl_error err = {0};
    o.max_bad = 0.2; /* two of ten may fail, three do */
    avcl_loader *l = start(d, &o);
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message,
                           "3 of 10 samples of split 'train' cannot be read, more "
                           "than the 20% allowed by max_bad: "));
    assert_non_null(strstr(err.message, "a2_bad: no moov in a2_bad"));
    err = (avcl_error){0};
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_CORRUPT); /* and stays ended */
    avcl_loader_free(l);
    o.max_bad = 0.3;
    l = start(d, &o);
    next(l);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__a_class_without_readable_files_is_an_error(void **state)
{
    avcl_dataset *d = open_set(*state, "a_bad,a\nb,b\na2_bad,a\nb2,b\n", 0);
    avcl_loader_options o = make_options(4);
    avcl_batch b;
    avcl_error err = {0};
    avcl_loader *l = start(d, &o);
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
    avcl_loader_options o = make_options(batch);
    o.shuffle = o.drop_last = o.replace_bad = 0;
    o.max_bad = 0;
    o.view.random = 0;
    o.view.n_clips = n_clips;
    return o;
}

static void test_loader__evaluation_pads_and_ends(void **state)
{
    avcl_dataset *d = open_rows(*state, 5, 0);
    avcl_loader_options o = make_evaluation(4, 3); /* 15 clips: 4 4 4 3 */
    avcl_loader *l = start(d, &o);
    avcl_batch b;
    uint8_t zeros[RGB_ROW] = {0};
    assert_int_equal(avcl_loader_n_batches(l), 4);
    for (int item = 0; item < 16;) {
        b = next(l);
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
    l = start(d, &o);
    assert_int_equal(avcl_loader_next(l, &b, NULL), AVCL_END);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__clips_of_a_sample_start_where_they_should(void **state)
{
    avcl_dataset *d = open_set(*state, "a.mp4,x\n", 0);
    avcl_loader_options o = make_evaluation(3, 3);
    avcl_loader *l = start(d, &o);
    avcl_batch b = next(l);
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
    avcl_dataset *d = open_set(*state, "a,x\nb_bad,x\nc,x\n", 0);
    avcl_loader_options o = make_evaluation(3, 1);
    avcl_loader *l = start(d, &o);
    avcl_batch b = next(l);
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
    fixture *f = *state;
    f->fake.delay_us = 300;
    avcl_dataset *d = open_rows(f, ROWS, 1);
    for (int i = 0; i < 30; i++) {
        avcl_loader_options o = make_options(BATCH);
        o.workers = 1 + (uint32_t)i % 8;
        avcl_loader *l = start(d, &o);
        for (int k = 0; k < i % 4; k++) {
            next(l);
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
    fixture *f = *state;
    avcl_dataset *d = open_rows(f, ROWS, 0);
    avcl_loader_options o = make_options(BATCH);
    o.slots = 2;
    o.view.mel_crop = 0;
    avcl_loader *l = start(d, &o);
    next(l);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    assert_in_range(f->fake.n_opens, BATCH, 2 * BATCH);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_loader__counts_what_it_did(void **state)
{
    avcl_dataset *d = open_set(*state, "a,x\nb_short,x\n", 1);
    avcl_loader_options o = make_evaluation(2, 1);
    o.view.mel_crop = 0;
    avcl_loader *l = start(d, &o);
    next(l);
    avcl_loader_stats s;
    avcl_loader_get_stats(l, &s);
    assert_int_equal(s.clips, 2);
    assert_int_equal(s.frames_decoded,
                     FAKE_FRAMES + FAKE_SHORT); /* whole, for the cache */
    assert_int_equal(s.frames_used, T + FAKE_SHORT);
    assert_int_equal(s.n_padded, 1);
    assert_int_equal(s.cache_hits, 0);
    avcl_loader_free(l);
    l = start(d, &o);
    next(l);
    avcl_loader_get_stats(l, &s);
    assert_int_equal(s.cache_hits, 2);
    assert_int_equal(s.frames_decoded, 0);
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
    avcl_dataset *d = open_rows(*state, 6, 0);
    avcl_loader_options o = make_options(4);
    o.split = "few5";
    expect_refused(d, o, "no split 'few5', there are: train");
    o = make_options(8);
    expect_refused(d, o, "split 'train' has 6 clips, fewer than one batch of 8");
    o = make_options(4);
    o.ranks = 3;
    expect_refused(d, o, "batch 4 does not divide among 3 ranks");
    o.ranks = 2;
    o.rank = 2;
    expect_refused(d, o, "rank 2 of 2");
    o = make_options(4);
    o.position = 2;
    expect_refused(d, o, "position 2 in an epoch of 1 batches");
    o = make_options(4);
    o.view.crop = H + 1;
    expect_refused(d, o, "crop is 11, expected 1 to 10");
    o = make_options(4);
    o.max_bad = 1.5;
    expect_refused(d, o, "max_bad is 1.5, expected 0 to 1");
    avcl_dataset_free(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
