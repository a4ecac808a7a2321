/* test_decode.c - which frames there are and which one is which, against ffmpeg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/data.h"
#include "clips.h"

static int make_all(void **state)
{
    if (clips_set_up(state)) return -1;
    clips_make("bframes.mp4", CLIPS_SRC("160", "120", "4") CLIPS_X264 "-bf 3 -g 30");
    clips_make("onekey.mp4", CLIPS_SRC("160", "120", "3") CLIPS_X264 "-bf 2 -g 250");
    clips_make(
        "vfr.mp4",
        CLIPS_SRC(
            "128", "96",
            "4") "-vf \"select='not(mod(n,3))+lt(mod(n,7),3)'\" -vsync vfr " CLIPS_X264
                 "-bf 2 -g 20");
    clips_make("long.mp4",
               CLIPS_SRC("128", "96", "5") "-f lavfi -i sine=440:duration=5 " CLIPS_X264
                                           "-bf 2 -g 250 -c:a aac");
    clips_copy("cut.mp4", "-ss 1.5", "long.mp4", "");
    clips_make("five.mp4", CLIPS_SRC("128", "96", "0.2") CLIPS_X264);
    clips_copy("turn90.mp4", "", "five.mp4", "-metadata:s:v rotate=90");
    return 0;
}

static void test_video__windows_in_a_gop_do_not_decode_twice(void **state)
{
    (void)state;
    uint8_t rgb[3 * 16 * 12 * 10];
    avcl_video *v = clips_open(clips_file("onekey.mp4"));
    for (int64_t s = 0; s < 70; s += 10)
        assert_int_equal(avcl_video_read(v, s, 10, 16, 12, rgb, NULL, NULL), AVCL_OK);
    assert_int_equal(avcl_video_n_decoded(v), 70);
    avcl_video_free(v);
}

/* ---- what the probe says ------------------------------------------------------- */
static void test_probe__counts_displayed_frames(void **state)
{
    (void)state;
    avcl_media_info info;
    avcl_error err = {0};
    assert_int_equal(avcl_media_probe(clips_file("bframes.mp4"), &info, &err), AVCL_OK);
    assert_int_equal(info.n_frames, 100);
    assert_int_equal(info.width, 160);
    assert_int_equal(info.height, 120);
    assert_int_equal(info.is_vfr, 0);
    assert_int_equal(info.has_audio, 0);
    assert_float_equal(info.fps, 25.0, 1e-6);
    assert_float_equal(info.video_s, 4.0, 1e-6);
    assert_string_equal(info.video_codec, "h264");
    assert_int_equal(avcl_media_probe(clips_file("vfr.mp4"), &info, &err), AVCL_OK);
    assert_int_equal(info.is_vfr, 1);
    /* The cut keeps the packets from the key frame on, but shows those from 1.5 s. */
    assert_int_equal(avcl_media_probe(clips_file("cut.mp4"), &info, &err), AVCL_OK);
    assert_in_range(info.n_frames, 86, 89);
    assert_int_equal(info.has_audio, 1);
    assert_int_equal(info.sample_rate, 44100);
    assert_int_equal(info.channels, 1);
    assert_string_equal(info.audio_codec, "aac");
    assert_int_equal(avcl_media_probe(clips_file("turn90.mp4"), &info, &err), AVCL_OK);
    assert_int_equal(info.rotation % 180, 90);
    assert_int_equal(info.width, 96);
    assert_int_equal(info.height, 128);
}

static void test_video__times_are_those_of_the_container(void **state)
{
    (void)state;
    avcl_video *v = clips_open(clips_file("bframes.mp4"));
    for (int64_t i = 0; i < 100; i++)
        assert_float_equal(avcl_video_time(v, i), (double)i / 25.0, 1e-9);
    assert_float_equal(avcl_video_time(v, 5000), 99.0 / 25.0, 1e-9);
    avcl_video_free(v);
}

/* ---- rates ----------------------------------------------------------------------- */
/* Which of the file's frames shows at each of `n` ticks of `fps`, by ffmpeg's own clock.
 */
