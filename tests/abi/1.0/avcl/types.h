/*
 * types.h - the leaf types of avcl: status codes, element types, tensors.
 *
 * Part of the plugin ABI (see plugin.h): fixed-width fields, no padding, no
 * enum members. Every other header may include this one; it includes none.
 */
#ifndef AVCL_TYPES_H
#define AVCL_TYPES_H

#ifndef AVCL_CDEF /* LuaJIT's parser knows these types already */
#include <stddef.h>
#include <stdint.h>
#endif

#ifndef AVCL_EXPORT
#define AVCL_EXPORT
#endif

enum { AVCL_MAX_DIMS = 8 };

/* 0 is success, negative is failure, positive is a condition. Texts: error.h. */
typedef int32_t avcl_status;
enum {
    AVCL_OK = 0,
    AVCL_END = 1,             /* no more items: not a failure */
    AVCL_E_INVALID = -1,      /* a bad argument, key, value or file content */
    AVCL_E_SHAPE = -2,        /* shapes or ranks do not fit */
    AVCL_E_DTYPE = -3,        /* element types do not fit */
    AVCL_E_NOMEM = -4,        /* out of memory */
    AVCL_E_UNSUPPORTED = -5,  /* known, but not on this device or in this build */
    AVCL_E_IO = -6,           /* the operating system refused */
    AVCL_E_NOT_FOUND = -7,    /* no such file, key, module or run */
    AVCL_E_ABI = -8,          /* a plugin of another ABI, or one that breaks its rules */
    AVCL_E_BUG = -9,          /* a fault in avcl itself */
    AVCL_E_INTERRUPTED = -10, /* stopped by a signal; what was saved is sound */
    AVCL_E_NUMERIC = -11,     /* a value became infinite or NaN */
    AVCL_E_EXISTS = -12,      /* write-once, and already written */
    AVCL_E_CORRUPT = -13,     /* a checksum or a structure does not hold */
};

/* Element types. REAL ops run in f32, or in f64 on a device that offers it. */
typedef int32_t avcl_dtype;
enum {
    AVCL_F32 = 1,
    AVCL_F64 = 2,
    AVCL_F16 = 3, /* storage only: spectrogram slabs */
    AVCL_BF16 = 4,
    AVCL_U8 = 5,
    AVCL_I32 = 6, /* class and row indices */
    AVCL_I64 = 7,
};

/* What is known of a tensor before any data exists. Row-major, dims in declared order. */
typedef struct avcl_tinfo {
    avcl_dtype dtype;
    int32_t ndim;
    int64_t shape[8];
} avcl_tinfo;

/* A tensor in memory: contiguous row-major, data aligned to >= 64 bytes on a CPU. */
typedef struct avcl_tensor {
    void *data;
    avcl_dtype dtype;
    int32_t ndim;
    int64_t shape[8];
    uint64_t nbytes;
} avcl_tensor;

/* Handle of a value in the graph being built; 0 = none, or poisoned by an earlier error.
 */
typedef uint32_t avcl_node;

#endif
