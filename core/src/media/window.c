/* window.c - exact windows of frames: seek to the index's key frame, check every pts,
 * step back when the container seeks badly, in the end reopen and count. */
#include "media/video_impl.h"

enum { MISSED = 2 }; /* the frame did not come: try from further back */

/* ---- packets in, frames out ---------------------------------------------------- */
static void note_key(avcl_video *v)
{
    if (!(v->packet->flags & AV_PKT_FLAG_KEY) || v->packet->pts == AV_NOPTS_VALUE) return;
    int64_t key = avcl__index_key(&v->index, v->packet->pts);
    if (key > v->sent_key) v->sent_key = key;
}

/* The next packet of the video into v->packet: 1, or 0 at the end or out of time. */
static int read_packet(avcl_video *v)
{
    double from = avcl__wall_s();
    int rc = 0;
    while (avcl__cpu_s() < v->cpu_until && /* run() says so */
           (rc = av_read_frame(v->source.format, v->packet)) >= 0 &&
           v->packet->stream_index != v->source.video->index)
        av_packet_unref(v->packet);
    v->cost.demux_s += avcl__wall_s() - from;
    return rc >= 0 && v->packet->buf != NULL;
}

/* Sends the next packet, or the end of the stream. A packet that the decoder refuses is
 * lost, not fatal: the frames that come out are counted by their pts. */
static void feed(avcl_video *v, int64_t skip_before)
{
    if (!read_packet(v)) {
        avcodec_send_packet(v->codec, NULL);
        v->drained = 1;
        return;
    }
    note_key(v);
    int64_t pts = v->packet->pts;
    v->codec->skip_frame =
        pts != AV_NOPTS_VALUE && pts < skip_before ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
    avcodec_send_packet(v->codec, v->packet);
    av_packet_unref(v->packet);
}

static int decode(avcl_video *v, int64_t skip_before)
{
    enum { PATIENCE = 64 }; /* errors while draining, more than a decoder can hold */
    for (int errors = 0; errors < PATIENCE;) {
        int rc = avcodec_receive_frame(v->codec, v->frame);
        if (rc >= 0) {
            v->cost.frames++;
            return 1;
        }
        if (rc == AVERROR_EOF) return 0;
        if (v->drained)
            errors++;
        else
            feed(v, skip_before);
    }
    return 0;
}

int avcl__video_decode(avcl_video *v, int64_t skip_before)
{
    double from = avcl__wall_s() - v->cost.demux_s;
    int rc = decode(v, skip_before);
    v->cost.decode_s += avcl__wall_s() - v->cost.demux_s - from;
    return rc;
}

/* ---- where to begin ------------------------------------------------------------ */
static avcl_status seek_key(avcl_video *v, int64_t key, avcl_error *err)
{
    int64_t pts = v->index.key[key];
    int rc = avformat_seek_file(v->source.format, v->source.video->index, INT64_MIN, pts,
                                pts, 0);
    if (rc < 0) return avcl__video_reopen(v, err);
    avcodec_flush_buffers(v->codec);
    v->next = 0; /* at or before the wanted frame: each frame's pts says where */
    v->sent_key = key;
    v->drained = 0;
    return AVCL_OK;
}

/* Reading on is cheaper than seeking inside the GOP that the decoder is in. */
static int can_continue(const avcl_video *v, int64_t start)
{
    if (v->next < 0 || v->next > start) return 0;
    if (v->index.ordinal || v->from_start || v->next == start) return 1;
    return avcl__index_key(&v->index, v->index.pts[start]) <= v->sent_key;
}

/* To the key frame of frame `start`, or the one `back` before it. */
static avcl_status seek_back(avcl_video *v, int64_t start, int32_t back, avcl_error *err)
{
    int64_t key = avcl__index_key(&v->index, v->index.pts[start]) - back;
    return seek_key(v, key > 0 ? key : 0, err);
}

