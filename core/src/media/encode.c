/*
 * encode.c - one H.264 + AAC mp4 from arrays. Muxed in memory with the index in front,
 * then written beside the target and renamed, so a file under its final name is always
 * whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "avcl/media.h"

enum {
    MAX_SIDE = 4096,
    MAX_FPS = 240,
    QUIET = 128, /* added to the level of a context's log lines: past every verbosity, one
                    byte */
    DEFAULT_CRF = 24,
    DEFAULT_GOP = 48,
    DEFAULT_B_FRAMES = 2,
    DEFAULT_AUDIO_BPS = 48000,
};

typedef struct encoder {
    avcl_encoder_options options; /* resolved */
    const char *path;
    AVFormatContext *file;
    AVCodecContext *video;
    AVCodecContext *audio; /* NULL = no track */
    AVFrame *picture;
    AVFrame *sound;
    AVPacket *packet;
    uint8_t *bytes; /* the finished file */
    int n_bytes;
} encoder;

static avcl_status say(const encoder *e, int code, const char *what, avcl_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof text);
    avcl_status status = code == AVERROR(ENOMEM) ? AVCL_E_NOMEM : AVCL_E_INVALID;
    return avcl_error_set(err, status, "%s: %s: %s", e->path, what, text);
}

/* ---- options --------------------------------------------------------------------- */
static avcl_status check_side(const char *name, int32_t side, avcl_error *err)
{
    if (side >= 2 && side <= MAX_SIDE && side % 2 == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "%s %d is not an even number of 2 to %d",
                          name, side, MAX_SIDE);
}

static avcl_status check_range(const char *name, int64_t value, int64_t low, int64_t high,
                               avcl_error *err)
{
    if (value >= low && value <= high) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "%s %lld is not one of %lld to %lld", name,
                          (long long)value, (long long)low, (long long)high);
}

/* 0 is a legal crf, gop and b_frames only through the defaults: the header says so. */
static avcl_status resolve(const avcl_encoder_options *in, avcl_encoder_options *out,
                           avcl_error *err)
{
    avcl_encoder_options o = *in;
    if (!o.crf) o.crf = DEFAULT_CRF;
    if (!o.gop) o.gop = DEFAULT_GOP;
    if (!o.b_frames) o.b_frames = DEFAULT_B_FRAMES;
    if (!o.audio_bps) o.audio_bps = DEFAULT_AUDIO_BPS;
    if (!o.channels) o.channels = 1;
    avcl_status status = check_side("width", o.width, err);
    if (!status) status = check_side("height", o.height, err);
    if (!status) status = check_range("fps", o.fps, 1, MAX_FPS, err);
    if (!status && o.rate) status = check_range("rate", o.rate, 7350, 96000, err);
    if (!status) status = check_range("crf", o.crf, 1, 51, err);
    if (!status) status = check_range("gop", o.gop, 1, 10000, err);
    if (!status) status = check_range("b_frames", o.b_frames, 1, 16, err);
    if (!status) status = check_range("audio_bps", o.audio_bps, 8000, 512000, err);
    if (!status) status = check_range("channels", o.channels, 1, 2, err);
    if (!status) *out = o;
    return status;
}

/* ---- opening --------------------------------------------------------------------- */
static void set_common(AVCodecContext *ctx)
{
    ctx->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    ctx->thread_count = 1;
    ctx->log_level_offset = QUIET;
}

static avcl_status open_video(encoder *e, avcl_error *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "this build of libavcodec has no libx264 encoder");
    AVCodecContext *c = e->video = avcodec_alloc_context3(codec);
    if (!c) return say(e, AVERROR(ENOMEM), "video encoder", err);
    set_common(c);
    c->width = e->options.width;
    c->height = e->options.height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M;
    c->time_base = (AVRational){1, e->options.fps};
    c->framerate = (AVRational){e->options.fps, 1};
    c->gop_size = e->options.gop;
    c->max_b_frames = e->options.b_frames;
    av_opt_set(c->priv_data, "preset", "veryfast", 0);
    av_opt_set_double(c->priv_data, "crf", e->options.crf, 0);
    /* With x264 164's macroblock tree on an AVX-512 machine, equal input gave files that
     * differ between runs; without it, or held to AVX2, none did. */
    av_opt_set_int(c->priv_data, "mbtree", 0, 0);
    int code = avcodec_open2(c, codec, NULL);
    return code < 0 ? say(e, code, "libx264 refuses these options", err) : AVCL_OK;
}

