/* scale.c - one swscale call from decoded planes to small rgb24, then the turn. */
#include <math.h>
#include <string.h>

#include <libavutil/display.h>
#include <libavutil/pixdesc.h>

#include "media/media_impl.h"

/* The same pixels on every CPU; the bilinear filter widens when shrinking. */
enum {
    SCALE_FLAGS = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT,
    HD_LINES = 720, /* untagged pictures: BT.601 below, BT.709 from here */
};

int32_t avcl__stream_rotation(const AVStream *stream)
{
    size_t bytes = 0;
    const void *side = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    if (!side || bytes < 9 * sizeof(int32_t)) return 0;
    double theta = -av_display_rotation_get(side); /* counter-clockwise there */
    if (isnan(theta)) return 0;
    long quarter = lrint(theta / 90.0);
    if (fabs(theta - 90.0 * (double)quarter) > 2.0) return 0; /* slanted: leave it */
    return (int32_t)(((quarter % 4) + 4) % 4 * 90);
}

static int colour_space(const AVFrame *frame)
{
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
        return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
        return SWS_CS_FCC;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
        return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M:
        return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return SWS_CS_BT2020;
    default:
        return frame->height >= HD_LINES ? SWS_CS_ITU709 : SWS_CS_ITU601;
    }
}

static int is_full_range(const AVFrame *frame)
{
    switch (frame->format) {
    case AV_PIX_FMT_YUVJ411P:
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ444P:
        return 1;
    default:
        return frame->color_range == AVCOL_RANGE_JPEG;
    }
}

/* Tells swscale matrix and range: it assumes BT.601 limited otherwise. */
static int set_colours(avcl_scaler *scaler, const AVFrame *frame,
                       struct SwsContext *before)
{
    int32_t want[3] = {colour_space(frame), is_full_range(frame), frame->format};
    if (scaler->sws == before && memcmp(want, scaler->details, sizeof want) == 0)
        return 0;
    memcpy(scaler->details, want, sizeof want);
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    if (!desc || (desc->flags & AV_PIX_FMT_FLAG_RGB)) return 0;
    return sws_setColorspaceDetails(scaler->sws, sws_getCoefficients(want[0]), want[1],
                                    sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16,
                                    1 << 16);
}

static int prepare(avcl_scaler *scaler, const AVFrame *frame, int32_t width,
                   int32_t height)
{
    struct SwsContext *before = scaler->sws;
    scaler->sws = sws_getCachedContext(scaler->sws, frame->width, frame->height,
                                       frame->format, width, height, AV_PIX_FMT_RGB24,
                                       SCALE_FLAGS, NULL, NULL, NULL);
    if (!scaler->sws) return AVERROR(EINVAL);
    int rc = set_colours(scaler, frame, before);
    if (rc < 0) return rc;
    if (scaler->small && scaler->small->width == width && scaler->small->height == height)
        return 0;
    av_frame_free(&scaler->small);
    scaler->small = av_frame_alloc();
    if (!scaler->small) return AVERROR(ENOMEM);
    scaler->small->format = AV_PIX_FMT_RGB24;
    scaler->small->width = width;
    scaler->small->height = height;
    return av_frame_get_buffer(scaler->small, 0);
}

/* Copies the small picture out, turned clockwise: out is width x height as displayed. */
static void copy_turned(const AVFrame *small, int32_t rotation, int32_t width,
                        int32_t height, uint8_t *rgb)
{
    const uint8_t *data = small->data[0];
    int64_t stride = small->linesize[0];
    if (rotation == 0) {
        for (int32_t y = 0; y < height; y++)
            memcpy(rgb + (int64_t)y * width * 3, data + y * stride, (size_t)width * 3);
        return;
    }
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            int64_t sx = rotation == 90 ? y : height - 1 - y;
            int64_t sy = rotation == 90 ? width - 1 - x : x;
            if (rotation == 180) {
                sx = width - 1 - x;
                sy = height - 1 - y;
            }
            memcpy(rgb + ((int64_t)y * width + x) * 3, data + sy * stride + sx * 3, 3);
        }
    }
}

avcl_status avcl__scaler_run(avcl_scaler *scaler, const AVFrame *frame, int32_t rotation,
                             int32_t width, int32_t height, uint8_t *rgb, avcl_error *err)
{
    int32_t w = rotation % 180 ? height : width;
    int32_t h = rotation % 180 ? width : height;
    int rc = prepare(scaler, frame, w, h);
    if (rc >= 0)
        rc = sws_scale(scaler->sws, (const uint8_t *const *)frame->data, frame->linesize,
                       0, frame->height, scaler->small->data, scaler->small->linesize);
    if (rc < 0) {
        const char *format = av_get_pix_fmt_name(frame->format);
        return avcl__av_fail(err,
                             rc == AVERROR(ENOMEM) ? AVCL_E_NOMEM : AVCL_E_UNSUPPORTED,
                             rc, "cannot scale a %dx%d %s picture to %dx%d", frame->width,
                             frame->height, format ? format : "?", w, h);
    }
    copy_turned(scaler->small, rotation, width, height, rgb);
    return AVCL_OK;
}

void avcl__scaler_release(avcl_scaler *scaler)
{
    sws_freeContext(scaler->sws);
    av_frame_free(&scaler->small);
    scaler->sws = NULL;
}
