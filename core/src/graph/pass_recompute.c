/* pass_recompute.c - what is cheap to work out again is not kept for the backward pass.
 *
 * relu(batch_norm(x)) is one trip over x, and x is kept anyway: its readers behind the
 * loss get a second copy, made just before the first of them. The same with a sum in it,
 * relu(batch_norm(x) + s), if s is cheap as well: then s is made again just for it. */
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"

enum { LEAST_BYTES = 1 << 20 }; /* below this a kernel call costs more than memory */
enum { MEAN = 1, SCALE = 5, SHIFT = 6 }; /* outputs of batch_norm_relu */

typedef struct recomputing {
    const avcl_ir *from;
    avcl_ir to;
    avcl_node *map;
    avcl_node *again; /* per value: its second copy in `to`, 0 = none yet */
    const avcl_op *op;
    uint32_t loss; /* node: what comes after it is backward */
} recomputing;

/* A normalised and rectified value that is worth it, with `n_in` inputs: 6 with a sum. */
static int is_rectified(const recomputing *r, avcl_node value, uint32_t n_in)
{
    const avcl_ir_node *node = avcl__ir_producer(r->from, value);
    return node->op && !strcmp(node->op->name, "batch_norm_relu") && node->n_in == n_in &&
           value == node->first &&
           avcl__tinfo_bytes(&r->from->values[value].info) >= LEAST_BYTES;
}

static int is_cheap(const recomputing *r, avcl_node value)
{
    if (is_rectified(r, value, 5)) return 1;
    return is_rectified(r, value, 6) &&
           is_rectified(r, avcl__ir_producer(r->from, value)->inputs[5], 5);
}

/* A new copy of a cheap value at this point of the program. */
static avcl_node compute(recomputing *r, avcl_node value)
{
    const avcl_ir_node *norm = avcl__ir_producer(r->from, value);
    avcl_node in[5] = {r->map[norm->inputs[0]], r->map[value + MEAN],
                       r->map[value + SCALE], r->map[value + SHIFT]};
    if (norm->n_in > 5) {
        in[4] = compute(r, norm->inputs[5]);
        if (!in[4]) return 0;
    }
    avcl_ir_node node = {.op = r->op,
                         .path = norm->path,
                         .where = norm->where,
                         .n_in = norm->n_in - 1,
                         .n_out = 1};
    return avcl__ir_add(&r->to, &node, in, &r->from->values[value].info);
}

static avcl_node second_copy(recomputing *r, avcl_node value)
{
    if (!r->again[value]) r->again[value] = compute(r, value);
    return r->again[value];
}

static int copy(recomputing *r, uint32_t n)
{
    const avcl_ir_node *node = &r->from->nodes[n];
    avcl_node in[AVCL_KERNEL_MAX_IN];
    for (uint32_t i = 0; i < node->n_in; i++) {
        avcl_node v = node->inputs[i];
        in[i] = n > r->loss && is_cheap(r, v) ? second_copy(r, v) : r->map[v];
        if (!in[i]) return 0;
    }
    avcl_node first = avcl__ir_copy_node(&r->to, r->from, n, in);
    for (uint32_t i = 0; i < node->n_out; i++)
        r->map[node->first + i] = first + i;
    return first != 0;
}

static uint32_t loss_node(const avcl_draft *draft)
{
    for (uint32_t i = 0; i < draft->roots.n; i++)
        if (avcl__draft_roots(draft)[i].kind == AVCL_ROOT_LOSS)
            return draft->ir.values[avcl__draft_roots(draft)[i].value].node;
    return draft->ir.n_nodes;
}

avcl_status avcl__pass_recompute(avcl_draft *draft, avcl_host *host, avcl_error *err)
{
    recomputing r = {.from = &draft->ir, .op = avcl_host_find_op(host, "normalise_relu")};
    r.loss = loss_node(draft);
    r.map = avcl__draft_map_new(&draft->ir, err);
    r.again = calloc(draft->ir.n_values + 1, sizeof *r.again);
    int ok = r.map && r.again;
    for (uint32_t n = 0; ok && n < draft->ir.n_nodes; n++)
        ok = copy(&r, n);
    free(r.again);
    if (ok) {
        avcl__draft_replace(draft, &r.to, r.map);
        return AVCL_OK;
    }
    free(r.map);
    avcl__ir_release(&r.to);
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while planning to recompute");
}
