/* test_media_faults.c - files that are broken, torn, missing or no media at all: what is
 * said, what is still read, and that nothing leaks. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clips.h"

static int make_all(void **state)
{
    if (clips_set_up(state)) return -1;
    clips_make("bframes.mp4", CLIPS_SRC("160", "120", "4") CLIPS_X264 "-bf 3 -g 30");
    clips_make("cut.mp4",
               CLIPS_SRC("128", "96", "2") "-f lavfi -i sine=440:duration=2 " CLIPS_X264
                                           "-bf 2 -c:a aac");
    clips_make("stream.ts", CLIPS_SRC("128", "96", "3") CLIPS_X264 "-bf 2 -g 25");
    clips_make("five.mp4", CLIPS_SRC("128", "96", "0.2") CLIPS_X264);
    return 0;
}

static void test_video__refuses_windows_that_make_no_sense(void **state)
{
    (void)state;
    uint8_t rgb[3];
    char hex[1][33];
    avcl_error err = {0};
    avcl_video *v = clips_open(clips_file("five.mp4"));
    assert_int_equal(avcl_video_read(v, -1, 1, 1, 1, rgb, NULL, &err), AVCL_E_INVALID);
    assert_int_equal(avcl_video_read(v, 0, 0, 1, 1, rgb, NULL, NULL), AVCL_E_INVALID);
    assert_int_equal(avcl_video_read(v, 0, 1, 9000, 1, rgb, NULL, NULL), AVCL_E_INVALID);
    err = (avcl_error){0};
    assert_int_equal(avcl_video_md5(v, 5, 1, hex, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "which has 5"));
    avcl_video_free(v);
}

/* ---- broken files -------------------------------------------------------------- */
static void expect_refusal(const char *path, avcl_status code, const char *text)
{
    avcl_error err = {0};
    avcl_media_info info = {.n_frames = 77};
    assert_int_equal(avcl_media_probe(path, &info, &err), code);
    assert_int_equal(info.n_frames, 77);
    if (!strstr(err.message, path)) fail_msg("no path in: %s", err.message);
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
    if (strchr(err.message, '\n')) fail_msg("more than a line: %s", err.message);
    assert_int_not_equal(err.message[strlen(err.message) - 1], '.');
}

static void test_open__says_what_is_wrong(void **state)
{
    (void)state;
    expect_refusal(clips_file("absent.mp4"), AVCL_E_NOT_FOUND, "No such file");
    expect_refusal(clips_dir(), AVCL_E_INVALID, "is a directory");
    assert_int_equal(
        clips_run("echo 'hello, this is a letter' > %s", clips_file("text.mp4")), 0);
    expect_refusal(clips_file("text.mp4"), AVCL_E_INVALID, "Invalid data found");
    assert_int_equal(clips_run(": > %s", clips_file("empty.mp4")), 0);
    expect_refusal(clips_file("empty.mp4"), AVCL_E_INVALID, "empty");
    assert_int_equal(clips_run("head -c 20000 %s > %s", clips_file("bframes.mp4"),
                               clips_file("torn.mp4")),
                     0);
    expect_refusal(clips_file("torn.mp4"), AVCL_E_INVALID, "moov atom not found");
    clips_make("sound.m4a", "-f lavfi -i sine=440:duration=1 -c:a aac");
    expect_refusal(clips_file("sound.m4a"), AVCL_E_INVALID, "no video stream");
    assert_int_equal(mkfifo(clips_file("pipe.mp4"), 0600), 0);
    expect_refusal(clips_file("pipe.mp4"), AVCL_E_INVALID, "not a regular file");
    expect_refusal("http://localhost/x.mp4", AVCL_E_NOT_FOUND, "No such file");
    clips_make(
        "still.m4a",
        CLIPS_SRC("64", "64", "0.04") "-f lavfi -i sine=440:duration=1 -c:a aac "
                                      "-c:v mjpeg -disposition:v attached_pic -f mp4");
    expect_refusal(clips_file("still.m4a"), AVCL_E_INVALID, "no video stream");
}

