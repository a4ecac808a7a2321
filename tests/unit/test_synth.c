/*
 * test_synth.c - the synthetic set: what a clip's numbers may depend on, that sound and
 * picture agree in time, and that a directory is whole, repeatable and refused when
 * foreign.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avcl/data.h"
#include "data/synth_files.h"
#include "data/synth_impl.h"

enum { CLASSES = AVCL__SYNTH_CLASSES, RATE = AVCL__SYNTH_RATE };

static const avcl_synth_options tiny = {
    .clips = 6,
    .width = 32,
    .height = 24,
    .fps = 8,
    .seconds = 0.5,
    .difficulty = 1.0,
    .seed = 7,
    .train = 12,
    .val = 3,
    .test = 3,
};
static const avcl_synth_options bare = {
    .width = 76, .height = 56, .fps = 12, .seconds = 2.0};

/* ---- directories --------------------------------------------------------------------
 */
static void shell(const char *fmt, const char *a, const char *b)
{
    char command[512];
    snprintf(command, sizeof command, fmt, a, b);
    assert_int_equal(system(command), 0);
}

static char *fresh(char dir[64])
{
    strcpy(dir, "/tmp/avcl-synth-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static void discard(const char *dir)
{
    shell("rm -rf %s%s", dir, "");
}

static avcl_status generate(const char *dir, const avcl_synth_options *o, avcl_error *err)
{
    int64_t done = -1;
    int64_t total = -1;
    avcl_synth *s = avcl_synth_new(dir, o, err);
    if (!s) return err->code;
    avcl_status status = AVCL_OK;
    while (!status)
        status = avcl_synth_wait(s, 10, &done, &total, err);
    if (status == AVCL_END) assert_int_equal(done, total);
    avcl_synth_free(s);
    return status;
}

static void make(const char *dir, const avcl_synth_options *o)
{
    avcl_error err = {0};
    if (generate(dir, o, &err) != AVCL_END) fail_msg("%s", err.message);
}

static char *slurp(const char *dir, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *data = calloc(1, 1 << 20);
    assert_true(fread(data, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return data;
}

static void test_synth__is_the_same_whatever_the_workers(void **state)
{
    (void)state;
    char a[64];
    char b[64];
    avcl_synth_options o = tiny;
    o.workers = 1;
    make(fresh(a), &o);
    o.workers = 5;
    make(fresh(b), &o);
    shell("diff -r %s %s", a, b);
    discard(b);
    make(fresh(b), &o);
    shell("diff -r %s %s", a, b);
    discard(b);
    o.seed++;
    make(fresh(b), &o);
    shell("! cmp -s %s/val/000000.mp4 %s/val/000000.mp4", a, b);
    discard(a);
    discard(b);
}

/* Stopped at any point, with leaves of a dead writer about, it ends as if never stopped.
 */
static void test_synth__resumes(void **state)
{
    (void)state;
    char a[64];
    char b[64];
    make(fresh(a), &tiny);
    avcl_synth *s = avcl_synth_new(fresh(b), &tiny, NULL);
    assert_non_null(s);
    avcl_synth_free(s);
    make(b, &tiny);
    shell("diff -r %s %s", a, b);
    shell("cd %s && rm train/000003.mp4 && : > val/000001.mp4 && "
          ": > val/000000.mp4.4194303-7f.tmp && : > .keep%s",
          b, "");
    make(b, &tiny);
    shell("rm %s/.keep%s", b, "");
    shell("diff -r %s %s", a, b);
    discard(a);
    discard(b);
}

static void refuse(const char *dir, const avcl_synth_options *o, const char *was,
                   const char *is)
{
    avcl_error err = {0};
    assert_null(avcl_synth_new(dir, o, &err));
    assert_int_equal(err.code, AVCL_E_EXISTS);
    assert_non_null(strstr(err.message, was));
    assert_non_null(strstr(err.message, is));
}

static void test_synth__refuses_a_directory_of_other_options(void **state)
{
    (void)state;
    char dir[64];
    avcl_synth_options o = tiny;
    make(fresh(dir), &tiny);
    o.difficulty = 0.3;
    refuse(dir, &o, "'difficulty: 1'", "'difficulty: 0.3'");
    o = tiny;
    o.train = 24;
    refuse(dir, &o, "'train: 12'", "'train: 24'");
    o = tiny;
    o.workers = 2; /* how, not what */
    make(dir, &o);
    /* A set only begun is bound too. */
    shell("cd %s && mv synth.yaml synth.partial.yaml%s", dir, "");
    o.seed = 8;
    refuse(dir, &o, "'seed: 7'", "'seed: 8'");
    shell("rm %s/synth.partial.yaml%s", dir, "");
    refuse(dir, &tiny, "manifest.csv", "did not make");
    discard(dir);
}

static void refuse_options(avcl_synth_options o, const char *word)
{
    avcl_error err = {0};
    assert_null(avcl_synth_new("/nonexistent/never", &o, &err));
    assert_int_equal(err.code, AVCL_E_INVALID);
    assert_non_null(strstr(err.message, word));
}

static void test_synth__refuses_bad_options(void **state)
{
    (void)state;
    avcl_synth_options o = tiny;
    o.train = 13;
    refuse_options(o, "train 13");
    o = tiny;
    o.width = 33;
    refuse_options(o, "width 33");
    o = tiny;
    o.difficulty = 1.6;
    refuse_options(o, "difficulty 1.6");
    o.difficulty = (double)NAN;
    refuse_options(o, "difficulty");
    o = tiny;
    o.clips = -2;
    refuse_options(o, "clips -2");
    o = tiny;
    o.clips = o.train = o.val = o.test = -1;
    refuse_options(o, "no split");
}

static void test_synth__says_what_the_system_refused(void **state)
{
    (void)state;
    avcl_error err = {0};
    assert_int_equal(generate("/proc/synth", &tiny, &err), AVCL_E_IO);
    assert_non_null(strstr(err.message, "/proc/synth"));
}

/* A worker that cannot rename (a folder has the clip's name; empty, so not taken for a
 * clip): wait names the clip, again when asked again, and no synth.yaml says the set is
 * whole. */
static void test_synth__reports_a_workers_failure(void **state)
{
    (void)state;
    char dir[64];
    int64_t done = -1;
    avcl_error err = {0};
    shell("mkdir -p %s/test/000001.mp4%s", fresh(dir), "");
    avcl_synth *s = avcl_synth_new(dir, &tiny, &err);
    assert_non_null(s);
    while (!avcl_synth_wait(s, 10, NULL, NULL, &err))
        continue;
    assert_int_equal(err.code, AVCL_E_IO);
    assert_non_null(strstr(err.message, "/test/000001.mp4: Is a directory"));
    assert_int_equal(avcl_synth_wait(s, 10, &done, NULL, NULL), AVCL_E_IO);
    assert_int_equal(done, -1);
    avcl_synth_free(s);
    shell("test ! -e %s/synth.yaml%s", dir, "");
    discard(dir);
}

/* ---- the manifest
 * ---------------------------------------------------------------------- */
static void test_synth__publishes_balanced_splits(void **state)
{
    (void)state;
    char dir[64];
    avcl_synth_options o = tiny;
    o.seconds = 0.25;
    o.fps = 4;
    o.train = 72;
    make(fresh(dir), &o);
    char *text = slurp(dir, "manifest.csv");
    int train[CLASSES] = {0};
    int few[CLASSES] = {0};
    int n_unlab = 0;
    assert_memory_equal(text, "path,label,split\n", 17);
    for (char *line = strtok(text + 17, "\n"); line; line = strtok(NULL, "\n")) {
        char path[64];
        char label[32] = "";
        char split[32] = "";
        int fields = sscanf(line, "%63[^,],%31[^,],%31s", path, label, split);
        if (fields == 1) {
            assert_non_null(strstr(line, ",,unlab"));
            n_unlab++;
            continue;
        }
        int i = 0;
        while (i < CLASSES && strcmp(label, avcl__synth_classes[i].name))
            i++;
        assert_in_range(i, 0, CLASSES - 1);
        train[i] += !strcmp(split, "train");
        if (!strcmp(split, "few5")) {
            few[i]++;
            assert_memory_equal(path, "train/", 6);
        }
        assert_string_not_equal(split, "few15"); /* train has six a class */
    }
    assert_int_equal(n_unlab, o.clips);
    for (int i = 0; i < CLASSES; i++) {
        assert_int_equal(train[i], 6);
        assert_int_equal(few[i], 5);
    }
    free(text);
    text = slurp(dir, "synth.yaml");
    assert_memory_equal(text, "generator: avcl-synth-", 22);
    free(text);
    discard(dir);
}

static void test_synth__resolves_defaults(void **state)
{
    (void)state;
    avcl_synth_options o = {.clips = 3};
    assert_int_equal(avcl__synth_resolve(&o, &o, NULL), AVCL_OK);
    assert_int_equal(o.width, 76);
    assert_int_equal(o.height, 56);
    assert_int_equal(o.fps, 12);
    assert_true(o.seconds == 2.0 && o.difficulty == 0);
    assert_int_equal(o.train, 180);
    assert_int_equal(o.val, 60);
    assert_int_equal(o.test, 600);
}

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
            seen |= 1u << avcl__synth_label(3, "train", block * CLASSES + i);
        assert_int_equal(seen, (1u << CLASSES) - 1);
        first[avcl__synth_label(3, "train", block * CLASSES)]++;
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
        cmocka_unit_test(test_synth__is_the_same_whatever_the_workers),
        cmocka_unit_test(test_synth__resumes),
        cmocka_unit_test(test_synth__refuses_a_directory_of_other_options),
        cmocka_unit_test(test_synth__refuses_bad_options),
        cmocka_unit_test(test_synth__says_what_the_system_refused),
        cmocka_unit_test(test_synth__reports_a_workers_failure),
        cmocka_unit_test(test_synth__publishes_balanced_splits),
        cmocka_unit_test(test_synth__resolves_defaults),
        cmocka_unit_test(test_synth_label__is_balanced_and_shuffled),
        cmocka_unit_test(test_synth_draw__has_one_law_for_all_classes),
        cmocka_unit_test(test_synth__look_and_sound_do_not_touch),
        cmocka_unit_test(test_synth__is_heard_when_it_is_seen),
        cmocka_unit_test(test_synth_look__pairs_are_time_reversals),
        cmocka_unit_test(test_synth_look__moves_as_named),
        cmocka_unit_test(test_synth_voice__is_levelled),
        cmocka_unit_test(test_synth_noise__has_unit_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