static void check_rate(const char *name, double fps)
{
    enum { W = 24, H = 18, PICTURE = W * H * 3 };
    static uint8_t all[CLIPS_MAX_FRAMES * PICTURE];
    static uint8_t got[CLIPS_MAX_FRAMES * PICTURE];
    avcl_error err = {0};
    avcl_video *plain = clips_open(clips_file(name));
    avcl_video_options o = {.fps = fps};
    avcl_video *v = avcl_video_open(clips_file(name), &o, &err);
    assert_non_null(v);
    int64_t n_all = avcl_video_n_frames(plain);
    int64_t n = avcl_video_n_frames(v);
    assert_int_equal(avcl_video_read(plain, 0, n_all, W, H, all, NULL, &err), AVCL_OK);
    assert_int_equal(avcl_video_read(v, 0, n, W, H, got, NULL, &err), AVCL_OK);
    avcl_media_info info;
    avcl_video_get_info(v, &info);
    assert_float_equal((double)n / fps, info.video_s, 1.0 / fps + 1e-9);
    for (int64_t i = 0; i < n; i++) {
        double due = info.video_start_s + (double)i / fps + 1e-6;
        int64_t shown = 0;
        while (shown + 1 < n_all && avcl_video_time(plain, shown + 1) <= due)
            shown++;
        assert_float_equal(avcl_video_time(v, i), due - 1e-6, 1e-9);
        assert_memory_equal(got + i * PICTURE, all + shown * PICTURE, PICTURE);
    }
    for (int64_t s = n - 3; s > 0; s -= 5) { /* windows are cut from the same row */
        static uint8_t window[3 * PICTURE];
        assert_int_equal(avcl_video_read(v, s, 3, W, H, window, NULL, &err), AVCL_OK);
        assert_memory_equal(window, got + s * PICTURE, sizeof window);
    }
    avcl_video_free(v);
    avcl_video_free(plain);
}

static void test_video__a_rate_shows_what_is_on_screen(void **state)
{
    (void)state;
    check_rate("bframes.mp4", 25);
    check_rate("bframes.mp4", 8);
    check_rate("bframes.mp4", 60);
    check_rate("vfr.mp4", 25);
    check_rate("vfr.mp4", 10);
    check_rate("cut.mp4", 12.5);
    avcl_error err = {0};
    avcl_video_options o = {.fps = -1};
    assert_null(avcl_video_open(clips_file("five.mp4"), &o, &err));
    assert_non_null(strstr(err.message, "fps is -1"));
}

/* ---- folders and wavs ------------------------------------------------------------- */
static void check_folder(const char *folder, const char *suffix)
{
    char name[CLIPS_PATH];
    char want[CLIPS_MAX_FRAMES][33];
    char got[CLIPS_MAX_FRAMES][33];
    avcl_error err = {0};
    assert_int_equal(clips_run("mkdir -p '%s'", clips_file(folder)), 0);
    snprintf(name, sizeof name, "%s/f%%03d%s", folder, suffix);
    clips_make(name, CLIPS_SRC("64", "48", "1.2") "-q:v 2");
    avcl_video *v = clips_open(clips_file(folder));
    assert_int_equal(avcl_video_n_frames(v), 30);
    char command[CLIPS_COMMAND];
    snprintf(command, sizeof command,
             "ffmpeg -v error -nostdin -i '%s' -f framemd5 - | grep -v '^#'",
             clips_file(name));
    FILE *pipe = popen(command, "r");
    char line[512];
    int64_t n = 0;
    while (fgets(line, sizeof line, pipe))
        assert_int_equal(sscanf(strrchr(line, ',') + 1, " %32s", want[n++]), 1);
    pclose(pipe);
    assert_int_equal(n, 30);
    const int64_t starts[] = {0, 17, 3, 29, 28};
    for (int i = 0; i < 5; i++) {
        int64_t k = starts[i] + 5 < 30 ? 5 : 30 - starts[i];
        if (avcl_video_md5(v, starts[i], k, got, &err)) fail_msg("%s", err.message);
        for (int64_t j = 0; j < k; j++)
            assert_string_equal(got[j], want[starts[i] + j]);
    }
    assert_float_equal(avcl_video_time(v, 10), 0.4, 1e-9);
    avcl_video_free(v);
}

static void test_video__folders_of_pictures_are_videos(void **state)
{
    (void)state;
    check_folder("jpegs [1]", ".jpg");
    check_folder("pngs", ".png");
    avcl_media_info info;
    assert_int_equal(clips_run("echo 10 > %s/fps.txt", clips_file("pngs")), 0);
    assert_int_equal(avcl_media_probe(clips_file("pngs"), &info, NULL), AVCL_OK);
    assert_float_equal(info.fps, 10, 1e-9);
    avcl_error err = {0};
    assert_int_equal(clips_run("echo fast > %s/fps.txt", clips_file("pngs")), 0);
    assert_int_equal(avcl_media_probe(clips_file("pngs"), &info, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "fps.txt"));
    assert_int_equal(clips_run("cp %s/f001.png '%s/z.png'", clips_file("pngs"),
                               clips_file("jpegs [1]")),
                     0);
    err = (avcl_error){0};
    assert_int_equal(avcl_media_probe(clips_file("jpegs [1]"), &info, &err),
                     AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "expected one kind"));
}

