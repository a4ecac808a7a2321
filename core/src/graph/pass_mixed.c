/* pass_mixed.c - bf16 mixed precision: convolutions and what lies between them in bf16,
 * everything else f32.
 *
 * A node goes to bf16 if it is a convolution, or reads a 5-d value that is bf16 already,
 * and the device has that kernel. Then its 5-d values are bf16, but for the gradient of a
 * weight; statistics, coefficients and losses are f32, as are the weights themselves: a
 * convolution reads a rounded copy, made once per program. Casts stand where the two
 * meet; values that leave the program are f32. */
#include <stdlib.h>
#include <string.h>

#include "avcl/ops.h"
#include "graph/compile.h"

typedef struct mixing {
    const avcl_ir *from;
    avcl_ir to;
    avcl_node *map;
    avcl_table casts; /* casted */
    const avcl_op *cast;
    const avcl_device_api *api;
    avcl_device *device;
    int everywhere; /* not just around convolutions */
    uint32_t n_low; /* nodes in bf16 */
} mixing;

typedef struct casted {
    avcl_node from;
    avcl_node to;
} casted;

static int starts_with(const avcl_ir_node *node, const char *what)
{
    return node->op && strncmp(node->op->name, what, strlen(what)) == 0;
}

static int is_activation(const avcl_tinfo *info)
{
    return info->ndim == 5 && (info->dtype == AVCL_F32 || info->dtype == AVCL_BF16);
}

/* `value` of the new program in type `dtype`; f32 and bf16 only. */
static avcl_node as(mixing *m, avcl_node value, avcl_dtype dtype)
{
    if (m->to.values[value].info.dtype == dtype) return value;
    const casted *made = m->casts.data;
    for (uint32_t i = 0; i < m->casts.n; i++)
        if (made[i].from == value) return made[i].to;
    const avcl_ir_node *producer = avcl__ir_producer(&m->to, value);
    avcl_cast_attrs attrs = {.dtype = dtype};
    avcl_ir_node node = {.op = m->cast,
                         .path = producer->path,
                         .where = producer->where,
                         .n_in = 1,
                         .n_out = 1};
    node.attrs = avcl__arena_dup(&m->to.arena, &attrs, sizeof attrs);
    avcl_tinfo info = m->to.values[value].info;
    info.dtype = dtype;
    avcl_node out = node.attrs ? avcl__ir_add(&m->to, &node, &value, &info) : 0;
    casted row = {value, out};
    return out && avcl__table_add(&m->casts, sizeof row, &row) ? out : 0;
}

/* The types that node's values would have in bf16; 0 = it stays f32. */
static int lower(const mixing *m, const avcl_ir_node *node, avcl_spec_frame *frame)
{
    int wanted = m->everywhere || starts_with(node, "conv3d");
    int is_low = 0; /* is there anything to lower? */
    if (!node->op || node->op->flags & AVCL_OP_ALIAS) return 0;
    avcl__spec_fill(frame, m->from, node);
    for (uint32_t i = 0; i < node->n_in; i++) {
        wanted |= m->to.values[m->map[node->inputs[i]]].info.dtype == AVCL_BF16;
        is_low |= is_activation(&frame->in_info[i]);
        if (is_activation(&frame->in_info[i])) frame->in_info[i].dtype = AVCL_BF16;
    }
    for (uint32_t i = 0; i < node->n_out; i++)
        if (is_activation(&frame->out_info[i]) &&
            strcmp(node->op->name, "conv3d_backward_weight") != 0)
            frame->out_info[i].dtype = AVCL_BF16;
    return wanted && is_low && m->api->supports(m->device, &frame->spec);
}

static int place(mixing *m, uint32_t index)
{
    const avcl_ir_node *node = &m->from->nodes[index];
    avcl_spec_frame frame;
    avcl_node in[AVCL_KERNEL_MAX_IN];
    int low = lower(m, node, &frame);
    m->n_low += (uint32_t)low;
    for (uint32_t i = 0; i < node->n_in; i++) {
        in[i] = m->map[node->inputs[i]];
        if (low && is_activation(&frame.in_info[i]))
            in[i] = as(m, in[i], AVCL_BF16);
        else if (m->to.values[in[i]].info.dtype == AVCL_BF16)
            in[i] = as(m, in[i], AVCL_F32);
        if (!in[i]) return 0;
    }
    avcl_node first = avcl__ir_copy_node(&m->to, m->from, index, in);
    if (!first) return 0;
    for (uint32_t i = 0; i < node->n_out; i++) {
        m->map[node->first + i] = first + i;
        if (low) m->to.values[first + i].info = frame.out_info[i];
    }
    return 1;
}

avcl_status avcl__pass_mixed(avcl_draft *draft, const avcl_mixed *with, uint32_t *n_low,
                             avcl_error *err)
{
    mixing m = {.from = &draft->ir,
                .api = with->api,
                .device = with->device,
                .everywhere = with->everywhere};
    m.cast = avcl_host_find_op(with->host, "cast");
    m.map = avcl__draft_map_new(&draft->ir, err);
    int ok = m.map != NULL;
    for (uint32_t n = 0; ok && n < draft->ir.n_nodes; n++)
        ok = place(&m, n);
    for (uint32_t i = 0; ok && i < draft->roots.n; i++) {
        avcl_node *value = &m.map[avcl__draft_roots(draft)[i].value];
        if (m.to.values[*value].info.dtype == AVCL_BF16)
            *value = as(&m, *value, AVCL_F32);
        ok = *value != 0;
    }
    free(m.casts.data);
    *n_low = m.n_low;
    if (ok) {
        avcl__draft_replace(draft, &m.to, m.map);
        return AVCL_OK;
    }
    free(m.map);
    avcl__ir_release(&m.to);
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while choosing precisions");
}
