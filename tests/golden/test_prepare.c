/* test_prepare.c - a prepared cache of real files: the same samples but for the codec,
 * the same bytes however it was made, and every flipped bit found. */
#include <fcntl.h>
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

#include "avcl/prepare.h"
#include "avcl/store.h"
#include "clips.h"
#include "media/small.h"

enum { W = 45, H = 34, CROP = 30, FRAMES = 8, MEL = 24, SEED = 5 };
enum { RGB = 3 * FRAMES * CROP * CROP, N_GOOD = 6, N_ALL = 7 };

#define SINE "-f lavfi -i sine=440:duration=1 "

static int make_set(void **state)
{
    if (clips_set_up(state)) return -1;
#define CLIP(w, h, s)                                                                    \
    "-f lavfi -i testsrc2=size=" w "x" h ":rate=25:duration=" s ",noise=alls=6:allf=t "
    clips_make("a.mp4", CLIP("64", "48", "1") SINE CLIPS_X264 "-bf 2 -c:a aac -shortest");
    clips_make("b, c.mp4", CLIP("80", "60", "1") CLIPS_X264 "-bf 2 -g 250");
    clips_make("d.mp4", CLIP("64", "48", "0.2") SINE CLIPS_X264 "-c:a aac");
    clips_make("e.ts", CLIP("64", "48", "1") SINE CLIPS_X264 "-bf 2 -c:a aac");
    clips_make("f.mkv", CLIP("97", "73", "1") SINE "-c:v ffv1 -c:a flac");
    clips_make("g.avi", CLIP("64", "48", "1") "-c:v mpeg4 -bf 2");
    FILE *f = fopen(clips_file("set.csv"), "w");
    assert_non_null(f);
    fputs("path,label,split\na.mp4,x,train\n\"b, c.mp4\",y,train\nd.mp4,x,train\n"
          "e.ts,y,train\nf.mkv,x,train\ng.avi,y,val\na.mp4,x,val\n",
          f);
    fclose(f);
    return 0;
}