/* A click at sample 12000 of a wav beside a clip that has no sound of its own. */
static void check_sidecar(const char *clip, const char *wav)
{
    avcl_wave wave = {0};
    avcl_error err = {0};
    clips_make(wav, "-f lavfi -i \"aevalsrc=exprs='if(eq(n,12000),0.9,0)':s=24000:d=1\"");
    if (avcl_audio_read(clips_file(clip), 24000, 1, &wave, &err))
        fail_msg("%s", err.message);
    assert_int_equal(wave.has_audio, 1);
    avcl_media_info info;
    assert_int_equal(avcl_media_probe(clips_file(clip), &info, NULL), AVCL_OK);
    assert_int_equal(wave.n, (int64_t)(info.video_s * 24000 + 0.5));
    int64_t peak = 0;
    for (int64_t i = 0; i < wave.n; i++)
        if (wave.samples[i] > wave.samples[peak]) peak = i;
    assert_int_equal(peak, 12000);
    avcl_wave_release(&wave);
}

static void test_audio__a_wav_beside_belongs_to_it(void **state)
{
    (void)state;
    check_folder("with_sound", ".jpg");
    check_sidecar("with_sound", "with_sound.wav");
    assert_int_equal(clips_run("rm %s", clips_file("with_sound.wav")), 0);
    check_sidecar("with_sound", "with_sound/audio.wav");
    check_sidecar("bframes.mp4", "bframes.wav");
}

/* A class folder of frame folders is a data set, and what lies in them is its identity.
 */
static void test_dataset__folders_of_pictures_are_its_clips(void **state)
{
    (void)state;
    char before[65];
    char after[65];
    avcl_error err = {0};
    assert_int_equal(clips_run("mkdir -p %s/cls/c", clips_dir()), 0);
    check_folder("cls/c/clip", ".jpg");
    avcl_dataset *d = avcl_dataset_open(clips_file("cls"), NULL, &err);
    if (!d) fail_msg("%s", err.message);
    assert_int_equal(avcl_dataset_count(d), 1);
    assert_int_equal(avcl_dataset_hash(d, before, &err), AVCL_OK);
    const char *changes[] = {"echo x > %s/cls/c/clip.wav", "echo y > %s/cls/c/clip.wav",
                             "rm %s/cls/c/clip/f003.jpg"};
    for (int i = 0; i < 3; i++) {
        char *mark = strstr(changes[i], "%s");
        assert_int_equal(clips_run("%.*s%s%s", (int)(mark - changes[i]), changes[i],
                                   clips_dir(), mark + 2),
                         0);
        assert_int_equal(avcl_dataset_hash(d, after, &err), AVCL_OK);
        assert_string_not_equal(before, after);
        strcpy(before, after);
    }
    avcl_dataset_free(d);
}

/* ---- limits ------------------------------------------------------------------------ */
static void test_video__stops_when_it_takes_too_long(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_video_options o = {.max_cpu_s = 1e-9};
    assert_null(avcl_video_open(clips_file("bframes.mp4"), &o, &err));
    assert_int_equal(err.code, AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "s of computing"));
    assert_non_null(strstr(err.message, "bframes.mp4"));
}

/* The size changes in mid-stream: what comes out is of one size, and right. */
static void test_video__sizes_may_change_on_the_way(void **state)
{
    (void)state;
    enum { W = 40, H = 30, PICTURE = W * H * 3 };
    static uint8_t rgb[20 * PICTURE];
    static uint8_t part[10 * PICTURE];
    clips_make("a.ts", CLIPS_SRC("128", "96", "0.4") CLIPS_X264 "-bf 0");
    clips_make("b.ts", CLIPS_SRC("64", "48", "0.4") CLIPS_X264 "-bf 0");
    assert_int_equal(clips_run("cat %s %s > %s", clips_file("a.ts"), clips_file("b.ts"),
                               clips_file("ab.ts")),
                     0);
    avcl_error err = {0};
    avcl_video *v = clips_open(clips_file("ab.ts"));
    assert_int_equal(avcl_video_n_frames(v), 20);
    if (avcl_video_read(v, 0, 20, W, H, rgb, NULL, &err)) fail_msg("%s", err.message);
    avcl_video_free(v);
    const char *names[] = {"a.ts", "b.ts"};
    for (int i = 0; i < 2; i++) {
        v = clips_open(clips_file(names[i]));
        if (avcl_video_read(v, 0, 10, W, H, part, NULL, &err))
            fail_msg("%s", err.message);
        assert_memory_equal(part, rgb + i * 10 * PICTURE, sizeof part);
        avcl_video_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_video__windows_in_a_gop_do_not_decode_twice),
        cmocka_unit_test(test_probe__counts_displayed_frames),
        cmocka_unit_test(test_video__times_are_those_of_the_container),
        cmocka_unit_test(test_video__a_rate_shows_what_is_on_screen),
        cmocka_unit_test(test_video__folders_of_pictures_are_videos),
        cmocka_unit_test(test_audio__a_wav_beside_belongs_to_it),
        cmocka_unit_test(test_dataset__folders_of_pictures_are_its_clips),
        cmocka_unit_test(test_video__stops_when_it_takes_too_long),
        cmocka_unit_test(test_video__sizes_may_change_on_the_way),
    };
    return cmocka_run_group_tests(tests, make_all, clips_tear_down);
}
