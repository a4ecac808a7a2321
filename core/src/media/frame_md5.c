/* frame_md5.c - MD5 of a frame's decoded planes, rows packed, as ffmpeg's framemd5. */
#include <stdio.h>

#include <libavutil/imgutils.h>
#include <libavutil/md5.h>
#include <libavutil/mem.h>

#include "media/video_impl.h"

struct md5_sink {
    char (*hex)[33];
    uint8_t *buffer;
    unsigned size;
};

static avcl_status take_md5(void *arg, int64_t k, const AVFrame *frame, avcl_error *err)
{
    struct md5_sink *s = arg;
    int size = av_image_get_buffer_size(frame->format, frame->width, frame->height, 1);
    if (size > 0) av_fast_malloc(&s->buffer, &s->size, (size_t)size);
    if (size <= 0 || !s->buffer)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a %dx%d picture",
                              frame->width, frame->height);
    av_image_copy_to_buffer(s->buffer, size, (const uint8_t *const *)frame->data,
                            frame->linesize, frame->format, frame->width, frame->height,
                            1);
    uint8_t digest[16];
    av_md5_sum(digest, s->buffer, (size_t)size);
    for (int i = 0; i < 16; i++)
        snprintf(&s->hex[k][2 * i], 3, "%02x", digest[i]);
    return AVCL_OK;
}

avcl_status avcl_video_md5(avcl_video *v, int64_t start, int64_t n, char (*hex)[33],
                           avcl_error *err)
{
    if (start < 0 || n < 1 || n > v->index.n || start > v->index.n - n)
        return avcl_error_set(
            err, AVCL_E_INVALID, "frames %lld + %lld lie outside '%s', which has %lld",
            (long long)start, (long long)n, v->path, (long long)v->index.n);
    struct md5_sink sink = {.hex = hex};
    avcl_window w = {.start = start, .n = n, .take = take_md5, .arg = &sink, .exact = 1};
    avcl_status st = avcl__window_read(v, &w, err);
    av_free(sink.buffer);
    return st;
}
