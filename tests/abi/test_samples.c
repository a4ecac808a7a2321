/*
 * test_samples.c - data sets and transforms of plugins: what is read is what they hold,
 * whoever asks, and what they do wrong is said in a sentence.
 *
 * The templates and an example, changed by a sed line each.
 */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/plugged.h"
#include "base/call.h"
#include "data/dataset_impl.h"
#include "data/draw.h"
#include "data/transform_impl.h"
#include "plugin_fixture.h"

#define DATASET   "plugins/template/dataset.c"
#define TRANSFORM "plugins/template/transform.c"
#define CUTOUT    "plugins/cutout/cutout.c"
/* A plugin that gives up still owns what it took: the leak would be its own. */
#define GIVE_UP "free(s->names); free(s); "

/* A resampled sine keeps its power, but for the ends of the filter. */
static const double power_tolerance = 0.02;
/* Of 400 draws at p = 0.5: five standard deviations. */
enum { N_DRAWS = 400, DRAWS_MARGIN = 50 };

/* dir/NAME.avcl.so of a changed file. */
static void compile(const plugin_fixture *f, const char *source, const char *sed,
                    const char *name)
{
    char command[6 * PATH];
    const char *root = getenv("AVCL_SOURCE_DIR");
    int n = snprintf(command, sizeof command,
                     "cd '%s' && sed '%s' '%s/%s' >%s.c && cc -w -O1 -shared -fPIC "
                     "-fvisibility=hidden -I'%s/core/include' %s.c -o %s.avcl.so -lm",
                     f->dir, sed, root, source, name, root, name, name);
    assert_true(n > 0 && (size_t)n < sizeof command);
    if (system(command)) fail_msg("%s", command);
}

/* In place of what was there: a new file, because what is loaded stays loaded. */
static void compile_anew(plugin_fixture *f, const char *source, const char *sed)
{
    static int n;
    char name[32];
    char command[2 * PATH];
    avcl_host_free(f->host);
    f->host = NULL;
    snprintf(command, sizeof command, "rm -f '%s'/*.avcl.so", f->dir);
    assert_int_equal(system(command), 0);
    snprintf(name, sizeof name, "tiny%d", n++);
    compile(f, source, sed, name);
}

static avcl_dataset *open_with(plugin_fixture *f, const avcl_attr *params, uint32_t n,
                               avcl_error *err)
{
    avcl_plugged_dataset where = {.module = "tiny", .params = params, .n_params = n};
    return avcl_dataset_open_plugin(f->host ? f->host : plugin_host(f), &where, NULL,
                                    err);
}

