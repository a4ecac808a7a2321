/*
 * safetensors.h - the inside of a safetensors object, for its reader and its writer.
 */
#ifndef AVCL_SAFETENSORS_H
#define AVCL_SAFETENSORS_H

#include <jansson.h>

#include "avcl/store.h"
#include "base/arena.h"

enum {
    AVCL_ST_MAX_HEADER = 100 * 1000 * 1000, /* the format's own limit */
    AVCL_ST_ALIGN = 64,
};

typedef struct avcl__st_entry {
    const char *name;
    avcl_tensor tensor;
    uint64_t begin; /* in the file's data part */
} avcl__st_entry;

struct avcl_safetensors {
    avcl_arena arena; /* names */
    avcl__st_entry *entries;
    uint32_t n;
    uint32_t room;
    json_t *metadata; /* strings; the reader's holds the crc32c/ keys too */
};

/* Appends an entry without data. NULL = out of memory. */
avcl__st_entry *avcl__st_add(avcl_safetensors *st, const char *name,
                             const avcl_tinfo *info, uint64_t nbytes);
/* Gives it memory of its own, aligned; 0 = out of memory. */
int avcl__st_allocate(avcl__st_entry *entry);
/* Bytes of shape and dtype; 0 with *ok = 0 when a size is negative or overflows. */
uint64_t avcl__st_nbytes(const avcl_tinfo *info, int *ok);
uint32_t avcl__st_dtype_size(avcl_dtype dtype);
const char *avcl__st_dtype_name(avcl_dtype dtype);
avcl_dtype avcl__st_dtype_of(const char *name); /* 0 = not one of ours */

#endif