static avcl_dataset *open_set(const char *name)
{
    avcl_error err = {0};
    avcl_dataset *d = avcl_dataset_open(clips_file(name), NULL, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

static avcl_prepare_options options(avcl_prepare_codec codec, avcl_prepare_audio audio)
{
    return (avcl_prepare_options){.width = W,
                                  .height = H,
                                  .codec = codec,
                                  .audio = audio,
                                  .workers = 2,
                                  .mel = {.bands = 32, .columns = 40}};
}

/* To the end; what was counted. */
static avcl_prepare_progress prepare(const char *set, const char *out,
                                     const avcl_prepare_options *o)
{
    avcl_error err = {0};
    avcl_prepare_progress n;
    avcl_status st = AVCL_OK;
    avcl_dataset *d = open_set(set);
    avcl_prepare *p = avcl_prepare_new(d, clips_file(out), o, &err);
    if (!p) fail_msg("%s", err.message);
    while (st == AVCL_OK)
        st = avcl_prepare_wait(p, 1, &n, &err);
    if (st != AVCL_END) fail_msg("%s", err.message);
    avcl_prepare_free(p);
    avcl_dataset_free(d);
    return n;
}

static void sha_of(const char *name, char hex[65])
{
    avcl_error err = {0};
    if (avcl_sha256_file(clips_file(name), hex, &err)) fail_msg("%s", err.message);
}

static avcl_view view(int32_t random)
{
    return (avcl_view){.frames = FRAMES,
                       .resize_w = W,
                       .resize_h = H,
                       .crop = CROP,
                       .mel_crop = MEL,
                       .random = random,
                       .n_clips = 3,
                       .mel = {.bands = 32, .columns = 40}};
}

typedef struct sample {
    uint8_t rgb[RGB];
    uint16_t mel[MEL * MEL];
    avcl_sample what;
} sample;

static void read_sample(avcl_dataset *d, int64_t i, uint32_t epoch, const avcl_view *v,
                        int32_t clip, sample *out)
{
    avcl_error err = {0};
    memset(out, 0, sizeof *out);
    out->what.rgb = out->rgb;
    out->what.mel = out->mel;
    if (avcl_sample_read(d, i, SEED, epoch, v, clip, &out->what, &err))
        fail_msg("%s", err.message);
}

static void check_facts(const sample *a, const sample *b)
{
    assert_memory_equal(a->mel, b->mel, sizeof a->mel);
    assert_int_equal(a->what.start_frame, b->what.start_frame);
    assert_true(a->what.start_s == b->what.start_s);
    assert_int_equal(a->what.label, b->what.label);
    assert_int_equal(a->what.has_audio, b->what.has_audio);
    assert_int_equal(a->what.n_padded, b->what.n_padded);
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
    read_sample(d, i, epoch, v, clip, &s);
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
    avcl_prepare_options o = options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    avcl_prepare_progress n = prepare("set.csv", "yuv.avclcache", &o);
    assert_int_equal(n.n_total, N_GOOD);
    assert_int_equal(n.n_failed, 0);
    assert_int_equal(n.n_repaired, 1); /* d.mp4 has 5 frames */
    assert_int_equal(n.n_no_audio, 2);
    avcl_dataset *from = open_set("set.csv");
    avcl_dataset *d = open_set("yuv.avclcache");
    assert_int_equal(avcl_dataset_count(d), N_ALL);
    assert_string_equal(avcl_dataset_class_name(d, 1), "y");
    avcl_view v = view(1);
    for (int64_t i = 0; i < N_ALL; i++)
        for (uint32_t epoch = 0; epoch < 4; epoch++) {
            static sample a;
            static sample b;
            static uint8_t want[RGB];
            read_sample(from, i, epoch, &v, 0, &a);
            read_sample(d, i, epoch, &v, 0, &b);
            check_facts(&a, &b);
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
    avcl_prepare_options o = options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    o.quality = 2;
    avcl_prepare_progress n = prepare("set.csv", "jpg.avclcache", &o);
    assert_true(n.squared_error > 0 && n.squared_error < 1000);
    avcl_dataset *from = open_set("set.csv");
    avcl_dataset *d = open_set("jpg.avclcache");
    avcl_dataset *plain = open_set("yuv.avclcache");
    avcl_view v = view(0);
    for (int other = 0; other < 2; other++) {
        if (other) v.mel = (avcl_mel_options){.bands = 48, .columns = 30, .hop = 300};
        for (int64_t i = 0; i < N_ALL; i++)
            for (int32_t clip = 0; clip < 3; clip++) {
                static sample a;
                static sample b;
                static sample c;
                avcl_view only = v;
                read_sample(from, i, 0, &v, clip, &a);
                read_sample(d, i, 0, &v, clip, &b);
                check_facts(&a, &b);
                only.mel_crop = 0;
                read_sample(plain, i, 0, &only, clip, &c);
                if (psnr(b.rgb, c.rgb, RGB) < near)
                    fail_msg("sample %d: %g dB", (int)i, psnr(b.rgb, c.rgb, RGB));
            }
    }
    avcl_dataset_free(plain);
    avcl_dataset_free(d);
    avcl_dataset_free(from);
}

static void test_prepare__a_rate_is_prepared_too(void **state)
{
    (void)state;
    avcl_prepare_options o = options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    o.fps = 10;
    prepare("set.csv", "slow.avclcache", &o);
    avcl_dataset *from = open_set("set.csv");
    avcl_dataset *d = open_set("slow.avclcache");
    avcl_view v = view(1);
    v.fps = 10;
    for (int64_t i = 0; i < N_ALL; i++) {
        static sample a;
        static sample b;
        read_sample(from, i, 1, &v, 0, &a);
        read_sample(d, i, 1, &v, 0, &b);
        check_facts(&a, &b);
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
    avcl_dataset *d = open_set("set.csv");
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
    avcl_prepare_options o = options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    o.workers = 1;
    prepare("set.csv", "one.avclcache", &o);
    sha_of("one.avclcache", want);
    for (int32_t workers = 2; workers <= 8; workers *= 2) {
        o.workers = workers;
        prepare("set.csv", "many.avclcache", &o);
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
        prepare("set.csv", "cut.avclcache", &o);
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
    avcl_prepare_options o = options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    assert_int_equal(prepare("set.csv", "again.avclcache", &o).n_kept, 0);
    sha_of("again.avclcache", before);
    assert_int_equal(prepare("set.csv", "again.avclcache", &o).n_kept, N_GOOD);
    sha_of("again.avclcache", after);
    assert_string_equal(before, after);
    assert_int_equal(clips_run("touch -d '2001-01-01' %s", clips_file("d.mp4")), 0);
    assert_int_equal(prepare("set.csv", "again.avclcache", &o).n_kept, N_GOOD - 1);
    assert_int_equal(
        clips_run("head -4 %s > %s", clips_file("set.csv"), clips_file("less.csv")), 0);
    assert_int_equal(prepare("less.csv", "again.avclcache", &o).n_kept, 3);
}

/* ---- refusals -------------------------------------------------------------------------
 */
static void refuse(const char *set, const char *out, const avcl_prepare_options *o,
                   const char *text)
{
    avcl_error err = {0};
    avcl_dataset *d = open_set(set);
    avcl_prepare *p = avcl_prepare_new(d, clips_file(out), o, &err);
    if (p) fail_msg("not refused: %s", text);
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
    avcl_dataset_free(d);
}

static void test_prepare__another_recipe_is_refused(void **state)
{
    (void)state;
    avcl_prepare_options o = options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    prepare("set.csv", "fixed.avclcache", &o);
    o.codec = AVCL_PREPARE_MJPEG;
    refuse("set.csv", "fixed.avclcache", &o,
           "with 'codec: yuv' and not 'codec: mjpeg 3'");
    o = options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    o.width = 50;
    refuse("set.csv", "fixed.avclcache", &o, "with 'size: 45x34' and not 'size: 50x34'");
    refuse("fixed.avclcache", "x.avclcache", &o, "is a prepared cache already");
    refuse("set.csv", "set.csv", &o, "is no prepared cache");
    o.quality = 40;
    o.codec = AVCL_PREPARE_MJPEG;
    refuse("set.csv", "x.avclcache", &o, "quality is 40, expected 1 to 31");
}

static void refuse_view(avcl_dataset *d, const avcl_view *v, const char *text)
{
    avcl_error err = {0};
    avcl_sample s = {0};
    assert_int_equal(avcl_sample_read(d, 0, 0, 0, v, 0, &s, &err), AVCL_E_INVALID);
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
    avcl_loader_options lo = {.split = "train", .batch = 2, .view = *v};
    err = (avcl_error){0};
    assert_null(avcl_loader_new(d, &lo, &err));
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
}

static void test_prepare__a_run_that_wants_more_is_refused(void **state)
{
    (void)state;
    avcl_prepare_options o = options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    prepare("set.csv", "plain.avclcache", &o);
    avcl_dataset *d = open_set("plain.avclcache");
    avcl_view v = view(0);
    v.resize_w = 60;
    refuse_view(d, &v, "holds pictures of 45x34 and the run wants 60x34");
    v = view(0);
    v.fps = 5;
    refuse_view(d, &v, "prepare it with --fps 5");
    v = view(0);
    v.mel.hop = 120;
    refuse_view(d, &v, "or with --audio both");
    avcl_dataset_free(d);
}

/* ---- damage ---------------------------------------------------------------------------
 */
/* Flips one bit at every 61st byte: a sample is either as before or an error that names
 * it, or the cache does not open. */
static void test_prepare__every_flipped_bit_is_found(void **state)
{
    (void)state;
    avcl_prepare_options o = options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    o.width = 20;
    o.height = 16;
    prepare("less.csv", "tiny.avclcache", &o);
    avcl_view v = view(0);
    v.frames = 4;
    v.resize_w = 20;
    v.resize_h = 16;
    v.crop = 12;
    static sample want[3][3];
    avcl_dataset *d = open_set("tiny.avclcache");
    for (int64_t i = 0; i < 3; i++)
        for (int32_t k = 0; k < 3; k++)
            read_sample(d, i, 0, &v, k, &want[i][k]);
    avcl_dataset_free(d);
    long size = clips_size("tiny.avclcache");
    int fd = open(clips_file("tiny.avclcache"), O_RDWR);
    assert_true(fd >= 0);
    int n_named = 0;
    int n_closed = 0;
    for (long at = 0; at < size; at += at < 4096 ? 13 : 211) {
        unsigned char byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        unsigned char flipped = byte ^ 0x10;
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        avcl_error err = {0};
        d = avcl_dataset_open(clips_file("tiny.avclcache"), NULL, &err);
        n_closed += !d;
        for (int64_t i = 0; d && i < 3; i++)
            for (int32_t k = 0; k < 3; k++) {
                static sample got;
                avcl_sample_info info;
                memset(&got, 0, sizeof got);
                got.what.rgb = got.rgb;
                got.what.mel = got.mel;
                avcl_dataset_get_sample(d, i, &info);
                err = (avcl_error){0};
                if (avcl_sample_read(d, i, SEED, 0, &v, k, &got.what, &err)) {
                    if (!strstr(err.message, info.rel)) fail_msg("%s", err.message);
                    n_named++;
                    continue;
                }
                assert_memory_equal(got.rgb, want[i][k].rgb, RGB);
                check_facts(&got, &want[i][k]);
            }
        avcl_dataset_free(d);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    assert_true(n_named > 50);
    assert_true(n_closed > 10);
}

/* ---- bad files
 * -------------------------------------------------------------------------- */
static void test_prepare__bad_files_are_listed_and_limited(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_prepare_progress n;
    avcl_prepare_options o = options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_MEL);
    assert_int_equal(clips_run("echo letter > %s; (cat %s; echo bad.mp4,x,train) > %s",
                               clips_file("bad.mp4"), clips_file("set.csv"),
                               clips_file("bad.csv")),
                     0);
    avcl_dataset *d = open_set("bad.csv");
    avcl_prepare *p = avcl_prepare_new(d, clips_file("bad.avclcache"), &o, &err);
    assert_non_null(p);
    avcl_status st = AVCL_OK;
    while (st == AVCL_OK)
        st = avcl_prepare_wait(p, 1, &n, &err);
    assert_int_equal(st, AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message, "1 of 7 files cannot be read, more than the 1%"));
    assert_non_null(strstr(err.message, "bad.mp4"));
    avcl_prepare_free(p);
    o.check_only = 1;
    p = avcl_prepare_new(d, NULL, &o, &err);
    assert_non_null(p);
    while ((st = avcl_prepare_wait(p, 1, &n, &err)) == AVCL_OK) {
    }
    assert_int_equal(st, AVCL_END);
    assert_int_equal(n.n_failed, 1);
    const char *rel;
    const char *reason;
    avcl_media_state how;
    assert_int_equal(avcl_prepare_get_problem(p, 0, &rel, &how, &reason), AVCL_OK);
    assert_string_equal(rel, "bad.mp4");
    assert_int_equal(how, AVCL_MEDIA_FAILED);
    assert_non_null(strstr(reason, "Invalid data"));
    avcl_prepare_free(p);
    avcl_dataset_free(d);
    o = options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_MEL);
    o.max_bad = 0.5;
    assert_int_equal(prepare("bad.csv", "bad.avclcache", &o).n_failed, 1);
    assert_int_equal(
        clips_run("grep -q '^bad.mp4,failed,' %s.bad.csv", clips_file("bad.avclcache")),
        0);
    /* The cache passes the fault on, and the other samples are as before. */
    d = open_set("bad.avclcache");
    sample *s = calloc(1, sizeof *s);
    s->what.rgb = s->rgb;
    avcl_view v = view(1);
    err = (avcl_error){0};
    assert_int_equal(avcl_sample_read(d, 7, SEED, 0, &v, 0, &s->what, &err),
                     AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message, "bad.mp4"));
    free(s);
    avcl_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare__yuv_loses_chroma_and_nothing_else),
        cmocka_unit_test(test_prepare__mjpeg_is_near_and_sound_is_exact),
        cmocka_unit_test(test_prepare__a_rate_is_prepared_too),
        cmocka_unit_test(test_prepare__bytes_do_not_depend_on_how),
        cmocka_unit_test(test_prepare__what_is_unchanged_is_taken_over),
        cmocka_unit_test(test_prepare__another_recipe_is_refused),
        cmocka_unit_test(test_prepare__a_run_that_wants_more_is_refused),
        cmocka_unit_test(test_prepare__every_flipped_bit_is_found),
        cmocka_unit_test(test_prepare__bad_files_are_listed_and_limited),
    };
    return cmocka_run_group_tests(tests, make_set, clips_tear_down);
}
