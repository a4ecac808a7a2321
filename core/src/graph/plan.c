/*
 * plan.c - lifetimes and arena offsets.
 *
 * Buffers are formed first (a buffer is one or more values on the same bytes),
 * then placed largest first at the lowest offset that is free over their whole
 * lifetime: within a few per cent of the lower bound on these graphs.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/plan.h"

typedef struct buffer {
    uint64_t bytes;
    uint64_t offset;
    uint32_t first; /* node that makes it */
    uint32_t last;  /* last node that reads it */
    void *fixed;
} buffer;

typedef struct planning {
    const avcl_plan_request *q;
    buffer *buffers; /* n_values + n_nodes at most */
    uint32_t n;
    uint32_t *of_value;   /* buffer of a value */
    uint32_t *of_scratch; /* buffer of a node's scratch, or UINT32_MAX */
    uint32_t *last_use;   /* per value */
} planning;

void avcl__plan_release(avcl_plan *plan)
{
    free(plan->values);
    free(plan->scratch);
    memset(plan, 0, sizeof *plan);
}

static void find_last_uses(planning *p)
{
    const avcl_ir *ir = p->q->ir;
    for (uint32_t v = 1; v < ir->n_values; v++)
        p->last_use[v] = ir->values[v].node;
    for (uint32_t n = 0; n < ir->n_nodes; n++)
        for (uint32_t i = 0; i < ir->nodes[n].n_in; i++)
            p->last_use[ir->nodes[n].inputs[i]] = n;
}

static uint32_t add_buffer(planning *p, uint64_t bytes, uint32_t first, uint32_t last,
                           void *fixed)
{
    uint64_t align = AVCL_ARENA_ALIGN;
    p->buffers[p->n] = (buffer){.bytes = (bytes + align - 1) / align * align,
                                .first = first,
                                .last = last,
                                .fixed = fixed};
    return p->n++;
}

static void join(planning *p, avcl_node value, uint32_t b)
{
    p->of_value[value] = b;
    if (p->last_use[value] > p->buffers[b].last) p->buffers[b].last = p->last_use[value];
}

/* May output o of this node take over the bytes of its input i? */
static int can_overwrite(const planning *p, uint32_t n, uint32_t o, uint32_t i)
{
    const avcl_ir *ir = p->q->ir;
    const avcl_ir_node *node = &ir->nodes[n];
    if (!(node->op->overwrites & AVCL_OVERWRITES(o, i))) return 0;
    const avcl_ir_value *in = &ir->values[node->inputs[i]];
    const avcl_ir_value *out = &ir->values[node->first + o];
    if (in->tag != out->tag || memcmp(&in->info, &out->info, sizeof in->info) != 0)
        return 0;
    uint32_t b = p->of_value[node->inputs[i]];
    if (p->buffers[b].fixed || p->q->fixed[node->first + o] || p->buffers[b].last != n)
        return 0;
    for (uint32_t k = 0; k < node->n_in; k++)
        if (k != i && p->of_value[node->inputs[k]] == b) return 0;
    for (uint32_t k = 0; k < o; k++)
        if (p->of_value[node->first + k] == b) return 0;
    return 1;
}

/* The buffer that output o of node n goes to: one it takes over, or a new one. */
static uint32_t buffer_of_output(planning *p, uint32_t n, uint32_t o)
{
    enum { MAX_OUT = 4, MAX_IN = 8 }; /* of AVCL_OVERWRITES */
    const avcl_ir_node *node = &p->q->ir->nodes[n];
    avcl_node v = node->first + o;
    if (o == 0 && node->op && node->op->flags & AVCL_OP_ALIAS)
        return p->of_value[node->inputs[0]];
    for (uint32_t i = 0; node->op && o < MAX_OUT && i < node->n_in && i < MAX_IN; i++)
        if (can_overwrite(p, n, o, i)) return p->of_value[node->inputs[i]];
    return add_buffer(p, p->q->value_bytes[v], n, p->last_use[v], p->q->fixed[v]);
}

