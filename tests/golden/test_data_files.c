/* test_data_files.c - the data set and the loader on real files that the ffmpeg program
 * makes here: faults are where a file is broken, and everything else is the media room's
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/data.h"

#include "temp_dir.h"

enum { T = 8, W = 64, H = 48, CROP = 40, MEL = 112, BATCH = 3, FRAMES = 50 };
enum { RGB_ROW = 3 * T * CROP * CROP, MEL_ROW = MEL * MEL };

static int make(const char *dir, const char *arguments, const char *name)
{
    char command[2048];
    snprintf(command, sizeof command, "ffmpeg -v error -nostdin -y %s %s/%s", arguments,
             dir, name);
    return system(command);
}

#define PICTURE "-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 "
#define SOUND   "-f lavfi -i sine=700:duration=2 "
#define VIDEO   "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 2 -g 25 "

static int set_up(void **state)
{
    char *dir = calloc(1, AVCL_TEMP_PATH);
    char path[AVCL_TEMP_PATH];
    temp_dir_make(dir);
    *state = dir;
    temp_file_write(dir, "text.mp4", "not a video\n", path);
    temp_file_write(
        dir, "list.csv",
        "path,label,split\nboth.mp4,a,train\nmute.mp4,b,train\nshort.mp4,a,train\n"
        "text.mp4,a,train\ngone.mp4,b,train\nlate.mkv,b,train\nboth.mp4,a,val\n",
        NULL);
    return make(dir, PICTURE SOUND VIDEO "-c:a aac", "both.mp4") ||
           make(dir, PICTURE VIDEO, "mute.mp4") ||
           make(dir, PICTURE SOUND VIDEO "-c:a aac -frames:v 5", "short.mp4") ||
           make(dir, PICTURE "-itsoffset 0.5 " SOUND VIDEO "-c:a libopus", "late.mkv");
}

static int tear_down(void **state)
{
    temp_dir_remove(*state);
    free(*state);
    return 0;
}

static avcl_dataset *open_set(const char *dir, uint64_t cache_mib)
{
    char path[AVCL_TEMP_PATH];
    avcl_error err = {0};
    avcl_dataset_options options = {.memory_cache_mib = cache_mib};
    snprintf(path, sizeof path, "%.400s/list.csv", dir);
    avcl_dataset *d = avcl_dataset_open(path, &options, &err);
    assert_non_null(d);
    return d;
}

static avcl_view make_view(int32_t random)
{
    return (avcl_view){.frames = T,
                       .resize_w = W,
                       .resize_h = H,
                       .crop = CROP,
                       .mel_crop = MEL,
                       .random = random,
                       .n_clips = 4};
}

/* The cut is that of the frames that the video reader gives in sequence. */
static void test_data_files__clip_is_a_cut_of_the_decoded_file(void **state)
{
    avcl_dataset *d = open_set(*state, 0);
    avcl_view view = make_view(0);
    avcl_sample_info info;
    avcl_error err = {0};
    int64_t padded = 0;
    uint8_t *all = malloc((size_t)FRAMES * W * H * 3);
    uint8_t *rgb = malloc(RGB_ROW);
    uint16_t *mel = malloc(MEL_ROW * sizeof *mel);
    assert_int_equal(avcl_dataset_get_sample(d, 0, &info), AVCL_OK);
    avcl_video *v = avcl_video_open(info.path, NULL, &err);
    assert_non_null(v);
    assert_int_equal(avcl_video_read(v, 0, FRAMES, W, H, all, &padded, &err), AVCL_OK);
    assert_int_equal(padded, 0);
    for (int32_t clip = 0; clip < 4; clip++) {
        avcl_sample s = {.rgb = rgb, .mel = mel};
        assert_int_equal(avcl_sample_read(d, 0, 1, 0, &view, clip, &s, &err), AVCL_OK);
        assert_int_equal(s.start_frame, 14 * clip); /* 0 … 50 - 8 in three steps */
        assert_int_equal(s.has_audio, 1);
        assert_true(s.start_s == avcl_video_time(v, s.start_frame));
        for (int i = 0; i < RGB_ROW; i++) {
            int x = i % CROP, y = i / CROP % CROP, t = i / CROP / CROP % T;
            int64_t at =
                ((s.start_frame + t) * H + y + (H - CROP) / 2) * W + x + (W - CROP) / 2;
            assert_int_equal(rgb[i], all[at * 3 + i / (CROP * CROP * T)]);
        }
    }
    avcl_video_free(v);
    free(mel);
    free(rgb);
    free(all);
    avcl_dataset_free(d);
}

