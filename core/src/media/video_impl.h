/*
 * video_impl.h - the reader behind video.h's functions: decodes a window of frames.
 *
 * avcl__window_read hands each frame of [start, start + n) once or more, in
 * rising order per attempt, to `take`; later attempts overwrite earlier ones.
 */
#ifndef AVCL_VIDEO_IMPL_H
#define AVCL_VIDEO_IMPL_H

#include "media/media_impl.h"

struct avcl_video {
    char *path;
    avcl_container source;
    avcl_index index;
    avcl_media_info info;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    AVFrame *held; /* the frame before a gap, for broken files */
    avcl_scaler scaler;
    avcl_video_options options; /* resolved */
    int64_t n_frames;           /* as the options number them */
    double cpu_until;           /* of this thread, for the call in progress */
    double tick;                /* seconds per unit of the index */
    int64_t next;               /* the frame that comes out next; < 0: position unknown */
    int64_t sent_key;           /* which key frame was sent last: the GOP we are in */
    avcl_media_cost cost;
    int64_t n_damaged;
    int64_t n_lost;
    int32_t drained;
    int32_t from_start; /* seeking failed once here: only counting is safe */
};

typedef struct avcl_window {
    int64_t start;
    int64_t n;
    avcl_status (*take)(void *arg, int64_t k, const AVFrame *frame, avcl_error *err);
    void *arg;
    int32_t exact;      /* 1: a frame that cannot be decoded is an error */
    int64_t n_repeated; /* out: frames replaced by a neighbour */
    int64_t n_damaged;  /* out: frames decoded with errors */
} avcl_window;

avcl_status avcl__window_read(avcl_video *v, avcl_window *window, avcl_error *err);
/* Fills v->index and what only packets tell of v->info. */
avcl_status avcl__video_index(avcl_video *v, avcl_error *err);
/* An error once the call in progress has used up its computing time. */
avcl_status avcl__video_check_time(avcl_video *v, avcl_error *err);
/* Opens (again) at the first packet. */
avcl_status avcl__video_reopen(avcl_video *v, avcl_error *err);
/* Decodes one frame into v->frame: 1, or 0 at the end. `skip_before`: packets shown
 * before it may be dropped where no other frame refers to them. */
int avcl__video_decode(avcl_video *v, int64_t skip_before);

#endif
