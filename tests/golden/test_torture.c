/* test_torture.c - the torture set: files as cameras, cutters and accidents leave them.
 * Each gives its expected state and reason, and every frame that can be decoded is the
 * one that ffmpeg shows, in order and at random. */
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

#include "clips.h"

#define SRC  CLIPS_SRC
#define X264 CLIPS_X264
#define TINY SRC("64", "48", "1")
#define SINE "-f lavfi -i sine=440:duration=1 "
#define FAST "-c:v libx264 -preset ultrafast -pix_fmt yuv420p "

/* What must come out; -1 and NULL: not asked. */
typedef struct clip {
    const char *name;
    const char *arguments; /* of ffmpeg; NULL: made by hand below */
    int64_t n_frames;
    int32_t rotation; /* modulo 180, ffmpeg's sign changed between versions */
    int32_t is_vfr;
    int32_t ordinal;
    int32_t sample_rate; /* 0: no sound */
    int32_t channels;
} clip;

/* ---- files that are well ------------------------------------------------------------
 */
static const clip good[] = {
    {"bframes.mp4", SRC("160", "120", "4") X264 "-bf 3 -g 30", 100, 0, 0, 0, 0, 0},
    {"onekey.mp4", SRC("160", "120", "3") X264 "-bf 2 -g 250", 75, 0, 0, 0, 0, 0},
    {"opengop.mkv",
     SRC("160", "120", "3") X264 "-bf 8 -g 48 -x264-params b-pyramid=2:open-gop=1", 75, 0,
     -1, 0, 0, 0},
    {"intra_refresh.mp4", SRC("128", "96", "3") X264 "-g 25 -x264-params intra-refresh=1",
     75, 0, 0, 0, 0, 0},
    {"vfr.mp4",
     SRC("128", "96", "4") "-vf \"select='not(mod(n,3))+lt(mod(n,7),3)'\" -vsync vfr "
                           "-c:v libx264 -bf 2 -g 20",
     -1, 0, 1, 0, 0, 0},
    {"hevc.mp4",
     SRC("128", "96", "2") "-c:v libx265 -preset ultrafast -x265-params "
                           "log-level=error:bframes=4:keyint=20 -tag:v hvc1",
     50, 0, 0, 0, 0, 0},
    {"fragmented.mp4",
     SRC("128", "96", "3") X264 "-bf 2 -g 25 -movflags frag_keyframe+empty_moov", 75, 0,
     0, 0, 0, 0},
    {"stream.ts", SRC("128", "96", "3") X264 "-bf 2 -g 25", 75, 0, -1, 1, 0, 0},
    {"program.mpg", SRC("128", "96", "3") "-c:v mpeg2video -bf 2 -g 12", 75, 0, -1, 1, 0,
     0},
    {"no_pts.avi", SRC("128", "96", "3") "-c:v mpeg4 -bf 2 -g 25", -1, 0, -1, 1, 0, 0},
    {"hidden.webm",
     SRC("128", "96", "2") "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -b:v 200k "
                           "-cpu-used 8 -deadline good",
     50, 0, -1, 1, 0, 0},
    {"tenbit.mp4", TINY "-c:v libx264 -pix_fmt yuv420p10le", 25, 0, 0, 0, 0, 0},
    {"full_range.mp4", TINY "-c:v libx264 -pix_fmt yuvj420p", 25, 0, 0, 0, 0, 0},
    {"yuv444.mp4", TINY "-c:v libx264 -pix_fmt yuv444p", 25, 0, 0, 0, 0, 0},
    {"bt709.mp4", TINY FAST "-colorspace bt709 -color_primaries bt709 -color_trc bt709",
     25, 0, 0, 0, 0, 0},
    {"odd.mp4", SRC("98", "74", "1") "-vf crop=97:73 -c:v libx264 -pix_fmt yuv444p", 25,
     0, 0, 0, 0, 0},
    {"frames1.mp4", SRC("64", "48", "0.04") FAST, 1, 0, 0, 0, 0, 0},
    {"frames5.mp4", SRC("64", "48", "0.2") FAST, 5, 0, 0, 0, 0, 0},
    {"frames15.mp4", SRC("64", "48", "0.6") X264 "-bf 2", 15, 0, 0, 0, 0, 0},
    {"frames16.mp4", SRC("64", "48", "0.64") X264 "-bf 2", 16, 0, 0, 0, 0, 0},
    {"frames17.mp4", SRC("64", "48", "0.68") X264 "-bf 2", 17, 0, 0, 0, 0, 0},
    {"sound8.mp4", TINY SINE FAST "-c:a aac -ar 8000", 25, 0, 0, 0, 8000, 1},
    {"sound22.mp4", TINY SINE FAST "-c:a aac -ar 22050 -ac 2", 25, 0, 0, 0, 22050, 2},
    {"sound44.mp4", TINY SINE FAST "-c:a aac -ar 44100 -ac 2", 25, 0, 0, 0, 44100, 2},
    {"surround.mp4", TINY SINE FAST "-c:a aac -ar 48000 -ac 6", 25, 0, 0, 0, 48000, 6},
    {"opus.mp4", TINY SINE FAST "-c:a libopus -ar 48000", 25, 0, 0, 0, 48000, 1},
    {"opus.mkv", TINY SINE FAST "-c:a libopus -ar 48000", 25, 0, -1, 0, 48000, 1},
    {"mp3.mp4", TINY SINE FAST "-c:a libmp3lame -ar 44100", 25, 0, 0, 0, 44100, 1},
    {"mp3.mkv", TINY SINE FAST "-c:a libmp3lame -ar 44100", 25, 0, -1, 0, 44100, 1},
    {"late_sound.mp4", TINY "-itsoffset 0.5 " SINE FAST "-c:a aac -ar 44100", 25, 0, 0, 0,
     44100, 1},
    {"late_picture.mp4", "-itsoffset 0.5 " TINY SINE FAST "-vsync vfr -c:a aac -ar 44100",
     25, 0, 0, 0, 44100, 1},
    {"two_tracks.mkv",
     TINY SINE "-f lavfi -i sine=880:duration=1 -map 0 -map 1 -map 2 " FAST
               "-c:a aac -ar 44100",
     25, 0, -1, 0, 44100, 1},
    {"cover.mp4",
     TINY SINE SRC("32", "32", "0.04") "-map 0 -map 1 -map 2 -c:v:0 libx264 -c:v:1 mjpeg "
                                       "-disposition:v:1 attached_pic -c:a aac -ar 44100",
     25, 0, 0, 0, 44100, 1},
    {"cut.mp4", NULL, -1, 0, 0, 0, 44100, 1},
    {"turn90.mp4", NULL, 5, 90, 0, 0, 0, 0},
    {"turn180.mp4", NULL, 5, 0, 0, 0, 0, 0},
    {"turn270.mp4", NULL, 5, 90, 0, 0, 0, 0},
    {"r\xe9sum\xe9 \xff.mp4", NULL, 5, 0, 0, 0, 0, 0},
};

