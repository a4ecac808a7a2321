/* video.c - the video reader: open, what it is, frames as small RGB pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/mem.h>

#include "media/video_impl.h"

/* ---- opening ------------------------------------------------------------------- */
avcl_status avcl__video_reopen(avcl_video *v, avcl_error *err)
{
    avcodec_free_context(&v->codec);
    avcl__source_release(&v->source);
    v->next = -1;
    avcl_status st = avcl__source_open(&v->source, v->path, err);
    if (st) return st;
    if (!v->source.video)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' has no video stream", v->path);
    st = avcl__decoder_open(v->source.video, v->index.delay, &v->codec, v->path, err);
    if (st) return st;
    if (v->source.audio) v->source.audio->discard = AVDISCARD_ALL;
    v->next = 0;
    v->sent_key = -1;
    v->drained = 0;
    return AVCL_OK;
}

/* Audio's own clock, for the probe; avcl_audio_read measures it on decoded samples. */
static void note_audio(avcl_media_info *info, const avcl_source *s, int64_t first,
                       int64_t end)
{
    if (!s->audio || first == AV_NOPTS_VALUE) return;
    double tick = av_q2d(s->audio->time_base);
    int64_t start = s->audio->start_time;
    if (start == AV_NOPTS_VALUE || start < first) start = first;
    if (s->audio_duration != AV_NOPTS_VALUE && s->audio_duration > 0 &&
        end > start + s->audio_duration)
        end = start + s->audio_duration;
    info->has_audio = 1;
    info->audio_start_s = (double)start * tick;
    info->audio_s = (double)(end - start) * tick;
    info->sample_rate = s->audio->codecpar->sample_rate;
    info->channels = s->audio->codecpar->ch_layout.nb_channels;
    snprintf(info->audio_codec, sizeof info->audio_codec, "%s",
             avcodec_get_name(s->audio->codecpar->codec_id));
}

/* Skipped samples (priming) are no part of the sound: the first is where they end. */
static int64_t first_sound(const avcl_source *s, const AVPacket *packet)
{
    size_t bytes = 0;
    const uint8_t *side =
        av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &bytes);
    if (!side || bytes < 4) return packet->pts;
    int64_t skip = (int64_t)side[0] | (int64_t)side[1] << 8 | (int64_t)side[2] << 16 |
                   (int64_t)side[3] << 24;
    AVRational sample = {1, s->audio->codecpar->sample_rate};
    return packet->pts + av_rescale_q(skip, sample, s->audio->time_base);
}

static avcl_status read_packets(avcl_video *v, avcl_error *err)
{
    avcl_source *s = &v->source;
    int64_t first = AV_NOPTS_VALUE;
    int64_t end = AV_NOPTS_VALUE;
    avcl_status st = AVCL_OK;
    while (!st && av_read_frame(s->format, v->packet) >= 0) {
        const AVPacket *p = v->packet;
        if (p->stream_index == s->video->index) st = avcl__index_add(&v->index, p, err);
        if (s->audio && p->stream_index == s->audio->index && p->pts != AV_NOPTS_VALUE &&
            !(p->flags & AV_PKT_FLAG_DISCARD)) {
            if (first == AV_NOPTS_VALUE) first = first_sound(s, p);
            if (end == AV_NOPTS_VALUE || p->pts + p->duration > end)
                end = p->pts + p->duration;
        }
        av_packet_unref(v->packet);
    }
    if (!st) st = avcl__index_finish(&v->index, s, err);
    note_audio(&v->info, s, first, end);
    return st;
}

/* Files whose packets do not tell how many frames there are: decode them once. */
static avcl_status count_by_decoding(avcl_video *v, avcl_error *err)
{
    int64_t *times = NULL;
    int64_t n = 0;
    int64_t capacity = 0;
    int64_t step = v->index.n > 1 ? (v->index.end - v->index.pts[0]) / v->index.n : 1;
    avcl_status st = avcl__video_reopen(v, err);
    while (!st && avcl__video_decode(v, INT64_MIN)) {
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            int64_t *grown = realloc(times, (size_t)capacity * sizeof *times);
            if (!grown) {
                st = avcl_error_set(err, AVCL_E_NOMEM, "no memory for %lld frame times",
                                    (long long)capacity);
                break;
            }
            times = grown;
        }
        int64_t t = v->frame->best_effort_timestamp;
        if (n > 0 && (t == AV_NOPTS_VALUE || t <= times[n - 1]))
            t = times[n - 1] + (step > 0 ? step : 1);
        times[n++] = t == AV_NOPTS_VALUE ? 0 : t;
    }
    if (st)
        free(times);
    else
        avcl__index_take_times(&v->index, times, n);
    v->next = -1;
    v->n_decoded = 0;
    return st;
}

static void fill_info(avcl_video *v)
{
    avcl_media_info *info = &v->info;
    const avcl_index *x = &v->index;
    const AVCodecParameters *p = v->source.video->codecpar;
    v->tick = av_q2d(v->source.video->time_base);
    info->n_frames = x->n;
    info->n_key = x->n_key;
    info->rotation = avcl__stream_rotation(v->source.video);
    info->width = info->rotation % 180 ? p->height : p->width;
    info->height = info->rotation % 180 ? p->width : p->height;
    info->is_vfr = avcl__index_is_vfr(x);
    info->ordinal = x->ordinal;
    info->video_start_s = (double)x->pts[0] * v->tick;
    info->video_s = (double)(x->end - x->pts[0]) * v->tick;
    info->fps = info->video_s > 0 ? (double)x->n / info->video_s : 0;
    snprintf(info->format, sizeof info->format, "%s", v->source.format->iformat->name);
    snprintf(info->video_codec, sizeof info->video_codec, "%s",
             avcodec_get_name(p->codec_id));
}

