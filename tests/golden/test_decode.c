/* test_decode.c - frames, counts, pixels and refusals against the ffmpeg program, on
 * files that it makes here: encoders change, so no hash is stored. */
#include <dirent.h>
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

#include "avcl/media.h"

enum { PATH = 512, COMMAND = 2048, MAX_FRAMES = 512 };

/* ffmpeg's flags for the same scaler as ours. */
#define SCALE "flags=bilinear+accurate_rnd+bitexact+full_chroma_int"

static char dir[64] = "/tmp/avcl_decode_XXXXXX";

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *fmt, ...)
{
    char command[COMMAND];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_in_range(n, 1, (int)sizeof command - 1);
    int rc = system(command);
    if (rc) fprintf(stderr, "exit %d: %s\n", rc, command);
    return rc;
}

static const char *file(const char *name)
{
    static char path[4][PATH];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, PATH, "%s/%s", dir, name);
    return p;
}

/* ffmpeg -i/-f arguments up to the output, which is `name` in the test's folder. */
static void make(const char *name, const char *arguments)
{
    assert_int_equal(run("ffmpeg -v error -nostdin -y %s %s", arguments, file(name)), 0);
}

static int make_all(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return -1;
    if (run("command -v ffmpeg >/dev/null")) {
        fprintf(stderr, "the ffmpeg program is needed to make the test files\n");
        return -1;
    }
#define SRC(w, h, s) "-f lavfi -i testsrc2=size=" w "x" h ":rate=25:duration=" s " "
#define X264         "-c:v libx264 -preset veryfast -pix_fmt yuv420p "
    make("bframes.mp4", SRC("160", "120", "4") X264 "-bf 3 -g 30");
    make("onekey.mp4", SRC("160", "120", "3") X264 "-bf 2 -g 250");
    make("pyramid.mkv",
         SRC("160", "120", "3") X264 "-bf 8 -g 48 -x264-params b-pyramid=2:open-gop=1");
    make("vfr.mp4",
         SRC("128", "96",
             "4") "-vf \"select='not(mod(n,3))+lt(mod(n,7),3)'\" -vsync vfr " X264
                  "-bf 2 -g 20");
    make("long.mp4", SRC("128", "96", "5") "-f lavfi -i sine=440:duration=5 " X264
                                           "-bf 2 -g 250 -c:a aac");
    assert_int_equal(run("ffmpeg -v error -nostdin -y -ss 1.5 -i %s -c copy %s",
                         file("long.mp4"), file("cut.mp4")),
                     0);
    make("stream.ts", SRC("128", "96", "3") X264 "-bf 2 -g 25");
    make("noorder.avi", SRC("128", "96", "3") "-c:v mpeg4 -bf 2 -g 25");
    make("mpeg2.mpg", SRC("128", "96", "3") "-c:v mpeg2video -bf 2 -g 12");
    make("hidden.webm",
         SRC("128", "96", "2") "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 "
                               "-b:v 200k -cpu-used 8 -deadline good");
    make("frag.mp4",
         SRC("128", "96", "3") X264 "-bf 2 -g 25 -movflags frag_keyframe+empty_moov");
    make("odd.mp4", SRC("98", "74", "1") "-vf crop=97:73 -c:v libx264 -pix_fmt yuv444p");
    make("tenbit.mp4", SRC("128", "96", "1") "-c:v libx264 -pix_fmt yuv420p10le");
    make("hevc.mp4",
         SRC("128", "96", "2") "-c:v libx265 -preset ultrafast -x265-params "
                               "log-level=error:bframes=4:keyint=20 -tag:v hvc1");
    make("one.mp4", SRC("128", "96", "0.04") X264);
    make("five.mp4", SRC("128", "96", "0.2") X264);
    assert_int_equal(
        run("ffmpeg -v error -nostdin -y -i %s -c copy -metadata:s:v rotate=90 %s",
            file("five.mp4"), file("turn90.mp4")),
        0);
    assert_int_equal(
        run("ffmpeg -v error -nostdin -y -i %s -c copy -metadata:s:v rotate=180 %s",
            file("five.mp4"), file("turn180.mp4")),
        0);
    assert_int_equal(
        run("ffmpeg -v error -nostdin -y -i %s -c copy -metadata:s:v rotate=270 %s",
            file("five.mp4"), file("turn270.mp4")),
        0);
    return 0;
}

static int drop_all(void **state)
{
    (void)state;
    return run("rm -r %s", dir);
}

