/*
 * prepare_record.h - one file of a data set as a record of a prepared cache.
 */
#ifndef AVCL_PREPARE_RECORD_H
#define AVCL_PREPARE_RECORD_H

#include "data/prepared.h"
#include "data/sample_impl.h"
#include "media/small.h"

/* One thread's. Zero it but for the first three. */
typedef struct avcl_maker {
    const avcl_recipe *recipe;
    const avcl_mel *mel;
    int32_t min_frames;
    int32_t check_only; /* judge, but keep no picture */
    avcl_jpeg *jpeg;
    avcl_scratch scratch;
    uint8_t *rgb;    /* a few pictures */
    uint8_t *yuv;    /* one */
    uint8_t *planes; /* one, decoded again */
} avcl_maker;

/* Appends the record of `path` to `out` and says how the file is. Only a lack of memory,
 * or of a codec, is an error. */
avcl_status avcl__record_make(avcl_maker *maker, const char *path, uint64_t key,
                              avcl__text *out, avcl_media_report *report,
                              avcl_error *err);
void avcl__maker_release(avcl_maker *maker);

#endif
