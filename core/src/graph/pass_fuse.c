/* pass_fuse.c - one op for batch norm, a sum and a relu, forward and backward.
 *
 *   relu(batch_norm(x))          -> batch_norm_relu(x)
 *   relu(batch_norm(x) + s)      -> batch_norm_relu(x, s)
 *   and the same of batch_norm_eval
 *   batch_norm_backward(relu_backward(g, y), x) -> batch_norm_relu_backward(g, x), or
 * with a sum, where others need what the relu let through, batch_norm_add_relu_backward
 *
 * A pattern is taken where the device has the fused kernel and nobody else reads what
 * lies between. */
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"
#include "graph/ops.h"

static const uint32_t NONE = UINT32_MAX;

typedef struct fusing {
    const avcl_ir *from;
    avcl_ir to;
    avcl_node *map;
    const avcl_fusion *with;
    uint32_t *n_uses;    /* per value; a root is a use */
    uint32_t *norm_of;   /* per relu node that is fused: its batch norm */
    uint32_t *grad_of;   /* per batch_norm_backward node: the relu_backward before it */
    unsigned char *gone; /* per node: part of another now */
} fusing;

static int is(const avcl_ir_node *node, const char *op)
{
    return node->op && strcmp(node->op->name, op) == 0;
}

static const avcl_ir_node *node_of(const fusing *f, avcl_node value, uint32_t *index)
{
    *index = f->from->values[value].node;
    return &f->from->nodes[*index];
}

/* ---- what a fused node would be ------------------------------------------------------
 */
typedef struct candidate {
    const char *op;
    const void *attrs;
    avcl_node in[8];
    uint32_t n_in;
    uint32_t n_out;
    avcl_tinfo out[8];
} candidate;

static void add_inputs(candidate *c, const avcl_node *in, uint32_t n)
{
    memcpy(c->in + c->n_in, in, n * sizeof *in);
    c->n_in += n;
}

static void add_outputs(candidate *c, const fusing *f, avcl_node like, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        c->out[c->n_out++] = f->from->values[like].info;
}

static int has_kernel(const fusing *f, const candidate *c)
{
    avcl_tinfo in[8];
    uint32_t tags[8] = {0};
    for (uint32_t i = 0; i < c->n_in; i++)
        in[i] = f->from->values[c->in[i]].info;
    avcl_kernel_spec spec = {c->op, c->attrs, c->n_in, c->n_out, in, c->out, tags, tags};
    return avcl_host_find_op(f->with->host, c->op) &&
           f->with->api->supports(f->with->device, &spec);
}

/* relu node `r` over batch norm `n`, with the other side of a sum if there is one. */
static candidate forward_of(const fusing *f, uint32_t r, uint32_t n)
{
    const avcl_ir_node *norm = &f->from->nodes[n];
    int trains = is(norm, "batch_norm");
    candidate c = {.op = trains ? "batch_norm_relu" : "batch_norm_eval_relu",
                   .attrs = norm->attrs};
    uint32_t between;
    const avcl_ir_node *sum = node_of(f, f->from->nodes[r].inputs[0], &between);
    add_inputs(&c, norm->inputs, 5);
    if (between != n) add_inputs(&c, &sum->inputs[sum->inputs[0] == norm->first], 1);
    add_outputs(&c, f, norm->first, 1);
    if (trains) add_outputs(&c, f, norm->inputs[1], 6);
    return c;
}

/* The batch norm of relu node `r`, as batch_norm_backward node `b` sees it. */
static candidate backward_of(const fusing *f, uint32_t r, uint32_t b)
{
    const avcl_ir_node *back = &f->from->nodes[b];
    const avcl_ir_node *open = &f->from->nodes[f->grad_of[b]];
    candidate forward = forward_of(f, r, f->norm_of[r]);
    avcl_node norm = f->from->nodes[f->norm_of[r]].first;
    candidate c = {.op = "batch_norm_relu_backward"};
    add_inputs(&c, open->inputs, 1);
    if (forward.n_in > 5) {
        c.op = "batch_norm_add_relu_backward";
        add_inputs(&c, open->inputs + 1, 1);
    }
    add_inputs(&c, back->inputs + 1, 4);
    add_outputs(&c, f, norm, forward.n_in > 5 ? 2 : 1);
    add_outputs(&c, f, back->inputs[2], 2);
    if (forward.n_in ==
        5) { /* scale and shift, as wide as γ: filled in when it is made */
        add_inputs(&c, back->inputs + 2, 1);
        add_inputs(&c, back->inputs + 2, 1);
    }
    return c;
}

