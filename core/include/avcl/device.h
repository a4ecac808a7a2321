/*
 * device.h - what a device module answers. Exact-build ABI: avcl.device/0.
 *
 * The core knows no memory layout by name. A layout is a tag, a number that the
 * device made up; tag 0 is row-major in declared order and every device has
 * it. The core decides what runs when and where it lives; the device says which
 * layouts an op likes, how many bytes a layout takes, and runs kernels.
 *
 * One session drives one opened device from one thread; several may be open.
 */
#ifndef AVCL_DEVICE_H
#define AVCL_DEVICE_H

#include "avcl/error.h"
#include "avcl/plugin.h"

typedef struct avcl_device avcl_device; /* opaque, the module's own */
typedef struct avcl_kernel avcl_kernel; /* a prepared node, the module's own */

enum { AVCL_TAG_PLAIN = 0, AVCL_KERNEL_MAX_IN = 32, AVCL_KERNEL_MAX_OUT = 8 };

/* One node, concretely. dtype of reals is the session's (f32 or f64). [borrowed] */
typedef struct avcl_kernel_spec {
    const char *op;    /* core op name, or "reorder": out 0 = in 0 in another layout */
    const void *attrs; /* ops.h */
    uint32_t n_in;
    uint32_t n_out;
    const avcl_tinfo *in_info;
    const avcl_tinfo *out_info;
    const uint32_t *in_tag;
    const uint32_t *out_tag;
} avcl_kernel_spec;

/* What bounds kernels from above. */
enum {
    AVCL_CEILING_F32 = 0, /* multiplications and additions of f32 */
    AVCL_CEILING_BF16,    /* the same of bf16, summed in f32 */
    AVCL_CEILING_READ,    /* bytes read from memory */
    AVCL_CEILING_TRIAD,   /* bytes moved by a = b + s c: two read, one written */
};

typedef struct avcl_device_options {
    uint32_t n_threads; /* 0 = what the host's parallel_for uses */
    uint32_t reserved;
    const char *conv;        /* "auto" (when NULL), "direct", "winograd" [call] */
    const char *kernel_plan; /* text of a plan file; NULL = none [call] */
} avcl_device_options;

typedef struct avcl_device_api {
    uint32_t struct_size;
    uint32_t has_f64;
    const char *build_id; /* must equal AVCL_BUILD_ID of the host */

    avcl_status (*open)(const avcl_host_api *host, const avcl_device_options *,
                        avcl_device **out, avcl_error *err);
    void (*close)(avcl_device *);
    /* "avx512 oneDNN 2.6.3 OpenBLAS 0.3.21": goes into records. [device's life] */
    const char *(*describe)(avcl_device *);

    /* 1 if `op` with these dtypes has a kernel here. Tags are not looked at. */
    int32_t (*supports)(avcl_device *, const avcl_kernel_spec *);
    /* Given the layouts that the inputs have now (in_tag), writes those it wants and
     * those its outputs will have. Inputs it does not care about keep their tag. May be
     * NULL: all plain. Every tag written must be one that prepare() then accepts. */
    void (*layouts)(avcl_device *, const avcl_kernel_spec *, uint32_t *want_in_tag,
                    uint32_t *out_tag);
    /* Bytes a value takes in a layout, padding included. */
    uint64_t (*bytes)(avcl_device *, uint32_t tag, const avcl_tinfo *);
    /* Plans one node; scratch is handed to every run. Pure: no timing, no randomness. */
    avcl_status (*prepare)(avcl_device *, const avcl_kernel_spec *, avcl_kernel **out,
                           uint64_t *scratch_bytes, avcl_error *err);
    /* Runs it. Pointers are 64-byte aligned; an output may equal an input where the op's
     * `overwrites` says so. */
    avcl_status (*run)(avcl_device *, avcl_kernel *, const void *const *inputs,
                       void *const *outputs, void *scratch, avcl_error *err);
    void (*release)(avcl_device *, avcl_kernel *);

    /* Device memory, >= 64-byte aligned, zeroed. NULL = out of memory. */
    void *(*alloc)(avcl_device *, uint64_t bytes);
    void (*free)(avcl_device *, void *, uint64_t bytes);
    void (*upload)(avcl_device *, void *device_dst, const void *src, uint64_t bytes);
    void (*download)(avcl_device *, void *dst, const void *device_src, uint64_t bytes);

    /* What runs for a kernel: "jit:avx512_core", "" = nothing to tell. May be NULL.
     * [kernel's life] */
    const char *(*kernel_text)(avcl_device *, const avcl_kernel *);
    /* Writes the i-th row that a kernel plan may hold for a node: 0 is the one in force,
     * later ones are worth timing. Returns 0 when there is no such row. Pure. May be
     * NULL. */
    int32_t (*plan_row)(avcl_device *, const avcl_kernel_spec *, uint32_t i, char *row,
                        uint64_t size);
    /* Measures AVCL_CEILING_* on this device's threads, per second; 0 = has none. Only
     * for `avcl bench peak`. May be NULL. */
    double (*ceiling)(avcl_device *, int32_t which);
    /* "cpu": its memory is the host's, so plugins' kernels for "cpu" run on it. NULL: it
     * runs no kernels but its own. */
    const char *custom_kernels;
} avcl_device_api;

#endif