static int make_good(void **state)
{
    if (clips_set_up(state)) return -1;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (good[i].arguments) clips_make(good[i].name, good[i].arguments);
    clips_make("long.mp4", SRC("128", "96", "5") "-f lavfi -i sine=440:duration=5 " X264
                                                 "-bf 2 -g 250 -c:a aac -ar 44100");
    clips_copy("cut.mp4", "-ss 1.5", "long.mp4", "");
    clips_copy("turn90.mp4", "", "frames5.mp4", "-metadata:s:v rotate=90");
    clips_copy("turn180.mp4", "", "frames5.mp4", "-metadata:s:v rotate=180");
    clips_copy("turn270.mp4", "", "frames5.mp4", "-metadata:s:v rotate=270");
    clips_copy("r\xe9sum\xe9 \xff.mp4", "", "frames5.mp4", "");
    return 0;
}

static void check_good(const clip *c)
{
    avcl_media_report r;
    avcl_media_check(clips_file(c->name), &r);
    if (r.state != AVCL_MEDIA_OK || *r.reason)
        fail_msg("%s: state %d, %s", c->name, r.state, r.reason);
    if (c->n_frames >= 0 && r.info.n_frames != c->n_frames)
        fail_msg("%s: %d frames", c->name, (int)r.info.n_frames);
    if (c->is_vfr >= 0) assert_int_equal(r.info.is_vfr, c->is_vfr);
    assert_int_equal(r.info.rotation % 180, c->rotation);
    assert_int_equal(r.info.ordinal, c->ordinal);
    assert_int_equal(r.info.has_audio, c->sample_rate > 0);
    assert_int_equal(r.info.sample_rate, c->sample_rate);
    assert_int_equal(r.info.channels, c->channels);
    assert_int_equal(r.is_silent, 0);
    assert_int_equal(r.n_damaged + r.n_lost, 0);
}

