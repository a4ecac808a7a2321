/*
 * custom.h - ops that cannot be composed: what they are, and their kernels.
 *
 * An op is declared once and knows no device; its attributes are its module's params.
 * Prefer `grad`, which builds the gradient out of ops; else the kernels need `backward`.
 * A builder, a script or another op's gradient uses it by its name "plugin.id/module".
 * Part of the plugin ABI; see plugin.h.
 *
 * [build] infer, grad. [run] kernels: from one thread a session, several sessions at
 * once. Tensors are contiguous row-major, 64-byte aligned, and borrowed.
 */
#ifndef AVCL_CUSTOM_H
#define AVCL_CUSTOM_H

#include "avcl/plugin.h"

/* How the tests draw one input of a case. Never grows. */
typedef struct avcl_case_input {
    avcl_dtype dtype; /* AVCL_F32 stands for "real": f64 on a f64 session */
    int32_t ndim;
    int64_t shape[8];
    double lo; /* uniform in [lo, hi]; integers inclusive of both */
    double hi;
    double gap; /* reals: |x| >= gap, to stay off a kink at 0 */
} avcl_case_input;

/* Never grows. */
typedef struct avcl_op_case {
    const char *label;
    uint32_t n_in;
    uint32_t n_attrs;
    const avcl_case_input *inputs;
    const avcl_attr *attrs;
} avcl_op_case;

/* What a gradient is built from. Pointers are borrowed. */
typedef struct avcl_grad_args {
    uint32_t n_in;
    uint32_t n_out;
    const avcl_node *in_node;
    const avcl_node *out_node;
    const avcl_node *out_grad; /* 0 = none arrives */
} avcl_grad_args;

enum {
    AVCL_CUSTOM_NOGRAD = 1, /* gradient stops here, on purpose */
};

/* AVCL_KIND_OP */
typedef struct avcl_custom_op {
    uint32_t struct_size;
    uint32_t flags;
    uint32_t min_in;
    uint32_t max_in; /* <= 16 */
    uint32_t n_out;  /* <= 4 */
    uint32_t n_cases;
    uint64_t save_in; /* bit i: the kernels' backward reads input i. The rest is freed */
    uint64_t save_out;
    const avcl_op_case *cases; /* at least one: no cases, no registration */
    /* Fills out_info[n_out]; on a misfit reports through b and returns its code. */
    avcl_status (*infer)(const avcl_build *b, const void *attrs,
                         const avcl_tinfo *in_info, uint32_t n_in, avcl_tinfo *out_info);
    /* Fills in_grad[n_in] (0 = no gradient). NULL: the kernels' backward. */
    avcl_status (*grad)(const avcl_build *b, const void *attrs,
                        const avcl_grad_args *args, avcl_node *in_grad);
} avcl_custom_op;

/* One node as its kernel sees it. */
typedef struct avcl_run {
    avcl_call *call; /* for host->report and host->log */
    const avcl_host_api *host;
    void *scratch; /* what `scratch` asked for; 64-byte aligned, not cleared */
    uint32_t n_in;
    uint32_t n_out;
} avcl_run;

#define AVCL_DTYPE_BIT(dtype) (1u << (dtype))

/* AVCL_KIND_KERNEL. All reals of a node are of one dtype: the session's. */
typedef struct avcl_custom_kernel {
    uint32_t struct_size;
    uint32_t dtypes;    /* AVCL_DTYPE_BIT(AVCL_F32) | …; f64 is required on "cpu" */
    const char *op;     /* full name; or the name of an op of this plugin */
    const char *device; /* "cpu": host memory */
    /* Bytes that forward and backward each need. NULL = none. */
    uint64_t (*scratch)(const void *attrs, const avcl_tinfo *in_info, uint32_t n_in);
    avcl_status (*forward)(const avcl_run *run, const void *attrs,
                           const avcl_tensor *const *inputs, avcl_tensor *const *outputs);
    /* NULL where the op has `grad`. Inputs and outputs that were not saved are NULL, so
     * are an out_grad that does not arrive and an in_grad that nobody wants; the others
     * of in_grad are to be filled whole. */
    avcl_status (*backward)(const avcl_run *run, const void *attrs,
                            const avcl_tensor *const *inputs,
                            const avcl_tensor *const *outputs,
                            const avcl_tensor *const *out_grad,
                            avcl_tensor *const *in_grad);
} avcl_custom_kernel;

#endif
