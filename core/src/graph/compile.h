/*
 * compile.h - from a declared graph to programs: ordered passes, one file each.
 *
 *   lower -> dead -> gradient -> dead -> precision -> fuse -> recompute -> layout ->
 * memory
 *
 * Every pass rewrites a draft in place (by rebuilding its IR) and can be printed
 * after (avcl_graph_print_after). All errors name the node and script line.
 */
#ifndef AVCL_COMPILE_H
#define AVCL_COMPILE_H

#include "graph/graph_impl.h"

typedef int32_t avcl_root_kind;
enum {
    AVCL_ROOT_LOSS = 0,
    AVCL_ROOT_LOG,
    AVCL_ROOT_KEEP,
    AVCL_ROOT_GRAD,       /* of variable `index` */
    AVCL_ROOT_INPUT_GRAD, /* of input `index` */
    AVCL_ROOT_STATE,      /* last version of variable `index` */
    AVCL_ROOT_ROWS_INDEX, /* of assign_rows `index` */
    AVCL_ROOT_ROWS_VALUE,
};

typedef struct avcl_draft_root {
    avcl_root_kind kind;
    uint32_t index;
    avcl_node value;
} avcl_draft_root;

/* A program on its way through the passes. */
typedef struct avcl_draft {
    avcl_ir ir;
    avcl_table roots; /* avcl_draft_root */
} avcl_draft;

enum { AVCL_PROGRAM_UPDATE = 2, AVCL_N_PROGRAMS = 3 };

void avcl__draft_release(avcl_draft *draft);

static inline avcl_draft_root *avcl__draft_roots(const avcl_draft *draft)
{
    return draft->roots.data;
}

/* The part of the graph that `program` needs; eval forms of ops for EVAL. */
avcl_status avcl__lower(const avcl_graph *g, int32_t program, avcl_draft *out,
                        avcl_error *err);
/* Removes what no root reaches. */
avcl_status avcl__pass_dead(avcl_draft *draft, avcl_error *err);
/* Adds gradients of the loss for every weight (and real input, if asked) as roots. */
avcl_status avcl__pass_gradient(const avcl_graph *g, avcl_draft *draft, int input_grads,
                                avcl_error *err);
/* Makes every real value `real`: f32 or f64. */
void avcl__pass_precision(avcl_draft *draft, avcl_dtype real);
/* Convolutions and what lies between them in bf16, where the device has the kernels;
 * n_low: how many nodes that are. */
typedef struct avcl_mixed {
    avcl_host *host;
    const avcl_device_api *api;
    avcl_device *device;
    int everywhere; /* AVCL_SESSION_ALL_BF16 */
} avcl_mixed;
avcl_status avcl__pass_mixed(avcl_draft *draft, const avcl_mixed *with, uint32_t *n_low,
                             avcl_error *err);
/* What says which kernels there are. */
typedef struct avcl_fusion {
    avcl_host *host;
    const avcl_device_api *api;
    avcl_device *device;
} avcl_fusion;
/* Puts fused ops for batch norm, sums and relus, where the device has them. */
avcl_status avcl__pass_fuse(avcl_draft *draft, const avcl_fusion *with, avcl_error *err);
/* The same for a convolution's gradient that is added to another one. */
avcl_status avcl__pass_fuse_sums(avcl_draft *draft, const avcl_fusion *with,
                                 avcl_error *err);
/* Lets the backward pass compute again what the forward pass need not keep. */
avcl_status avcl__pass_recompute(avcl_draft *draft, avcl_host *host, avcl_error *err);
/* Gives each value a layout the device likes and adds the reorders between. */
avcl_status avcl__pass_layout(avcl_draft *draft, const avcl_device_api *api,
                              avcl_device *device, avcl_error *err);

/* Rebuilding helper: `map[old value] = new value`, one entry per old value. */
avcl_node *avcl__draft_map_new(const avcl_ir *ir, avcl_error *err);
/* Copies node `n` on inputs that are mapped already, and maps its outputs. 0 = no memory.
 */
int avcl__draft_copy_node(avcl_ir *to, const avcl_ir *from, uint32_t n, avcl_node *map);
/* How often each value is read, a root being a read. NULL = no memory; free(). */
uint32_t *avcl__draft_count_uses(const avcl_draft *draft);
/* Swaps in the rebuilt IR and moves the roots along the map; frees the map. */
void avcl__draft_replace(avcl_draft *draft, avcl_ir *rebuilt, avcl_node *map);
/* One line a node. Free with free(). */
char *avcl__draft_print(const avcl_draft *draft, avcl_error *err);
/* Kernel spec of a node, arrays in the caller's frame. */
typedef struct avcl_spec_frame {
    avcl_kernel_spec spec;
    avcl_tinfo in_info[AVCL_KERNEL_MAX_IN];
    avcl_tinfo out_info[AVCL_KERNEL_MAX_OUT];
    uint32_t in_tag[AVCL_KERNEL_MAX_IN];
    uint32_t out_tag[AVCL_KERNEL_MAX_OUT];
} avcl_spec_frame;
void avcl__spec_fill(avcl_spec_frame *frame, const avcl_ir *ir, const avcl_ir_node *node);
/* What the op says of itself (op.h); 0 for sources, reorders and ops bound by memory. */
int64_t avcl__multiply_adds(const avcl_ir *ir, const avcl_ir_node *node);
/* "line: node 'path' (op)" for messages. */
void avcl__node_text(const avcl_ir_node *node, char out[256]);

#endif
