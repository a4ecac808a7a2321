/* pass_fuse_sums.c - a convolution's gradient is added to the other one where it arises.
 *
 *   conv3d_backward_data(gy, w) + s -> conv3d_backward_data_add(gy, w, s)
 *
 * Where a residual block forks, two gradients meet. With the fused kernel the second is
 * never a tensor of its own. */
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"

static const uint32_t NONE = UINT32_MAX;

typedef struct summing {
    const avcl_ir *from;
    avcl_ir to;
    avcl_node *map;
    const avcl_fusion *with;
    const avcl_op *op;
    uint32_t *n_uses;  /* per value; a root is a use */
    uint32_t *conv_of; /* per sum: the convolution that it takes in, or NONE */
    unsigned char *gone;
} summing;

static int is(const avcl_ir_node *node, const char *op)
{
    return node->op && strcmp(node->op->name, op) == 0;
}

static int has_kernel(const summing *s, const avcl_ir_node *conv, avcl_node other)
{
    avcl_spec_frame frame;
    avcl__spec_fill(&frame, s->from, conv);
    frame.in_info[2] = s->from->values[other].info;
    frame.in_tag[2] = AVCL_TAG_PLAIN;
    frame.spec.op = s->op->name;
    frame.spec.n_in = 3;
    return s->with->api->supports(s->with->device, &frame.spec);
}

/* The operand of sum `n` that is a convolution's gradient, can be taken in and that
 * nobody else reads; NONE = none. */
static uint32_t operand(const summing *s, uint32_t n)
{
    const avcl_ir_node *sum = &s->from->nodes[n];
    for (uint32_t i = 0; i < 2; i++) {
        avcl_node x = sum->inputs[i];
        avcl_node other = sum->inputs[!i];
        const avcl_ir_node *conv = avcl__ir_producer(s->from, x);
        if (is(conv, "conv3d_backward_data") && s->n_uses[x] == 1 && other != x &&
            !memcmp(&s->from->values[x].info, &s->from->values[other].info,
                    sizeof(avcl_tinfo)) &&
            has_kernel(s, conv, other))
            return i;
    }
    return NONE;
}

static void find(summing *s)
{
    const avcl_ir *ir = s->from;
    for (uint32_t n = 0; n < ir->n_nodes; n++) {
        uint32_t i = is(&ir->nodes[n], "add") ? operand(s, n) : NONE;
        s->conv_of[n] = i == NONE ? NONE : ir->values[ir->nodes[n].inputs[i]].node;
        if (i != NONE) s->gone[s->conv_of[n]] = 1;
    }
}

static int emit(summing *s, uint32_t n)
{
    const avcl_ir_node *sum = &s->from->nodes[n];
    const avcl_ir_node *conv = &s->from->nodes[s->conv_of[n]];
    avcl_node other = sum->inputs[sum->inputs[0] == conv->first];
    avcl_node in[3] = {s->map[conv->inputs[0]], s->map[conv->inputs[1]], s->map[other]};
    avcl_ir_node node = *conv;
    node.op = s->op;
    node.n_in = 3;
    node.attrs = avcl__arena_dup(&s->to.arena, conv->attrs, s->op->attrs_size);
    if (!node.attrs) return 0;
    avcl_node y = avcl__ir_add(&s->to, &node, in, &s->from->values[sum->first].info);
    s->map[sum->first] = y;
    return y != 0;
}

avcl_status avcl__pass_fuse_sums(avcl_draft *draft, const avcl_fusion *with,
                                 avcl_error *err)
{
    summing s = {.from = &draft->ir, .with = with};
    s.op = avcl_host_find_op(with->host, "conv3d_backward_data_add");
    s.map = avcl__draft_map_new(&draft->ir, err);
    s.n_uses = avcl__draft_count_uses(draft);
    s.conv_of = calloc(draft->ir.n_nodes + 1, sizeof *s.conv_of);
    s.gone = calloc(draft->ir.n_nodes + 1, 1);
    int ok = s.map && s.n_uses && s.conv_of && s.gone;
    if (ok) find(&s);
    for (uint32_t n = 0; ok && n < draft->ir.n_nodes; n++)
        ok = s.gone[n] ||
             (s.conv_of[n] == NONE ? avcl__draft_copy_node(&s.to, s.from, n, s.map)
                                   : emit(&s, n));
    free(s.n_uses);
    free(s.conv_of);
    free(s.gone);
    if (ok) {
        avcl__draft_replace(draft, &s.to, s.map);
        return AVCL_OK;
    }
    free(s.map);
    avcl__ir_release(&s.to);
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while fusing sums");
}