static void test_data_files__tracks_and_lengths(void **state)
{
    avcl_dataset *d = open_set(*state, 0);
    avcl_view view = make_view(1);
    uint8_t *rgb = malloc(RGB_ROW);
    uint16_t *mel = malloc(MEL_ROW * sizeof *mel);
    avcl_sample s = {.rgb = rgb, .mel = mel};
    avcl_error err = {0};
    assert_int_equal(avcl_sample_read(d, 1, 1, 0, &view, 0, &s, &err), AVCL_OK);
    assert_int_equal(s.has_audio, 0);
    for (int i = 0; i < MEL_ROW; i++)
        assert_int_equal(mel[i], 0);
    assert_int_equal(avcl_sample_read(d, 2, 1, 0, &view, 0, &s, &err), AVCL_OK);
    assert_int_equal(s.n_padded, T - 5);
    assert_memory_equal(rgb + 4 * CROP * CROP, rgb + 7 * CROP * CROP, CROP * CROP);
    assert_true(avcl_sample_read(d, 3, 1, 0, &view, 0, &s, &err) < 0);
    err = (avcl_error){0};
    assert_int_equal(avcl_sample_read(d, 4, 1, 0, &view, 0, &s, &err), AVCL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "gone.mp4"));
    free(mel);
    free(rgb);
    avcl_dataset_free(d);
}

static void run(avcl_dataset *d, uint32_t workers, int n, uint8_t *rgb, uint16_t *mel)
{
    avcl_loader_options o = {.split = "train",
                             .batch = BATCH,
                             .workers = workers,
                             .seed = 5,
                             .shuffle = 1,
                             .drop_last = 1,
                             .replace_bad = 1,
                             .max_bad = 0.5,
                             .view = make_view(1)};
    avcl_error err = {0};
    avcl_loader *l = avcl_loader_new(d, &o, &err);
    assert_non_null(l);
    for (int i = 0; i < n; i++) {
        avcl_batch b;
        avcl_status status = avcl_loader_next(l, &b, &err);
        if (status) print_error("%s\n", err.message);
        assert_int_equal(status, AVCL_OK);
        memcpy(rgb + (size_t)i * BATCH * RGB_ROW, b.rgb, BATCH * RGB_ROW);
        memcpy(mel + (size_t)i * BATCH * MEL_ROW, b.mel, BATCH * MEL_ROW * sizeof *mel);
        avcl_loader_release(l);
    }
    avcl_loader_stats stats;
    avcl_loader_get_stats(l, &stats);
    assert_int_equal(stats.n_bad, 2); /* text.mp4 and gone.mp4 */
    avcl_loader_free(l);
}

static void test_data_files__workers_and_cache_change_nothing(void **state)
{
    enum { N = 6 };
    size_t rgb_bytes = (size_t)N * BATCH * RGB_ROW;
    size_t mel_bytes = (size_t)N * BATCH * MEL_ROW * sizeof(uint16_t);
    uint8_t *rgb[2] = {malloc(rgb_bytes), malloc(rgb_bytes)};
    uint16_t *mel[2] = {malloc(mel_bytes), malloc(mel_bytes)};
    for (uint32_t i = 0; i < 3; i++) {
        avcl_dataset *d = open_set(*state, i == 2 ? 64 : 0);
        run(d, i ? 4 : 1, N, rgb[i > 0], mel[i > 0]);
        avcl_dataset_free(d);
        if (!i) continue;
        assert_memory_equal(rgb[0], rgb[1], rgb_bytes);
        assert_memory_equal(mel[0], mel[1], mel_bytes);
    }
    for (int i = 0; i < 2; i++) {
        free(rgb[i]);
        free(mel[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_files__clip_is_a_cut_of_the_decoded_file),
        cmocka_unit_test(test_data_files__tracks_and_lengths),
        cmocka_unit_test(test_data_files__workers_and_cache_change_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