/* ---- the window ---------------------------------------------------------------- */
static int64_t identify(const avcl_video *v)
{
    if (v->index.ordinal) return v->next;
    return avcl__index_frame(&v->index, v->frame->best_effort_timestamp);
}

/* The frames k..until - 1 of the window never came: the one before them stands in. */
static avcl_status fill(avcl_video *v, avcl_window *w, int64_t k, int64_t until,
                        const AVFrame *other, avcl_error *err)
{
    const AVFrame *frame = v->held->buf[0] ? v->held : other;
    if (k < until && (w->exact || !frame))
        return avcl__av_fail(err, AVCL_E_CORRUPT, 0,
                             "frame %lld of '%s' cannot be decoded",
                             (long long)w->start + k, v->path);
    for (; k < until; k++) {
        avcl_status st = w->take(w->arg, k, frame, err);
        if (st) return st;
        w->n_repeated++;
    }
    return AVCL_OK;
}

static void hold(avcl_video *v)
{
    av_frame_unref(v->held);
    av_frame_move_ref(v->held, v->frame);
}

/* CORRUPT alone is seldom set: the decoder's own word is what it concealed. */
static int is_damaged(const AVFrame *frame)
{
    return frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT);
}

/* One pass from the present position. Patient passes fill gaps and skip nothing before
 * the window, because what stands in for a lost frame must not depend on how we came
 * here. */
static avcl_status run(avcl_video *v, avcl_window *w, int32_t patient, avcl_error *err)
{
    int64_t skip_before =
        patient || v->index.ordinal ? INT64_MIN : v->index.pts[w->start];
    int64_t k = 0;
    av_frame_unref(v->held);
    while (k < w->n) {
        avcl_status st = AVCL_OK;
        if (!avcl__video_decode(v, skip_before)) {
            v->next = -1;
            st = avcl__video_check_time(v, err);
            if (st) return st;
            return patient ? fill(v, w, k, w->n, NULL, err) : MISSED;
        }
        int64_t i = identify(v);
        if (i < 0) continue;
        v->next = i + 1;
        if (i - w->start > k) {
            if (!patient) return MISSED;
            int64_t until = i - w->start < w->n ? i - w->start : w->n;
            st = fill(v, w, k, until, v->frame, err);
            k = until;
        }
        if (!st && i - w->start == k && k < w->n) {
            if (is_damaged(v->frame)) {
                if (!patient) return MISSED; /* seeking may be what damaged it */
                w->n_damaged++;
            }
            st = w->take(w->arg, k++, v->frame, err);
        }
        if (st) return st;
        if (patient) hold(v);
    }
    return AVCL_OK;
}

avcl_status avcl__window_read(avcl_video *v, avcl_window *window, avcl_error *err)
{
    enum { LAST = 3 };
    avcl__av_log_begin();
    v->cpu_until = avcl__cpu_s() + v->options.max_cpu_s;
    if (!v->codec) v->next = -1; /* the file went away in an earlier call */
    int32_t may_seek = v->codec && !v->index.ordinal && !v->from_start;
    int32_t attempt = can_continue(v, window->start) ? 0 : may_seek ? 1 : LAST;
    for (; attempt <= LAST; attempt = may_seek ? attempt + 1 : LAST) {
        avcl_status st = AVCL_OK;
        if (attempt > 0 && attempt < LAST)
            st = seek_back(v, window->start, attempt - 1, err);
        if (attempt == LAST) st = avcl__video_reopen(v, err);
        int32_t patient = attempt == LAST;
        window->n_repeated = window->n_damaged = 0;
        if (!st) st = run(v, window, patient, err);
        if (st != MISSED) {
            if (attempt == LAST && may_seek) v->from_start = 1;
            if (st) v->next = -1;
            v->n_lost += window->n_repeated;
            v->n_damaged += window->n_damaged;
            return st;
        }
    }
    return avcl_error_set(err, AVCL_E_BUG, "a patient pass missed frame %lld of '%s'",
                          (long long)window->start, v->path); /* it fills or fails */
}
