/* jpeg.c - one small picture to JPEG and back by libavcodec; no header is shared, so
 * each can be read alone. */
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>

#include "media/av_log.h"
#include "media/small.h"

struct avcl_jpeg {
    int32_t width;
    int32_t height;
    int32_t quality;
    AVCodecContext *encoder;
    AVCodecContext *decoder;
    AVFrame *frame;
    AVPacket *packet;
    uint8_t *padded; /* what is decoded, with libavcodec's zeros behind it */
    unsigned room;
};

avcl_jpeg *avcl__jpeg_new(int32_t width, int32_t height, int32_t quality)
{
    avcl_jpeg *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    j->width = width;
    j->height = height;
    j->quality = quality;
    j->frame = av_frame_alloc();
    j->packet = av_packet_alloc();
    if (j->frame && j->packet) return j;
    avcl__jpeg_free(j);
    return NULL;
}

void avcl__jpeg_free(avcl_jpeg *j)
{
    if (!j) return;
    avcodec_free_context(&j->encoder);
    avcodec_free_context(&j->decoder);
    av_frame_free(&j->frame);
    av_packet_free(&j->packet);
    av_free(j->padded);
    free(j);
}

int avcl__jpeg_fits(const avcl_jpeg *j, int32_t width, int32_t height)
{
    return j && j->width == width && j->height == height;
}

static int start_encoder(avcl_jpeg *j)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c) return codec ? AVERROR(ENOMEM) : AVERROR_ENCODER_NOT_FOUND;
    j->encoder = c;
    c->width = j->width;
    c->height = j->height;
    c->pix_fmt = AV_PIX_FMT_YUVJ420P;
    c->color_range = AVCOL_RANGE_JPEG;
    c->time_base = (AVRational){1, 25};
    c->thread_count = 1;
    c->flags = AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    c->global_quality = j->quality * FF_QP2LAMBDA;
    c->qmin = c->qmax = j->quality;
    int rc = av_opt_set(c->priv_data, "huffman", "default", 0);
    return rc < 0 ? rc : avcodec_open2(c, codec, NULL);
}

static int start_decoder(avcl_jpeg *j)
{
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c) return codec ? AVERROR(ENOMEM) : AVERROR_DECODER_NOT_FOUND;
    j->decoder = c;
    c->thread_count = 1;
    c->err_recognition = AV_EF_EXPLODE;
    return avcodec_open2(c, codec, NULL);
}

static int encode(avcl_jpeg *j, const uint8_t *yuv)
{
    AVFrame *f = j->frame;
    av_frame_unref(f);
    f->format = AV_PIX_FMT_YUVJ420P;
    f->width = j->width;
    f->height = j->height;
    f->quality = j->encoder->global_quality;
    int rc = av_frame_get_buffer(f, 0);
    if (rc < 0) return rc;
    uint8_t *planes[4];
    int lines[4];
    rc = av_image_fill_arrays(planes, lines, yuv, f->format, f->width, f->height, 1);
    if (rc < 0) return rc;
    av_image_copy(f->data, f->linesize, (const uint8_t **)(void *)planes, lines,
                  f->format, f->width, f->height);
    rc = avcodec_send_frame(j->encoder, f);
    av_packet_unref(j->packet);
    return rc < 0 ? rc : avcodec_receive_packet(j->encoder, j->packet);
}

avcl_status avcl__jpeg_encode(avcl_jpeg *j, const uint8_t *yuv, const void **data,
                              size_t *n, avcl_error *err)
{
    avcl__av_log_begin();
    int rc = j->encoder ? 0 : start_encoder(j);
    if (rc >= 0) rc = encode(j, yuv);
    if (rc < 0)
        return avcl__av_fail(err, AVCL_E_UNSUPPORTED, rc,
                             "a %dx%d picture cannot be made a JPEG", (int)j->width,
                             (int)j->height);
    *data = j->packet->data;
    *n = (size_t)j->packet->size;
    return AVCL_OK;
}

static int decode(avcl_jpeg *j, const void *data, size_t n, uint8_t *yuv)
{
    av_fast_padded_malloc(&j->padded, &j->room, n);
    if (!j->padded) return AVERROR(ENOMEM);
    memcpy(j->padded, data, n);
    av_packet_unref(j->packet);
    j->packet->data = j->padded;
    j->packet->size = (int)n;
    int rc = avcodec_send_packet(j->decoder, j->packet);
    j->packet->data = NULL;
    j->packet->size = 0;
    if (rc >= 0) rc = avcodec_receive_frame(j->decoder, j->frame);
    if (rc < 0) return rc;
    const AVFrame *f = j->frame;
    if (f->width != j->width || f->height != j->height ||
        f->format != AV_PIX_FMT_YUVJ420P)
        return AVERROR_INVALIDDATA;
    return av_image_copy_to_buffer(yuv, (int)avcl__i420_bytes(f->width, f->height),
                                   (const uint8_t *const *)f->data, f->linesize,
                                   f->format, f->width, f->height, 1);
}

avcl_status avcl__jpeg_decode(avcl_jpeg *j, const void *data, size_t n, uint8_t *yuv,
                              avcl_error *err)
{
    avcl__av_log_begin();
    int rc = j->decoder ? 0 : start_decoder(j);
    if (rc >= 0) rc = decode(j, data, n, yuv);
    if (rc >= 0) return AVCL_OK;
    return avcl__av_fail(err, rc == AVERROR(ENOMEM) ? AVCL_E_NOMEM : AVCL_E_CORRUPT, rc,
                         "a JPEG of %zu bytes cannot be decoded", n);
}
