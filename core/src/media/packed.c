/* packed.c - pictures in memory through the scaler of decoded ones. */
#include <string.h>

#include "media/packed.h"

#include "media/media_impl.h"

avcl_status avcl__packed_scale(const avcl_packed *from, int32_t width, int32_t height,
                               uint8_t *out, avcl_error *err)
{
    size_t theirs = (size_t)from->width * (size_t)from->height * 3;
    size_t ours = (size_t)width * (size_t)height * 3;
    if (from->width == width && from->height == height) {
        memcpy(out, from->rgb, (size_t)from->n * ours);
        return AVCL_OK;
    }
    avcl_scaler scaler = {0};
    avcl_status status = AVCL_OK;
    AVFrame *frame = av_frame_alloc();
    if (!frame) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a picture");
    frame->format = AV_PIX_FMT_RGB24;
    frame->width = from->width;
    frame->height = from->height;
    frame->linesize[0] = from->width * 3;
    for (int64_t i = 0; i < from->n && status == AVCL_OK; i++) {
        frame->data[0] = (uint8_t *)from->rgb + (size_t)i * theirs; /* read only */
        status = avcl__scaler_run(&scaler, frame, 0, width, height,
                                  out + (size_t)i * ours, err);
    }
    av_frame_free(&frame);
    avcl__scaler_release(&scaler);
    return status;
}