/* ---- md5 of every frame -------------------------------------------------------- */
static int64_t oracle_md5(const char *path, char (*hex)[33])
{
    char command[COMMAND];
    char line[512];
    snprintf(
        command, sizeof command,
        "ffmpeg -v error -nostdin -noautorotate -i %s -map 0:v:0 -vsync 0 -f framemd5 -",
        path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    int64_t n = 0;
    while (fgets(line, sizeof line, pipe)) {
        if (line[0] == '#') continue;
        const char *comma = strrchr(line, ',');
        assert_non_null(comma);
        assert_true(n < MAX_FRAMES);
        assert_int_equal(sscanf(comma + 1, " %32s", hex[n++]), 1);
    }
    assert_int_equal(pclose(pipe), 0);
    return n;
}

static avcl_video *open_ok(const char *path)
{
    avcl_error err = {0};
    avcl_video *v = avcl_video_open(path, &err);
    if (!v) fail_msg("%s", err.message);
    return v;
}

static void check_window(avcl_video *v, int64_t start, int64_t n, char (*want)[33],
                         const char *path)
{
    avcl_error err = {0};
    char got[MAX_FRAMES][33];
    if (avcl_video_md5(v, start, n, got, &err)) fail_msg("%s: %s", path, err.message);
    for (int64_t i = 0; i < n; i++)
        if (strcmp(got[i], want[start + i]) != 0)
            fail_msg("%s: frame %d of window %d+%d differs", path, (int)(start + i),
                     (int)start, (int)n);
}

/* In order, each frame decoded once; then windows at random starts in one reader. */
static void check_file(const char *name)
{
    enum { WINDOWS = 40 };
    const char *path = file(name);
    char want[MAX_FRAMES][33];
    int64_t n = oracle_md5(path, want);
    avcl_video *v = open_ok(path);
    avcl_media_info info;
    avcl_video_get_info(v, &info);
    assert_int_equal(info.n_frames, n);
    check_window(v, 0, n, want, path);
    assert_int_equal(avcl_video_n_decoded(v), n);
    uint32_t seed = 12345;
    for (int i = 0; i < WINDOWS; i++) {
        seed = seed * 1664525u + 1013904223u;
        int64_t start = (seed >> 8) % n;
        int64_t most = n - start < 16 ? n - start : 16;
        check_window(v, start, 1 + (seed >> 4) % most, want, path);
    }
    for (int64_t s = 0; s < n; s += 7)
        check_window(v, s, n - s < 7 ? n - s : 7, want, path);
    for (int64_t s = n - 1; s >= 0 && s > n - 12; s--)
        check_window(v, s, 1, want, path);
    avcl_video_free(v);
}

static void test_video__frames_equal_ffmpeg(void **state)
{
    (void)state;
    const char *names[] = {"bframes.mp4", "onekey.mp4", "pyramid.mkv", "vfr.mp4",
                           "cut.mp4",     "frag.mp4",   "odd.mp4",     "tenbit.mp4",
                           "hevc.mp4",    "one.mp4",    "turn90.mp4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_file(names[i]);
}

static void test_video__ordinal_files_are_counted(void **state)
{
    (void)state;
    const char *names[] = {"stream.ts", "noorder.avi", "mpeg2.mpg", "hidden.webm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        avcl_media_info info;
        assert_int_equal(avcl_media_probe(file(names[i]), &info, NULL), AVCL_OK);
        assert_int_equal(info.ordinal, 1);
        check_file(names[i]);
    }
}

static void test_video__windows_in_a_gop_do_not_decode_twice(void **state)
{
    (void)state;
    uint8_t rgb[3 * 16 * 12 * 10];
    avcl_video *v = open_ok(file("onekey.mp4"));
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
    assert_int_equal(avcl_media_probe(file("bframes.mp4"), &info, &err), AVCL_OK);
    assert_int_equal(info.n_frames, 100);
    assert_int_equal(info.width, 160);
    assert_int_equal(info.height, 120);
    assert_int_equal(info.is_vfr, 0);
    assert_int_equal(info.has_audio, 0);
    assert_float_equal(info.fps, 25.0, 1e-6);
    assert_float_equal(info.video_s, 4.0, 1e-6);
    assert_string_equal(info.video_codec, "h264");
    assert_int_equal(avcl_media_probe(file("vfr.mp4"), &info, &err), AVCL_OK);
    assert_int_equal(info.is_vfr, 1);
    /* The cut keeps the packets from the key frame on, but shows those from 1.5 s. */
    assert_int_equal(avcl_media_probe(file("cut.mp4"), &info, &err), AVCL_OK);
    assert_in_range(info.n_frames, 86, 89);
    assert_int_equal(info.has_audio, 1);
    assert_int_equal(info.sample_rate, 44100);
    assert_int_equal(info.channels, 1);
    assert_string_equal(info.audio_codec, "aac");
    assert_int_equal(avcl_media_probe(file("turn90.mp4"), &info, &err), AVCL_OK);
    assert_int_equal(info.rotation % 180, 90);
    assert_int_equal(info.width, 96);
    assert_int_equal(info.height, 128);
}

static void test_video__times_are_those_of_the_container(void **state)
{
    (void)state;
    avcl_video *v = open_ok(file("bframes.mp4"));
    for (int64_t i = 0; i < 100; i++)
        assert_float_equal(avcl_video_time(v, i), (double)i / 25.0, 1e-9);
    assert_float_equal(avcl_video_time(v, 5000), 99.0 / 25.0, 1e-9);
    avcl_video_free(v);
}

/* ---- pixels -------------------------------------------------------------------- */
/* All frames as ffmpeg filters them; `options` go before the input. */
static uint8_t *oracle_rgb(const char *path, const char *options, const char *filter,
                           int64_t n, size_t picture)
{
    char command[COMMAND];
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
    avcl_video *v = open_ok(file(name));
    avcl_media_info info;
    avcl_video_get_info(v, &info);
    size_t picture = (size_t)w * (size_t)h * 3;
    uint8_t *want = oracle_rgb(file(name), options, filter, info.n_frames, picture);
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
    check_pixels("bframes.mp4", "scale=171:128:" SCALE, 171, 128);
    check_pixels("bframes.mp4", "scale=49:37:" SCALE, 49, 37);
    check_pixels("tenbit.mp4", "scale=49:37:" SCALE, 49, 37);
    check_pixels("odd.mp4", "scale=33:31:" SCALE, 33, 31);
}

/* We scale, then turn: that order is exact. ffmpeg by itself turns first, which moves
 * chroma a little; the direction is its own, or the pictures would differ by tens. */
static void test_video__turns_as_the_display_matrix_says(void **state)
{
    (void)state;
    const double chroma = 20.0; /* 5 when right, 170 when turned the wrong way */
    const char *half =
        "scale=40:30:" SCALE ",format=rgb24,transpose=clock,transpose=clock";
    /* ffmpeg 5.1 writes rotate=90 as 90 degrees counter-clockwise. */
    check_pixels("turn90.mp4", "scale=40:30:" SCALE ",format=rgb24,transpose=cclock", 30,
                 40);
    check_pixels("turn180.mp4", half, 40, 30);
    check_pixels("turn270.mp4", "scale=40:30:" SCALE ",format=rgb24,transpose=clock", 30,
                 40);
    const char *names[] = {"turn90.mp4", "turn270.mp4"};
    for (int i = 0; i < 2; i++)
        assert_true(pixel_difference(names[i], "", "scale=96:128:" SCALE, 96, 128) <
                    chroma);
    assert_true(pixel_difference("turn180.mp4", "", "scale=128:96:" SCALE, 128, 96) <
                chroma);
}

static void test_video__repeats_the_last_frame_and_counts_it(void **state)
{
    (void)state;
    enum { W = 32, H = 24, PICTURE = W * H * 3 };
    uint8_t rgb[16 * PICTURE];
    int64_t padded = -1;
    avcl_video *v = open_ok(file("five.mp4"));
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

static void test_video__refuses_windows_that_make_no_sense(void **state)
{
    (void)state;
    uint8_t rgb[3];
    char hex[1][33];
    avcl_error err = {0};
    avcl_video *v = open_ok(file("five.mp4"));
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
    expect_refusal(file("absent.mp4"), AVCL_E_NOT_FOUND, "No such file");
    expect_refusal(dir, AVCL_E_INVALID, "is a directory");
    assert_int_equal(run("echo 'hello, this is a letter' > %s", file("text.mp4")), 0);
    expect_refusal(file("text.mp4"), AVCL_E_INVALID, "Invalid data found");
    assert_int_equal(run(": > %s", file("empty.mp4")), 0);
    expect_refusal(file("empty.mp4"), AVCL_E_INVALID, "empty");
    assert_int_equal(run("head -c 20000 %s > %s", file("bframes.mp4"), file("torn.mp4")),
                     0);
    expect_refusal(file("torn.mp4"), AVCL_E_INVALID, "moov atom not found");
    make("sound.m4a", "-f lavfi -i sine=440:duration=1 -c:a aac");
    expect_refusal(file("sound.m4a"), AVCL_E_INVALID, "no video stream");
    assert_int_equal(mkfifo(file("pipe.mp4"), 0600), 0);
    expect_refusal(file("pipe.mp4"), AVCL_E_INVALID, "not a regular file");
    expect_refusal("http://localhost/x.mp4", AVCL_E_NOT_FOUND, "No such file");
    make("still.m4a",
         SRC("64", "64", "0.04") "-f lavfi -i sine=440:duration=1 -c:a aac "
                                 "-c:v mjpeg -disposition:v attached_pic -f mp4");
    expect_refusal(file("still.m4a"), AVCL_E_INVALID, "no video stream");
}

/* The header promises more than the file holds: what is there is read to the end. */
static void test_video__reads_what_a_truncated_file_still_has(void **state)
{
    (void)state;
    char want[MAX_FRAMES][33];
    assert_int_equal(
        run("ffmpeg -v error -nostdin -y -i %s -c copy -movflags +faststart %s",
            file("bframes.mp4"), file("fast.mp4")),
        0);
    assert_int_equal(run("head -c $(($(wc -c < %s) * 6 / 10)) %s > %s", file("fast.mp4"),
                         file("fast.mp4"), file("short.mp4")),
                     0);
    int64_t whole = oracle_md5(file("bframes.mp4"), want);
    avcl_video *v = open_ok(file("short.mp4"));
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
    check_window(v, 0, 15, want, "short.mp4");
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
    FILE *in = fopen(file("bframes.mp4"), "rb");
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    for (size_t i = size / 4; i < size * 3 / 4; i += 997)
        bytes[i] ^= 0x5a;
    FILE *out = fopen(file("flipped.mp4"), "wb");
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
    for (int64_t start = 0; start < 100; start += 12) {
        avcl_error err = {0};
        for (int pass = 0; pass < 2; pass++) {
            avcl_video *v = open_ok(file("flipped.mp4"));
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
    const char *path = file("stream.ts");
    char want[MAX_FRAMES][33];
    char hex[4][33];
    oracle_md5(path, want);
    avcl_video *v = open_ok(path);
    check_window(v, 20, 4, want, path);
    assert_int_equal(run("mv %s %s.away", path, path), 0);
    for (int i = 0; i < 2; i++) {
        avcl_error err = {0};
        assert_int_equal(avcl_video_md5(v, 0, 4, hex, &err), AVCL_E_NOT_FOUND);
        assert_non_null(strstr(err.message, path));
    }
    assert_true(avcl_video_time(v, 25) > avcl_video_time(v, 24));
    assert_int_equal(run("mv %s.away %s", path, path), 0);
    check_window(v, 10, 4, want, path);
    avcl_video_free(v);
}

static int count_fds(void)
{
    int n = 0;
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    while (readdir(fds))
        n++;
    closedir(fds);
    return n;
}

static void test_open__leaves_no_file_open(void **state)
{
    (void)state;
    avcl_media_info info;
    avcl_wave wave;
    int before = count_fds();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(avcl_media_probe(file("cut.mp4"), &info, NULL), AVCL_OK);
        assert_int_not_equal(avcl_media_probe(file("torn.mp4"), &info, NULL), AVCL_OK);
        assert_int_not_equal(avcl_media_probe(file("sound.m4a"), &info, NULL), AVCL_OK);
        assert_int_equal(avcl_audio_read(file("cut.mp4"), 24000, 1, &wave, NULL),
                         AVCL_OK);
        avcl_wave_release(&wave);
        assert_int_not_equal(avcl_audio_read(file("text.mp4"), 24000, 1, &wave, NULL),
                             AVCL_OK);
    }
    assert_int_equal(count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_video__frames_equal_ffmpeg),
        cmocka_unit_test(test_video__ordinal_files_are_counted),
        cmocka_unit_test(test_video__windows_in_a_gop_do_not_decode_twice),
        cmocka_unit_test(test_probe__counts_displayed_frames),
        cmocka_unit_test(test_video__times_are_those_of_the_container),
        cmocka_unit_test(test_video__pixels_equal_ffmpeg),
        cmocka_unit_test(test_video__turns_as_the_display_matrix_says),
        cmocka_unit_test(test_video__repeats_the_last_frame_and_counts_it),
        cmocka_unit_test(test_video__refuses_windows_that_make_no_sense),
        cmocka_unit_test(test_open__says_what_is_wrong),
        cmocka_unit_test(test_video__reads_what_a_truncated_file_still_has),
        cmocka_unit_test(test_video__survives_flipped_bytes),
        cmocka_unit_test(test_video__outlives_its_file),
        cmocka_unit_test(test_open__leaves_no_file_open),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