static void test_torture__good_files_are_called_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_good(&good[i]);
}

static void test_torture__every_frame_is_ffmpegs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        clips_check_frames(good[i].name);
}

/* ---- files that are not --------------------------------------------------------------
 */
static void check_bad(const char *name, avcl_media_state want, const char *reason)
{
    avcl_media_report r;
    avcl_media_check(clips_file(name), &r);
    if (r.state != want || !strstr(r.reason, reason))
        fail_msg("%s: state %d, expected %d and '%s'; said '%s'", name, r.state, want,
                 reason, r.reason);
    if (strchr(r.reason, '\n')) fail_msg("%s: more than a line: %s", name, r.reason);
}

static void test_torture__bad_files_say_why(void **state)
{
    (void)state;
    clips_truncate("torn.mp4", "bframes.mp4", 20000);
    check_bad("torn.mp4", AVCL_MEDIA_FAILED, "moov atom not found");
    clips_copy("fast.mp4", "", "bframes.mp4", "-movflags +faststart");
    clips_truncate("short.mp4", "fast.mp4", clips_size("fast.mp4") * 6 / 10);
    check_bad("short.mp4", AVCL_MEDIA_REPAIRED, "the header promises 100 frames");
    clips_flip("flipped.mp4", "bframes.mp4");
    check_bad("flipped.mp4", AVCL_MEDIA_FAILED, "of 100 frames are damaged");
    clips_truncate("empty.mp4", "bframes.mp4", 0);
    check_bad("empty.mp4", AVCL_MEDIA_FAILED, "is an empty file");
    assert_int_equal(clips_run("echo 'a letter' > %s", clips_file("text.mp4")), 0);
    check_bad("text.mp4", AVCL_MEDIA_FAILED, "Invalid data found");
    assert_int_equal(mkdir(clips_file("folder.mp4"), 0700), 0);
    check_bad("folder.mp4", AVCL_MEDIA_FAILED, "is a directory without");
    assert_int_equal(mkfifo(clips_file("pipe.mp4"), 0600), 0);
    check_bad("pipe.mp4", AVCL_MEDIA_FAILED, "not a regular file");
    check_bad("absent.mp4", AVCL_MEDIA_FAILED, "No such file");
    clips_make("sound.m4a", SINE "-c:a aac");
    check_bad("sound.m4a", AVCL_MEDIA_FAILED, "no video stream");
    clips_copy("locked.mp4", "", "frames5.mp4", "");
    assert_int_equal(chmod(clips_file("locked.mp4"), 0), 0);
    if (geteuid() != 0) check_bad("locked.mp4", AVCL_MEDIA_FAILED, "Permission denied");
}

/* One damaged packet of a hundred is repaired, and said. */
static void test_torture__a_little_damage_is_repaired(void **state)
{
    (void)state;
    clips_make("still.mp4", SRC("128", "96", "8") "-c:v libx264 -preset veryfast -bf 0 "
                                                  "-g 8 -pix_fmt yuv420p");
    long size = clips_size("still.mp4");
    assert_int_equal(
        clips_run("cp %s %s", clips_file("still.mp4"), clips_file("hit.mp4")), 0);
    FILE *f = fopen(clips_file("hit.mp4"), "r+b");
    assert_non_null(f);
    fseek(f, size / 2, SEEK_SET);
    for (int i = 0; i < 40; i++)
        fputc(0x5a, f);
    fclose(f);
    check_bad("hit.mp4", AVCL_MEDIA_REPAIRED, "of 200 frames are damaged");
}

static void test_torture__silence_is_not_absence(void **state)
{
    (void)state;
    avcl_media_report r;
    clips_make("quiet.mp4",
               TINY "-f lavfi -i anullsrc=r=44100:cl=mono -t 1 " FAST "-c:a aac");
    avcl_media_check(clips_file("quiet.mp4"), &r);
    assert_int_equal(r.state, AVCL_MEDIA_OK);
    assert_int_equal(r.info.has_audio, 1);
    assert_int_equal(r.is_silent, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torture__good_files_are_called_good),
        cmocka_unit_test(test_torture__every_frame_is_ffmpegs),
        cmocka_unit_test(test_torture__bad_files_say_why),
        cmocka_unit_test(test_torture__a_little_damage_is_repaired),
        cmocka_unit_test(test_torture__silence_is_not_absence),
    };
    return cmocka_run_group_tests(tests, make_good, clips_tear_down);
}