static avcl_dataset *open_tiny(plugin_fixture *f)
{
    avcl_error err = {0};
    avcl_dataset *d = open_with(f, NULL, 0, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

/* The template's own formula: red, green or blue of (y, x) of frame t of row `index`. */
static uint8_t square(int64_t index, int64_t t, int64_t y, int64_t x, int c)
{
    int64_t step = index % 2 ? 1 : -1;
    int64_t left = ((index * 7 + t * step) % 32 + 32) % 32;
    int64_t top = index * 5 % 24;
    int inside = y >= top && y < top + 8 && (x - left + 32) % 32 < 8;
    return inside && c == (int)(index % 3) ? 224 : 32;
}

/* ---- data sets --------------------------------------------------------------------- */
static void test_plugged__has_rows_splits_and_classes(void **state)
{
    plugin_fixture *f = *state;
    avcl_sample_info info;
    int64_t n = 0;
    compile(f, DATASET, "", "tiny");
    avcl_dataset *d = open_tiny(f);
    assert_int_equal(avcl_dataset_count(d), 64);
    assert_int_equal(avcl_dataset_split_count(d, "val", &n, NULL), AVCL_OK);
    assert_int_equal(n, 16);
    assert_int_equal(avcl_dataset_n_classes(d), 2);
    assert_string_equal(avcl_dataset_class_name(d, 0), "left");
    assert_true(avcl_dataset_is_synthetic(d));
    assert_int_equal(avcl_dataset_get_sample(d, 17, &info), AVCL_OK);
    assert_string_equal(info.rel, "000017");
    assert_int_equal(info.label, 1);
    assert_int_equal(avcl_dataset_get_sample(d, 3, &info), AVCL_OK);
    assert_int_equal(info.label, -1); /* unlab */
    avcl_dataset_free(d);
}

/* Every pixel of a centre crop, and the padding behind the last frame. */
static void test_plugged__pixels_are_the_plugins(void **state)
{
    plugin_fixture *f = *state;
    enum { T = 30, S = 16 };
    static uint8_t rgb[3 * T * S * S];
    avcl_error err = {0};
    compile(f, DATASET, "", "tiny");
    avcl_dataset *d = open_tiny(f);
    avcl_view view = {.frames = T, .resize_w = 32, .resize_h = 32, .crop = S};
    for (int64_t row = 0; row < 64; row += 21) {
        avcl_sample s = {.rgb = rgb};
        if (avcl_sample_read(d, row, 1, 0, &view, 0, &s, &err))
            fail_msg("%s", err.message);
        assert_int_equal(s.n_padded, 6);
        for (int64_t i = 0; i < (int64_t)sizeof rgb; i++) {
            int64_t x = i % S;
            int64_t y = i / S % S;
            int64_t t = i / (S * S) % T;
            int c = (int)(i / (S * S * T));
            assert_int_equal(rgb[i], square(row, t < 24 ? t : 23, y + 8, x + 8, c));
        }
    }
    avcl_dataset_free(d);
}

static void test_plugged__counts_frames_at_another_rate(void **state)
{
    plugin_fixture *f = *state;
    enum { T = 12, S = 32 };
    static uint8_t rgb[3 * T * S * S];
    compile(f, DATASET, "", "tiny");
    avcl_dataset *d = open_tiny(f);
    avcl_view view = {.frames = T, .resize_w = 32, .resize_h = 32, .crop = S, .fps = 6};
    avcl_sample s = {.rgb = rgb};
    assert_int_equal(avcl_sample_read(d, 5, 1, 0, &view, 0, &s, NULL), AVCL_OK);
    assert_int_equal(s.n_padded, 0); /* 24 frames of 12 a second are 12 of 6 */
    for (int64_t i = 0; i < (int64_t)sizeof rgb; i++)
        assert_int_equal(rgb[i], square(5, 2 * (i / (S * S) % T), i / S % S, i % S,
                                        (int)(i / (S * S * T))));
    avcl_dataset_free(d);
}

static void test_plugged__sound_is_resampled(void **state)
{
    plugin_fixture *f = *state;
    static const int32_t rates[] = {16000, 8000, 24000, 44100};
    avcl_error err = {0};
    compile(f, DATASET, "", "tiny");
    avcl_dataset *d = open_tiny(f);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        avcl_wave wave = {0};
        double power = 0;
        if (d->source.wave(d->source.arg, "000004", rates[i], &wave, &err))
            fail_msg("%s", err.message);
        assert_int_equal(wave.n, 2 * rates[i]); /* the video's two seconds */
        for (int64_t k = 0; k < wave.n; k++)
            power += (double)wave.samples[k] * wave.samples[k] / (double)wave.n;
        assert_true(fabs(power - 0.125) < power_tolerance * 0.125);
        avcl_wave_release(&wave);
    }
    avcl_dataset_free(d);
}

static void test_plugged__identity_is_module_numerics_and_parameters(void **state)
{
    plugin_fixture *f = *state;
    char hex[4][65];
    avcl_attr params[] = {{"side", {.type = AVCL_INT, .count = 1, .i = 40}}};
    compile(f, DATASET, "", "tiny");
    for (int i = 0; i < 4; i++) {
        if (i == 3) compile_anew(f, DATASET, "s/numerics = 1/numerics = 2/");
        avcl_dataset *d = open_with(f, params, i == 2, NULL);
        assert_non_null(d);
        assert_int_equal(avcl_dataset_hash(d, hex[i], NULL), AVCL_OK);
        avcl_dataset_free(d);
    }
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    assert_string_not_equal(hex[0], hex[3]);
}

static void expect_open_error(plugin_fixture *f, const char *sed, const char *text)
{
    avcl_error err = {0};
    compile_anew(f, DATASET, sed);
    assert_null(open_with(f, NULL, 0, &err));
    if (!strstr(err.message, text))
        fail_msg("'%s', wanted '%s' (%s)", err.message, text, sed);
}

static void test_plugged__bad_rows_are_refused(void **state)
{
    plugin_fixture *f = *state;
    expect_open_error(f, "s/out->name = s->names\\[index\\];//", "row 0 has no name");
    expect_open_error(f, "s/out->name = s->names\\[index\\];/out->name = \"x\";/",
                      "duplicate path 'x' in split 'unlab'");
    expect_open_error(f, "s/out->name = s->names\\[index\\];/out->name = \"a\\\\nb\";/",
                      "control characters");
    expect_open_error(f, "s/index >= count(self)) return/index >= 9) return/",
                      "row 9 of 64 is its end");
    expect_open_error(f, "s/return N_SPLITS \\* s->params->clips;/return 0;/",
                      "it has 0 rows");
    expect_open_error(f, "s/\\*self = s;/" GIVE_UP "/", "it opens and gives nothing");
    expect_open_error(f, "s/\\*self = s;/" GIVE_UP "return AVCL_E_IO;/",
                      "org.example.tiny/tiny: its open failed (io) and gave no reason");
    expect_open_error(f,
                      "s/\\*self = s;/" GIVE_UP
                      "return r->host->report(r->call, AVCL_E_IO, "
                      "\"no disk\");/",
                      "org.example.tiny/tiny: no disk");
    expect_open_error(f,
                      "s/\\*self = s;/" GIVE_UP
                      "double x; return r->host->random_fill(r->call, "
                      "0, 1, \\&x);/",
                      "no random numbers in this call");
}

static void expect_read_error(plugin_fixture *f, const char *sed, const char *text)
{
    enum { S = 16 };
    static uint8_t rgb[3 * 4 * S * S];
    static uint16_t mel[S * S];
    avcl_error err = {0};
    compile_anew(f, DATASET, sed);
    avcl_dataset *d = open_tiny(f);
    avcl_view view = {
        .frames = 4, .resize_w = 20, .resize_h = 20, .crop = S, .mel_crop = S};
    view.mel = (avcl_mel_options){
        .rate = 8000, .window = 160, .hop = 160, .n_fft = 512, .bands = S, .columns = S};
    avcl_sample s = {.rgb = rgb, .mel = mel};
    assert_true(avcl_sample_read(d, 1, 1, 0, &view, 0, &s, &err) < 0);
    if (!strstr(err.message, text))
        fail_msg("'%s', wanted '%s' (%s)", err.message, text, sed);
    avcl_dataset_free(d);
}

static void test_plugged__bad_clips_are_refused(void **state)
{
    plugin_fixture *f = *state;
    expect_read_error(f, "s/out->n_frames = FRAMES;/out->n_frames = -3;/",
                      "000001: org.example.tiny/tiny: -3 frames of 32x32 at 12 fps");
    expect_read_error(f, "s/out->fps = FPS;/out->fps = 0;/", "at 0 fps");
    expect_read_error(f, "s/out->width = .*/out->width = 1 << 30;/", "1073741824x32");
    expect_read_error(f, "s/out->rate = RATE;/out->rate = -1;/",
                      "samples of sound at -1");
    expect_read_error(f, "s/wave\\[i\\] = .*/wave[i] = i == 7 ? 1e38f * 1e38f : 0;/",
                      "sample 7 of its sound is inf");
    expect_read_error(f, "s/^    memset(rgb, .*/return AVCL_END;/",
                      "its frames end before");
}

/* ---- transforms -------------------------------------------------------------------- */
static avcl_attr number(const char *name, double value)
{
    return (avcl_attr){name, {.type = AVCL_FLOAT, .count = 1, .f = value}};
}

static void add(plugin_fixture *f, avcl_transforms *t, const char *name, double p)
{
    avcl_error err = {0};
    avcl_attr given[] = {number("p", p)};
    if (avcl_transforms_add_plugin(t, f->host ? f->host : plugin_host(f), name, given, 1,
                                   &err))
        fail_msg("%s", err.message);
}

/* Pixels of row 17 under a chain. */
static void read_clip(avcl_dataset *d, const avcl_transforms *t, uint32_t epoch,
                      uint8_t *rgb)
{
    avcl_error err = {0};
    avcl_view view = {.frames = 4,
                      .resize_w = 32,
                      .resize_h = 32,
                      .crop = 32,
                      .random = 1,
                      .transforms = t};
    avcl_sample s = {.rgb = rgb};
    if (avcl_sample_read(d, 17, 1, epoch, &view, 0, &s, &err))
        fail_msg("%s", err.message);
}

static void test_transform__changes_what_it_may_and_nothing_else(void **state)
{
    plugin_fixture *f = *state;
    enum { PLANE = 32 * 32, BYTES = 3 * 4 * PLANE };
    static uint8_t plain[BYTES];
    static uint8_t cut[BYTES];
    int n_painted = 0;
    compile(f, DATASET, "", "tiny");
    compile(f, CUTOUT, "", "cutout");
    avcl_dataset *d = open_tiny(f);
    avcl_transforms *t = avcl_transforms_new();
    add(f, t, "cutout", 1);
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        read_clip(d, NULL, epoch, plain);
        read_clip(d, t, epoch, cut);
        for (int i = 0; i < BYTES; i++) { /* black, alike in all frames and colours */
            assert_true(cut[i] == plain[i] || cut[i] == 0);
            assert_int_equal(cut[i] == 0, cut[i % PLANE] == 0);
            n_painted += cut[i] == 0;
        }
    }
    assert_true(n_painted > 0 && n_painted < 20 * BYTES);
    avcl_transforms_free(t);
    avcl_dataset_free(d);
}

