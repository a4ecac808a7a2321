/* video.c - the video reader: open, what it is, frames as small RGB pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/mem.h>

#include "media/video_impl.h"

static const double ON_TIME = 1e-6; /* ticks, or frames: rounding is not being late */

/* ---- time ----------------------------------------------------------------------- */
avcl_status avcl__video_check_time(avcl_video *v, avcl_error *err)
{
    if (avcl__cpu_s() < v->cpu_until) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID,
                          "'%s' takes more than %g s of computing, the limit", v->path,
                          v->options.max_cpu_s);
}

/* ---- opening ------------------------------------------------------------------- */
avcl_status avcl__video_reopen(avcl_video *v, avcl_error *err)
{
    avcodec_free_context(&v->codec);
    avcl__container_release(&v->source);
    v->next = -1;
    avcl_status st = avcl__container_open(&v->source, v->path, err);
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
    v->n_frames = x->n;
    if (v->options.fps > 0) {
        v->n_frames = (int64_t)ceil(info->video_s * v->options.fps - ON_TIME);
        if (v->n_frames < 1) v->n_frames = 1;
    }
    snprintf(info->format, sizeof info->format, "%s", v->source.format->iformat->name);
    snprintf(info->video_codec, sizeof info->video_codec, "%s",
             avcodec_get_name(p->codec_id));
}

static avcl_status resolve(avcl_video_options *o, avcl_error *err)
{
    enum { MAX_FPS = 1000 };
    if (!(o->fps >= 0 && o->fps <= MAX_FPS))
        return avcl_error_set(err, AVCL_E_INVALID, "fps is %g, expected 0 to %d", o->fps,
                              MAX_FPS);
    if (!(o->max_cpu_s > 0)) o->max_cpu_s = AVCL_MEDIA_MAX_CPU_S;
    return AVCL_OK;
}

static avcl_status open_video(avcl_video *v, const char *path, avcl_error *err)
{
    v->path = av_strdup(path);
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->held = av_frame_alloc();
    if (!v->path || !v->packet || !v->frame || !v->held)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory to open '%s'", path);
    avcl_status st = resolve(&v->options, err);
    v->cpu_until = avcl__cpu_s() + v->options.max_cpu_s;
    if (!st) st = avcl__container_open(&v->source, path, err);
    if (st) return st;
    if (!v->source.video)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' has no video stream", path);
    st = avcl__video_index(v, err);
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

avcl_video *avcl_video_open(const char *path, const avcl_video_options *options,
                            avcl_error *err)
{
    avcl_video *v = calloc(1, sizeof *v);
    if (!v) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory to open '%s'", path);
        return NULL;
    }
    if (options) v->options = *options;
    double from = avcl__wall_s();
    avcl_status st = open_video(v, path, err);
    v->cost.open_s = avcl__wall_s() - from;
    if (st == AVCL_OK) return v;
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
    avcl__container_release(&v->source);
    avcl__index_release(&v->index);
    av_free(v->path);
    free(v);
}

avcl_status avcl_media_probe(const char *path, avcl_media_info *out, avcl_error *err)
{
    avcl_error local = {0}; /* the code is needed even when err is NULL */
    avcl_video *v = avcl_video_open(path, NULL, &local);
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
    if (frame >= v->n_frames) frame = v->n_frames - 1;
    if (v->options.fps > 0) return v->info.video_start_s + (double)frame / v->options.fps;
    return (double)v->index.pts[frame] * v->tick;
}

int64_t avcl_video_n_frames(const avcl_video *v)
{
    return v->n_frames;
}

int64_t avcl_video_n_decoded(const avcl_video *v)
{
    return v->cost.frames;
}

void avcl_video_get_cost(const avcl_video *v, avcl_media_cost *out)
{
    *out = v->cost;
}

void avcl_video_get_damage(const avcl_video *v, int64_t *n_damaged, int64_t *n_lost)
{
    *n_damaged = v->n_damaged;
    *n_lost = v->n_lost;
}

/* ---- reading ------------------------------------------------------------------- */
/* The file's frame that is on screen when frame `i` of the wanted rate is due. */
static int64_t shown_at(const avcl_video *v, int64_t i)
{
    if (v->options.fps <= 0) return i;
    double ticks = (double)i / v->options.fps / v->tick;
    return avcl__index_shown(&v->index, v->index.pts[0] + (int64_t)(ticks + ON_TIME));
}

struct rgb_sink {
    avcl_video *v;
    uint8_t *rgb;
    size_t picture;
    int32_t width;
    int32_t height;
    int64_t start; /* as numbered by the caller */
    int64_t n;
    int64_t first; /* the file's frame that `start` shows */
};

/* A frame of the file fills one picture, or as many as the wanted rate shows of it. */
static avcl_status take_rgb(void *arg, int64_t k, const AVFrame *frame, avcl_error *err)
{
    struct rgb_sink *s = arg;
    const uint8_t *done = NULL;
    int64_t i = s->v->options.fps > 0 ? 0 : k;
    while (i < s->n && shown_at(s->v, s->start + i) < s->first + k)
        i++;
    for (; i < s->n && shown_at(s->v, s->start + i) == s->first + k; i++) {
        uint8_t *to = s->rgb + (size_t)i * s->picture;
        if (done) {
            memcpy(to, done, s->picture);
            continue;
        }
        double from = avcl__wall_s();
        avcl_status st = avcl__scaler_run(&s->v->scaler, frame, s->v->info.rotation,
                                          s->width, s->height, to, err);
        s->v->cost.scale_s += avcl__wall_s() - from;
        if (st) return avcl_error_prefix(err, "'%s'", s->v->path);
        done = to;
    }
    return AVCL_OK;
}

static avcl_status check_request(int64_t start, int64_t n, int32_t width, int32_t height,
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
    return AVCL_OK;
}

avcl_status avcl_video_read(avcl_video *v, int64_t start, int64_t n, int32_t width,
                            int32_t height, uint8_t *rgb, int64_t *n_padded,
                            avcl_error *err)
{
    avcl_status st = check_request(start, n, width, height, err);
    if (st) return st;
    int64_t last = v->n_frames - 1;
    struct rgb_sink sink = {.v = v,
                            .rgb = rgb,
                            .width = width ? width : v->info.width,
                            .height = height ? height : v->info.height,
                            .start = start < last ? start : last};
    sink.picture = (size_t)sink.width * (size_t)sink.height * 3;
    sink.n = n < v->n_frames - sink.start ? n : v->n_frames - sink.start;
    sink.first = shown_at(v, sink.start);
    avcl_window w = {.take = take_rgb, .arg = &sink, .start = sink.first};
    w.n = shown_at(v, sink.start + sink.n - 1) + 1 - w.start;
    st = avcl__window_read(v, &w, err);
    if (st) return st;
    const uint8_t *end = rgb + (size_t)(sink.n - 1) * sink.picture;
    for (int64_t k = sink.n; k < n; k++)
        memcpy(rgb + (size_t)k * sink.picture, end, sink.picture);
    /* Past the end nothing of the wanted window is real, not even the first picture. */
    if (n_padded) *n_padded = w.n_repeated + (start > last ? n : n - sink.n);
    return AVCL_OK;
}
