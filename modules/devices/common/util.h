/*
 * util.h - the few things every device module needs and no library gives.
 *
 * Compiled into each device: modules do not link to libavcl.
 */
#ifndef AVCL_DEVICE_UTIL_H
#define AVCL_DEVICE_UTIL_H

#include "avcl/error.h"
#include "avcl/types.h"

/* Sets `err` if it is there and still clear; returns `code`. */
avcl_status avcl__fail(avcl_error *err, avcl_status code, const char *fmt, ...)
    AVCL_PRINTF(3, 4);
int64_t avcl__count(const avcl_tinfo *info);
/* Product of dims [from, to). */
int64_t avcl__extent(const avcl_tinfo *info, int32_t from, int32_t to);
uint64_t avcl__dtype_size(avcl_dtype dtype);
float avcl__half_to_float(uint16_t half);
/* Rounds up to the alignment of device memory. */
uint64_t avcl__align(uint64_t bytes);
/* Zeroed, 64-byte aligned memory; NULL = none left. Free with free(). */
void *avcl__aligned_alloc(uint64_t bytes);
/* Checks that every index of a gather lies in [0, n). */
avcl_status avcl__check_rows(const int32_t *index, int64_t count, int64_t n,
                             avcl_error *err);
/* The same for class labels, where a negative one means "none". */
avcl_status avcl__check_labels(const int32_t *label, int64_t count, int64_t n,
                               avcl_error *err);
/* Index into `from` of element `flat` of `to`, where `from` broadcasts to `to`. */
int64_t avcl__broadcast_index(const avcl_tinfo *from, const avcl_tinfo *to, int64_t flat);

#endif
