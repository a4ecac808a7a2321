/*
 * test_synth_clip.c - what a synthetic clip shows and sounds like, before it is a file:
 * one law for all classes, and classes that differ only as named.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/synth_impl.h"

enum { CLASSES = AVCL__SYNTH_CLASSES, RATE = AVCL__SYNTH_RATE };

static const avcl_synth_options bare = {
    .width = 76, .height = 56, .fps = 12, .seconds = 2.0};

/* ---- what depends on what
 * ---------------------------------------------------------------- */
/* Every class is seen equally in each run of twelve, in an order that says nothing. */
static void test_synth_label__is_balanced_and_shuffled(void **state)
{
    (void)state;
    int first[CLASSES] = {0};
    for (int64_t block = 0; block < 600; block++) {
        unsigned seen = 0;
        for (int64_t i = 0; i < CLASSES; i++)
            seen |= 1u << avcl__synth_label(3, "train", block * CLASSES + i, CLASSES);
        assert_int_equal(seen, (1u << CLASSES) - 1);
        first[avcl__synth_label(3, "train", block * CLASSES, CLASSES)]++;
    }
    /* Binomial(600, 1/12): mean 50, s.d. 6.8; five of them. */
    for (int i = 0; i < CLASSES; i++)
        assert_in_range(first[i], 16, 84);
}

enum { N_LAWS = 12 };

static void measure(const avcl_synth_clip *c, double x[N_LAWS])
{
    const avcl_synth_scene *s = &c->scene;
    x[0] = (double)c->voice.event.period;
    x[1] = (double)c->voice.event.phase;
    x[2] = (double)c->voice.event.size;
    x[3] = log((double)c->voice.event.pitch);
    x[4] = (double)c->voice.decay;
    x[5] = (double)c->air.gain;
    x[6] = (double)c->air.noise;
    x[7] = (double)(s->back[0] + s->back[1] + s->back[2]);
    x[8] = (double)(s->paint[0][0] + s->paint[0][1] + s->paint[0][2]);
    x[9] = (double)s->sensor;
    x[10] = (double)s->x;
    x[11] = (double)s->offset;
}

/* Every parameter has the same mean and spread in every class, hence for every look given
 * a sound and every sound given a look. */
static void test_synth_draw__has_one_law_for_all_classes(void **state)
{
    (void)state;
    enum { N = 24000 };
    const double sigmas = 4.5; /* 12 classes x 12 laws x 2 moments: P(any) about 0.002 */
    static double sum[CLASSES + 1][N_LAWS][3];
    avcl_synth_options o = bare;
    o.difficulty = 1.0;
    for (int64_t i = 0; i < N; i++) {
        avcl_synth_clip c;
        double x[N_LAWS];
        avcl__synth_draw(&o, "train", i, &c);
        measure(&c, x);
        for (int k = 0; k < N_LAWS; k++)
            for (int p = 0; p < 3; p++) {
                double y = p == 0 ? x[k] : p == 1 ? x[k] * x[k] : pow(x[k], 4);
                sum[c.label][k][p] += y / (N / CLASSES);
                sum[CLASSES][k][p] += y / N;
            }
    }
    for (int k = 0; k < N_LAWS; k++) {
        const double *all = sum[CLASSES][k];
        double of_mean = sqrt((all[1] - all[0] * all[0]) / (N / CLASSES));
        double of_square = sqrt((all[2] - all[1] * all[1]) / (N / CLASSES));
        for (int c = 0; c < CLASSES; c++) {
            assert_true(fabs(sum[c][k][0] - all[0]) < sigmas * of_mean);
            assert_true(fabs(sum[c][k][1] - all[1]) < sigmas * of_square);
        }
    }
}

/* Sound is a function of the sound's type, not of the look: exact. And the other way
 * round. */
static void test_synth__look_and_sound_do_not_touch(void **state)
{
    (void)state;
    enum { N = 4800 };
    static float a[N], b[N], scratch[2 * N];
    static uint8_t p[76 * 56 * 3], q[76 * 56 * 3];
    avcl_synth_options o = bare;
    avcl_synth_clip c;
    o.difficulty = 1.0;
    float *work = malloc(sizeof(float) * (size_t)avcl__synth_picture_scratch(76, 56));
    avcl__synth_draw(&o, "train", 5, &c);
    avcl__synth_sound(&c, scratch, a, N);
    c.scene.look = (c.scene.look + 1) % AVCL__LOOKS;
    avcl__synth_sound(&c, scratch, b, N);
    assert_memory_equal(a, b, sizeof a);
    avcl__synth_picture(&c.scene, &o, 3, work, p);
    c.voice.sound = (c.voice.sound + 1) % AVCL__SOUNDS;
    avcl__synth_picture(&c.scene, &o, 3, work, q);
    assert_memory_equal(p, q, sizeof p);
    free(work);
}

/* ---- time
 * ---------------------------------------------------------------------------------- */
