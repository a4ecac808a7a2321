/*
 * test_sounds.c - what a view may ask of a sound: the whole track, a window around the
 * clip, the folded waveform; scaled; and what becomes of clips without any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/half.h"
#include "data/sample_impl.h"
#include "loader_rig.h"
#include "media/mel_resize.h"

/* Of the fake files: 0.5 s of sound at 8 kHz, 1.6 s of pictures at 25 fps. */
enum { RATE = 8000, N_WAVE = 4000, WINDOW = 800 };

/* ---- where a window lies --------------------------------------------------------- */
static void test_sound__a_window_lies_around_the_clip(void **state)
{
    (void)state;
    avcl_view v = loader_view(0);
    avcl_draw_key key = {SEED, 1, 0, 0};
    /* TBN's rule: the first samples when the left end sticks out, the last ones when the
     * right one does. */
    assert_int_equal(avcl__window_start(&v, &key, 1000, 100, 500), 450);
    assert_int_equal(avcl__window_start(&v, &key, 1000, 100, 49), 0);
    assert_int_equal(avcl__window_start(&v, &key, 1000, 100, 951), 900);
    assert_int_equal(avcl__window_start(&v, &key, 1000, 100, 50), 0);
    assert_int_equal(avcl__window_start(&v, &key, 1000, 100, 950), 900);
    assert_int_equal(avcl__window_start(&v, &key, 99, 100, 50), 0);
    assert_int_equal(avcl__window_start(&v, &key, 100, 100, 99), 0);
    v.frames = 0; /* no clip: spread through the track, ends included */
    v.n_clips = 3;
    for (key.clip = 0; key.clip < 3; key.clip++)
        assert_int_equal(avcl__window_start(&v, &key, 1000, 100, 0), 450 * key.clip);
}

static void test_sound__windows_of_a_track_are_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 2000, PLACES = 4 };
    avcl_view v = loader_view(1);
    v.frames = 0;
    int seen[PLACES] = {0};
    for (uint32_t epoch = 0; epoch < DRAWS; epoch++) {
        avcl_draw_key key = {SEED, 9, epoch, 0};
        int64_t start = avcl__window_start(&v, &key, 100 + PLACES - 1, 100, 0);
        assert_in_range(start, 0, PLACES - 1);
        seen[start]++;
    }
    /* Five standard deviations of a binomial(2000, 1/4): 97. */
    for (int i = 0; i < PLACES; i++)
        assert_in_range(seen[i], DRAWS / PLACES - 97, DRAWS / PLACES + 97);
}

/* K.10 for one frame: the middle one of each of the ten 16-frame clips. */
static void test_sound__one_frame_is_the_middle_of_a_clip(void **state)
{
    (void)state;
    avcl_view v = {
        .frames = 1, .span = 16, .resize_w = 8, .resize_h = 8, .crop = 8, .n_clips = 10};
    avcl_draw_key key = {SEED, 1, 0, 0};
    static const int64_t starts[10] = {0, 31, 63, 94, 126, 157, 189, 220, 252, 284};
    for (key.clip = 0; key.clip < 10; key.clip++) {
        avcl_cut cut = avcl__cut_clip(&v, &key, 300);
        assert_int_equal(cut.start, starts[key.clip] + 8);
        avcl_view whole = v;
        whole.frames = 16;
        assert_int_equal(avcl__cut_clip(&whole, &key, 300).start, starts[key.clip]);
        /* Both have their sound from one place. */
        assert_int_equal(avcl__clip_middle(&v, cut.start, 300),
                         avcl__clip_middle(&whole, starts[key.clip], 300));
    }
    assert_int_equal(avcl__cut_clip(&v, &key, 7).start, 3); /* of a short video */
    assert_int_equal(avcl__cut_clip(&v, &key, 1).start, 0);
    v.random = 1;
    for (key.epoch = 0; key.epoch < 500; key.epoch++)
        assert_in_range(avcl__cut_clip(&v, &key, 300).start, 8, 292);
}

/* ---- what it shows ----------------------------------------------------------------- */
static avcl_view sound_view(avcl_sound sound, int32_t random)
{
    avcl_view v = loader_view(random);
    v.sound = sound;
    v.seconds = (double)WINDOW / RATE;
    v.n_clips = 3;
    return v;
}

