/*
 * cpu.h - the CPU device: f32, threads by the host's parallel_for.
 *
 * kernels/ is plain C compiled once per instruction set; the table of the best
 * one is picked when the device opens. Convolution and packed layouts come from
 * dnnl/, or from gemm/ in a build without oneDNN.
 *
 * Layout tags: 0 row-major; AVCL_CPU_BLOCKED = [N][C/b][T][H][W][b], b = block, with
 * zeros in the channels that pad C to whole blocks; then weights at the points of
 * winograd/; above that what dnnl/ interned.
 */
#ifndef AVCL_CPU_H
#define AVCL_CPU_H

#include "../common/util.h"
#include "avcl/device.h"
#include "avcl/ops.h"

enum {
    AVCL_CPU_BLOCKED = 1,
    AVCL_CPU_WINOGRAD = 2,         /* plus what follows */
    AVCL_CPU_WINOGRAD_FLIPPED = 1, /* for the gradient of x */
    AVCL_CPU_WINOGRAD_CENTRE = 2,  /* of three taps in time only the middle one */
    AVCL_CPU_FIRST_PACKED = 6,
};
/* Images have no more channels than this and stay row-major. */
enum { AVCL_CPU_FEW_CHANNELS = 4 };
/* Elements below which a second thread costs more than it gives. */
enum { AVCL_CPU_GRAIN = 16384 };

typedef struct cpu_op cpu_op;
typedef struct cpu_library cpu_library; /* dnnl/ or gemm/ state */
typedef struct conv_plan conv_plan;     /* conv/rows.h */

/* An instruction set: its kernels and the channels per block of its layout. */
typedef struct cpu_isa {
    const char *name;
    int64_t block;
    const cpu_op *const *families;                         /* NULL-terminated */
    double (*ceiling)(const avcl_device *, int32_t which); /* device.h */
    const cpu_op *winograd; /* convolutions and the reorder of their weights, or NULL */
    const cpu_op *native;   /* convolutions of our own, direct, or NULL */
} cpu_isa;

enum { AVCL_CPU_CONV_AUTO, AVCL_CPU_CONV_DIRECT, AVCL_CPU_CONV_WINOGRAD };

struct avcl_device {
    const avcl_host_api *host;
    uint32_t n_threads;
    const cpu_isa *isa;
    cpu_library *library;
    conv_plan *plan;
    int conv; /* AVCL_CPU_CONV_* */
    char text[256];
};

struct avcl_kernel {
    const cpu_op *op;
    void *attrs;
    uint32_t n_in;
    uint32_t n_out;
    avcl_tinfo in_info[AVCL_KERNEL_MAX_IN];
    avcl_tinfo out_info[AVCL_KERNEL_MAX_OUT];
    uint32_t in_tag[AVCL_KERNEL_MAX_IN];
    uint32_t out_tag[AVCL_KERNEL_MAX_OUT];
    uint64_t scratch; /* bytes every run gets */
    const char *text; /* what runs, for people; as long-lived as the plan */
    void *plan;       /* the op's own, freed by free_plan */
    void (*free_plan)(void *);
};

typedef struct cpu_call {
    avcl_device *device;
    avcl_kernel *kernel;
    const void *attrs;
    const void *const *in;
    void *const *out;
    void *scratch;
    avcl_error *err;
} cpu_call;

struct cpu_op {
    const char *name;
    size_t attrs_size;
    avcl_status (*run)(const cpu_call *);
    /* As in device.h; NULL = everything plain. */
    void (*layouts)(avcl_device *, const avcl_kernel_spec *, uint32_t *want_in_tag,
                    uint32_t *out_tag);
    /* Sets kernel->scratch and ->plan; NULL = needs neither. */
    avcl_status (*prepare)(avcl_device *, avcl_kernel *, avcl_error *);
    int judges_tags; /* prepare accepts or refuses the layouts itself */
    int32_t (*supports)(const avcl_kernel_spec *); /* NULL = whatever it is */
    /* Whether it has a bf16 kernel for this; NULL = no. */
    int32_t (*takes_bf16)(const avcl_kernel_spec *);
};

