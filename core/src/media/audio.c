/* audio.c - the whole track: decoded from its first packet, mixed to mono by the plain
 * mean before resampling, flushed, and placed on the video's clock. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "media/media_impl.h"
#include "media/packed.h"

/* ---- samples that grow --------------------------------------------------------- */
struct samples {
    float *data;
    int64_t n;
    int64_t capacity;
};

static int reserve(struct samples *s, int64_t more)
{
    if (s->n + more <= s->capacity) return 0;
    int64_t capacity = s->n + more + s->n / 2;
    float *grown = realloc(s->data, (size_t)capacity * sizeof *grown);
    if (!grown) return AVERROR(ENOMEM);
    s->data = grown;
    s->capacity = capacity;
    return 0;
}

/* ---- mixing -------------------------------------------------------------------- */
static float sample_at(const uint8_t *plane, enum AVSampleFormat packed, int64_t i)
{
    switch (packed) {
    case AV_SAMPLE_FMT_U8:
        return ((float)plane[i] - 128.0f) / 128.0f;
    case AV_SAMPLE_FMT_S16:
        return (float)((const int16_t *)(const void *)plane)[i] / 32768.0f;
    case AV_SAMPLE_FMT_S32:
        return (float)((double)((const int32_t *)(const void *)plane)[i] / 2147483648.0);
    case AV_SAMPLE_FMT_S64:
        return (float)((double)((const int64_t *)(const void *)plane)[i] / 0x1p63);
    case AV_SAMPLE_FMT_FLT:
        return ((const float *)(const void *)plane)[i];
    case AV_SAMPLE_FMT_DBL:
        return (float)((const double *)(const void *)plane)[i];
    default:
        return NAN;
    }
}

/* The plain mean of the channels. swresample's own downmix changes level with the sample
 * format; a broken packet may decode to infinities, which are taken as silence. */
static void mix(const AVFrame *frame, float *mono)
{
    enum AVSampleFormat packed = av_get_packed_sample_fmt(frame->format);
    int planar = av_sample_fmt_is_planar(frame->format);
    int channels = frame->ch_layout.nb_channels;
    for (int i = 0; i < frame->nb_samples; i++)
        mono[i] = 0.0f;
    for (int c = 0; c < channels; c++) {
        const uint8_t *plane = frame->extended_data[planar ? c : 0];
        int64_t step = planar ? 1 : channels;
        int64_t first = planar ? 0 : c;
        for (int64_t i = 0; i < frame->nb_samples; i++) {
            float x = sample_at(plane, packed, first + i * step);
            mono[i] += isfinite(x) ? x : 0.0f;
        }
    }
    float scale = 1.0f / (float)(channels > 0 ? channels : 1);
    for (int i = 0; i < frame->nb_samples; i++)
        mono[i] *= scale;
}

/* ---- resampling ---------------------------------------------------------------- */
struct resampler {
    SwrContext *swr; /* NULL while the rates are equal */
    int32_t from;
    int32_t to;
};

/* soxr where libav has it: swresample's own engine aliases at -35 dB. */
static int start_engine(struct resampler *r, const char *engine)
{
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    swr_free(&r->swr);
    int rc = swr_alloc_set_opts2(&r->swr, &mono, AV_SAMPLE_FMT_FLT, r->to, &mono,
                                 AV_SAMPLE_FMT_FLT, r->from, 0, NULL);
    if (rc >= 0 && engine) rc = av_opt_set(r->swr, "resampler", engine, 0);
    if (rc >= 0) rc = swr_init(r->swr);
    return rc;
}

static int convert(struct resampler *r, const float *in, int n, struct samples *out)
{
    int room = swr_get_out_samples(r->swr, n);
    if (room < 0) return room;
    int rc = reserve(out, room);
    if (rc < 0) return rc;
    uint8_t *to = (uint8_t *)(out->data + out->n);
    const uint8_t *from = (const uint8_t *)in;
    rc = swr_convert(r->swr, &to, room, in ? &from : NULL, n);
    if (rc > 0) out->n += rc;
    return rc;
}

