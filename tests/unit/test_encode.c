/*
 * test_encode.c - what avcl_encode_mp4 writes is read back by ffprobe, a stranger to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avcl/media.h"

enum { W = 64, H = 48, FRAMES = 25, FPS = 25, RATE = 24000, SAMPLES = RATE };

static uint8_t rgb[FRAMES * H * W * 3];
static float tone[SAMPLES];
static char dir[] = "/tmp/avcl-encode-XXXXXX";
static char path[64];
static const avcl_encoder_options plain = {
    .width = W, .height = H, .fps = FPS, .rate = RATE};

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < FRAMES * H * W; i++) {
        int frame = i / (H * W);
        rgb[3 * i] = (uint8_t)(frame * 10);
        rgb[3 * i + 1] = (uint8_t)(i % W * 4);
        rgb[3 * i + 2] = (uint8_t)(i / W % H * 5);
    }
    for (int i = 0; i < SAMPLES; i++)
        tone[i] = 0.3f * sinf(0.1f * (float)i);
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/clip.mp4", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir); /* fails when anything was left beside the clip */
}

/* The first line that a command prints. */
static void ask(const char *question, char *answer, size_t n)
{
    char command[512];
    snprintf(command, sizeof command, "ffprobe -v error %s %s", question, path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    answer[0] = '\0';
    if (fgets(answer, (int)n, f)) answer[strcspn(answer, "\n")] = '\0';
    assert_int_equal(pclose(f), 0);
}

static void expect(const char *question, const char *wanted)
{
    char answer[256];
    ask(question, answer, sizeof answer);
    assert_string_equal(answer, wanted);
}

static void test_encode__is_read_by_ffprobe(void **state)
{
    (void)state;
    avcl_error err = {0};
    assert_int_equal(avcl_encode_mp4(path, &plain, rgb, FRAMES, tone, SAMPLES, &err),
                     AVCL_OK);
    assert_string_equal(err.message, "");
    expect("-count_frames -select_streams v -show_entries stream=codec_name,width,height,"
           "nb_read_frames -of csv=p=0",
           "h264,64,48,25");
    expect("-select_streams v -show_entries stream=r_frame_rate,start_time,duration -of "
           "csv=p=0",
           "25/1,0.000000,1.000000");
    expect(
        "-select_streams a -show_entries stream=codec_name,sample_rate,channels,duration "
        "-of csv=p=0",
        "aac,24000,1,1.000000");
}

/* The first and last frame show what was put in, in this order. */
static void test_encode__keeps_the_picture(void **state)
{
    (void)state;
    enum {
        TOLERANCE = 12 /* grey levels: crf 24 on a smooth ramp, chroma at half size */
    };
    static uint8_t back[FRAMES * H * W * 3 + 1];
    char command[256];
    assert_int_equal(avcl_encode_mp4(path, &plain, rgb, FRAMES, tone, SAMPLES, NULL),
                     AVCL_OK);
    snprintf(command, sizeof command,
             "ffmpeg -v error -i %s -an -pix_fmt rgb24 -f rawvideo -", path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(back, 1, sizeof back, f);
    assert_int_equal(pclose(f), 0);
    assert_int_equal(n, sizeof rgb);
    for (int frame = 0; frame < FRAMES; frame++) {
        double off = 0;
        for (int i = 0; i < H * W * 3; i++)
            off += abs(back[frame * H * W * 3 + i] - rgb[frame * H * W * 3 + i]);
        assert_true(off / (H * W * 3) < TOLERANCE);
    }
}

/* The index stands before the data: a reader needs no seek to the end. */
static void test_encode__has_its_index_in_front(void **state)
{
    (void)state;
    assert_int_equal(avcl_encode_mp4(path, &plain, rgb, FRAMES, tone, SAMPLES, NULL),
                     AVCL_OK);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char order[64] = "";
    uint8_t head[8];
    while (fread(head, 1, 8, f) == 8 && strlen(order) < 50) {
        long size = (long)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
        strncat(order, (char *)head + 4, 4);
        strcat(order, " ");
        assert_true(size >= 8);
        assert_int_equal(fseek(f, size - 8, SEEK_CUR), 0);
    }
    fclose(f);
    assert_non_null(strstr(order, "moov "));
    assert_true(strstr(order, "moov ") < strstr(order, "mdat "));
}

/* Every frame a key frame, many packets: the room kept for the index must do. */
static void test_encode__fits_long_indices(void **state)
{
    (void)state;
    enum { N = 600, M = RATE * 24 };
    uint8_t *many = calloc(N, W * H * 3);
    float *long_tone = calloc(M, sizeof *long_tone);
    avcl_encoder_options o = plain;
    avcl_error err = {0};
    o.gop = 1;
    for (int i = 0; i < N; i++)
        memset(many + i * W * H * 3, i * 37 & 255, W * H * 3);
    assert_int_equal(avcl_encode_mp4(path, &o, many, N, long_tone, M, &err), AVCL_OK);
    expect(
        "-count_packets -select_streams v -show_entries stream=nb_read_packets,duration "
        "-of csv=p=0",
        "24.000000,600");
    free(many);
    free(long_tone);
}

static void test_encode__leaves_out_audio_when_rate_is_0(void **state)
{
    (void)state;
    avcl_encoder_options o = plain;
    o.rate = 0;
    assert_int_equal(avcl_encode_mp4(path, &o, rgb, 1, NULL, 0, NULL), AVCL_OK);
    expect("-show_entries format=nb_streams,duration -of csv=p=0", "1,0.040000");
}

static void refuse(const avcl_encoder_options *o, const char *word)
{
    avcl_error err = {0};
    assert_int_equal(avcl_encode_mp4(path, o, rgb, FRAMES, tone, SAMPLES, &err),
                     AVCL_E_INVALID);
    assert_non_null(strstr(err.message, word));
}

static void test_encode__refuses_odd_arguments(void **state)
{
    (void)state;
    unlink(path);
    avcl_encoder_options o = plain;
    o.width = 63;
    refuse(&o, "width 63");
    o = plain;
    o.height = 0;
    refuse(&o, "height 0");
    o = plain;
    o.fps = 0;
    refuse(&o, "fps 0");
    o = plain;
    o.rate = 23999;
    refuse(&o, "23999");
    o = plain;
    o.crf = 52;
    refuse(&o, "crf 52");
    avcl_error err = {0};
    assert_int_equal(avcl_encode_mp4(path, &plain, rgb, 0, tone, 1, &err),
                     AVCL_E_INVALID);
    assert_int_equal(avcl_encode_mp4(path, &plain, rgb, 1, NULL, 0, NULL),
                     AVCL_E_INVALID);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_encode__names_what_the_system_refused(void **state)
{
    (void)state;
    avcl_error err = {0};
    assert_int_equal(
        avcl_encode_mp4("/nonexistent/a.mp4", &plain, rgb, 2, tone, 960, &err),
        AVCL_E_IO);
    assert_string_equal(err.message,
                        "cannot write /nonexistent/a.mp4: No such file or directory");
}

/* A disk that fills up, played by a file size limit: no file under either name. */
static void test_encode__leaves_nothing_on_a_full_disk(void **state)
{
    (void)state;
    struct rlimit before;
    avcl_error err = {0};
    unlink(path);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit tight = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    avcl_status status = avcl_encode_mp4(path, &plain, rgb, FRAMES, tone, SAMPLES, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, AVCL_E_IO);
    assert_non_null(strstr(err.message, strerror(EFBIG)));
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode__is_read_by_ffprobe),
        cmocka_unit_test(test_encode__keeps_the_picture),
        cmocka_unit_test(test_encode__has_its_index_in_front),
        cmocka_unit_test(test_encode__fits_long_indices),
        cmocka_unit_test(test_encode__leaves_out_audio_when_rate_is_0),
        cmocka_unit_test(test_encode__refuses_odd_arguments),
        cmocka_unit_test(test_encode__names_what_the_system_refused),
        cmocka_unit_test(test_encode__leaves_nothing_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