/* table.c: the instruction set to use, given the widest that is allowed. */
const cpu_isa *avcl__cpu_pick_isa(int allow_avx512, int allow_avx2);
const cpu_op *avcl__cpu_find(const avcl_device *device, const char *name);

/* threads.c: body over [0, n) on the device's threads. */
void avcl__cpu_for(const avcl_device *device, int64_t n, int64_t grain,
                   void (*body)(void *arg, int64_t begin, int64_t end), void *arg);
/* Sets the thread count libraries see; returns the one to restore. */
int avcl__cpu_threads_enter(const avcl_device *device);
void avcl__cpu_threads_leave(int saved);

/* memory.c: as device.h's alloc and free. */
void *avcl__cpu_alloc(avcl_device *device, uint64_t bytes);
void avcl__cpu_free(avcl_device *device, void *p, uint64_t bytes);

/* layout.c */
uint64_t avcl__cpu_bytes(avcl_device *device, uint32_t tag, const avcl_tinfo *info);
/* Elements in memory, padding included. */
int64_t avcl__cpu_elements(avcl_device *device, uint32_t tag, const avcl_tinfo *info);
/* Tags of weights at Winograd's points, and which. */
int avcl__cpu_is_winograd(uint32_t tag);
int avcl__cpu_is_flipped(uint32_t tag);
int avcl__cpu_is_centre(uint32_t tag);
int avcl__cpu_tags_fit(avcl_device *device, const avcl_kernel_spec *spec,
                       const cpu_op *op);
typedef void avcl__cpu_layout(avcl_device *, const avcl_kernel_spec *, uint32_t *want,
                              uint32_t *out);
/* For takes_bf16: 5-d values have one shape and one type; so, and there are no others;
 * whatever they are. */
int32_t avcl__cpu_alike(const avcl_kernel_spec *spec);
int32_t avcl__cpu_pointwise(const avcl_kernel_spec *spec);
int32_t avcl__cpu_always(const avcl_kernel_spec *spec);
avcl__cpu_layout avcl__cpu_layout_plain;       /* all row-major */
avcl__cpu_layout avcl__cpu_layout_keep;        /* aliases: out 0 is in 0 */
avcl__cpu_layout avcl__cpu_layout_pointwise;   /* f(0) = 0: blocked stays blocked */
avcl__cpu_layout avcl__cpu_layout_whole;       /* the same, if no channel is padding */
avcl__cpu_layout avcl__cpu_layout_affine;      /* either, by the shift */
avcl__cpu_layout avcl__cpu_layout_norm;        /* all of in 0's shape agree */
avcl__cpu_layout avcl__cpu_layout_pool;        /* all outputs as in 0 */
avcl__cpu_layout avcl__cpu_layout_pool_grad;   /* all inputs agree, out 0 with them */
avcl__cpu_layout avcl__cpu_layout_global;      /* in 0 as it is, out plain */
avcl__cpu_layout avcl__cpu_layout_global_grad; /* out blocked where it pays */
avcl__cpu_layout avcl__cpu_layout_sum;         /* per-channel sums read blocks */

/* dnnl/ or gemm/ */
avcl_status avcl__library_open(avcl_device *device, avcl_error *err);
void avcl__library_close(avcl_device *device);
/* Writes e.g. "oneDNN 2.6.3"; the instruction set it runs with, or NULL. */
void avcl__library_describe(char *text, size_t size);
/* Whether the library lets kernels use these; picks the block of the layout. */
int avcl__library_allows_avx512(void);
int avcl__library_allows_avx2(void);
/* Whether convolutions work in blocked layout. */
int avcl__library_blocks(void);
uint64_t avcl__library_bytes(avcl_device *device, uint32_t tag);
/* Plans a reorder that involves an interned tag. */
avcl_status avcl__library_reorder(avcl_device *device, avcl_kernel *kernel,
                                  avcl_error *err);
avcl_status avcl__library_run(const cpu_call *c);

/* conv/dispatch.c: plans a reorder to weights at Winograd's points. */
avcl_status avcl__conv_pack(avcl_device *device, avcl_kernel *kernel, avcl_error *err);

extern const cpu_op avcl__cpu_conv[];   /* conv/dispatch.c */
extern const cpu_op avcl__cpu_matmul[]; /* matmul.c */

#endif