/* A strike is heard within 1 ms of its time, and the hammer's head is down then. */
static void test_synth__is_heard_when_it_is_seen(void **state)
{
    (void)state;
    enum { N = 2 * RATE, QUIET = RATE / 100 };
    static float noise[N], wave[N];
    int n_checked = 0;
    for (int64_t i = 0; i < 40; i++) {
        avcl_synth_clip c;
        avcl__synth_draw(&bare, "train", i, &c);
        c.scene.look = AVCL__LOOK_HAMMER;
        c.voice.sound = AVCL__SOUND_WOOD;
        avcl__synth_voice(&c.voice, noise, wave, N);
        double at = (1.0 + (double)c.voice.event.phase) * (double)c.voice.event.period;
        int64_t onset = (int64_t)(at * RATE) - QUIET;
        float loud = 0;
        for (int64_t j = onset; j < onset + 2 * QUIET; j++)
            loud = fmaxf(loud, fabsf(wave[j]));
        while (fabsf(wave[onset]) < 0.1f * loud)
            onset++;
        assert_true(fabs((double)onset / RATE - at) < 1e-3);
        /* The head is the last shape; y grows downwards. */
        avcl_synth_shape now[AVCL__SYNTH_SHAPES], then[AVCL__SYNTH_SHAPES];
        int n = avcl__synth_look(&c.scene, at, now);
        for (double t = at + 0.05; t < at + (double)c.voice.event.period - 0.05;
             t += 0.01) {
            avcl__synth_look(&c.scene, t, then);
            assert_true(then[n - 1].y < now[n - 1].y);
        }
        n_checked++;
    }
    assert_int_equal(n_checked, 40);
}

/* Out and in, rise and fall: one runs through the other's pictures backwards about an
 * event, so that with the start drawn evenly their stills are alike, the sound heard or
 * not. */
static void reverse(enum avcl_synth_look forth, enum avcl_synth_look back)
{
    const double tolerance = 2e-5; /* float turns over a few periods */
    for (int64_t i = 0; i < 20; i++) {
        avcl_synth_clip c;
        avcl_synth_shape a[AVCL__SYNTH_SHAPES], b[AVCL__SYNTH_SHAPES];
        avcl__synth_draw(&bare, "test", i, &c);
        double at = (double)(c.scene.event.phase * c.scene.event.period);
        for (double t = 0.013; t < 1.0; t += 0.1) {
            c.scene.look = forth;
            int n = avcl__synth_look(&c.scene, at + t, a);
            c.scene.look = back;
            assert_int_equal(avcl__synth_look(&c.scene, at - t, b), n);
            for (int k = 0; k < n; k++) {
                assert_true(fabs((double)(a[k].x - b[k].x)) < tolerance);
                assert_true(fabs((double)(a[k].y - b[k].y)) < tolerance);
                assert_true(fabs((double)(a[k].r - b[k].r)) < tolerance);
                assert_true(fabs((double)(a[k].y2 - b[k].y2)) < tolerance);
                assert_true(fabs((double)(a[k].turn - b[k].turn)) < tolerance);
            }
        }
    }
}

static void test_synth_look__pairs_are_time_reversals(void **state)
{
    (void)state;
    reverse(AVCL__LOOK_RINGS_OUT, AVCL__LOOK_RINGS_IN);
    reverse(AVCL__LOOK_RISE, AVCL__LOOK_FALL);
    reverse(AVCL__LOOK_WAVE_UP, AVCL__LOOK_WAVE_DOWN);
}

/* Rings out do go out, and discs that rise go up (wraps aside, which are one in many). */
static void test_synth_look__moves_as_named(void **state)
{
    (void)state;
    avcl_synth_clip c;
    avcl_synth_shape a[AVCL__SYNTH_SHAPES], b[AVCL__SYNTH_SHAPES];
    int up = 0;
    int out = 0;
    for (int64_t i = 0; i < 50; i++) {
        avcl__synth_draw(&bare, "test", i, &c);
        c.scene.look = AVCL__LOOK_RISE;
        avcl__synth_look(&c.scene, 0.5, a);
        avcl__synth_look(&c.scene, 0.52, b);
        up += b[0].y < a[0].y;
        c.scene.look = AVCL__LOOK_RINGS_OUT;
        avcl__synth_look(&c.scene, 0.5, a);
        avcl__synth_look(&c.scene, 0.52, b);
        out += b[0].turn > a[0].turn;
    }
    assert_true(up > 40);
    assert_true(out > 40);
}

/* Without nuisances: what the mask says is nothing is the background, what it says is
 * something is not, what rests stays and what moves does not. */