static void form_buffers(planning *p)
{
    const avcl_ir *ir = p->q->ir;
    for (uint32_t n = 0; n < ir->n_nodes; n++) {
        const avcl_ir_node *node = &ir->nodes[n];
        for (uint32_t o = 0; o < node->n_out; o++)
            join(p, node->first + o, buffer_of_output(p, n, o));
        p->of_scratch[n] = UINT32_MAX;
        if (p->q->scratch_bytes[n])
            p->of_scratch[n] = add_buffer(p, p->q->scratch_bytes[n], n, n, NULL);
    }
}

static int larger_first(const void *a, const void *b)
{
    const buffer *x = *(buffer *const *)a;
    const buffer *y = *(buffer *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

/* Lowest offset where `b` meets none of the placed buffers (sorted by offset) in time. */
static uint64_t find_gap(buffer *const *placed, uint32_t n, const buffer *b)
{
    uint64_t offset = 0;
    for (uint32_t i = 0; i < n; i++) {
        const buffer *o = placed[i];
        if (o->last < b->first || b->last < o->first) continue;
        if (offset + b->bytes <= o->offset) return offset;
        if (o->offset + o->bytes > offset) offset = o->offset + o->bytes;
    }
    return offset;
}

static void insert(buffer **placed, uint32_t n, buffer *b)
{
    uint32_t i = n;
    for (; i > 0 && placed[i - 1]->offset > b->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = b;
}

static avcl_status assign_offsets(planning *p, uint64_t *peak)
{
    buffer **order = malloc((p->n + 1) * sizeof *order);
    buffer **placed = malloc((p->n + 1) * sizeof *placed);
    uint32_t n_order = 0;
    uint32_t n_placed = 0;
    avcl_status rc = order && placed ? AVCL_OK : AVCL_E_NOMEM;
    for (uint32_t i = 0; rc == AVCL_OK && i < p->n; i++)
        if (!p->buffers[i].fixed && p->buffers[i].bytes)
            order[n_order++] = &p->buffers[i];
    if (rc == AVCL_OK) qsort(order, n_order, sizeof *order, larger_first);
    *peak = 0;
    for (uint32_t i = 0; rc == AVCL_OK && i < n_order; i++) {
        buffer *b = order[i];
        b->offset = find_gap(placed, n_placed, b);
        insert(placed, n_placed++, b);
        if (b->offset + b->bytes > *peak) *peak = b->offset + b->bytes;
    }
    free(order);
    free(placed);
    return rc;
}

static avcl_status write_plan(const planning *p, avcl_plan *out)
{
    const avcl_ir *ir = p->q->ir;
    out->values = calloc(ir->n_values + 1, sizeof *out->values);
    out->scratch = calloc(ir->n_nodes + 1, sizeof *out->scratch);
    if (!out->values || !out->scratch) return AVCL_E_NOMEM;
    for (uint32_t v = 1; v < ir->n_values; v++) {
        const buffer *b = &p->buffers[p->of_value[v]];
        out->values[v] = (avcl_place){b->fixed, b->offset};
    }
    for (uint32_t n = 0; n < ir->n_nodes; n++)
        if (p->of_scratch[n] != UINT32_MAX)
            out->scratch[n] = p->buffers[p->of_scratch[n]].offset;
    return AVCL_OK;
}

avcl_status avcl__plan_memory(const avcl_plan_request *request, avcl_plan *out,
                              avcl_error *err)
{
    const avcl_ir *ir = request->ir;
    planning p = {.q = request};
    p.buffers = calloc(ir->n_values + ir->n_nodes + 1, sizeof *p.buffers);
    p.of_value = calloc(ir->n_values + 1, sizeof *p.of_value);
    p.of_scratch = calloc(ir->n_nodes + 1, sizeof *p.of_scratch);
    p.last_use = calloc(ir->n_values + 1, sizeof *p.last_use);
    memset(out, 0, sizeof *out);
    avcl_status rc = AVCL_E_NOMEM;
    if (p.buffers && p.of_value && p.of_scratch && p.last_use) {
        find_last_uses(&p);
        form_buffers(&p);
        rc = assign_offsets(&p, &out->arena_bytes);
        if (rc == AVCL_OK) rc = write_plan(&p, out);
    }
    free(p.buffers);
    free(p.of_value);
    free(p.of_scratch);
    free(p.last_use);
    if (rc) {
        avcl__plan_release(out);
        avcl_error_set(err, rc, "out of memory while planning memory");
    }
    return rc;
}
