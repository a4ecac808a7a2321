/*
 * source.h - where pictures and sound come from: the media room, or a test's faults.
 *
 * A data set reads through one of these. Every function is called by many threads
 * at once, each with a video of its own.
 */
#ifndef AVCL_SOURCE_H
#define AVCL_SOURCE_H

#include "avcl/data.h"

typedef struct avcl_source {
    void *arg;
    /* `fps`: of the frames that are counted, 0 = every one. */
    void *(*open)(void *arg, const char *path, double fps, avcl_error *err);
    void (*close)(void *video);
    int64_t (*n_frames)(const void *video);
    /* As avcl_video_read. */
    avcl_status (*read)(void *video, int64_t start, int64_t n, int32_t width,
                        int32_t height, uint8_t *rgb, int64_t *n_padded, avcl_error *err);
    double (*time)(const void *video, int64_t frame);
    void (*cost)(const void *video, avcl_media_cost *out);
    /* The whole track on the video's clock and of its length. */
    avcl_status (*wave)(void *arg, const char *path, int32_t rate, avcl_wave *out,
                        avcl_error *err);
    void (*release)(avcl_wave *wave);
} avcl_source;

extern const avcl_source avcl__media_source;

#endif