static avcl_status open_video(avcl_video *v, const char *path, avcl_error *err)
{
    v->path = av_strdup(path);
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->held = av_frame_alloc();
    if (!v->path || !v->packet || !v->frame || !v->held)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory to open '%s'", path);
    avcl_status st = avcl__source_open(&v->source, path, err);
    if (st) return st;
    if (!v->source.video)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' has no video stream", path);
    st = read_packets(v, err);
    if (!st && v->index.ordinal) st = count_by_decoding(v, err);
    if (!st && v->index.n == 0)
        st = avcl__av_fail(err, AVCL_E_INVALID, 0,
                           "'%s' has a video stream without frames", path);
    if (st) return st;
    fill_info(v);
    if (v->info.video_s > AVCL_MEDIA_MAX_SECONDS)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' lasts %.0f s; the limit is %d s",
                              path, v->info.video_s, AVCL_MEDIA_MAX_SECONDS);
    v->next = -1;
    if (v->source.audio) v->source.audio->discard = AVDISCARD_ALL;
    if (v->codec) return AVCL_OK;
    return avcl__decoder_open(v->source.video, v->index.delay, &v->codec, path, err);
}

avcl_video *avcl_video_open(const char *path, avcl_error *err)
{
    avcl_video *v = calloc(1, sizeof *v);
    if (!v) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory to open '%s'", path);
        return NULL;
    }
    if (open_video(v, path, err) == AVCL_OK) return v;
    avcl_video_free(v);
    return NULL;
}

void avcl_video_free(avcl_video *v)
{
    if (!v) return;
    avcl__scaler_release(&v->scaler);
    av_frame_free(&v->held);
    av_frame_free(&v->frame);
    av_packet_free(&v->packet);
    avcodec_free_context(&v->codec);
    avcl__source_release(&v->source);
    avcl__index_release(&v->index);
    av_free(v->path);
    free(v);
}

avcl_status avcl_media_probe(const char *path, avcl_media_info *out, avcl_error *err)
{
    avcl_error local = {0}; /* the code is needed even when err is NULL */
    avcl_video *v = avcl_video_open(path, &local);
    if (!v) return avcl_error_set(err, local.code, "%s", local.message);
    *out = v->info;
    avcl_video_free(v);
    return AVCL_OK;
}

/* ---- asking -------------------------------------------------------------------- */
void avcl_video_get_info(const avcl_video *v, avcl_media_info *out)
{
    *out = v->info;
}

double avcl_video_time(const avcl_video *v, int64_t frame)
{
    if (frame < 0) frame = 0;
    if (frame >= v->index.n) frame = v->index.n - 1;
    return (double)v->index.pts[frame] * v->tick;
}

int64_t avcl_video_n_decoded(const avcl_video *v)
{
    return v->n_decoded;
}

/* ---- reading ------------------------------------------------------------------- */
struct rgb_sink {
    avcl_video *v;
    uint8_t *rgb;
    int32_t width;
    int32_t height;
};

static avcl_status take_rgb(void *arg, int64_t k, const AVFrame *frame, avcl_error *err)
{
    struct rgb_sink *s = arg;
    uint8_t *to = s->rgb + k * s->height * s->width * 3;
    avcl_status st = avcl__scaler_run(&s->v->scaler, frame, s->v->info.rotation, s->width,
                                      s->height, to, err);
    if (st) avcl_error_prefix(err, "'%s'", s->v->path);
    return st;
}

avcl_status avcl_video_read(avcl_video *v, int64_t start, int64_t n, int32_t width,
                            int32_t height, uint8_t *rgb, int64_t *n_padded,
                            avcl_error *err)
{
    if (start < 0 || n <= 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "frames %lld + %lld: start is at least 0 and n at least 1",
                              (long long)start, (long long)n);
    if (width < 0 || height < 0 || width > AVCL_MEDIA_MAX_SIDE ||
        height > AVCL_MEDIA_MAX_SIDE)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "pictures of %dx%d; the limit is %d a side", (int)width,
                              (int)height, AVCL_MEDIA_MAX_SIDE);
    struct rgb_sink sink = {v, rgb, width ? width : v->info.width,
                            height ? height : v->info.height};
    int64_t last = v->index.n - 1;
    avcl_window w = {
        .take = take_rgb, .arg = &sink, .start = start < last ? start : last};
    w.n = n < v->index.n - w.start ? n : v->index.n - w.start;
    avcl_status st = avcl__window_read(v, &w, err);
    if (st) return st;
    size_t picture = (size_t)sink.width * (size_t)sink.height * 3;
    for (int64_t k = w.n; k < n; k++)
        memcpy(rgb + (size_t)k * picture, rgb + (size_t)(w.n - 1) * picture, picture);
    /* Past the end nothing of the wanted window is real, not even the first picture. */
    if (n_padded) *n_padded = w.n_repeated + (start > last ? n : n - w.n);
    return AVCL_OK;
}