/* The header promises more than the file holds: what is there is read to the end. */
static void test_video__reads_what_a_truncated_file_still_has(void **state)
{
    (void)state;
    char want[CLIPS_MAX_FRAMES][33];
    assert_int_equal(
        clips_run("ffmpeg -v error -nostdin -y -i %s -c copy -movflags +faststart %s",
                  clips_file("bframes.mp4"), clips_file("fast.mp4")),
        0);
    assert_int_equal(clips_run("head -c $(($(wc -c < %s) * 6 / 10)) %s > %s",
                               clips_file("fast.mp4"), clips_file("fast.mp4"),
                               clips_file("short.mp4")),
                     0);
    int64_t whole = clips_oracle_md5(clips_file("bframes.mp4"), want);
    avcl_video *v = clips_open(clips_file("short.mp4"));
    avcl_media_info info;
    avcl_video_get_info(v, &info);
    assert_in_range(info.n_frames, 20, whole - 10);
    uint8_t *rgb = malloc((size_t)info.n_frames * 16 * 12 * 3);
    avcl_error err = {0};
    int64_t padded = -1;
    if (avcl_video_read(v, 0, info.n_frames, 16, 12, rgb, &padded, &err))
        fail_msg("%s", err.message);
    assert_in_range(padded, 0, 2);
    if (avcl_video_read(v, info.n_frames - 1, 1, 16, 12, rgb, &padded, &err))
        fail_msg("%s", err.message);
    clips_check_window(v, 0, 15, want, "short.mp4");
    free(rgb);
    avcl_video_free(v);
}

/* Damaged packets cost pictures, never the file; and the same window gives the same bytes
 * from a fresh reader as before. */
static void test_video__survives_flipped_bytes(void **state)
{
    (void)state;
    enum { PICTURE = 16 * 12 * 3, N = 16 };
    uint8_t first[N * PICTURE];
    uint8_t again[N * PICTURE];
    FILE *in = fopen(clips_file("bframes.mp4"), "rb");
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    for (size_t i = size / 4; i < size * 3 / 4; i += 997)
        bytes[i] ^= 0x5a;
    FILE *out = fopen(clips_file("flipped.mp4"), "wb");
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
    for (int64_t start = 0; start < 100; start += 12) {
        avcl_error err = {0};
        for (int pass = 0; pass < 2; pass++) {
            avcl_video *v = clips_open(clips_file("flipped.mp4"));
            if (avcl_video_read(v, start, N, 16, 12, pass ? again : first, NULL, &err))
                fail_msg("%s", err.message);
            avcl_video_free(v);
        }
        assert_memory_equal(first, again, sizeof first);
    }
}

/* A reader whose file goes away fails, stays whole, and works again when it is back. */
static void test_video__outlives_its_file(void **state)
{
    (void)state;
    const char *path = clips_file("stream.ts");
    char want[CLIPS_MAX_FRAMES][33];
    char hex[4][33];
    clips_oracle_md5(path, want);
    avcl_video *v = clips_open(path);
    clips_check_window(v, 20, 4, want, path);
    assert_int_equal(clips_run("mv %s %s.away", path, path), 0);
    for (int i = 0; i < 2; i++) {
        avcl_error err = {0};
        assert_int_equal(avcl_video_md5(v, 0, 4, hex, &err), AVCL_E_NOT_FOUND);
        assert_non_null(strstr(err.message, path));
    }
    assert_true(avcl_video_time(v, 25) > avcl_video_time(v, 24));
    assert_int_equal(clips_run("mv %s.away %s", path, path), 0);
    clips_check_window(v, 10, 4, want, path);
    avcl_video_free(v);
}

static void test_open__leaves_no_file_open(void **state)
{
    (void)state;
    avcl_media_info info;
    avcl_wave wave;
    int before = clips_count_fds();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(avcl_media_probe(clips_file("cut.mp4"), &info, NULL), AVCL_OK);
        assert_int_not_equal(avcl_media_probe(clips_file("torn.mp4"), &info, NULL),
                             AVCL_OK);
        assert_int_not_equal(avcl_media_probe(clips_file("sound.m4a"), &info, NULL),
                             AVCL_OK);
        assert_int_equal(avcl_audio_read(clips_file("cut.mp4"), 24000, 1, &wave, NULL),
                         AVCL_OK);
        avcl_wave_release(&wave);
        assert_int_not_equal(
            avcl_audio_read(clips_file("text.mp4"), 24000, 1, &wave, NULL), AVCL_OK);
    }
    assert_int_equal(clips_count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_video__refuses_windows_that_make_no_sense),
        cmocka_unit_test(test_open__says_what_is_wrong),
        cmocka_unit_test(test_video__reads_what_a_truncated_file_still_has),
        cmocka_unit_test(test_video__survives_flipped_bytes),
        cmocka_unit_test(test_video__outlives_its_file),
        cmocka_unit_test(test_open__leaves_no_file_open),
    };
    return cmocka_run_group_tests(tests, make_all, clips_tear_down);
}
