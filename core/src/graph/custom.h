/*
 * custom.h - plugins' ops inside the engine: declared, differentiated, run.
 *
 * A plugin's op looks like a core op with `custom` set; its callbacks take other
 * arguments, so the compiler calls them by way of these functions. Where the gradient is
 * left to kernels, a node of the companion op `backward` stands for it. Kernels run in
 * host memory on plain layouts; nothing else of a plugin is called during a step.
 */
#ifndef AVCL_GRAPH_CUSTOM_H
#define AVCL_GRAPH_CUSTOM_H

#include "base/call.h"
#include "base/crumb.h"
#include "graph/ir.h"
#include "plugin/host_impl.h"

enum { AVCL_CUSTOM_MAX_IN = 16, AVCL_CUSTOM_MAX_OUT = 4 };

struct avcl_custom {
    struct avcl_custom *next; /* of the host's */
    const avcl_host_module *module;
    const avcl_custom_op *table;
    avcl_op op;       /* "id/name" */
    avcl_op backward; /* "id/name.backward" */
    int is_backward;
    struct avcl_custom *twin; /* the one that `backward` carries */
};
typedef struct avcl_custom avcl_custom;

/* Attributes of a backward node; the op's own follow behind it. */
typedef struct avcl_backward_attrs {
    uint32_t n_in; /* of the op */
    uint32_t n_out;
    uint64_t arrives; /* bit i: a gradient of output i is an input here */
    uint64_t wanted;  /* bit i: the gradient of input i is an output here */
    avcl_tinfo in_info[AVCL_CUSTOM_MAX_IN]; /* as declared; also of what is not saved */
} avcl_backward_attrs;

/* The op of that short or full name, loading its plugin; NULL = none. */
const avcl_op *avcl__custom_find(avcl_host *host, const char *name);

/* As op->infer, whoever's op it is. */
avcl_status avcl__op_infer(const avcl_op *op, const avcl_build *b,
                           const avcl_op_view *view, avcl_tinfo *out_info);
/* As op->grad; `wanted[i]`: somebody needs the gradient of input i. */
avcl_status avcl__op_grad(const avcl_op *op, const avcl_build *b,
                          const avcl_op_view *view, const unsigned char *wanted,
                          const avcl_node *out_grad, avcl_node *in_grad);
int avcl__op_has_grad(const avcl_op *op);

/* The kernel of a plugin's op; NULL = there is none. */
const avcl_custom_kernel *avcl__custom_kernel(avcl_host *host, const avcl_op *op,
                                              const char *device);
/* What the author says of the kernel's mathematics; 0 = no kernel here. */
uint32_t avcl__custom_kernel_numerics(avcl_host *host, const avcl_op *op);

/* A node bound to its kernel. */
typedef struct avcl_custom_step {
    const avcl_custom_kernel *kernel;
    const void *attrs;
    int is_backward;
    avcl_run run;
    avcl_call call;
    avcl_crumb crumb;
    avcl_tensor tensors[2 * AVCL_CUSTOM_MAX_IN + 3 * AVCL_CUSTOM_MAX_OUT];
    const avcl_tensor *inputs[AVCL_CUSTOM_MAX_IN];
    const avcl_tensor *outputs[AVCL_CUSTOM_MAX_OUT];
    const avcl_tensor *out_grad[AVCL_CUSTOM_MAX_OUT];
    avcl_tensor *written[AVCL_CUSTOM_MAX_IN];     /* outputs, or in_grad when backward */
    avcl_tensor *place[AVCL_KERNEL_MAX_IN];       /* of the node's inputs, in order … */
    avcl_tensor *target[AVCL_KERNEL_MAX_OUT * 2]; /* … and of its outputs */
} avcl_custom_step;

/* Finds the kernel of a node for `device` and `real`. Free with free(). [owned] */
avcl_custom_step *avcl__custom_prepare(avcl_host *host, const avcl_ir *ir,
                                       const avcl_ir_node *node, const char *device,
                                       avcl_dtype real, uint64_t *scratch,
                                       avcl_error *err);
/* Fixes where its tensors lie. */
void avcl__custom_resolve(avcl_custom_step *step, const void *const *inputs,
                          void *const *outputs, void *scratch);
avcl_status avcl__custom_run(avcl_custom_step *step, avcl_error *err);

#endif
