/* tinfo.c - element types and shapes: sizes and text. */
#include <inttypes.h>
#include <stdio.h>

#include "graph/ir.h"

static const struct {
    avcl_dtype dtype;
    uint32_t bytes;
    const char *name;
} dtypes[] = {
    {AVCL_F32, 4, "f32"},   {AVCL_F64, 8, "f64"}, {AVCL_F16, 2, "f16"},
    {AVCL_BF16, 2, "bf16"}, {AVCL_U8, 1, "u8"},   {AVCL_I32, 4, "i32"},
    {AVCL_I64, 8, "i64"},
};

uint64_t avcl__dtype_bytes(avcl_dtype dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].bytes;
    return 0;
}

const char *avcl__dtype_name(avcl_dtype dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    return "unknown";
}

int avcl__dtype_is_real(avcl_dtype dtype)
{
    return dtype == AVCL_F32 || dtype == AVCL_F64;
}

uint64_t avcl__tinfo_count(const avcl_tinfo *info)
{
    uint64_t n = 1;
    for (int32_t i = 0; i < info->ndim; i++)
        n *= (uint64_t)info->shape[i];
    return n;
}

uint64_t avcl__tinfo_bytes(const avcl_tinfo *info)
{
    return avcl__tinfo_count(info) * avcl__dtype_bytes(info->dtype);
}

void avcl__tinfo_text(const avcl_tinfo *info, char out[96])
{
    size_t used = 0;
    used += (size_t)snprintf(out, 96, "[");
    for (int32_t i = 0; i < info->ndim && used < 80; i++)
        used += (size_t)snprintf(out + used, 96 - used, "%s%" PRId64, i ? "," : "",
                                 info->shape[i]);
    snprintf(out + used, 96 - used, "]");
}
