/* test_prepare.c - a prepared cache of real files: the same samples but for the codec,
 * and the same bytes however it was made. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"
#include "clips.h"
#include "media/small.h"
#include "prepare_rig.h"

static void sha_of(const char *name, char hex[65])
{
    avcl_error err = {0};
    if (avcl_sha256_file(clips_file(name), hex, &err)) fail_msg("%s", err.message);
}

/* ---- what is in it --------------------------------------------------------------------
 */
/* The source's pictures put through 4:2:0 and cut in the same place: yuv's whole loss. */
static void through_i420(avcl_dataset *d, int64_t i, const avcl_view *v, int32_t clip,
                         uint32_t epoch, uint8_t *out)
{
    avcl_sample_info info;
    avcl_error err = {0};
    static uint8_t rgb[FRAMES * W * H * 3];
    static uint8_t yuv[W * H * 3];
    sample s;
    prepare_read(d, i, epoch, v, clip, &s);
    assert_int_equal(avcl_dataset_get_sample(d, i, &info), AVCL_OK);
    avcl_video *video = avcl_video_open(info.path, NULL, &err);
    assert_non_null(video);
    assert_int_equal(
        avcl_video_read(video, s.what.start_frame, FRAMES, W, H, rgb, NULL, &err),
        AVCL_OK);
    avcl_video_free(video);
    /* Where was it cut? The source's own sample is a cut of rgb. */
    avcl_area area = {-1, -1, CROP, CROP};
    for (int32_t y = 0; y <= H - CROP && area.y < 0; y++)
        for (int32_t x = 0; x <= W - CROP && area.y < 0; x++) {
            int same = 1;
            for (int32_t k = 0; same && k < CROP * CROP; k++)
                same = rgb[((y + k / CROP) * W + x + k % CROP) * 3] == s.rgb[k];
            if (same) area = (avcl_area){y, x, CROP, CROP};
        }
    assert_true(area.y >= 0);
    for (int32_t t = 0; t < FRAMES; t++) {
        avcl__i420_from_rgb(rgb + (size_t)t * W * H * 3, W, H, yuv);
        avcl__i420_cut(yuv, W, H, &area, out + t * CROP * CROP,
                       (size_t)FRAMES * CROP * CROP);
    }
}

static void test_prepare__yuv_loses_chroma_and_nothing_else(void **state)
{
    (void)state;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    avcl_prepare_progress n = prepare_run("set.csv", "yuv.avclcache", &o);
    assert_int_equal(n.n_total, N_GOOD);
    assert_int_equal(n.n_failed, 0);
    assert_int_equal(n.n_repaired, 1); /* d.mp4 has 5 frames */
    assert_int_equal(n.n_no_audio, 2);
    avcl_dataset *from = prepare_open("set.csv");
    avcl_dataset *d = prepare_open("yuv.avclcache");
    assert_int_equal(avcl_dataset_count(d), N_ALL);
    assert_string_equal(avcl_dataset_class_name(d, 1), "y");
    avcl_view v = prepare_view(1);
    for (int64_t i = 0; i < N_ALL; i++)
        for (uint32_t epoch = 0; epoch < 4; epoch++) {
            static sample a;
            static sample b;
            static uint8_t want[RGB];
            prepare_read(from, i, epoch, &v, 0, &a);
            prepare_read(d, i, epoch, &v, 0, &b);
            prepare_check_facts(&a, &b);
            through_i420(from, i, &v, 0, epoch, want);
            assert_memory_equal(b.rgb, want, sizeof want);
        }
    avcl_dataset_free(d);
    avcl_dataset_free(from);
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)(a[i] - b[i]) * (a[i] - b[i]);
    return sum > 0 ? 10 * log10(255.0 * 255.0 * (double)n / sum) : 99;
}

static void test_prepare__mjpeg_is_near_and_sound_is_exact(void **state)
{
    (void)state;
    const double near = 27; /* dB at quality 2 to what 4:2:0 left, noise and all */
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    o.quality = 2;
    avcl_prepare_progress n = prepare_run("set.csv", "jpg.avclcache", &o);
    assert_true(n.squared_error > 0 && n.squared_error < 1000);
    avcl_dataset *from = prepare_open("set.csv");
    avcl_dataset *d = prepare_open("jpg.avclcache");
    avcl_dataset *plain = prepare_open("yuv.avclcache");
    avcl_view v = prepare_view(0);
    for (int other = 0; other < 2; other++) {
        if (other) v.mel = (avcl_mel_options){.bands = 48, .columns = 30, .hop = 300};
        for (int64_t i = 0; i < N_ALL; i++)
            for (int32_t clip = 0; clip < 3; clip++) {
                static sample a;
                static sample b;
                static sample c;
                avcl_view only = v;
                prepare_read(from, i, 0, &v, clip, &a);
                prepare_read(d, i, 0, &v, clip, &b);
                prepare_check_facts(&a, &b);
                only.mel_crop = 0;
                prepare_read(plain, i, 0, &only, clip, &c);
                if (psnr(b.rgb, c.rgb, RGB) < near)
                    fail_msg("sample %d: %g dB", (int)i, psnr(b.rgb, c.rgb, RGB));
            }
    }
    avcl_dataset_free(plain);
    avcl_dataset_free(d);
    avcl_dataset_free(from);
}