static avcl_status open_audio(encoder *e, avcl_error *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("aac");
    if (!codec)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "this build of libavcodec has no aac encoder");
    AVCodecContext *c = e->audio = avcodec_alloc_context3(codec);
    if (!c) return say(e, AVERROR(ENOMEM), "audio encoder", err);
    set_common(c);
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->sample_rate = e->options.rate;
    c->time_base = (AVRational){1, e->options.rate};
    c->bit_rate = e->options.audio_bps;
    av_channel_layout_default(&c->ch_layout, e->options.channels);
    av_opt_set(c->priv_data, "aac_coder", "fast", 0);
    int code = avcodec_open2(c, codec, NULL);
    if (code == AVERROR(EINVAL))
        return avcl_error_set(err, AVCL_E_INVALID,
                              "%s: aac does not take a rate of %d Hz", e->path,
                              e->options.rate);
    return code < 0 ? say(e, code, "aac refuses these options", err) : AVCL_OK;
}

static avcl_status add_stream(encoder *e, const AVCodecContext *c, avcl_error *err)
{
    AVStream *st = avformat_new_stream(e->file, NULL);
    if (!st) return say(e, AVERROR(ENOMEM), "stream", err);
    st->time_base = c->time_base;
    int code = avcodec_parameters_from_context(st->codecpar, c);
    if (code < 0) return say(e, code, "stream", err);
    if (c == e->video) st->avg_frame_rate = c->framerate;
    return AVCL_OK;
}

/* The index goes in front into room kept for it: no second pass over the file. The bound:
 * stsz, ctts, stts, stss, stco and stsc entries of each packet, and the fixed boxes. */
static int64_t index_bound(int64_t n_frames, int64_t n_packets)
{
    return 2560 + n_frames * (4 + 8 + 8 + 4 + 8 + 12) + n_packets * (4 + 8 + 8 + 12);
}

static avcl_status open_file(encoder *e, int64_t n_frames, int64_t n_samples,
                             avcl_error *err)
{
    int code = avformat_alloc_output_context2(&e->file, NULL, "mp4", NULL);
    if (code < 0) return say(e, code, "mp4 writer", err);
    e->file->flags |= AVFMT_FLAG_BITEXACT;
    code = avio_open_dyn_buf(&e->file->pb);
    if (code < 0) return say(e, code, "mp4 writer", err);
    avcl_status status = add_stream(e, e->video, err);
    if (!status && e->audio) status = add_stream(e, e->audio, err);
    if (status) return status;
    int64_t n_packets = e->audio ? n_samples / e->audio->frame_size + 3 : 0;
    av_opt_set_int(e->file->priv_data, "moov_size", index_bound(n_frames, n_packets), 0);
    code = avformat_write_header(e->file, NULL);
    return code < 0 ? say(e, code, "mp4 header", err) : AVCL_OK;
}

static avcl_status open_frames(encoder *e, avcl_error *err)
{
    const avcl_encoder_options *o = &e->options;
    e->packet = av_packet_alloc();
    e->picture = av_frame_alloc();
    e->sound = av_frame_alloc();
    if (!e->packet || !e->picture || !e->sound)
        return say(e, AVERROR(ENOMEM), "frames", err);
    e->picture->format = AV_PIX_FMT_YUV420P;
    e->picture->width = o->width;
    e->picture->height = o->height;
    int code = av_frame_get_buffer(e->picture, 0);
    if (code < 0 || !e->audio) return code < 0 ? say(e, code, "frames", err) : AVCL_OK;
    e->sound->format = AV_SAMPLE_FMT_FLTP;
    e->sound->nb_samples = e->audio->frame_size;
    e->sound->sample_rate = e->audio->sample_rate;
    e->sound->ch_layout = e->audio->ch_layout;
    code = av_frame_get_buffer(e->sound, 0);
    return code < 0 ? say(e, code, "frames", err) : AVCL_OK;
}