static void test_synth_mask__says_where_the_object_is(void **state)
{
    (void)state;
    enum { W = 76, H = 56, FRAMES = 24 };
    static float scratch[6 * W * H + 2 * W];
    static uint8_t rgb[W * H * 3], mask[FRAMES][W * H];
    avcl_synth_options o = bare;
    o.classes = AVCL__SYNTH_MORE;
    for (int64_t i = 0; i < AVCL__SYNTH_MORE; i++) {
        avcl_synth_clip c;
        avcl__synth_draw(&o, "test", i, &c);
        if (c.scene.look == AVCL__LOOK_BLINK)
            continue; /* its pupil shows the background */
        double off[2] = {0};
        int n[2] = {0};
        int moved = 0;
        for (int f = 0; f < FRAMES; f++) {
            avcl__synth_mask(&c.scene, &o, f, scratch, mask[f]);
            avcl__synth_picture(&c.scene, &o, f, scratch, rgb);
            for (int k = 0; k < W * H; k++) {
                assert_int_not_equal(mask[f][k], AVCL__MASK_STRAY);
                int there = mask[f][k] != AVCL__MASK_BACK;
                n[there]++;
                for (int j = 0; j < 3; j++)
                    off[there] += fabs(rgb[3 * k + j] - 255.0 * (double)c.scene.back[j]);
                int was = f ? mask[f - 1][k] : mask[f][k];
                moved += was == AVCL__MASK_MOVES && mask[f][k] != AVCL__MASK_MOVES;
                if (was == AVCL__MASK_REST)
                    assert_int_not_equal(mask[f][k], AVCL__MASK_BACK);
            }
        }
        assert_true(n[1] > FRAMES * 20 && moved > 0);
        assert_true(off[1] / n[1] > 8 * off[0] / n[0]); /* edges are shared */
    }
}

static void test_synth_mask__tells_strays(void **state)
{
    (void)state;
    enum { W = 76, H = 56 };
    static float scratch[6 * W * H + 2 * W];
    static uint8_t mask[W * H];
    avcl_synth_options o = bare;
    int with = 0;
    int drawn = 0;
    o.difficulty = 1.5;
    for (int64_t i = 0; i < 40; i++) {
        avcl_synth_clip c;
        avcl__synth_draw(&o, "test", i, &c);
        avcl__synth_mask(&c.scene, &o, 12, scratch, mask);
        drawn += c.scene.strays[0].radius > 0 || c.scene.strays[1].radius > 0;
        with += memchr(mask, AVCL__MASK_STRAY, sizeof mask) != NULL;
    }
    assert_true(drawn > 20 && with > drawn / 2 &&
                with <= drawn); /* some hide, some are out */
}

/* Every sound is finite, not silent, and leaves room for the gain. */
static void test_synth_voice__is_levelled(void **state)
{
    (void)state;
    enum { N = 2 * RATE };
    static float noise[N], wave[N];
    for (int64_t i = 0; i < 25; i++) {
        avcl_synth_clip c;
        avcl__synth_draw(&bare, "val", i, &c);
        c.voice.sound = (enum avcl_synth_sound)(i % AVCL__SOUNDS);
        avcl__synth_voice(&c.voice, noise, wave, N);
        double sum = 0;
        float peak = 0;
        for (int j = 0; j < N; j++) {
            assert_true(isfinite(wave[j]));
            sum += (double)wave[j] * (double)wave[j];
            peak = fmaxf(peak, fabsf(wave[j]));
        }
        assert_true(sqrt(sum / N) > 0.01 && sqrt(sum / N) < 0.0801);
        assert_true(peak < 0.5f);
    }
}

/* Gaussian enough: mean 0, variance 1; no two purposes alike. */
static void test_synth_noise__has_unit_variance(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    static float x[N], y[N];
    avcl_synth_draws d = {1, 2, AVCL__FOR_AIR_NOISE, 0};
    avcl__synth_noise(&d, x, N);
    d.purpose = AVCL__FOR_SOUND_NOISE;
    avcl__synth_noise(&d, y, N);
    double mean = 0, square = 0, cross = 0;
    for (int i = 0; i < N; i++) {
        mean += (double)x[i] / N;
        square += (double)x[i] * (double)x[i] / N;
        cross += (double)x[i] * (double)y[i] / N;
    }
    /* Standard errors: 0.004 for mean and cross, 0.0047 for the square; five of them. */
    assert_true(fabs(mean) < 0.02 && fabs(square - 1) < 0.024 && fabs(cross) < 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synth_label__is_balanced_and_shuffled),
        cmocka_unit_test(test_synth_draw__has_one_law_for_all_classes),
        cmocka_unit_test(test_synth__look_and_sound_do_not_touch),
        cmocka_unit_test(test_synth__is_heard_when_it_is_seen),
        cmocka_unit_test(test_synth_look__pairs_are_time_reversals),
        cmocka_unit_test(test_synth_look__moves_as_named),
        cmocka_unit_test(test_synth_mask__says_where_the_object_is),
        cmocka_unit_test(test_synth_mask__tells_strays),
        cmocka_unit_test(test_synth_voice__is_levelled),
        cmocka_unit_test(test_synth_noise__has_unit_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