static void test_transform__p_is_a_probability(void **state)
{
    plugin_fixture *f = *state;
    static uint8_t rgb[3 * 4 * 4];
    int n = 0;
    compile(f, CUTOUT, "s/drawn, 0, 2, centre/&/", "cutout");
    avcl_transforms *t = avcl_transforms_new();
    avcl_attr given[] = {number("p", 0.5), number("side", 1)};
    assert_int_equal(
        avcl_transforms_add_plugin(t, plugin_host(f), "cutout", given, 2, NULL), AVCL_OK);
    for (uint64_t key = 0; key < N_DRAWS; key++) {
        avcl_draw draw = {.seed = 1, .key = key};
        avcl_matter m = {.rgb = rgb, .frames = 1, .side = 4};
        memset(rgb, 9, sizeof rgb);
        assert_int_equal(avcl__transforms_apply(t, AVCL_FIELD_CLIP, &draw, &m, NULL),
                         AVCL_OK);
        n += memchr(rgb, 0, sizeof rgb) != NULL;
    }
    assert_true(abs(n - N_DRAWS / 2) < DRAWS_MARGIN);
    avcl_transforms_free(t);
}

static void test_transform__numbers_have_places(void **state)
{
    plugin_fixture *f = *state;
    double all[9];
    double some[4];
    avcl_error err = {0};
    avcl_draw draw = {.seed = 1, .key = 2, .epoch = 3, .stream = AVCL_STREAM_PLUGIN};
    avcl_draw later = {.seed = 1, .key = 2, .epoch = 4, .stream = AVCL_STREAM_PLUGIN};
    const avcl_host_api *api = avcl_host_get_api(plugin_host(f));
    avcl_call call = {.err = &err, .host = f->host, .draw = &draw};
    assert_int_equal(api->random_fill(&call, 0, 9, all), AVCL_OK);
    assert_int_equal(api->random_fill(&call, 3, 4, some), AVCL_OK);
    assert_memory_equal(all + 3, some, sizeof some);
    for (int i = 0; i < 9; i++)
        assert_true(all[i] >= 0 && all[i] < 1);
    call.draw = &later;
    assert_int_equal(api->random_fill(&call, 3, 4, some), AVCL_OK);
    assert_memory_not_equal(all + 3, some, sizeof some);
    assert_int_equal(api->random_fill(&call, UINT64_MAX, 2, some), AVCL_E_INVALID);
}

