/*
 * test_synth.c - the synthetic set as files: a directory is whole, balanced, repeatable
 * and refused when foreign.
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

enum { CLASSES = AVCL__SYNTH_CLASSES };

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

static int n_lines_with(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

/* The variants are the test's clips: same label, and what they say they lack. */
static void test_synth__has_variants_of_the_test(void **state)
{
    (void)state;
    char dir[64];
    char path[128];
    avcl_synth_options o = tiny;
    avcl_media_info plain;
    avcl_media_info other;
    o.classes = 24;
    o.train = 24;
    o.shift = o.silent = o.black = 3;
    o.masks = 1;
    make(fresh(dir), &o);
    char *text = slurp(dir, "manifest.csv");
    for (int i = 0; i < 3; i++) {
        char wanted[128];
        char name[32];
        snprintf(wanted, sizeof wanted, "test/%06d.mp4,", i);
        const char *label = strstr(text, wanted) + strlen(wanted);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(label, ","), label);
        snprintf(wanted, sizeof wanted, "/%06d.mp4,%s,", i, name);
        assert_int_equal(n_lines_with(text, wanted) >= 4, 1);
        snprintf(path, sizeof path, "%s/silent/%06d.mp4", dir, i);
        assert_int_equal(avcl_media_probe(path, &other, NULL), AVCL_OK);
        assert_false(other.has_audio);
        snprintf(path, sizeof path, "%s/shift/%06d.mp4", dir, i);
        assert_int_equal(avcl_media_probe(path, &other, NULL), AVCL_OK);
        assert_true(other.fps == 15 || other.fps == 30);
        assert_int_equal(other.sample_rate, 44100);
        assert_int_equal(other.channels, 2);
        snprintf(path, sizeof path, "%s/test/%06d.mp4", dir, i);
        assert_int_equal(avcl_media_probe(path, &plain, NULL), AVCL_OK);
        assert_true(fabs(plain.video_s - other.video_s) < 0.07); /* a frame of 15 fps */
    }
    free(text);
    shell("cmp -s %s/test/000000.mp4 %s/silent/000000.mp4; test $? = 1", dir, dir);
    shell("test $(ls %s/masks/test/*.png | wc -l) = 3 && test ! -e %s/masks/black", dir,
          dir);
    snprintf(path, sizeof path, "%s/black/000000.mp4", dir);
    avcl_video *v = avcl_video_open(path, NULL, NULL);
    uint8_t rgb[24 * 32 * 3];
    assert_non_null(v);
    assert_int_equal(avcl_video_read(v, 2, 1, 32, 24, rgb, NULL, NULL), AVCL_OK);
    for (size_t i = 0; i < sizeof rgb; i++)
        assert_in_range(rgb[i], 0, 2);
    avcl_video_free(v);
    discard(dir);
    avcl_error err = {0};
    o.silent = o.test + 1;
    assert_null(avcl_synth_new(dir, &o, &err));
    assert_non_null(strstr(err.message, "silent"));
    o.silent = 0;
    o.classes = 13;
    err = (avcl_error){0};
    assert_null(avcl_synth_new(dir, &o, &err));
    assert_non_null(strstr(err.message, "13"));
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
        cmocka_unit_test(test_synth__has_variants_of_the_test),
        cmocka_unit_test(test_synth__resolves_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
