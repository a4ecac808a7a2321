/* test_pixels.c - small RGB pictures against ffmpeg's filters: scale, matrix, turn,
 * padding. */
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
    clips_make("odd.mp4",
               CLIPS_SRC("98", "74", "1") "-vf crop=97:73 -c:v libx264 -pix_fmt yuv444p");
    clips_make("tenbit.mp4",
               CLIPS_SRC("128", "96", "1") "-c:v libx264 -pix_fmt yuv420p10le");
    clips_make("five.mp4", CLIPS_SRC("128", "96", "0.2") CLIPS_X264);
    clips_copy("turn90.mp4", "", "five.mp4", "-metadata:s:v rotate=90");
    clips_copy("turn180.mp4", "", "five.mp4", "-metadata:s:v rotate=180");
    clips_copy("turn270.mp4", "", "five.mp4", "-metadata:s:v rotate=270");
    return 0;
}

/* All frames as ffmpeg filters them; `options` go before the input. */
static uint8_t *oracle_rgb(const char *path, const char *options, const char *filter,
                           int64_t n, size_t picture)
{
    char command[CLIPS_COMMAND];
    snprintf(
        command, sizeof command,
        "ffmpeg -v error -nostdin %s -i %s -map 0:v:0 -vsync 0 -vf %s -pix_fmt rgb24 "
        "-f rawvideo -",
        options, path, filter);
    uint8_t *rgb = malloc((size_t)n * picture + 1);
    assert_non_null(rgb);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(rgb, 1, (size_t)n * picture + 1, pipe), (size_t)n * picture);
    assert_int_equal(pclose(pipe), 0);
    return rgb;
}

/* Mean difference per byte between our pictures and ffmpeg's. */
static double pixel_difference(const char *name, const char *options, const char *filter,
                               int32_t w, int32_t h)
{
    avcl_error err = {0};
    avcl_video *v = clips_open(clips_file(name));
    avcl_media_info info;
    avcl_video_get_info(v, &info);
    size_t picture = (size_t)w * (size_t)h * 3;
    uint8_t *want = oracle_rgb(clips_file(name), options, filter, info.n_frames, picture);
    uint8_t *got = malloc((size_t)info.n_frames * picture);
    int64_t padded = -1;
    if (avcl_video_read(v, 0, info.n_frames, w, h, got, &padded, &err))
        fail_msg("%s", err.message);
    assert_int_equal(padded, 0);
    int64_t sum = 0;
    int64_t bytes = info.n_frames * (int64_t)picture;
    for (int64_t i = 0; i < bytes; i++)
        sum += abs(got[i] - want[i]);
    free(want);
    free(got);
    avcl_video_free(v);
    return (double)sum / (double)bytes;
}

static void check_pixels(const char *name, const char *filter, int32_t w, int32_t h)
{
    double off = pixel_difference(name, "-noautorotate", filter, w, h);
    if (off != 0.0) fail_msg("%s at %dx%d: pixels differ by %g", name, w, h, off);
}

static void test_video__pixels_equal_ffmpeg(void **state)
{
    (void)state;
    check_pixels("bframes.mp4", "scale=171:128:" CLIPS_SCALE, 171, 128);
    check_pixels("bframes.mp4", "scale=49:37:" CLIPS_SCALE, 49, 37);
    check_pixels("tenbit.mp4", "scale=49:37:" CLIPS_SCALE, 49, 37);
    check_pixels("odd.mp4", "scale=33:31:" CLIPS_SCALE, 33, 31);
}

/* We scale, then turn: that order is exact. ffmpeg by itself turns first, which moves
 * chroma a little; the direction is its own, or the pictures would differ by tens. */
static void test_video__turns_as_the_display_matrix_says(void **state)
{
    (void)state;
    const double chroma = 20.0; /* 5 when right, 170 when turned the wrong way */
    const char *half =
        "scale=40:30:" CLIPS_SCALE ",format=rgb24,transpose=clock,transpose=clock";
    /* ffmpeg 5.1 writes rotate=90 as 90 degrees counter-clockwise. */
    check_pixels("turn90.mp4",
                 "scale=40:30:" CLIPS_SCALE ",format=rgb24,transpose=cclock", 30, 40);
    check_pixels("turn180.mp4", half, 40, 30);
    check_pixels("turn270.mp4",
                 "scale=40:30:" CLIPS_SCALE ",format=rgb24,transpose=clock", 30, 40);
    const char *names[] = {"turn90.mp4", "turn270.mp4"};
    for (int i = 0; i < 2; i++)
        assert_true(pixel_difference(names[i], "", "scale=96:128:" CLIPS_SCALE, 96, 128) <
                    chroma);
    assert_true(pixel_difference("turn180.mp4", "", "scale=128:96:" CLIPS_SCALE, 128,
                                 96) < chroma);
}

static void test_video__repeats_the_last_frame_and_counts_it(void **state)
{
    (void)state;
    enum { W = 32, H = 24, PICTURE = W * H * 3 };
    uint8_t rgb[16 * PICTURE];
    int64_t padded = -1;
    avcl_video *v = clips_open(clips_file("five.mp4"));
    assert_int_equal(avcl_video_read(v, 0, 16, W, H, rgb, &padded, NULL), AVCL_OK);
    assert_int_equal(padded, 11);
    for (int k = 5; k < 16; k++)
        assert_memory_equal(rgb + k * PICTURE, rgb + 4 * PICTURE, PICTURE);
    assert_memory_not_equal(rgb + 3 * PICTURE, rgb + 4 * PICTURE, PICTURE);
    uint8_t last[PICTURE];
    memcpy(last, rgb + 4 * PICTURE, PICTURE);
    assert_int_equal(avcl_video_read(v, 9, 2, W, H, rgb, &padded, NULL), AVCL_OK);
    assert_int_equal(padded, 2);
    assert_memory_equal(rgb, last, PICTURE);
    avcl_video_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_video__pixels_equal_ffmpeg),
        cmocka_unit_test(test_video__turns_as_the_display_matrix_says),
        cmocka_unit_test(test_video__repeats_the_last_frame_and_counts_it),
    };
    return cmocka_run_group_tests(tests, make_all, clips_tear_down);
}