static void test_transform__order_is_that_of_full_names(void **state)
{
    plugin_fixture *f = *state;
    static float wave[4];
    avcl_error err = {0};
    /* One adds one, the other doubles: which comes first shows. */
    compile(f, TRANSFORM,
            "s/org.example.tiny/org.a.one/; s/\"tiny\"/\"one\"/; "
            "s/wave\\[i\\] \\*= factor/wave[i] += 1/",
            "z");
    compile(f, TRANSFORM,
            "s/org.example.tiny/org.b.two/; s/\"tiny\"/\"two\"/; "
            "s/wave\\[i\\] \\*= factor/wave[i] *= 2/",
            "a");
    for (int i = 0; i < 2; i++) {
        avcl_transforms *t = avcl_transforms_new();
        avcl_draw draw = {.seed = 1};
        avcl_matter m = {.wave = wave, .n_wave = 4, .rate = 8000};
        memset(wave, 0, sizeof wave);
        add(f, t, i ? "one" : "two", 1);
        add(f, t, i ? "two" : "one", 1);
        assert_int_equal(avcl__transforms_apply(t, AVCL_FIELD_WAVE, &draw, &m, NULL),
                         AVCL_OK);
        assert_true(wave[3] == 2.0f);
        avcl_attr given[] = {number("p", 1)};
        assert_int_equal(avcl_transforms_add_plugin(t, f->host, "one", given, 1, &err),
                         AVCL_E_INVALID);
        avcl_transforms_free(t);
    }
}