/* ---- finding patterns ----------------------------------------------------------------
 */
static int is_norm(const fusing *f, avcl_node value, uint32_t *index)
{
    const avcl_ir_node *node = node_of(f, value, index);
    return (is(node, "batch_norm") || is(node, "batch_norm_eval")) &&
           node->first == value && f->n_uses[value] == 1;
}

/* Whether nobody reads the statistics of norm `n` before node `r`, where they move to. */
static int can_wait(const fusing *f, uint32_t n, uint32_t r)
{
    const avcl_ir_node *norm = &f->from->nodes[n];
    for (uint32_t k = n + 1; k < r; k++)
        for (uint32_t i = 0; i < f->from->nodes[k].n_in; i++) {
            avcl_node v = f->from->nodes[k].inputs[i];
            if (v > norm->first && v < norm->first + norm->n_out) return 0;
        }
    return 1;
}

/* The batch norm that relu node `r` can take in, or NONE. */
static uint32_t norm_before(const fusing *f, uint32_t r, uint32_t *sum)
{
    avcl_node x = f->from->nodes[r].inputs[0];
    uint32_t n;
    *sum = NONE;
    if (is_norm(f, x, &n)) return n;
    const avcl_ir_node *add = node_of(f, x, sum);
    if (!is(add, "add") || f->n_uses[x] != 1) return NONE;
    const avcl_tinfo *info = &f->from->values[x].info;
    for (uint32_t i = 0; i < 2; i++)
        if (memcmp(info, &f->from->values[add->inputs[i]].info, sizeof *info))
            return NONE;
    if (add->inputs[0] == add->inputs[1]) return NONE;
    if (is_norm(f, add->inputs[1], &n)) return n; /* the main path comes second */
    return is_norm(f, add->inputs[0], &n) ? n : NONE;
}

static void find_forward(fusing *f, uint32_t r)
{
    uint32_t sum;
    uint32_t n = norm_before(f, r, &sum);
    if (n == NONE || !can_wait(f, n, r)) return;
    candidate c = forward_of(f, r, n);
    if (!has_kernel(f, &c)) return;
    f->norm_of[r] = n;
    f->gone[n] = 1;
    if (sum != NONE) f->gone[sum] = 1;
}

static void find_backward(fusing *f, uint32_t b)
{
    uint32_t open;
    uint32_t r;
    const avcl_ir_node *back = &f->from->nodes[b];
    const avcl_ir_node *mask = node_of(f, back->inputs[0], &open);
    if (!is(mask, "relu_backward") || f->gone[open]) return;
    node_of(f, mask->inputs[1], &r);
    if (f->norm_of[r] == NONE) return;
    avcl_node norm = f->from->nodes[f->norm_of[r]].first;
    if (back->inputs[3] != norm + 1) return; /* another batch norm, a shortcut's */
    f->grad_of[b] = open;
    candidate c = backward_of(f, r, b);
    int alone = f->n_uses[mask->first] == 1;
    if (has_kernel(f, &c) && (alone || c.n_out == 4))
        f->gone[open] = 1;
    else
        f->grad_of[b] = NONE;
}

static void find(fusing *f)
{
    const avcl_ir *ir = f->from;
    for (uint32_t n = 0; n < ir->n_nodes; n++)
        f->norm_of[n] = f->grad_of[n] = NONE;
    for (uint32_t n = 0; n < ir->n_nodes; n++) {
        if (is(&ir->nodes[n], "relu")) find_forward(f, n);
        if (is(&ir->nodes[n], "batch_norm_backward")) find_backward(f, n);
    }
}

/* ---- rebuilding ----------------------------------------------------------------------
 */
