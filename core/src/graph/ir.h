/*
 * ir.h - nodes and values: what a declared graph and a compiled program are made of.
 *
 * Nodes stand in topological order; a value is one output of one node, and its
 * handle (avcl_node) is its index, 0 being "none". Everything lives in the
 * IR's arena, so pointers into it hold until avcl__ir_release().
 *
 *     avcl_ir ir = {0};
 *     avcl_node y = avcl__ir_op(&ir, &build, "relu", &x, 1, NULL, 0, path, where);
 */
#ifndef AVCL_IR_H
#define AVCL_IR_H

#include "avcl/device.h"
#include "avcl/host.h"
#include "base/arena.h"

/* Of one tensor: far above what fits, far below where 64 bits of bytes wrap around. */
#define AVCL_MAX_ELEMENTS 1e11

typedef int32_t avcl_node_source;
enum {
    AVCL_SOURCE_NONE = 0, /* an op */
    AVCL_SOURCE_INPUT,
    AVCL_SOURCE_WEIGHT,
    AVCL_SOURCE_STATE,
    AVCL_SOURCE_SCALAR,
    AVCL_SOURCE_RNG,
};

typedef struct avcl_ir_node {
    const avcl_op *op; /* NULL: a source, or a reorder between layouts */
    const void *attrs;
    const avcl_node *inputs;
    const char *path;  /* variable's name, or the scope the op was declared in */
    const char *where; /* script place, "" = none */
    avcl_node_source source;
    uint32_t variable; /* sources: index into the graph's table of their kind */
    uint32_t n_in;
    uint32_t n_out;
    int32_t frozen;  /* TRAIN lowers it as EVAL does */
    avcl_node first; /* handle of output 0; the others follow */
} avcl_ir_node;

typedef struct avcl_ir_value {
    avcl_tinfo info;
    uint32_t node;
    uint32_t index; /* which output of it */
    uint32_t tag;   /* layout, once the layout pass has run */
} avcl_ir_value;

typedef struct avcl_ir {
    avcl_arena arena;
    avcl_ir_node *nodes;
    avcl_ir_value *values; /* [0] unused */
    uint32_t n_nodes;
    uint32_t cap_nodes;
    uint32_t n_values;
    uint32_t cap_values;
} avcl_ir;

/* What a node is called in listings: op, "reorder", or the source's kind. [static] */
const char *avcl__ir_node_name(const avcl_ir_node *node);

/* Adds a node with outputs of the given infos; copies everything. 0 = out of memory. */
avcl_node avcl__ir_add(avcl_ir *ir, const avcl_ir_node *node, const avcl_node *inputs,
                       const avcl_tinfo *out_info);
/* A source node with one output. */
avcl_node avcl__ir_source(avcl_ir *ir, avcl_node_source source, uint32_t variable,
                          const char *path, const char *where, const avcl_tinfo *info);
/* Checks attributes and shapes of an op and adds it; errors go to b->call. */
avcl_node avcl__ir_op(avcl_ir *ir, const avcl_build *b, const char *name,
                      const avcl_node *inputs, uint32_t n_in, const avcl_attr *attrs,
                      uint32_t n_attrs, const char *path, const char *where);
/* Copies a node of `from` into `to` on inputs already there. */
avcl_node avcl__ir_copy_node(avcl_ir *to, const avcl_ir *from, uint32_t node,
                             const avcl_node *inputs);
void avcl__ir_release(avcl_ir *ir);

static inline const avcl_ir_node *avcl__ir_producer(const avcl_ir *ir, avcl_node value)
{
    return &ir->nodes[ir->values[value].node];
}

/* "[8,512,7,7]" into out. */
void avcl__tinfo_text(const avcl_tinfo *info, char out[96]);
uint64_t avcl__tinfo_count(const avcl_tinfo *info);
uint64_t avcl__tinfo_bytes(const avcl_tinfo *info);
uint64_t avcl__dtype_bytes(avcl_dtype dtype);
const char *avcl__dtype_name(avcl_dtype dtype);
int avcl__dtype_is_real(avcl_dtype dtype);

#endif
