/* test_sound.c - where samples land on the video's clock, how loud, and how many: files
 * made here by the ffmpeg program, sounds known in closed form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/media.h"

enum { PATH = 512, COMMAND = 2048, RATE = 24000 };

static char dir[64] = "/tmp/avcl_sound_XXXXXX";

#define PICTURE "-f lavfi -i testsrc2=size=64x48:rate=25:duration=2 "
#define CODECS  " -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a "

static int make_all(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return -1;
    int rc = system("command -v ffmpeg >/dev/null");
    if (rc) fprintf(stderr, "the ffmpeg program is needed to make the test files\n");
    return rc;
}

static int drop_all(void **state)
{
    (void)state;
    char command[COMMAND];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* A file of two seconds of picture and `inputs`, as `codec`; then its sound. */
static avcl_wave hear(const char *name, const char *inputs, const char *codec,
                      int32_t match_video)
{
    char path[PATH];
    char command[COMMAND];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(command, sizeof command, "ffmpeg -v error -nostdin -y %s" CODECS "%s %s",
             inputs, codec, path);
    assert_int_equal(system(command), 0);
    avcl_error err = {0};
    avcl_wave wave = {0};
    if (avcl_audio_read(path, RATE, match_video, &wave, &err))
        fail_msg("%s", err.message);
    return wave;
}

static int64_t find_peak(const avcl_wave *w)
{
    int64_t peak = 0;
    for (int64_t i = 1; i < w->n; i++)
        if (fabsf(w->samples[i]) > fabsf(w->samples[peak])) peak = i;
    return peak;
}

/* Root mean square of the middle half. */
static double level(const avcl_wave *w)
{
    double sum = 0;
    for (int64_t i = w->n / 4; i < w->n * 3 / 4; i++)
        sum += (double)w->samples[i] * (double)w->samples[i];
    return sqrt(sum / (double)(w->n * 3 / 4 - w->n / 4));
}

#define CLICK(rate, at)                                                                  \
    "-f lavfi -i \"aevalsrc='if(eq(n," at "),0.9,0)':s=" rate ":d=2\" "

/* Through AAC: its priming of 1024 or more samples must be gone. */
static void test_audio__click_stays_where_it_was(void **state)
{
    (void)state;
    const struct {
        const char *name;
        const char *inputs;
        const char *codec;
    } cases[] = {
        {"24k.mp4", PICTURE CLICK("24000", "12000"), "aac -b:a 96k"},
        {"44k.mp4", PICTURE CLICK("44100", "22050"), "aac -b:a 128k"},
        {"48k.mp4", PICTURE CLICK("48000", "24000"), "aac -b:a 128k"},
        {"44k.mov", PICTURE CLICK("44100", "22050"), "pcm_s16le"},
        {"48k.mkv", PICTURE CLICK("48000", "24000"), "flac"},
        {"48k.ts", PICTURE CLICK("48000", "24000"), "mp2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        avcl_wave w = hear(cases[i].name, cases[i].inputs, cases[i].codec, 1);
        int64_t peak = find_peak(&w);
        if (llabs((long long)peak - 12000) > 1)
            fail_msg("%s: the click lies at %d, not 12000", cases[i].name, (int)peak);
        if (w.n != 2 * RATE) fail_msg("%s: %d samples", cases[i].name, (int)w.n);
        assert_int_equal(w.rate, RATE);
        assert_int_equal(w.has_audio, 1);
        avcl_wave_release(&w);
    }
}

/* 0.48 s late: samples of nothing come first; early sound is cut. The edit list counts in
 * movie_timescale, by default milliseconds, which would be all the precision there is. */
static void test_audio__is_placed_on_the_clock_of_the_video(void **state)
{
    (void)state;
    const int64_t late_by = 48 * RATE / 100;
    avcl_wave late = hear("late.mp4", PICTURE "-itsoffset 0.48 " CLICK("48000", "24000"),
                          "aac -b:a 128k -movie_timescale 48000", 1);
    assert_in_range(find_peak(&late), 12000 + late_by - 1, 12000 + late_by + 1);
    assert_int_equal(late.n, 2 * RATE);
    for (int64_t i = 0; i < late_by - RATE / 10; i++)
        assert_true(late.samples[i] == 0.0f);
    avcl_wave_release(&late);
    avcl_wave whole = hear("late.mp4", PICTURE "-itsoffset 0.48 " CLICK("48000", "24000"),
                           "aac -b:a 128k -movie_timescale 48000", 0);
    assert_int_equal(whole.n, 2 * RATE + late_by);
    avcl_wave_release(&whole);
    avcl_wave early =
        hear("early.mkv", "-itsoffset 0.2 " PICTURE CLICK("48000", "24000"), "flac", 0);
    assert_in_range(find_peak(&early), 12000 - RATE / 5 - 24,
                    12000 - RATE / 5 + 24); /* mkv: ms */
    avcl_wave_release(&early);
}

/* A click at 0.5 s through AAC, at every rate and layout, with the sound `late` or the
 * picture. */
static void check_click(const char *rate, int channels, double late)
{
    char name[64];
    char inputs[COMMAND / 2];
    char codec[256];
    char click[512] = "";
    char one[64];
    snprintf(one, sizeof one, "if(eq(n,%d),0.9,0)", atoi(rate) / 2);
    for (int c = 0; c < channels; c++)
        snprintf(click + strlen(click), sizeof click - strlen(click), "%s%s",
                 c ? "|" : "", one);
    snprintf(name, sizeof name, "click_%s_%d_%+.1f.mp4", rate, channels, late);
    snprintf(inputs, sizeof inputs,
             "-itsoffset %.2f " PICTURE "-itsoffset %.2f -f lavfi -i "
             "\"aevalsrc=exprs='%s':c=%s:s=%s:d=2\" ",
             late < 0 ? -late : 0, late > 0 ? late : 0, click,
             channels == 1   ? "mono"
             : channels == 2 ? "stereo"
                             : "5.1",
             rate);
    snprintf(codec, sizeof codec, "aac -b:a 256k -vsync vfr -movie_timescale %s", rate);
    avcl_wave w = hear(name, inputs, codec, 1);
    int64_t want = 12000 + llrint(late * RATE);
    int64_t peak = find_peak(&w);
    if (llabs((long long)(peak - want)) > 1)
        fail_msg("%s: the click lies at %d, not %d", name, (int)peak, (int)want);
    assert_int_equal(w.n, 2 * RATE);
    avcl_wave_release(&w);
}

static void test_audio__click_is_exact_through_aac(void **state)
{
    (void)state;
    const char *rates[] = {"44100", "48000"};
    const int layouts[] = {1, 2, 6};
    const double lates[] = {0, 0.48, -0.2};
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 3; c++)
            for (int l = 0; l < 3; l++)
                check_click(rates[r], layouts[c], lates[l]);
}