static avcl_node emit(fusing *f, const candidate *c, const avcl_node *in,
                      const avcl_ir_node *like)
{
    avcl_ir_node node = {.op = avcl_host_find_op(f->with->host, c->op),
                         .path = like->path,
                         .where = like->where,
                         .n_in = c->n_in,
                         .n_out = c->n_out};
    if (node.op->attrs_size) {
        node.attrs = avcl__arena_dup(&f->to.arena, c->attrs, node.op->attrs_size);
        if (!node.attrs) return 0;
    }
    return avcl__ir_add(&f->to, &node, in, c->out);
}

static void translate(const fusing *f, const candidate *c, avcl_node *in)
{
    for (uint32_t i = 0; i < c->n_in; i++)
        in[i] = f->map[c->in[i]];
}

static int emit_forward(fusing *f, uint32_t r)
{
    avcl_node in[8];
    const avcl_ir_node *norm = &f->from->nodes[f->norm_of[r]];
    candidate c = forward_of(f, r, f->norm_of[r]);
    translate(f, &c, in);
    avcl_node first = emit(f, &c, in, norm);
    f->map[f->from->nodes[r].first] = first;
    for (uint32_t i = 1; i < norm->n_out; i++)
        f->map[norm->first + i] = first + i;
    return first != 0;
}

enum { SCALE = 5, SHIFT = 6 }; /* outputs of batch_norm_relu */

/* Made where the first of the two stood: what the relu lets through may be needed. */
static int emit_backward(fusing *f, uint32_t b)
{
    avcl_node in[8];
    uint32_t r;
    const avcl_ir_node *back = &f->from->nodes[b];
    const avcl_ir_node *open = &f->from->nodes[f->grad_of[b]];
    node_of(f, open->inputs[1], &r);
    candidate c = backward_of(f, r, b);
    translate(f, &c, in);
    avcl_node relu = f->map[f->from->nodes[r].first];
    if (c.n_out == 3) {
        in[5] = relu + SCALE;
        in[6] = relu + SHIFT;
    }
    avcl_node first = emit(f, &c, in, back);
    uint32_t more = c.n_out == 4; /* gs comes second */
    f->map[back->first] = first;
    if (more) f->map[open->first] = first + 1;
    for (uint32_t i = 1; i < 3; i++)
        f->map[back->first + i] = first + more + i;
    return first != 0;
}

/* The batch_norm_backward that relu_backward node `open` went into, or NONE. */
static uint32_t taken_by(const fusing *f, uint32_t open)
{
    for (uint32_t b = open + 1; b < f->from->n_nodes; b++)
        if (f->grad_of[b] == open) return b;
    return NONE;
}

static int rebuild(fusing *f)
{
    int ok = 1;
    for (uint32_t n = 0; ok && n < f->from->n_nodes; n++) {
        uint32_t b =
            f->gone[n] && is(&f->from->nodes[n], "relu_backward") ? taken_by(f, n) : NONE;
        if (b != NONE)
            ok = emit_backward(f, b);
        else if (f->norm_of[n] != NONE)
            ok = emit_forward(f, n);
        else if (!f->gone[n] && f->grad_of[n] == NONE)
            ok = avcl__draft_copy_node(&f->to, f->from, n, f->map);
    }
    return ok;
}

avcl_status avcl__pass_fuse(avcl_draft *draft, const avcl_fusion *with, avcl_error *err)
{
    fusing f = {.from = &draft->ir, .with = with};
    uint32_t n = draft->ir.n_nodes + 1;
    f.map = avcl__draft_map_new(&draft->ir, err);
    f.n_uses = avcl__draft_count_uses(draft);
    f.norm_of = calloc(n, sizeof *f.norm_of);
    f.grad_of = calloc(n, sizeof *f.grad_of);
    f.gone = calloc(n, 1);
    int ok = f.map && f.n_uses && f.norm_of && f.grad_of && f.gone;
    if (ok) {
        find(&f);
        ok = rebuild(&f);
    }
    free(f.n_uses);
    free(f.norm_of);
    free(f.grad_of);
    free(f.gone);
    if (ok) {
        avcl__draft_replace(draft, &f.to, f.map);
        return AVCL_OK;
    }
    free(f.map);
    avcl__ir_release(&f.to);
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while fusing ops");
}
