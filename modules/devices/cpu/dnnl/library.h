/*
 * library.h - oneDNN behind the CPU device: interned layouts and planned primitives.
 *
 * A packed tag stands for one memory descriptor. For convolution weights it may
 * also stand for a part of the kernel: taps that only ever meet padding are cut
 * off (with one frame, two of three), and a reorder cuts or fills in zeros.
 */
#ifndef AVCL_CPU_LIBRARY_H
#define AVCL_CPU_LIBRARY_H

#include <dnnl.h>

#include "../cpu.h"

/* The taps [begin, begin + size) of T, H, W that a convolution uses. */
typedef struct cpu_taps {
    int64_t begin[3];
    int64_t size[3];
} cpu_taps;

typedef struct cpu_packed {
    dnnl_memory_desc_t md;
    int is_cut; /* weights of which only `taps` are kept */
    cpu_taps taps;
} cpu_packed;

struct cpu_library {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr; /* scratchpad comes from us */
    cpu_packed *packed;         /* tag - AVCL_CPU_FIRST_PACKED */
    uint32_t n_packed;
};

enum { AVCL_PLAN_ARGS = 6 };

/* Where an argument of a primitive comes from. */
enum { AVCL_FROM_INPUT = 0, AVCL_FROM_OUTPUT = 1, AVCL_FROM_SCRATCH = 2 };

typedef struct cpu_plan {
    dnnl_primitive_t primitive;
    int n_args;
    dnnl_exec_arg_t args[AVCL_PLAN_ARGS];
    int from[AVCL_PLAN_ARGS];
    uint32_t index[AVCL_PLAN_ARGS];
    const void *bound[AVCL_PLAN_ARGS]; /* what the memory object points to now */
    uint64_t clear;                    /* bytes of output 0 to zero first */
    char text[40];                     /* oneDNN's name of the implementation */
} cpu_plan;

/* The descriptor of a value in a layout. Plain and blocked ones are made up here. */
avcl_status avcl__library_md(const avcl_device *device, uint32_t tag,
                             const avcl_tinfo *info, dnnl_memory_desc_t *out);
dnnl_memory_desc_t avcl__library_md_any(const int64_t *dims, int n_dims,
                                        avcl_dtype dtype);
/* The tag of a descriptor of `info`; AVCL_TAG_PLAIN also when memory runs out. */
uint32_t avcl__library_intern(avcl_device *device, const avcl_tinfo *info,
                              const dnnl_memory_desc_t *md, const cpu_taps *cut);
const cpu_packed *avcl__library_packed(const avcl_device *device, uint32_t tag);

/* Whether this machine has bf16 instructions. */
int32_t avcl__library_takes_bf16(const avcl_kernel_spec *spec);
avcl_status avcl__library_fail(avcl_error *err, dnnl_status_t status, const char *what);
/* Takes over pd: makes its primitive and a scratchpad argument. */
avcl_status avcl__plan_new(avcl_device *device, avcl_kernel *kernel,
                           dnnl_primitive_desc_t pd, avcl_error *err);
/* Binds argument `arg` of the kernel's plan to an input or output. */
avcl_status avcl__plan_bind(avcl_device *device, avcl_kernel *kernel, int arg,
                            const dnnl_memory_desc_t *md, int from, uint32_t index,
                            avcl_error *err);

#endif