static void expect_transform_error(plugin_fixture *f, const char *sed, const char *text)
{
    static float wave[4] = {1, 1, 1, 1};
    avcl_error err = {0};
    avcl_attr given[] = {number("p", 1)};
    avcl_draw draw = {.seed = 1};
    avcl_matter m = {.wave = wave, .n_wave = 4, .rate = 8000};
    compile_anew(f, TRANSFORM, sed);
    avcl_transforms *t = avcl_transforms_new();
    if (avcl_transforms_add_plugin(t, plugin_host(f), "tiny", given, 1, &err) == AVCL_OK)
        assert_true(avcl__transforms_apply(t, AVCL_FIELD_WAVE, &draw, &m, &err) < 0);
    if (!strstr(err.message, text))
        fail_msg("'%s', wanted '%s' (%s)", err.message, text, sed);
    avcl_transforms_free(t);
}

static void test_transform__faults_are_sentences(void **state)
{
    plugin_fixture *f = *state;
    expect_transform_error(f,
                           "s/wave\\[i\\] \\*= factor/wave[i] = 1 \\/ (factor - factor)/",
                           "org.example.tiny/tiny: element 0 becomes");
    expect_transform_error(f, "s/if (status) return status;/return AVCL_E_SHAPE;/",
                           "its apply failed (shape) and gave no reason");
    expect_transform_error(f, "s/AVCL_FIELD_WAVE,/AVCL_FIELD_TIME,/",
                           "field 0 is not a plugin's");
    expect_transform_error(f, "s/.name = \"low\"/.name = \"p\"/",
                           "parameter 'p' of a transform is the host's");
    expect_transform_error(f, "s/    .apply = apply,//", "it has no apply function");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_plugged__has_rows_splits_and_classes),
        PLUGIN_TEST(test_plugged__pixels_are_the_plugins),
        PLUGIN_TEST(test_plugged__counts_frames_at_another_rate),
        PLUGIN_TEST(test_plugged__sound_is_resampled),
        PLUGIN_TEST(test_plugged__identity_is_module_numerics_and_parameters),
        PLUGIN_TEST(test_plugged__bad_rows_are_refused),
        PLUGIN_TEST(test_plugged__bad_clips_are_refused),
        PLUGIN_TEST(test_transform__changes_what_it_may_and_nothing_else),
        PLUGIN_TEST(test_transform__p_is_a_probability),
        PLUGIN_TEST(test_transform__numbers_have_places),
        PLUGIN_TEST(test_transform__order_is_that_of_full_names),
        PLUGIN_TEST(test_transform__faults_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