/* What the filter still holds; the engine need not give it all at once. */
static int finish_rate(struct resampler *r, struct samples *out)
{
    int rc = r->swr ? 1 : 0;
    while (rc > 0)
        rc = convert(r, NULL, 0, out);
    swr_free(&r->swr);
    return rc;
}

static int change_rate(struct resampler *r, int32_t from, struct samples *out)
{
    int rc = finish_rate(r, out);
    r->from = from;
    if (rc < 0 || from == r->to) return rc;
    rc = start_engine(r, "soxr");
    return rc < 0 ? start_engine(r, NULL) : rc;
}

/* ---- sound in memory ------------------------------------------------------------ */
static int resample(const avcl_packed_sound *s, struct samples *out)
{
    enum { PIECE = 1 << 16 };
    struct resampler r = {NULL, s->rate, s->rate};
    int rc = change_rate(&r, s->from, out);
    for (int64_t i = 0; i < s->n && rc >= 0; i += PIECE) {
        int64_t left = s->n - i;
        int n = (int)(left < PIECE ? left : PIECE);
        rc = convert(&r, s->samples + i, n, out);
    }
    if (rc >= 0) return finish_rate(&r, out);
    swr_free(&r.swr);
    return rc;
}

avcl_status avcl__packed_resample(const avcl_packed_sound *s, avcl_wave *out,
                                  avcl_error *err)
{
    struct samples to = {0};
    int rc = s->from == s->rate ? 0 : resample(s, &to);
    float *samples = calloc((size_t)s->n_out + 1, sizeof *samples);
    if (rc < 0 || !samples) {
        avcl_status code = samples ? AVCL_E_INVALID : AVCL_E_NOMEM;
        free(samples);
        free(to.data);
        return avcl__av_fail(err, code, rc, "%lld samples cannot go from %d to %d Hz",
                             (long long)s->n, s->from, s->rate);
    }
    const float *from = s->from == s->rate ? s->samples : to.data;
    int64_t n = s->from == s->rate ? s->n : to.n;
    if (n > s->n_out) n = s->n_out;
    if (n > 0) memcpy(samples, from, (size_t)n * sizeof *samples);
    free(to.data);
    *out = (avcl_wave){samples, s->n_out, s->rate, 1};
    return AVCL_OK;
}

/* ---- the track ----------------------------------------------------------------- */
struct track {
    avcl_container source;  /* of the sound */
    avcl_container picture; /* of the clock, where the sound has a file of its own */
    double cpu_until;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    avcl_index video;    /* packets only: its clock */
    struct samples mono; /* one frame, at the track's rate */
    struct samples out;  /* all of it, at the wanted rate */
    struct resampler resampler;
    int64_t first; /* pts of the first sample, AV_NOPTS_VALUE = none came */
    int64_t n_packets;
    double tick; /* seconds per unit of the track's clock */
};

/* The rate is the frame's: HE-AAC decodes at twice what its header says. */
static int take_frame(struct track *t)
{
    const AVFrame *frame = t->frame;
    if (frame->nb_samples <= 0 || frame->sample_rate <= 0) return 0;
    if (t->first == AV_NOPTS_VALUE && t->out.n == 0)
        t->first = frame->best_effort_timestamp;
    int rc = 0;
    if (frame->sample_rate != t->resampler.from)
        rc = change_rate(&t->resampler, frame->sample_rate, &t->out);
    if (rc < 0) return rc;
    struct samples *to = t->resampler.swr ? &t->mono : &t->out;
    if (t->resampler.swr) to->n = 0;
    rc = reserve(to, frame->nb_samples);
    if (rc < 0) return rc;
    mix(frame, to->data + to->n);
    if (t->resampler.swr)
        return convert(&t->resampler, to->data, frame->nb_samples, &t->out);
    to->n += frame->nb_samples;
    return 0;
}