/* Coders fill their last block; the sound ends where the header says. */
static void test_audio__has_the_length_of_what_was_encoded(void **state)
{
    (void)state;
    avcl_wave w = hear("len24.mp4", PICTURE CLICK("24000", "100"), "aac", 0);
    assert_int_equal(w.n, 2 * RATE);
    avcl_wave_release(&w);
    w = hear("len44.mp4", PICTURE CLICK("44100", "100"), "aac", 0);
    assert_int_equal(w.n, 2 * RATE);
    avcl_wave_release(&w);
    w = hear("short.mp4", PICTURE "-f lavfi -i sine=1000:duration=1:sample_rate=24000",
             "aac", 1);
    assert_int_equal(w.n, 2 * RATE);
    for (int64_t i = RATE + RATE / 20; i < w.n; i++)
        assert_true(w.samples[i] == 0.0f);
    avcl_wave_release(&w);
}

#define SINE "0.125*sin(2*PI*1000*t)"
#define TONES(exprs, layout, rate)                                                       \
    "-f lavfi -i \"aevalsrc='" exprs "':c=" layout ":s=" rate ":d=2\" "

static void check_level(const char *name, const char *inputs, const char *codec,
                        double amplitude, double tolerance)
{
    avcl_wave w = hear(name, inputs, codec, 1);
    double got = level(&w) * sqrt(2.0);
    if (fabs(got - amplitude) > tolerance)
        fail_msg("%s: %.5f, not %.5f", name, got, amplitude);
    avcl_wave_release(&w);
}

/* The plain mean, whatever sample format the decoder gives and whichever rate it has. */
static void test_audio__mono_is_the_mean_of_the_channels(void **state)
{
    (void)state;
    const double exact = 2e-4; /* 16 bits of 0.125, and the resampler's passband */
    const double coded = 2e-3; /* AAC at 128 kb/s */
    check_level("same.mov", PICTURE TONES(SINE "|" SINE, "stereo", "24000"), "pcm_s16le",
                0.125, exact);
    check_level("same44.mov", PICTURE TONES(SINE "|" SINE, "stereo", "44100"),
                "pcm_s16le", 0.125, exact);
    check_level("f32.mov", PICTURE TONES(SINE "|" SINE, "stereo", "48000"), "pcm_f32le",
                0.125, exact);
    check_level("s24.mov", PICTURE TONES(SINE "|" SINE, "stereo", "48000"), "pcm_s24le",
                0.125, exact);
    check_level("u8.mov", PICTURE TONES(SINE "|" SINE, "stereo", "24000"), "pcm_u8",
                0.125, 1.0 / 256);
    check_level("left.mov", PICTURE TONES(SINE "|0", "stereo", "48000"), "pcm_s16le",
                0.0625, exact);
    check_level("anti.mov", PICTURE TONES(SINE "|-" SINE, "stereo", "48000"), "pcm_f32le",
                0.0, exact);
    check_level("centre.mkv", PICTURE TONES("0|0|" SINE "|0|0|0", "5.1", "48000"), "flac",
                0.125 / 6, exact);
    check_level("same.mp4", PICTURE TONES(SINE "|" SINE, "stereo", "44100"),
                "aac -b:a 128k", 0.125, coded);
}

static void test_audio__none_is_not_an_error(void **state)
{
    (void)state;
    avcl_wave w = hear("silent.mp4", PICTURE "-an", "copy", 1);
    assert_int_equal(w.has_audio, 0);
    assert_int_equal(w.n, 0);
    assert_null(w.samples);
    avcl_wave_release(&w);
}

static void test_audio__refuses_what_it_cannot_read(void **state)
{
    (void)state;
    avcl_wave w = {.n = 77};
    avcl_error err = {0};
    assert_int_equal(avcl_audio_read(dir, RATE, 1, &w, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "is a directory"));
    err = (avcl_error){0};
    assert_int_equal(avcl_audio_read("x.mp4", 10, 1, &w, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "10 Hz"));
    assert_int_equal(avcl_audio_read("/no/such/x.mp4", RATE, 1, &w, NULL),
                     AVCL_E_NOT_FOUND);
    assert_int_equal(w.n, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audio__click_stays_where_it_was),
        cmocka_unit_test(test_audio__is_placed_on_the_clock_of_the_video),
        cmocka_unit_test(test_audio__click_is_exact_through_aac),
        cmocka_unit_test(test_audio__has_the_length_of_what_was_encoded),
        cmocka_unit_test(test_audio__mono_is_the_mean_of_the_channels),
        cmocka_unit_test(test_audio__none_is_not_an_error),
        cmocka_unit_test(test_audio__refuses_what_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
