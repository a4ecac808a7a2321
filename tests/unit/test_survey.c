/*
 * test_survey.c - a survey tells good files from missing, torn, silent and mute ones.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "avcl/survey.h"

#include "folder.h"

enum { W = 64, H = 48, FRAMES = 60, FPS = 25, RATE = 24000, SAMPLES = RATE * 12 / 5 };

enum file { GOOD, MUTE, SILENT, ABSENT, TEXT, EMPTY, TORN, FLIPPED, FIFO, N_FILES };
static const char *const names[N_FILES] = {"good.mp4", "mute.mp4", "silent.mp4",
                                           "gone.mp4", "text.mp4", "empty.mp4",
                                           "torn.mp4", "flip.mp4", "fifo.mp4"};

typedef struct files {
    char path[N_FILES][FOLDER_PATH];
    const char *list[N_FILES];
} files;

static void encode(const char *path, int32_t rate, float level)
{
    static uint8_t rgb[FRAMES * H * W * 3];
    static float tone[SAMPLES];
    avcl_encoder_options o = {
        .width = W, .height = H, .fps = FPS, .rate = rate, .gop = 8};
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof rgb; i++) { /* noise: every frame has bits to lose */
        x = x * 1664525u + 1013904223u;
        rgb[i] = (uint8_t)(x >> 24);
    }
    for (int i = 0; i < SAMPLES; i++)
        tone[i] = level * sinf(0.1f * (float)i);
    assert_int_equal(avcl_encode_mp4(path, &o, rgb, FRAMES, rate ? tone : NULL,
                                     rate ? SAMPLES : 0, NULL),
                     AVCL_OK);
}

static void make(void **state, files *f)
{
    static char bytes[4 << 20];
    for (int i = 0; i < N_FILES; i++)
        f->list[i] = below(state, names[i], f->path[i]);
    encode(f->path[GOOD], RATE, 0.3f);
    encode(f->path[MUTE], 0, 0);
    encode(f->path[SILENT], RATE, 1e-6f);
    store_bytes(f->path[TEXT], "not a film\n", 11);
    store_bytes(f->path[EMPTY], "", 0);
    size_t n = load_bytes(f->path[GOOD], bytes, sizeof bytes);
    assert_in_range(n, 1000, sizeof bytes - 1);
    store_bytes(f->path[TORN], bytes,
                n / 2); /* its index is in front: half can be read */
    for (size_t i = n / 3; i < n / 2; i += 97)
        bytes[i] = (char)(bytes[i] ^ 0x55);
    store_bytes(f->path[FLIPPED], bytes, n);
    assert_int_equal(mkfifo(f->path[FIFO], 0600), 0);
}

static void run(const files *f, int32_t workers, int32_t decode,
                avcl_finding out[N_FILES])
{
    avcl_error err = {0};
    avcl_survey_options o = {.workers = workers, .decode = decode};
    avcl_survey *s = avcl_survey_new(f->list, N_FILES, &o, &err);
    int64_t done = 0;
    assert_non_null(s);
    while (avcl_survey_wait(s, 0.05, &done) == AVCL_OK)
        assert_true(done < N_FILES);
    assert_int_equal(done, N_FILES);
    for (int i = 0; i < N_FILES; i++)
        assert_int_equal(avcl_survey_get(s, i, &out[i]), AVCL_OK);
    assert_int_equal(avcl_survey_get(s, N_FILES, &out[0]), AVCL_E_NOT_FOUND);
    assert_int_equal(avcl_survey_get(s, -1, &out[0]), AVCL_E_NOT_FOUND);
    avcl_survey_free(s);
}

static void expect_state(const avcl_finding *f, avcl_file_state state)
{
    assert_int_equal(f->state, state);
    assert_int_equal(f->reason[0] == '\0', state == AVCL_FILE_OK);
}

static void test_survey__tells_files_apart(void **state)
{
    files f;
    avcl_finding found[N_FILES];
    make(state, &f);
    run(&f, 2, 1, found);
    expect_state(&found[GOOD], AVCL_FILE_OK);
    expect_state(&found[MUTE], AVCL_FILE_OK);
    expect_state(&found[SILENT], AVCL_FILE_OK);
    expect_state(&found[ABSENT], AVCL_FILE_MISSING);
    expect_state(&found[TEXT], AVCL_FILE_UNREADABLE);
    expect_state(&found[EMPTY], AVCL_FILE_UNREADABLE);
    expect_state(&found[FIFO], AVCL_FILE_UNREADABLE);
    assert_in_range(found[TORN].state, AVCL_FILE_REPAIRED, AVCL_FILE_CORRUPT);
    /* How many frames survive flipped bytes is the decoder's affair; that some do not is
     * ours. */
    assert_in_range(found[FLIPPED].state, AVCL_FILE_REPAIRED, AVCL_FILE_CORRUPT);
    assert_true(found[FLIPPED].n_lost > 0);
    assert_int_equal(found[GOOD].info.n_frames, FRAMES);
    assert_int_equal(found[GOOD].info.width, W);
    assert_true(found[GOOD].info.has_audio && !found[MUTE].info.has_audio);
    assert_false(found[GOOD].is_silent || found[MUTE].is_silent);
    assert_true(found[SILENT].is_silent);
    /* A sine of amplitude 0.3: 20 log10(0.3 / sqrt 2) = -13.47 dBFS. AAC keeps it. */
    assert_true(fabs(found[GOOD].loudness_db + 13.47) < 0.3);
}

/* Without decoding: headers tell the missing and the torn, not the flipped. */
static void test_survey__quick_reads_no_pictures(void **state)
{
    files f;
    avcl_finding found[N_FILES];
    make(state, &f);
    run(&f, 1, 0, found);
    expect_state(&found[GOOD], AVCL_FILE_OK);
    expect_state(&found[ABSENT], AVCL_FILE_MISSING);
    expect_state(&found[TEXT], AVCL_FILE_UNREADABLE);
    expect_state(&found[TORN], AVCL_FILE_REPAIRED);
    expect_state(&found[FLIPPED], AVCL_FILE_OK);
}

static void test_survey__is_the_same_whatever_the_workers(void **state)
{
    files f;
    static avcl_finding one[N_FILES], many[N_FILES];
    make(state, &f);
    run(&f, 1, 1, one);
    run(&f, 7, 1, many);
    for (int i = 0; i < N_FILES; i++) {
        assert_int_equal(one[i].state, many[i].state);
        assert_int_equal(one[i].n_lost, many[i].n_lost);
        assert_string_equal(one[i].reason, many[i].reason);
        assert_true(one[i].loudness_db == many[i].loudness_db);
    }
}

static void test_survey__of_nothing_and_cut_short(void **state)
{
    files f;
    int64_t done = -1;
    avcl_survey *s = avcl_survey_new(NULL, 0, NULL, NULL);
    assert_non_null(s);
    assert_int_equal(avcl_survey_wait(s, 1, &done), AVCL_END);
    assert_int_equal(done, 0);
    avcl_survey_free(s);
    make(state, &f);
    s = avcl_survey_new(f.list, N_FILES, &(avcl_survey_options){.decode = 1}, NULL);
    assert_non_null(s);
    avcl_survey_free(s); /* stops, joins, leaks nothing */
    avcl_survey_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_survey__tells_files_apart),
        WITH_FOLDER(test_survey__quick_reads_no_pictures),
        WITH_FOLDER(test_survey__is_the_same_whatever_the_workers),
        WITH_FOLDER(test_survey__of_nothing_and_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