/* Windows, folds and scaled pictures come from the stored track, to the bit. */
static void test_prepare__every_sound_of_the_files(void **state)
{
    (void)state;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    prepare_run("set.csv", "sounds.avclcache", &o);
    avcl_dataset *from = prepare_open("set.csv");
    avcl_dataset *d = prepare_open("sounds.avclcache");
    for (avcl_sound sound = 0; sound <= AVCL_SOUND_WAVE; sound++)
        for (int32_t scaled = 0; scaled < 2; scaled++) {
            avcl_view v = prepare_view(0);
            v.sound = sound;
            v.seconds = 0.4;
            v.span = FRAMES + 3;
            if (scaled) v.mel_resize_w = 30, v.mel_resize_h = MEL;
            for (int64_t i = 0; i < N_ALL; i++)
                for (int32_t clip = 0; clip < 3; clip++) {
                    static sample a;
                    static sample b;
                    prepare_read(from, i, 0, &v, clip, &a);
                    prepare_read(d, i, 0, &v, clip, &b);
                    prepare_check_facts(&a, &b);
                }
        }
    avcl_dataset_free(d);
    avcl_dataset_free(from);
}

static void test_prepare__a_rate_is_prepared_too(void **state)
{
    (void)state;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    o.fps = 10;
    prepare_run("set.csv", "slow.avclcache", &o);
    avcl_dataset *from = prepare_open("set.csv");
    avcl_dataset *d = prepare_open("slow.avclcache");
    avcl_view v = prepare_view(1);
    v.fps = 10;
    for (int64_t i = 0; i < N_ALL; i++) {
        static sample a;
        static sample b;
        prepare_read(from, i, 1, &v, 0, &a);
        prepare_read(d, i, 1, &v, 0, &b);
        prepare_check_facts(&a, &b);
    }
    avcl_dataset_free(d);
    avcl_dataset_free(from);
}

/* ---- how it was made
 * -------------------------------------------------------------------- */
/* Stops when `stop` files are done, if it gets that far. */
static void begin(const char *out, const avcl_prepare_options *o, int64_t stop)
{
    avcl_error err = {0};
    avcl_prepare_progress n = {0};
    avcl_status st = AVCL_OK;
    avcl_dataset *d = prepare_open("set.csv");
    avcl_prepare *p = avcl_prepare_new(d, clips_file(out), o, &err);
    if (!p) fail_msg("%s", err.message);
    while (st == AVCL_OK && n.n_done < stop)
        st = avcl_prepare_wait(p, 0.001, &n, &err);
    avcl_prepare_free(p);
    avcl_dataset_free(d);
}

static void test_prepare__bytes_do_not_depend_on_how(void **state)
{
    (void)state;
    char want[65];
    char got[65];
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    o.workers = 1;
    prepare_run("set.csv", "one.avclcache", &o);
    sha_of("one.avclcache", want);
    for (int32_t workers = 2; workers <= 8; workers *= 2) {
        o.workers = workers;
        prepare_run("set.csv", "many.avclcache", &o);
        sha_of("many.avclcache", got);
        assert_string_equal(got, want);
        assert_int_equal(unlink(clips_file("many.avclcache")), 0);
    }
    for (int64_t stop = 0; stop < N_GOOD; stop++) {
        begin("cut.avclcache", &o, stop);
        /* A torn tail, as after a crash. */
        struct stat st;
        if (stat(clips_file("cut.avclcache.part"), &st) == 0)
            assert_int_equal(
                truncate(clips_file("cut.avclcache.part"), st.st_size - st.st_size / 7),
                0);
        prepare_run("set.csv", "cut.avclcache", &o);
        sha_of("cut.avclcache", got);
        assert_string_equal(got, want);
        assert_int_equal(access(clips_file("cut.avclcache.part"), F_OK), -1);
        assert_int_equal(unlink(clips_file("cut.avclcache")), 0);
    }
}

static void test_prepare__what_is_unchanged_is_taken_over(void **state)
{
    (void)state;
    char before[65];
    char after[65];
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    assert_int_equal(prepare_run("set.csv", "again.avclcache", &o).n_kept, 0);
    sha_of("again.avclcache", before);
    assert_int_equal(prepare_run("set.csv", "again.avclcache", &o).n_kept, N_GOOD);
    sha_of("again.avclcache", after);
    assert_string_equal(before, after);
    assert_int_equal(clips_run("touch -d '2001-01-01' %s", clips_file("d.mp4")), 0);
    assert_int_equal(prepare_run("set.csv", "again.avclcache", &o).n_kept, N_GOOD - 1);
    assert_int_equal(
        clips_run("head -4 %s > %s", clips_file("set.csv"), clips_file("less.csv")), 0);
    assert_int_equal(prepare_run("less.csv", "again.avclcache", &o).n_kept, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare__yuv_loses_chroma_and_nothing_else),
        cmocka_unit_test(test_prepare__mjpeg_is_near_and_sound_is_exact),
        cmocka_unit_test(test_prepare__every_sound_of_the_files),
        cmocka_unit_test(test_prepare__a_rate_is_prepared_too),
        cmocka_unit_test(test_prepare__bytes_do_not_depend_on_how),
        cmocka_unit_test(test_prepare__what_is_unchanged_is_taken_over),
    };
    return cmocka_run_group_tests(tests, prepare_make_set, clips_tear_down);
}
