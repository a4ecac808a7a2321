/* video_index.c - what an opened file shows and when: its packets are read once, and
 * decoded once where they do not tell. */
#include <stdio.h>
#include <stdlib.h>

#include "media/video_impl.h"

/* Audio's own clock, for the probe; avcl_audio_read measures it on decoded samples. */
static void note_audio(avcl_media_info *info, const avcl_container *s, int64_t first,
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
static int64_t first_sound(const avcl_container *s, const AVPacket *packet)
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

/* A picture of a folder is a frame; to read them all to learn no more would be slow. */
static avcl_status count_pictures(avcl_video *v, avcl_error *err)
{
    avcl_status st = AVCL_OK;
    AVPacket p = {.duration = 1, .flags = AV_PKT_FLAG_KEY};
    for (p.pts = 0; !st && p.pts < v->source.n_pictures; p.pts++)
        st = avcl__index_add(&v->index, &p, err);
    return st ? st : avcl__index_finish(&v->index, &v->source, err);
}

static avcl_status read_packets(avcl_video *v, avcl_error *err)
{
    avcl_container *s = &v->source;
    int64_t first = AV_NOPTS_VALUE;
    int64_t end = AV_NOPTS_VALUE;
    avcl_status st = AVCL_OK;
    while (!st && av_read_frame(s->format, v->packet) >= 0) {
        const AVPacket *p = v->packet;
        st = avcl__video_check_time(v, err);
        if (!st && p->stream_index == s->video->index)
            st = avcl__index_add(&v->index, p, err);
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
    if (!st) st = avcl__video_check_time(v, err);
    v->next = -1;
    v->cost = (avcl_media_cost){0}; /* all of it is opening */
    return st;
}

avcl_status avcl__video_index(avcl_video *v, avcl_error *err)
{
    int64_t promised = v->source.video->nb_frames;
    avcl_status st = v->source.n_pictures ? count_pictures(v, err) : read_packets(v, err);
    if (promised > v->index.n_packets)
        v->info.n_missing = (int32_t)(promised - v->index.n_packets);
    if (!st && v->index.ordinal) st = count_by_decoding(v, err);
    if (!st && v->index.n == 0)
        st = avcl__av_fail(err, AVCL_E_INVALID, 0,
                           "'%s' has a video stream without frames", v->path);
    return st;
}
