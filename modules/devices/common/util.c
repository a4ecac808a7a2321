/* util.c - errors, shapes, half floats and aligned memory for device modules. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/util.h"

enum { ALIGNMENT = 64 };

avcl_status avcl__fail(avcl_error *err, avcl_status code, const char *fmt, ...)
{
    if (!err || err->code != AVCL_OK) return code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    err->code = code;
    return code;
}

int64_t avcl__extent(const avcl_tinfo *info, int32_t from, int32_t to)
{
    int64_t n = 1;
    for (int32_t i = from; i < to; i++)
        n *= info->shape[i];
    return n;
}

int64_t avcl__count(const avcl_tinfo *info)
{
    return avcl__extent(info, 0, info->ndim);
}

uint64_t avcl__dtype_size(avcl_dtype dtype)
{
    switch (dtype) {
    case AVCL_U8:
        return 1;
    case AVCL_F16:
    case AVCL_BF16:
        return 2;
    case AVCL_F64:
    case AVCL_I64:
        return 8;
    default:
        return 4;
    }
}

float avcl__half_to_float(uint16_t half)
{
    int sign = half >> 15;
    int exponent = half >> 10 & 31;
    float fraction = (float)(half & 1023);
    float value;
    if (exponent == 31)
        value = fraction > 0 ? NAN : INFINITY;
    else if (exponent == 0)
        value = ldexpf(fraction, -24);
    else
        value = ldexpf(1024 + fraction, exponent - 25);
    return sign ? -value : value;
}

uint64_t avcl__align(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *avcl__aligned_alloc(uint64_t bytes)
{
    void *p = NULL;
    uint64_t size = avcl__align(bytes ? bytes : 1);
    if (posix_memalign(&p, ALIGNMENT, size)) return NULL;
    return memset(p, 0, size);
}

avcl_status avcl__check_rows(const int32_t *index, int64_t count, int64_t n,
                             avcl_error *err)
{
    for (int64_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= n)
            return avcl__fail(err, AVCL_E_INVALID, "row index %d is not in [0, %lld)",
                              index[i], (long long)n);
    return AVCL_OK;
}

avcl_status avcl__check_labels(const int32_t *label, int64_t count, int64_t n,
                               avcl_error *err)
{
    for (int64_t i = 0; i < count; i++)
        if (label[i] >= n)
            return avcl__fail(err, AVCL_E_INVALID, "class %d is not below %lld", label[i],
                              (long long)n);
    return AVCL_OK;
}

int64_t avcl__broadcast_index(const avcl_tinfo *from, const avcl_tinfo *to, int64_t flat)
{
    int64_t index = 0;
    int64_t stride = 1;
    int32_t shift = to->ndim - from->ndim;
    for (int32_t i = to->ndim - 1; i >= shift; i--) {
        int64_t at = flat % to->shape[i];
        flat /= to->shape[i];
        int64_t dim = from->shape[i - shift];
        if (dim != 1) index += at * stride;
        stride *= dim;
    }
    return index;
}