static void read_one(avcl_dataset *d, const avcl_view *v, int32_t clip, int with_rgb,
                     uint16_t mel[MEL_ROW], avcl_sample *what)
{
    static uint8_t rgb[RGB_ROW];
    avcl_error err = {0};
    *what = (avcl_sample){.rgb = with_rgb ? rgb : NULL, .mel = mel};
    if (avcl_sample_read(d, 0, SEED, 3, v, clip, what, &err)) fail_msg("%s", err.message);
}

/* The picture of these samples, cut in the middle, by other means. */
static void expect_picture(const avcl_view *v, const float *x, int64_t n,
                           const uint16_t *got)
{
    float picture[BANDS * COLUMNS];
    avcl_mel *mel = avcl_mel_new(&v->mel, NULL);
    avcl_status st = v->sound == AVCL_SOUND_WAVE
                         ? avcl_mel_fold(mel, x, n, picture, NULL)
                         : avcl_mel_picture(mel, x, n, picture, NULL);
    assert_int_equal(st, AVCL_OK);
    for (int y = 0; y < MEL; y++)
        for (int c = 0; c < MEL; c++)
            assert_int_equal(
                got[y * MEL + c],
                avcl__half_from_float(picture[(y + (BANDS - MEL) / 2) * COLUMNS + c +
                                              (COLUMNS - MEL) / 2]));
    avcl_mel_free(mel);
}

static void test_sound__shows_what_lies_around_the_clip(void **state)
{
    loader_rig *f = *state;
    for (uint64_t cache_mib = 0; cache_mib < 2; cache_mib++) {
        avcl_dataset *d = loader_open_set(f, "a.mp4,x,train\n", cache_mib);
        avcl_wave wave;
        assert_int_equal(d->source.wave(d->source.arg, d->paths[0], RATE, &wave, NULL),
                         AVCL_OK);
        avcl_view v = sound_view(AVCL_SOUND_WINDOW, 0);
        for (int32_t clip = 0; clip < 3; clip++) {
            uint16_t mel[MEL_ROW];
            uint16_t alone[MEL_ROW];
            avcl_sample what;
            read_one(d, &v, clip, 1, mel, &what);
            /* Frame start + T / 2 is at its number / 25 s; the track ends at 0.5 s. */
            int64_t first = (what.start_frame + T / 2) * RATE / 25 - WINDOW / 2;
            if (first < 0) first = 0;
            if (first > N_WAVE - WINDOW) first = N_WAVE - WINDOW;
            expect_picture(&v, wave.samples + first, WINDOW, mel);
            read_one(d, &v, clip, 0, alone,
                     &what); /* whether pictures are wanted or not */
            assert_memory_equal(mel, alone, sizeof mel);
        }
        d->source.release(&wave);
        avcl_dataset_free(d);
    }
}

static void test_sound__zeros_follow_a_short_track(void **state)
{
    loader_rig *f = *state;
    avcl_dataset *d = loader_open_set(f, "a.mp4,x,train\n", 1);
    avcl_view v = sound_view(AVCL_SOUND_WINDOW, 0);
    v.seconds = 1; /* of 0.5 */
    static float padded[RATE];
    avcl_wave wave;
    avcl_sample what;
    uint16_t mel[MEL_ROW];
    assert_int_equal(d->source.wave(d->source.arg, d->paths[0], RATE, &wave, NULL),
                     AVCL_OK);
    memcpy(padded, wave.samples, N_WAVE * sizeof *padded);
    read_one(d, &v, 2, 1, mel, &what);
    expect_picture(&v, padded, RATE, mel);
    d->source.release(&wave);
    avcl_dataset_free(d);
}

