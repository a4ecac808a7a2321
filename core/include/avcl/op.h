/*
 * op.h - what a core op is: its attributes, shapes, gradient and test cases.
 *
 * An op is declared once and knows no device; devices supply kernels by name.
 * `grad` builds the gradient out of ops, so memory planning, precision and
 * every device come with it. No cases, no registration: the table is what the
 * tests feed to finite differences and to every device.
 *
 * Callbacks are pure and run at build time only. [build]
 */
#ifndef AVCL_OP_H
#define AVCL_OP_H

#include "avcl/custom.h"

/* One node as its op's callbacks see it. All pointers are borrowed. */
typedef struct avcl_op_view {
    const void *attrs; /* the op's attribute struct, filled and checked */
    uint32_t n_in;
    uint32_t n_out;
    const avcl_tinfo *in_info;
    const avcl_tinfo *out_info;
    const avcl_node *in_node;
    const avcl_node *out_node;
} avcl_op_view;

enum {
    AVCL_OP_FUSED = 1,    /* made out of others by the compiler: no gradient of its own */
    AVCL_OP_NOGRAD = 2,   /* gradient stops here, on purpose */
    AVCL_OP_ALIAS = 4,    /* output 0 is input 0's bytes (reshape, identity) */
    AVCL_OP_BACKWARD = 8, /* appears only in gradients: no gradient of its own */
};

/* Output o < 4 may take over the bytes of input i < 8 at its last use, when shape, type
 * and layout agree: kernels then find the same pointer twice. */
#define AVCL_OVERWRITES(o, i) (1u << (8 * (o) + (i)))

typedef struct avcl_op {
    uint32_t struct_size;
    uint32_t flags;
    const char *name;
    const char *doc; /* one sentence: formula, shapes */
    uint32_t min_in;
    uint32_t max_in;
    uint32_t n_out;
    uint32_t numerics; /* raised when the mathematics change */
    const avcl_param *attrs;
    uint32_t n_attrs;
    uint32_t attrs_size;
    const avcl_op_case *cases;
    uint32_t n_cases;
    uint32_t overwrites; /* AVCL_OVERWRITES(o, i), or-ed */
    /* Fills out_info[n_out]; on a misfit reports through b and returns its code. */
    avcl_status (*infer)(const avcl_build *b, const avcl_op_view *node,
                         avcl_tinfo *out_info);
    /* Fills in_grad[n_in] (0 = no gradient) from out_grad[n_out] (0 = none arrives). Core
     * ops are differentiable in output 0 only. */
    avcl_status (*grad)(const avcl_build *b, const avcl_op_view *node,
                        const avcl_node *out_grad, avcl_node *in_grad);
    /* Fills out[n_out] with what the eval program uses instead; NULL = the op itself. */
    avcl_status (*eval)(const avcl_build *b, const avcl_op_view *node, avcl_node *out);
    /* Brings filled attributes into the one form that infer, kernels and the graph hash
     * see: axes non-negative and sorted, no axes = all axes, reshape's -1 resolved, one
     * number for three. Called before infer; misfits are left for infer to name. NULL =
     * nothing to do. */
    avcl_status (*canonical)(const avcl_build *b, void *attrs, const avcl_tinfo *in_info,
                             uint32_t n_in);
    /* Multiply-adds of one evaluation, counted as written: taps on padding too. NULL: the
     * op is bound by memory, its arithmetic is not worth counting. */
    int64_t (*multiply_adds)(const avcl_op_view *node);
    const struct avcl_custom
        *custom; /* a plugin's, NULL = the core's; see graph/custom.h */
} avcl_op;

#endif
