/*
 * augment.h - where reading a sample applies its view's transforms.
 *
 * Each is asked at its place: frames before they are read, the part of a picture before
 * it is cut, pictures and spectrogram when they lie in the caller's rows, sound between
 * file and spectrogram. Without transforms, or when not random, nothing here does
 * anything.
 */
#ifndef AVCL_AUGMENT_H
#define AVCL_AUGMENT_H

#include "data/sample_impl.h"
#include "data/transform_impl.h"

/* Whether the view has a transform for that field, and asks for it. */
int avcl__augments(const avcl_view *view, avcl_transform_field field);

/* Frames [*span] to read and which of them are wanted: *index [view->frames] in the
 * scratch, or NULL = all, in order. */
avcl_status avcl__augment_time(const avcl_dataset *d, const avcl_request *request,
                               avcl_scratch *scratch, int32_t *span,
                               const int32_t **index, avcl_error *err);
/* A random part of each frame of a clip, scaled into rgb [3, frames, crop, crop].
 * AVCL_END: the draw says that this sample is cut as usual. */
avcl_status avcl__augment_area(const avcl_dataset *d, const avcl_request *request,
                               avcl_scratch *scratch, const avcl_clip *clip,
                               const int32_t *index, uint8_t *rgb, avcl_error *err);
/* In place; on failure it means nothing any more. */
avcl_status avcl__augment_clip(const avcl_dataset *d, const avcl_request *request,
                               uint8_t *rgb, avcl_error *err);
avcl_status avcl__augment_wave(const avcl_dataset *d, const avcl_request *request,
                               avcl_wave *wave, avcl_error *err);
avcl_status avcl__augment_mel(const avcl_dataset *d, const avcl_request *request,
                              uint16_t *mel, avcl_error *err);

#endif