static void test_sound__folds_a_waveform(void **state)
{
    loader_rig *f = *state;
    avcl_dataset *d = loader_open_set(f, "a.mp4,x,train\n", 1);
    avcl_view v = sound_view(AVCL_SOUND_WAVE, 0);
    avcl_wave wave;
    avcl_sample what;
    uint16_t mel[MEL_ROW];
    uint16_t again[MEL_ROW];
    assert_int_equal(d->source.wave(d->source.arg, d->paths[0], RATE, &wave, NULL),
                     AVCL_OK);
    read_one(d, &v, 0, 1, mel, &what);
    expect_picture(&v, wave.samples, wave.n, mel);
    /* Pictures of both kinds are kept side by side. */
    v.sound = AVCL_SOUND_WHOLE;
    read_one(d, &v, 0, 1, again, &what);
    expect_picture(&v, wave.samples, wave.n, again);
    v.sound = AVCL_SOUND_WAVE;
    read_one(d, &v, 1, 1, again, &what);
    assert_memory_equal(mel, again, sizeof mel);
    d->source.release(&wave);
    avcl_dataset_free(d);
}

static void test_sound__is_scaled_before_it_is_cut(void **state)
{
    loader_rig *f = *state;
    enum { WIDE = 20, HIGH = 12 };
    avcl_dataset *d = loader_open_set(f, "a.mp4,x,train\n", 1);
    avcl_view v = sound_view(AVCL_SOUND_WHOLE, 0);
    avcl_sample what;
    uint16_t mel[MEL_ROW];
    v.mel_crop = COLUMNS;
    uint16_t whole[COLUMNS * COLUMNS];
    what = (avcl_sample){.mel = whole};
    assert_int_equal(avcl_sample_read(d, 0, SEED, 3, &v, 0, &what, NULL), AVCL_OK);
    v.mel_crop = MEL;
    v.mel_resize_w = WIDE;
    v.mel_resize_h = HIGH;
    read_one(d, &v, 0, 1, mel, &what);
    float in[BANDS * COLUMNS];
    float wide[BANDS * WIDE];
    float out[HIGH * WIDE];
    for (int i = 0; i < BANDS * COLUMNS; i++)
        in[i] = avcl__half_to_float(whole[i]);
    avcl__mel_resize(in, &(avcl_resize){BANDS, COLUMNS, 1, WIDE}, wide, NULL);
    avcl__mel_resize(wide, &(avcl_resize){1, BANDS, WIDE, HIGH}, out, NULL);
    for (int y = 0; y < MEL; y++)
        for (int x = 0; x < MEL; x++)
            assert_int_equal(mel[y * MEL + x],
                             avcl__half_from_float(out[y * WIDE + x + (WIDE - MEL) / 2]));
    avcl_dataset_free(d);
}

static void test_sound__is_the_same_for_1_2_and_8_workers(void **state)
{
    loader_rig *f = *state;
    enum { BATCHES = 6 };
    for (avcl_sound sound = 0; sound <= AVCL_SOUND_WAVE; sound++) {
        char first[BATCHES][65];
        static const uint32_t workers[] = {1, 2, 8};
        for (int i = 0; i < 3; i++) {
            char hex[BATCHES][65];
            avcl_dataset *d = loader_open_rows(f, 10, (uint64_t)i);
            avcl_loader_options o = loader_options(4);
            o.workers = workers[i];
            o.view = sound_view(sound, 1);
            o.view.mel_resize_w = o.view.mel_resize_h = MEL + 2;
            loader_hash_batches(d, &o, BATCHES, hex);
            if (i)
                assert_memory_equal(first, hex, sizeof hex);
            else
                memcpy(first, hex, sizeof hex);
            avcl_dataset_free(d);
        }
    }
}