/* ---- running --------------------------------------------------------------------- */
/* Sends one frame (NULL = drain) and hands every packet that is ready to the muxer. */
static avcl_status push(encoder *e, AVCodecContext *c, const AVFrame *frame,
                        avcl_error *err)
{
    int index = c == e->audio;
    int code = avcodec_send_frame(c, frame);
    if (code < 0) return say(e, code, "encode", err);
    while ((code = avcodec_receive_packet(c, e->packet)) >= 0) {
        /* x264 gives no durations; the last frame would last 0 and the track be short. */
        if (c == e->video) e->packet->duration = 1;
        e->packet->stream_index = index;
        av_packet_rescale_ts(e->packet, c->time_base, e->file->streams[index]->time_base);
        code = av_interleaved_write_frame(e->file, e->packet);
        if (code < 0) return say(e, code, "mux", err);
    }
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return AVCL_OK;
    return say(e, code, "encode", err);
}

/* BT.601 at 16 to 235 in 8-bit fractions; chroma of each 2 x 2 square. Not swscale: it
 * reads past the end of packed rows. */
static void convert(const uint8_t *rgb, int32_t width, int32_t height, AVFrame *out)
{
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *p = rgb + (int64_t)y * width * 3;
        uint8_t *row = out->data[0] + (int64_t)y * out->linesize[0];
        for (int32_t x = 0; x < width; x++, p += 3)
            row[x] = (uint8_t)(16 + ((66 * p[0] + 129 * p[1] + 25 * p[2] + 128) >> 8));
    }
    for (int32_t y = 0; y < height / 2; y++) {
        const uint8_t *p = rgb + (int64_t)y * 2 * width * 3;
        const uint8_t *q = p + (int64_t)width * 3;
        uint8_t *u = out->data[1] + (int64_t)y * out->linesize[1];
        uint8_t *v = out->data[2] + (int64_t)y * out->linesize[2];
        for (int32_t x = 0; x < width / 2; x++, p += 6, q += 6) {
            int r = p[0] + p[3] + q[0] + q[3];
            int g = p[1] + p[4] + q[1] + q[4];
            int b = p[2] + p[5] + q[2] + q[5];
            u[x] = (uint8_t)((131072 + 512 - 38 * r - 74 * g + 112 * b) >> 10);
            v[x] = (uint8_t)((131072 + 512 + 112 * r - 94 * g - 18 * b) >> 10);
        }
    }
}

static avcl_status push_picture(encoder *e, const uint8_t *rgb, int64_t i,
                                avcl_error *err)
{
    const avcl_encoder_options *o = &e->options;
    int code = av_frame_make_writable(e->picture);
    if (code < 0) return say(e, code, "frames", err);
    convert(rgb + i * o->height * o->width * 3, o->width, o->height, e->picture);
    e->picture->pts = i;
    return push(e, e->video, e->picture, err);
}

static avcl_status push_sound(encoder *e, const float *samples, int64_t first, int64_t n,
                              avcl_error *err)
{
    int code = av_frame_make_writable(e->sound);
    if (code < 0) return say(e, code, "frames", err);
    e->sound->nb_samples = (int)n;
    for (int k = 0; k < e->options.channels; k++)
        memcpy(e->sound->data[k], samples + first, (size_t)n * sizeof *samples);
    e->sound->pts = first;
    return push(e, e->audio, e->sound, err);
}

