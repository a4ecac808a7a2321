/*
 * media_impl.h - what the media files share: an opened file, its index, its scaler.
 *
 * A container is an opened file with the streams chosen; an index says when each
 * displayed frame is shown and where decoding can begin.
 *
 *     avcl_container s = {0};
 *     if (avcl__container_open(&s, path, err)) return err->code;
 *     avcl__container_release(&s);
 *
 * One thread at a time.
 */
#ifndef AVCL_MEDIA_IMPL_H
#define AVCL_MEDIA_IMPL_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

#include "avcl/media.h"
#include "media/av_log.h"
#include "media/sidecar.h"

enum {
    AVCL_MEDIA_MAX_SIDE = 8192,
    AVCL_MEDIA_MAX_SECONDS = 3600,
    AVCL_MEDIA_MAX_CPU_S = 120,
};

/* ---- demux.c ------------------------------------------------------------------- */
typedef struct avcl_container {
    AVFormatContext *format;
    AVStream *video; /* NULL = none */
    AVStream *audio; /* NULL = none */
    int64_t
        audio_duration; /* the header's word, in ticks; AV_NOPTS_VALUE = it has none */
    int64_t n_pictures; /* of a folder; 0: an ordinary file */
} avcl_container;
avcl_status avcl__container_open(avcl_container *source, const char *path,
                                 avcl_error *err);
void avcl__container_release(avcl_container *source);
/* `delay`: frames to hold back so that H.264 comes out in display order. */
avcl_status avcl__decoder_open(const AVStream *stream, int32_t delay,
                               AVCodecContext **out, const char *path, avcl_error *err);

/* Seconds of computing of this thread: time that others take does not count, so that a
 * busy machine never changes what can be read. */
double avcl__cpu_s(void);
double avcl__wall_s(void);

/* ---- pictures.c ---------------------------------------------------------------- */
/* Opens the pictures of a folder as one stream. */
avcl_status avcl__pictures_open(AVFormatContext **format, const char *path,
                                int64_t *n_pictures, avcl_error *err);
/* ---- index.c ------------------------------------------------------------------- */
typedef struct avcl_packet_entry {
    int64_t time;     /* pts, else dts */
    int64_t duration; /* 0 = unknown */
    int32_t is_key;
    int32_t is_shown; /* 0: decoded but cut away by the edit list */
} avcl_packet_entry;
typedef struct avcl_index {
    avcl_packet_entry *packets; /* [n_packets] in decode order */
    int64_t n_packets;
    int64_t capacity;
    int64_t *pts; /* [n] of displayed frames, increasing */
    int64_t n;
    int64_t *key; /* [n_key] pts of the packets where decoding can begin, increasing */
    int64_t n_key;
    int64_t end;   /* pts at which the last frame ends */
    int32_t delay; /* packets by which decode order and display order differ */
    int32_t ordinal;
} avcl_index;
avcl_status avcl__index_add(avcl_index *index, const AVPacket *packet, avcl_error *err);
/* Sorts what was added. n stays 0 when nothing is displayed: the caller's error. */
avcl_status avcl__index_finish(avcl_index *index, const avcl_container *source,
                               avcl_error *err);
/* Replaces the times by those of decoded frames, [owned] by the index from here on. */
void avcl__index_take_times(avcl_index *index, int64_t *pts, int64_t n);
/* The last key frame at or before `pts`, clamped to the first. */
int64_t avcl__index_key(const avcl_index *index, int64_t pts);
/* The displayed frame of exactly `pts`, or -1. */
int64_t avcl__index_frame(const avcl_index *index, int64_t pts);
/* The last frame displayed at or before `pts`, clamped to the first. */
int64_t avcl__index_shown(const avcl_index *index, int64_t pts);
int32_t avcl__index_is_vfr(const avcl_index *index);
void avcl__index_release(avcl_index *index);

/* ---- scale.c ------------------------------------------------------------------- */
typedef struct avcl_scaler {
    struct SwsContext *sws;
    AVFrame *small;     /* rgb24, rows aligned: swscale writes past unaligned ones */
    int32_t details[3]; /* colour space, range, pixel format that sws was told */
} avcl_scaler;
/* Scales `frame` to width x height as displayed, after turning it `rotation` degrees. */
avcl_status avcl__scaler_run(avcl_scaler *scaler, const AVFrame *frame, int32_t rotation,
                             int32_t width, int32_t height, uint8_t *rgb,
                             avcl_error *err);
void avcl__scaler_release(avcl_scaler *scaler);
/* Degrees clockwise, 0 90 180 270, by which the stream wants to be turned. */
int32_t avcl__stream_rotation(const AVStream *stream);

#endif