static void test_sound__refuses_what_cannot_be(void **state)
{
    (void)state;
    static const struct {
        avcl_view change;
        const char *text;
    } cases[] = {
        {{.sound = 3}, "sound is 3, expected 0 to 2"},
        {{.sound = AVCL_SOUND_WAVE, .mel = {.columns = -1}}, "fixed number of columns"},
        {{.seconds = -1}, "seconds is -1, expected 0 to 3600"},
        {{.mel_resize_w = 64}, "mel_resize_h is 0, expected 1"},
        {{.mel_resize_w = 64, .mel_resize_h = 8}, "mel_crop is 12, expected 0 to 8"},
        {{.span = -1}, "span is -1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        avcl_error err = {0};
        avcl_view v = cases[i].change;
        v.mel_crop = MEL;
        assert_int_equal(avcl__view_check(&v, &err), AVCL_E_INVALID);
        if (!strstr(err.message, cases[i].text)) fail_msg("%s", err.message);
    }
}

/* ---- none ------------------------------------------------------------------------- */
static const char *const some_mute = "mute0.mp4,x,train\na.mp4,x,train\nb.mp4,x,train\n"
                                     "mute1.mp4,y,train\nc.mp4,y,train\nd.mp4,y,train\n";

static void test_sound__training_passes_over_the_mute(void **state)
{
    loader_rig *f = *state;
    avcl_dataset *d = loader_open_set(f, some_mute, 1);
    avcl_loader_options o = loader_options(3);
    o.view.need_sound = 1;
    avcl_loader *l = loader_start(d, &o);
    avcl_loader_stats stats;
    for (int i = 0; i < 8; i++) {
        avcl_batch b = loader_take(l);
        assert_int_equal(b.n, 3);
        for (int k = 0; k < 3; k++) {
            avcl_sample_info info;
            avcl_dataset_get_sample(d, b.sample[k], &info);
            assert_null(strstr(info.rel, "mute"));
            assert_int_equal(b.label[k], info.label);
            assert_true(b.weight[k] > 0);
        }
        avcl_loader_release(l);
    }
    avcl_loader_get_stats(l, &stats);
    assert_true(stats.n_mute >= 8); /* two of six, in every epoch of two batches */
    assert_int_equal(stats.n_bad, 0);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

static void test_sound__evaluation_leaves_the_mute_out(void **state)
{
    loader_rig *f = *state;
    for (int32_t need = 0; need < 2; need++) {
        avcl_dataset *d = loader_open_set(f, some_mute, 1);
        avcl_loader_options o = loader_options(6);
        o.shuffle = o.drop_last = o.replace_bad = 0;
        o.view = loader_view(0);
        o.view.need_sound = need;
        avcl_loader *l = loader_start(d, &o);
        avcl_batch b = loader_take(l);
        assert_int_equal(b.n, need ? 4 : 6);
        for (int k = 0; k < 6; k++) {
            int is_out = need && k % 3 == 0;
            assert_int_equal(b.sample[k], is_out ? -1 : k);
            assert_true(b.weight[k] == (is_out ? 0.0f : 1.0f));
        }
        avcl_loader_release(l);
        avcl_loader_free(l);
        avcl_dataset_free(d);
    }
}

static void test_sound__a_class_without_any_is_an_error(void **state)
{
    loader_rig *f = *state;
    avcl_error err = {0};
    avcl_batch b;
    avcl_dataset *d =
        loader_open_set(f, "mute0.mp4,x,train\nmute1.mp4,x,train\na.mp4,y,train\n", 1);
    avcl_loader_options o = loader_options(3);
    o.view.need_sound = 1;
    avcl_loader *l = loader_start(d, &o);
    assert_int_equal(avcl_loader_next(l, &b, &err), AVCL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "no sample of class 'x'"));
    assert_non_null(strstr(err.message, "none has a sound"));
    avcl_loader_free(l);
    uint16_t mel[MEL_ROW];
    avcl_sample what = {.mel = mel};
    err = (avcl_error){0};
    assert_int_equal(avcl_sample_read(d, 0, SEED, 0, &o.view, 0, &what, &err),
                     AVCL_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "mute0.mp4: it has no sound"));
    avcl_dataset_free(d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, loader_set_up, loader_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound__a_window_lies_around_the_clip),
        cmocka_unit_test(test_sound__windows_of_a_track_are_uniform),
        cmocka_unit_test(test_sound__one_frame_is_the_middle_of_a_clip),
        TEST(test_sound__shows_what_lies_around_the_clip),
        TEST(test_sound__zeros_follow_a_short_track),
        TEST(test_sound__folds_a_waveform),
        TEST(test_sound__is_scaled_before_it_is_cut),
        TEST(test_sound__is_the_same_for_1_2_and_8_workers),
        cmocka_unit_test(test_sound__refuses_what_cannot_be),
        TEST(test_sound__training_passes_over_the_mute),
        TEST(test_sound__evaluation_leaves_the_mute_out),
        TEST(test_sound__a_class_without_any_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