/* Pictures and sound in step, so that the muxer's queue stays short. */
static avcl_status push_all(encoder *e, const uint8_t *rgb, int64_t n_frames,
                            const float *samples, int64_t n_samples, avcl_error *err)
{
    int64_t size = e->audio ? e->audio->frame_size : 1;
    int64_t sent = 0;
    avcl_status status = AVCL_OK;
    for (int64_t i = 0; i < n_frames && !status; i++) {
        status = push_picture(e, rgb, i, err);
        int64_t until = e->audio ? (i + 1) * e->options.rate / e->options.fps : 0;
        if (until > n_samples) until = n_samples;
        for (; !status && sent + size <= until; sent += size)
            status = push_sound(e, samples, sent, size, err);
    }
    for (; !status && e->audio && sent < n_samples; sent += size)
        status = push_sound(e, samples, sent,
                            n_samples - sent < size ? n_samples - sent : size, err);
    if (!status) status = push(e, e->video, NULL, err);
    if (!status && e->audio) status = push(e, e->audio, NULL, err);
    return status;
}

static avcl_status finish(encoder *e, avcl_error *err)
{
    int code = av_write_trailer(e->file);
    if (code < 0) return say(e, code, "mp4 index", err);
    e->n_bytes = avio_close_dyn_buf(e->file->pb, &e->bytes);
    e->file->pb = NULL;
    return e->bytes ? AVCL_OK : say(e, AVERROR(ENOMEM), "mp4 writer", err);
}

static void release(encoder *e)
{
    if (e->file && e->file->pb) {
        uint8_t *rest = NULL;
        avio_close_dyn_buf(e->file->pb, &rest);
        av_free(rest);
    }
    avformat_free_context(e->file);
    avcodec_free_context(&e->video);
    avcodec_free_context(&e->audio);
    av_frame_free(&e->picture);
    av_frame_free(&e->sound);
    av_packet_free(&e->packet);
    av_free(e->bytes);
}

/* ---- writing --------------------------------------------------------------------- */
static avcl_status refuse_write(const char *path, int code, avcl_error *err)
{
    char text[128] = "unknown error";
    (void)!strerror_r(code, text, sizeof text);
    return avcl_error_set(err, AVCL_E_IO, "cannot write %s: %s", path, text);
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t wrote = write(fd, bytes, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno;
        bytes += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

/* Another process, or another thread, may be writing the same clip: the name beside it is
 * the process's and the buffer's own. */
static avcl_status write_file(const encoder *e, avcl_error *err)
{
    size_t room = strlen(e->path) + 64;
    char *beside = malloc(room);
    if (!beside) return avcl_error_set(err, AVCL_E_NOMEM, "%s: out of memory", e->path);
    snprintf(beside, room, "%s.%ld-%llx.tmp", e->path, (long)getpid(),
             (unsigned long long)(uintptr_t)e);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int code = fd < 0 ? errno : write_all(fd, e->bytes, (size_t)e->n_bytes);
    if (fd >= 0 && close(fd) && !code) code = errno;
    if (!code && rename(beside, e->path)) code = errno;
    if (code && fd >= 0) unlink(beside);
    free(beside);
    return code ? refuse_write(e->path, code, err) : AVCL_OK;
}

avcl_status avcl_encode_mp4(const char *path, const avcl_encoder_options *options,
                            const uint8_t *rgb, int64_t n_frames, const float *samples,
                            int64_t n_samples, avcl_error *err)
{
    if (!path || !*path || !options || !rgb)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "encode needs a path, options and pictures");
    if (n_frames < 1 || n_frames > INT32_MAX || n_samples < 0 || n_samples > INT32_MAX)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "%s: %lld frames and %lld samples are not 1 or more and 0 or more", path,
            (long long)n_frames, (long long)n_samples);
    if (options->rate && (!samples || !n_samples))
        return avcl_error_set(err, AVCL_E_INVALID, "%s: a rate of %d Hz but no samples",
                              path, options->rate);
    encoder e = {.path = path};
    avcl_status status = resolve(options, &e.options, err);
    if (status) goto done;
    status = open_video(&e, err);
    if (!status && e.options.rate) status = open_audio(&e, err);
    if (!status) status = open_file(&e, n_frames, n_samples, err);
    if (!status) status = open_frames(&e, err);
    if (!status) status = push_all(&e, rgb, n_frames, samples, n_samples, err);
    if (!status) status = finish(&e, err);
    if (!status) status = write_file(&e, err);
done:
    release(&e);
    return status;
}