/* A packet that the decoder refuses is lost; only our own troubles end the track. */
static int take_packet(struct track *t, const AVPacket *packet)
{
    avcodec_send_packet(t->codec, packet);
    for (;;) {
        if (avcodec_receive_frame(t->codec, t->frame) < 0) return 0;
        int rc = take_frame(t);
        if (rc < 0) return rc;
    }
}

static avcl_status check_time(const struct track *t, const char *path, avcl_error *err)
{
    if (avcl__cpu_s() < t->cpu_until) return AVCL_OK;
    return avcl_error_set(
        err, AVCL_E_INVALID,
        "the sound of '%s' takes more than %d s of computing, the limit", path,
        AVCL_MEDIA_MAX_CPU_S);
}

static avcl_status decode_track(struct track *t, const char *path, avcl_error *err)
{
    int video = t->source.video ? t->source.video->index : -1;
    int rc = 0;
    avcl_status st = AVCL_OK;
    while (!st && rc >= 0 && av_read_frame(t->source.format, t->packet) >= 0) {
        st = check_time(t, path, err);
        if (!st && t->packet->stream_index == t->source.audio->index) {
            t->n_packets++;
            rc = take_packet(t, t->packet);
        } else if (!st && t->packet->stream_index == video) {
            st = avcl__index_add(&t->video, t->packet, err);
        }
        av_packet_unref(t->packet);
    }
    if (!st && rc >= 0) rc = take_packet(t, NULL);
    if (!st && rc >= 0) rc = finish_rate(&t->resampler, &t->out);
    if (!st && rc < 0)
        st = avcl__av_fail(err, rc == AVERROR(ENOMEM) ? AVCL_E_NOMEM : AVCL_E_INVALID, rc,
                           "'%s': the sound cannot be resampled to %d Hz", path,
                           (int)t->resampler.to);
    return st;
}

/* ---- on the video's clock ------------------------------------------------------ */
struct clock {
    double start; /* seconds of the first frame */
    double length;
    int32_t known;
};

static avcl_status read_clock(struct track *t, struct clock *clock, avcl_error *err)
{
    const avcl_container *s = t->picture.video ? &t->picture : &t->source;
    *clock = (struct clock){0};
    if (!s->video) return AVCL_OK;
    avcl_status st = avcl__index_finish(&t->video, s, err);
    if (st || t->video.n == 0) return st;
    double tick = av_q2d(s->video->time_base);
    clock->start = (double)t->video.pts[0] * tick;
    clock->length = (double)(t->video.end - t->video.pts[0]) * tick;
    clock->known = 1;
    return AVCL_OK;
}

/* Coders fill their last frame up: the header knows where the sound ends. */
static void trim(struct track *t)
{
    int64_t ticks = t->source.audio_duration;
    if (ticks == AV_NOPTS_VALUE || ticks <= 0) return;
    int64_t n = llrint((double)ticks * t->tick * t->resampler.to);
    if (n < t->out.n) t->out.n = n;
}

static avcl_status place(struct track *t, int32_t match_video, const char *path,
                         avcl_wave *out, avcl_error *err)
{
    struct clock clock;
    avcl_status st = read_clock(t, &clock, err);
    if (st) return st;
    int32_t rate = t->resampler.to;
    int64_t offset = 0; /* of the first sample from the first frame */
    if (clock.known && t->first != AV_NOPTS_VALUE && !t->picture.video)
        offset = llrint(((double)t->first * t->tick - clock.start) * rate);
    int64_t n =
        match_video && clock.known ? llrint(clock.length * rate) : offset + t->out.n;
    if (n < 0) n = 0;
    if (n > (int64_t)AVCL_MEDIA_MAX_SECONDS * rate)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "'%s': %.0f s of sound; the limit is %d s", path,
                              (double)n / rate, AVCL_MEDIA_MAX_SECONDS);
    float *samples = calloc((size_t)(n > 0 ? n : 1), sizeof *samples);
    if (!samples)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for %lld samples",
                              (long long)n);
    int64_t begin = offset > 0 ? offset : 0;
    int64_t end = offset + t->out.n < n ? offset + t->out.n : n;
    if (begin < end)
        memcpy(samples + begin, t->out.data + (begin - offset),
               (size_t)(end - begin) * sizeof *samples);
    *out = (avcl_wave){samples, n, rate, 1};
    return AVCL_OK;
}

