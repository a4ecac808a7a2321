/* data_bench.c - what reading a data set costs, each way in turn, in CPU seconds of one
 * thread. data.sh makes the files and runs it.
 *
 *     data_bench DIR ROUNDS      DIR: whole.mp4, set.csv, set.mjpeg, set.yuv
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "avcl/prepare.h"
#include "data/sample_impl.h"
#include "media/media_impl.h"

enum { W = 171, H = 128, CROP = 112, FRAMES = 16, BATCH = 16, SEED = 3 };

static char dir[512];
static uint8_t *pictures; /* FRAMES of them */
static avcl_error err;

static const char *file(const char *name)
{
    static char path[4][1024];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void check(avcl_status st)
{
    if (st == AVCL_OK) return;
    fprintf(stderr, "data_bench: %s\n", err.message);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- whole files --------------------------------------------------------------------
 */
static double ours_whole(void)
{
    double from = cpu_s();
    avcl_video *v = avcl_video_open(file("whole.mp4"), NULL, &err);
    if (!v) check(AVCL_E_IO);
    int64_t n = avcl_video_n_frames(v);
    for (int64_t i = 0; i < n; i += FRAMES) {
        int64_t k = n - i < FRAMES ? n - i : FRAMES;
        check(avcl_video_read(v, i, k, W, H, pictures, NULL, &err));
    }
    avcl_video_free(v);
    return (double)n / (cpu_s() - from);
}

/* The ffmpeg program with the same scaler, one thread: frames per CPU second. */
static double ffmpeg_whole(int64_t n)
{
    struct rusage a;
    struct rusage b;
    char command[2048];
    snprintf(command, sizeof command,
             "ffmpeg -v error -nostdin -threads 1 -filter_threads 1 -i %s -map 0:v:0 -vf "
             "scale=%d:%d:flags=bilinear+accurate_rnd+bitexact+full_chroma_int,format="
             "rgb24 -f null -",
             file("whole.mp4"), W, H);
    getrusage(RUSAGE_CHILDREN, &a);
    if (system(command)) exit(1);
    getrusage(RUSAGE_CHILDREN, &b);
    double s = (double)(b.ru_utime.tv_sec - a.ru_utime.tv_sec) +
               (double)(b.ru_stime.tv_sec - a.ru_stime.tv_sec) +
               1e-6 * (double)(b.ru_utime.tv_usec - a.ru_utime.tv_usec) +
               1e-6 * (double)(b.ru_stime.tv_usec - a.ru_stime.tv_usec);
    return (double)n / s;
}

/* ---- windows ------------------------------------------------------------------------
 */
static int64_t window_start(int64_t i, int64_t n)
{
    uint64_t x = (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
    return (int64_t)((x >> 33) % (uint64_t)(n - FRAMES));
}

static double ours_windows(const char *path, int64_t n_windows)
{
    double from = cpu_s();
    for (int64_t i = 0; i < n_windows; i++) {
        avcl_video *v = avcl_video_open(path, NULL, &err);
        if (!v) check(AVCL_E_IO);
        int64_t start = window_start(i, avcl_video_n_frames(v));
        check(avcl_video_read(v, start, FRAMES, W, H, pictures, NULL, &err));
        avcl_video_free(v);
    }
    return (double)n_windows / (cpu_s() - from);
}

/* What one writes first: open, seek back from the time wanted, decode until it comes. */
static void plain_window(const char *path, int64_t i, avcl_scaler *scaler)
{
    AVFormatContext *f = NULL;
    if (avformat_open_input(&f, path, NULL, NULL) < 0 ||
        avformat_find_stream_info(f, NULL) < 0)
        exit(1);
    int video = av_find_best_stream(f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    AVStream *s = f->streams[video];
    const AVCodec *codec = avcodec_find_decoder(s->codecpar->codec_id);
    AVCodecContext *c = avcodec_alloc_context3(codec);
    avcodec_parameters_to_context(c, s->codecpar);
    c->thread_count = 1;
    if (avcodec_open2(c, codec, NULL) < 0) exit(1);
    int64_t start = window_start(i, s->nb_frames);
    int64_t pts =
        s->start_time + av_rescale_q(start, av_inv_q(s->avg_frame_rate), s->time_base);
    av_seek_frame(f, video, pts, AVSEEK_FLAG_BACKWARD);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int got = 0;
    int end = 0;
    while (got < FRAMES) {
        int rc = avcodec_receive_frame(c, frame);
        if (rc >= 0) {
            if (frame->best_effort_timestamp < pts) continue;
            check(avcl__scaler_run(scaler, frame, 0, W, H,
                                   pictures + (size_t)got++ * W * H * 3, &err));
            continue;
        }
        if (rc == AVERROR_EOF || end > 1) break;
        if (av_read_frame(f, packet) < 0) {
            avcodec_send_packet(c, NULL);
            end++;
            continue;
        }
        if (packet->stream_index == video) avcodec_send_packet(c, packet);
        av_packet_unref(packet);
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    avformat_close_input(&f);
}

static double plain_windows(const char *path, int64_t n_windows)
{
    avcl_scaler scaler = {0};
    double from = cpu_s();
    for (int64_t i = 0; i < n_windows; i++)
        plain_window(path, i, &scaler);
    double s = cpu_s() - from;
    avcl__scaler_release(&scaler);
    return (double)n_windows / s;
}

/* ---- samples ------------------------------------------------------------------------
 */
static const avcl_view view = {.frames = FRAMES,
                               .resize_w = W,
                               .resize_h = H,
                               .crop = CROP,
                               .mel_crop = CROP,
                               .random = 1};

/* Clips a second of one thread, as a loader's worker reads them. */
static double samples(const char *set, int64_t n, int32_t with_mel, avcl_scratch *scratch)
{
    static uint8_t rgb[3 * FRAMES * CROP * CROP];
    static uint16_t mel[CROP * CROP];
    avcl_view v = view;
    if (!with_mel) v.mel_crop = 0;
    avcl_dataset *d = avcl_dataset_open(file(set), NULL, &err);
    if (!d) check(AVCL_E_IO);
    int64_t count = avcl_dataset_count(d);
    double from = 0;
    for (int64_t i = -count; i < n; i++) { /* once through before the clock starts */
        if (i == 0) from = cpu_s();
        avcl_request r = {(i + count) % count, SEED, (uint32_t)(i + count), 0, &v};
        avcl_sample s = {.rgb = rgb, .mel = mel};
        check(avcl__sample_read(d, &r, scratch, &s, &err));
    }
    double s = cpu_s() - from;
    avcl_dataset_free(d);
    return (double)n / s;
}

/* Part of the time that decoding a whole clip, pictures and sound, takes. */
static double mel_part(const char *path)
{
    avcl_wave wave = {0};
    avcl_mel *mel = avcl_mel_new(NULL, &err);
    float *out = malloc(256 * 256 * sizeof *out);
    double from = cpu_s();
    avcl_video *v = avcl_video_open(path, NULL, &err);
    if (!v || !mel || !out) check(AVCL_E_IO);
    for (int64_t i = 0; i + FRAMES <= avcl_video_n_frames(v); i += FRAMES)
        check(avcl_video_read(v, i, FRAMES, W, H, pictures, NULL, &err));
    avcl_video_free(v);
    check(avcl_audio_read(path, 24000, 1, &wave, &err));
    double decode = cpu_s() - from;
    from = cpu_s();
    check(avcl_mel_picture(mel, wave.samples, wave.n, out, &err));
    double s = cpu_s() - from;
    avcl_wave_release(&wave);
    avcl_mel_free(mel);
    free(out);
    return s / decode;
}

/* A trainer that computes for 0.1 s a batch, beside one worker: what part it waits. */
static double wait_part(const char *set)
{
    enum { STEPS = 60, WARM = 3 };
    const double step_s = 0.1;
    avcl_dataset *d = avcl_dataset_open(file(set), NULL, &err);
    avcl_loader_options o = {.split = "train",
                             .batch = BATCH,
                             .workers = 1,
                             .shuffle = 1,
                             .drop_last = 1,
                             .view = view};
    avcl_loader *l = d ? avcl_loader_new(d, &o, &err) : NULL;
    if (!l) check(AVCL_E_IO);
    avcl_loader_stats stats;
    for (int i = 0; i < STEPS; i++) {
        avcl_batch b;
        if (i == WARM) avcl_loader_get_stats(l, &stats);
        check(avcl_loader_next(l, &b, &err));
        for (double until = wall_s() + step_s; wall_s() < until;) {
        }
        avcl_loader_release(l);
    }
    avcl_loader_get_stats(l, &stats);
    avcl_loader_free(l);
    avcl_dataset_free(d);
    return stats.wait_s / stats.wall_s;
}

/* ---- all of it, in turn ---------------------------------------------------------------
 */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

static void say(const char *what, double value, const char *unit, const char *floor,
                int good)
{
    printf("%-52s %9.2f %-9s %-12s %s\n", what, value, unit, floor,
           *floor ? (good ? "yes" : "NO") : "");
}

int main(int argc, char **argv)
{
    enum { MOST = 15, WINDOWS = 12, SOURCE = 16, MJPEG = 512, YUV = 4096 };
    double row[11][MOST];
    if (argc != 3) return 2;
    snprintf(dir, sizeof dir, "%s", argv[1]);
    int rounds = atoi(argv[2]);
    if (rounds < 1 || rounds > MOST) return 2;
    pictures = malloc((size_t)FRAMES * W * H * 3);
    avcl_media_info info;
    check(avcl_media_probe(file("whole.mp4"), &info, &err));
    for (int i = 0; i < rounds; i++) {
        avcl_scratch s = {0};
        row[0][i] = ours_whole();
        row[1][i] = ffmpeg_whole(info.n_frames);
        row[2][i] = ours_windows(file("clip0.mp4"), WINDOWS);
        row[3][i] = plain_windows(file("clip0.mp4"), WINDOWS);
        row[4][i] = samples("set.csv", SOURCE, 1, &s);
        row[5][i] = samples("set.mjpeg", MJPEG, 1, &s);
        row[6][i] = samples("set.yuv", YUV, 1, &s);
        row[7][i] = samples("set.csv", SOURCE, 0, &s);
        row[8][i] = 100 * mel_part(file("clip0.mp4"));
        avcl__scratch_release(&s);
    }
    double m[9];
    for (int k = 0; k < 9; k++)
        m[k] = median(row[k], rounds);
    say("whole file, ours", m[0], "frames/s", "", 1);
    say("whole file, ffmpeg", m[1], "frames/s", "", 1);
    say("  ratio", m[0] / m[1], "x", ">= 0.95", m[0] / m[1] >= 0.95);
    say("16 frames at random, ours", m[2], "clips/s", "", 1);
    say("16 frames at random, seek and decode", m[3], "clips/s", "", 1);
    say("  ratio", m[2] / m[3], "x", ">= 1.25", m[2] / m[3] >= 1.25);
    say("sample from source", m[4], "clips/s", "", 1);
    say("sample from source, pictures only", m[7], "clips/s", "", 1);
    say("sample from the mjpeg cache", m[5], "clips/s", ">= 250", m[5] >= 250);
    say("sample from the yuv cache", m[6], "clips/s", ">= 2000", m[6] >= 2000);
    say("  mjpeg / source, pictures only", m[5] / m[7], "x", ">= 10", m[5] / m[7] >= 10);
    say("spectrogram / decoding a clip", m[8], "%", "<= 2", m[8] <= 2);
    double wait_mjpeg = 100 * wait_part("set.mjpeg");
    double wait_yuv = 100 * wait_part("set.yuv");
    say("waiting, 0.1 s steps of 16, mjpeg", wait_mjpeg, "%", "< 1", wait_mjpeg < 1);
    say("waiting, 0.1 s steps of 16, yuv", wait_yuv, "%", "< 1", wait_yuv < 1);
    free(pictures);
    return 0;
}
