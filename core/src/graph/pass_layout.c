/* pass_layout.c - asks the device which layouts each op likes and adds reorders.
 *
 * Values keep the layout they were made in until somebody wants another; each
 * (value, layout) is made once, so packed weights are derived once per step.
 * A reorder of a cast does both at once where the device can. Roots leave in plain
 * layout. */
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"

typedef struct cached { /* value `from` in layout `tag` is value `to` */
    avcl_node from;
    uint32_t tag;
    avcl_node to;
} cached;

typedef struct layouting {
    avcl_ir to;
    avcl_table made; /* cached */
    const avcl_device_api *api;
    avcl_device *device;
    unsigned char
        *is_root; /* per old value: leaves plain, at once, to free its layout early */
} layouting;

/* What a reorder of `value` reads: the value, or what it was cast from. */
static avcl_node before_cast(const layouting *l, avcl_node value)
{
    const avcl_ir_node *cast = avcl__ir_producer(&l->to, value);
    if (!cast->op || strcmp(cast->op->name, "cast") != 0) return value;
    const avcl_ir_value *in = &l->to.values[cast->inputs[0]];
    const avcl_ir_value *out = &l->to.values[value];
    avcl_kernel_spec spec = {.op = "reorder",
                             .n_in = 1,
                             .n_out = 1,
                             .in_info = &in->info,
                             .out_info = &out->info,
                             .in_tag = &in->tag,
                             .out_tag = &out->tag};
    if (in->tag != out->tag || !l->api->supports(l->device, &spec)) return value;
    return cast->inputs[0];
}

static avcl_node in_layout(layouting *l, avcl_node value, uint32_t tag)
{
    if (!value || l->to.values[value].tag == tag) return value;
    const cached *made = l->made.data;
    for (uint32_t i = 0; i < l->made.n; i++)
        if (made[i].from == value && made[i].tag == tag) return made[i].to;
    const avcl_ir_node *producer = avcl__ir_producer(&l->to, value);
    avcl_ir_node node = {
        .path = producer->path, .where = producer->where, .n_in = 1, .n_out = 1};
    avcl_tinfo info = l->to.values[value].info;
    avcl_node from = before_cast(l, value);
    avcl_node out = avcl__ir_add(&l->to, &node, &from, &info);
    if (!out) return 0;
    l->to.values[out].tag = tag;
    cached row = {value, tag, out};
    return avcl__table_add(&l->made, sizeof row, &row) ? out : 0;
}

/* Fills want[] and out_tag[] for a node whose inputs are already in l->to. */
static void ask(layouting *l, const avcl_ir *from, const avcl_ir_node *node,
                const avcl_node *in, uint32_t *want, uint32_t *out_tag)
{
    avcl_spec_frame frame;
    avcl__spec_fill(&frame, from, node);
    for (uint32_t i = 0; i < node->n_in; i++)
        frame.in_tag[i] = l->to.values[in[i]].tag;
    memset(out_tag, 0, AVCL_KERNEL_MAX_OUT * sizeof *out_tag);
    memset(want, 0, AVCL_KERNEL_MAX_IN * sizeof *want);
    /* Aliases are the same bytes read in declared order: plain only. */
    if (!l->api->layouts || !node->op || (node->op->flags & AVCL_OP_ALIAS)) return;
    if (node->op->custom) return; /* plugins know the plain layout alone */
    memcpy(want, frame.in_tag, node->n_in * sizeof *want);
    l->api->layouts(l->device, &frame.spec, want, out_tag);
}

static avcl_status place(layouting *l, const avcl_ir *from, uint32_t index,
                         avcl_node *map)
{
    const avcl_ir_node *node = &from->nodes[index];
    avcl_node in[AVCL_KERNEL_MAX_IN];
    uint32_t want[AVCL_KERNEL_MAX_IN];
    uint32_t out_tag[AVCL_KERNEL_MAX_OUT];
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = map[node->inputs[i]];
    ask(l, from, node, in, want, out_tag);
    for (uint32_t i = 0; i < node->n_in; i++) {
        in[i] = in_layout(l, in[i], want[i]);
        if (!in[i]) return AVCL_E_NOMEM;
    }
    avcl_node first = avcl__ir_copy_node(&l->to, from, index, in);
    if (!first) return AVCL_E_NOMEM;
    for (uint32_t i = 0; i < node->n_out; i++) {
        map[node->first + i] = first + i;
        l->to.values[first + i].tag = out_tag[i];
        if (l->is_root[node->first + i] && !in_layout(l, first + i, AVCL_TAG_PLAIN))
            return AVCL_E_NOMEM;
    }
    return AVCL_OK;
}

avcl_status avcl__pass_layout(avcl_draft *draft, const avcl_device_api *api,
                              avcl_device *device, avcl_error *err)
{
    layouting l = {.api = api, .device = device};
    avcl_node *map = avcl__draft_map_new(&draft->ir, err);
    avcl_draft_root *roots = avcl__draft_roots(draft);
    l.is_root = calloc(draft->ir.n_values + 1, 1);
    avcl_status rc = map && l.is_root ? AVCL_OK : AVCL_E_NOMEM;
    for (uint32_t i = 0; rc == AVCL_OK && i < draft->roots.n; i++)
        l.is_root[roots[i].value] = 1;
    for (uint32_t n = 0; rc == AVCL_OK && n < draft->ir.n_nodes; n++)
        rc = place(&l, &draft->ir, n, map);
    for (uint32_t i = 0; rc == AVCL_OK && i < draft->roots.n; i++) {
        avcl_node plain = in_layout(&l, map[roots[i].value], AVCL_TAG_PLAIN);
        if (!plain) rc = AVCL_E_NOMEM;
        roots[i].value = plain;
    }
    free(l.made.data);
    free(l.is_root);
    if (rc) {
        free(map);
        avcl__ir_release(&l.to);
        return avcl_error_set(err, rc, "out of memory while choosing layouts");
    }
    avcl__ir_release(&draft->ir);
    draft->ir = l.to;
    free(map);
    return AVCL_OK;
}