/* A clip without sound whose wav lies beside it: the clip's packets are its clock. */
static avcl_status open_sidecar(struct track *t, const char *path, avcl_error *err)
{
    char wav[4096];
    if (t->source.audio || !avcl__sidecar_find(path, wav, sizeof wav)) return AVCL_OK;
    t->picture = t->source;
    t->source = (avcl_container){0};
    avcl_status st = avcl__container_open(&t->source, wav, err);
    if (!st && !t->source.audio)
        st = avcl_error_set(err, AVCL_E_INVALID, "'%s' holds no sound", wav);
    AVPacket picture = {.duration = 1, .flags = AV_PKT_FLAG_KEY};
    for (; !st && picture.pts < t->picture.n_pictures; picture.pts++)
        st = avcl__index_add(&t->video, &picture, err);
    if (t->picture.n_pictures || !t->picture.video) return st;
    while (!st && av_read_frame(t->picture.format, t->packet) >= 0) {
        st = check_time(t, path, err);
        if (!st && t->packet->stream_index == t->picture.video->index)
            st = avcl__index_add(&t->video, t->packet, err);
        av_packet_unref(t->packet);
    }
    return st;
}

static avcl_status read_track(struct track *t, const char *path, int32_t match_video,
                              avcl_wave *out, avcl_error *err)
{
    avcl_status st = avcl__container_open(&t->source, path, err);
    if (!st) st = open_sidecar(t, path, err);
    if (st) return st;
    if (!t->source.audio && !t->source.video)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' has neither sound nor video",
                              path);
    if (t->source.audio) {
        st = avcl__decoder_open(t->source.audio, 0, &t->codec, path, err);
        t->tick = av_q2d(t->source.audio->time_base);
        if (!st) st = decode_track(t, path, err);
        if (st) return st;
    }
    if (t->n_packets == 0) { /* no track, or one that was never filled */
        *out = (avcl_wave){NULL, 0, t->resampler.to, 0};
        return AVCL_OK;
    }
    if (t->out.n == 0)
        return avcl__av_fail(err, AVCL_E_CORRUPT, 0, "'%s': no sound can be decoded",
                             path);
    trim(t);
    return place(t, match_video, path, out, err);
}

avcl_status avcl_audio_read(const char *path, int32_t rate, int32_t match_video,
                            avcl_wave *out, avcl_error *err)
{
    enum { MIN_RATE = 1000, MAX_RATE = 384000 };
    if (rate < MIN_RATE || rate > MAX_RATE)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "sample rate %d Hz lies outside %d to %d", (int)rate,
                              MIN_RATE, MAX_RATE);
    struct track t = {.resampler = {.to = rate},
                      .first = AV_NOPTS_VALUE,
                      .cpu_until = avcl__cpu_s() + AVCL_MEDIA_MAX_CPU_S};
    t.packet = av_packet_alloc();
    t.frame = av_frame_alloc();
    avcl_status st = t.packet && t.frame ? read_track(&t, path, match_video, out, err)
                                         : avcl_error_set(err, AVCL_E_NOMEM,
                                                          "no memory to open '%s'", path);
    swr_free(&t.resampler.swr);
    free(t.mono.data);
    free(t.out.data);
    avcl__index_release(&t.video);
    av_frame_free(&t.frame);
    av_packet_free(&t.packet);
    avcodec_free_context(&t.codec);
    avcl__container_release(&t.source);
    avcl__container_release(&t.picture);
    return st;
}

void avcl_wave_release(avcl_wave *wave)
{
    free(wave->samples);
    wave->samples = NULL;
    wave->n = 0;
}
