/* program.c - runs the passes, prepares kernels and plans memory for one program. */
#include <stdlib.h>
#include <string.h>

#include "graph/custom.h"
#include "graph/session_impl.h"

/* Each root must be written to its own storage by the node that makes it: values that are
 * sources, aliases or already another root get a copy. */
static avcl_status pass_roots(avcl_draft *d, avcl_error *err)
{
    unsigned char *taken = calloc(d->ir.n_values + d->roots.n + 1, 1);
    if (!taken) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while compiling");
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < d->roots.n; i++) {
        avcl_draft_root *root = &avcl__draft_roots(d)[i];
        const avcl_ir_node *producer = avcl__ir_producer(&d->ir, root->value);
        int is_alias = producer->op && (producer->op->flags & AVCL_OP_ALIAS);
        if (producer->source || is_alias || taken[root->value]) {
            avcl_ir_node copy = {
                .path = producer->path, .where = producer->where, .n_in = 1, .n_out = 1};
            avcl_tinfo info = d->ir.values[root->value].info;
            root->value = avcl__ir_add(&d->ir, &copy, &root->value, &info);
            if (!root->value) rc = AVCL_E_NOMEM;
        }
        taken[root->value] = 1;
    }
    free(taken);
    if (rc) avcl_error_set(err, rc, "out of memory while compiling");
    return rc;
}

typedef struct pass {
    const char *name;
    avcl_status (*run)(avcl_session *s, int32_t program, avcl_draft *d, avcl_error *err);
} pass;

static avcl_status run_lower(avcl_session *s, int32_t program, avcl_draft *d,
                             avcl_error *err)
{
    return avcl__lower(s->g, program, d, err);
}

static avcl_status run_dead(avcl_session *s, int32_t program, avcl_draft *d,
                            avcl_error *err)
{
    (void)s;
    (void)program;
    return avcl__pass_dead(d, err);
}

static avcl_status run_gradient(avcl_session *s, int32_t program, avcl_draft *d,
                                avcl_error *err)
{
    if (program != AVCL_TRAIN || (s->flags & AVCL_SESSION_NO_GRADIENT)) return AVCL_OK;
    avcl_status rc =
        avcl__pass_gradient(s->g, d, (s->flags & AVCL_SESSION_INPUT_GRADS) != 0, err);
    return rc ? rc : avcl__pass_dead(d, err);
}

static avcl_status run_precision(avcl_session *s, int32_t program, avcl_draft *d,
                                 avcl_error *err)
{
    (void)program;
    uint32_t n_low = 0;
    avcl__pass_precision(d, s->real);
    if (!s->is_mixed) return AVCL_OK;
    avcl_mixed with = {s->g->host, s->api, s->device,
                       (s->flags & AVCL_SESSION_ALL_BF16) != 0};
    avcl_status rc = avcl__pass_mixed(d, &with, &n_low, err);
    s->n_low += n_low;
    return rc;
}

static avcl_status run_fuse(avcl_session *s, int32_t program, avcl_draft *d,
                            avcl_error *err)
{
    (void)program;
    if (s->flags & AVCL_SESSION_NO_FUSION) return AVCL_OK;
    avcl_fusion with = {s->g->host, s->api, s->device};
    avcl_status rc = avcl__pass_fuse(d, &with, err);
    return rc ? rc : avcl__pass_fuse_sums(d, &with, err);
}

static avcl_status run_recompute(avcl_session *s, int32_t program, avcl_draft *d,
                                 avcl_error *err)
{
    if (program != AVCL_TRAIN) return AVCL_OK;
    return avcl__pass_recompute(d, s->g->host, err);
}

static avcl_status run_layout(avcl_session *s, int32_t program, avcl_draft *d,
                              avcl_error *err)
{
    (void)program;
    avcl_status rc = avcl__pass_layout(d, s->api, s->device, err);
    if (!rc) rc = avcl__pass_dead(d, err); /* casts that reorders do on their way */
    return rc ? rc : pass_roots(d, err);
}

static const pass passes[] = {
    {"lower", run_lower},         {"dead", run_dead}, {"gradient", run_gradient},
    {"precision", run_precision}, {"fuse", run_fuse}, {"recompute", run_recompute},
    {"layout", run_layout},
};
enum { N_PASSES = sizeof passes / sizeof *passes };

static avcl_status check_pass(const char *name, avcl_error *err)
{
    for (int i = 0; i < N_PASSES; i++)
        if (strcmp(passes[i].name, name) == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID,
                          "no pass '%s' (lower, dead, gradient, precision, fuse, "
                          "recompute, layout)",
                          name);
}

avcl_status avcl__session_passes(avcl_session *s, int32_t program, const char *last,
                                 avcl_draft *out, avcl_error *err)
{
    avcl_status rc = last ? check_pass(last, err) : AVCL_OK;
    for (int i = 0; !rc && i < N_PASSES; i++) {
        rc = passes[i].run(s, program, out, err);
        if (last && strcmp(passes[i].name, last) == 0) break;
    }
    return rc;
}

/* ---- storage of roots and sources
 * --------------------------------------------------------- */

avcl_storage *avcl__session_root_storage(avcl_session *s, const avcl_draft_root *root,
                                         int32_t program)
{
    (void)program;
    switch (root->kind) {
    case AVCL_ROOT_LOSS:
        return &s->loss;
    case AVCL_ROOT_LOG:
        return &s->logs[root->index];
    case AVCL_ROOT_KEEP:
        return &s->keeps[root->index];
    case AVCL_ROOT_INPUT_GRAD:
        return &s->input_grads[root->index];
    case AVCL_ROOT_STATE:
        return &s->pending[root->index];
    case AVCL_ROOT_ROWS_INDEX:
        return &s->rows[2 * root->index];
    case AVCL_ROOT_ROWS_VALUE:
        return &s->rows[2 * root->index + 1];
    default:
        return NULL; /* gradients lie in the flat buffer */
    }
}

static void *root_data(avcl_session *s, const avcl_draft_root *root, int32_t program)
{
    if (root->kind == AVCL_ROOT_GRAD)
        return (char *)s->flat[AVCL_FLAT_GRADIENTS] +
               s->flat_first[root->index] * avcl__dtype_bytes(s->real);
    return avcl__session_root_storage(s, root, program)->data;
}

static void *source_data(avcl_session *s, const avcl_ir_node *node)
{
    switch (node->source) {
    case AVCL_SOURCE_INPUT:
        return s->inputs[node->variable].data;
    case AVCL_SOURCE_SCALAR:
        return s->scalars[node->variable].data;
    case AVCL_SOURCE_RNG:
        return s->rng.data;
    default:
        return s->variables[node->variable].data;
    }
}

static void find_fixed(avcl_session *s, int32_t program, const avcl_draft *d,
                       void **fixed)
{
    for (uint32_t n = 0; n < d->ir.n_nodes; n++)
        if (d->ir.nodes[n].source)
            fixed[d->ir.nodes[n].first] = source_data(s, &d->ir.nodes[n]);
    for (uint32_t i = 0; i < d->roots.n; i++)
        fixed[avcl__draft_roots(d)[i].value] =
            root_data(s, &avcl__draft_roots(d)[i], program);
}

/* ---- kernels
 * ---------------------------------------------------------------------------------- */

static int needs_kernel(const avcl_ir_node *node)
{
    return !node->source && !(node->op && (node->op->flags & AVCL_OP_ALIAS));
}

static avcl_status prepare(avcl_session *s, const avcl_ir *ir, uint32_t n,
                           avcl_step *step, uint64_t *scratch, avcl_error *err)
{
    const avcl_ir_node *node = &ir->nodes[n];
    avcl_spec_frame frame;
    char text[256];
    avcl__spec_fill(&frame, ir, node);
    avcl__node_text(node, text);
    step->node = n;
    if (node->op && node->op->custom) {
        step->custom = avcl__custom_prepare(s->g->host, ir, node, s->api->custom_kernels,
                                            s->real, scratch, err);
        return step->custom ? AVCL_OK : avcl_error_prefix(err, "%s", text);
    }
    if (node->op && !s->api->supports(s->device, &frame.spec))
        return avcl_error_set(
            err, AVCL_E_UNSUPPORTED, "%s: device '%s' has no kernel for op '%s' in %s",
            text, s->api->describe(s->device), node->op->name, avcl__dtype_name(s->real));
    avcl_status rc = s->api->prepare(s->device, &frame.spec, &step->kernel, scratch, err);
    if (rc) avcl_error_prefix(err, "%s", text);
    return rc;
}

static avcl_status prepare_all(avcl_session *s, avcl_compiled *p, uint64_t *scratch,
                               avcl_error *err)
{
    const avcl_ir *ir = &p->draft.ir;
    avcl_status rc = AVCL_OK;
    for (uint32_t n = 0; !rc && n < ir->n_nodes; n++) {
        if (!needs_kernel(&ir->nodes[n])) continue;
        rc = prepare(s, ir, n, &p->steps[p->n_steps], &scratch[n], err);
        if (rc) break;
        p->n_steps++;
        p->n_reorders += ir->nodes[n].op == NULL;
    }
    return rc;
}

static avcl_status plan(avcl_session *s, int32_t program, uint64_t *bytes,
                        uint64_t *scratch, void **fixed, avcl_error *err)
{
    avcl_compiled *p = &s->programs[program];
    const avcl_ir *ir = &p->draft.ir;
    avcl_status rc = prepare_all(s, p, scratch, err);
    if (rc) return rc;
    for (uint32_t v = 1; v < ir->n_values; v++)
        bytes[v] = s->api->bytes(s->device, ir->values[v].tag, &ir->values[v].info);
    find_fixed(s, program, &p->draft, fixed);
    avcl_plan_request request = {ir, bytes, scratch, fixed};
    return avcl__plan_memory(&request, &p->plan, err);
}

avcl_status avcl__session_compile(avcl_session *s, int32_t program, avcl_error *err)
{
    avcl_compiled *p = &s->programs[program];
    avcl_status rc = avcl__session_passes(s, program, NULL, &p->draft, err);
    if (rc) return rc;
    const avcl_ir *ir = &p->draft.ir;
    uint64_t *bytes = calloc(ir->n_values + 1, sizeof *bytes);
    uint64_t *scratch = calloc(ir->n_nodes + 1, sizeof *scratch);
    void **fixed = calloc(ir->n_values + 1, sizeof *fixed);
    p->steps = calloc(ir->n_nodes + 1, sizeof *p->steps);
    rc = bytes && scratch && fixed && p->steps
             ? plan(s, program, bytes, scratch, fixed, err)
             : avcl_error_set(err, AVCL_E_NOMEM, "out of memory while compiling");
    free(bytes);
    free(scratch);
    free(fixed);
    p->is_ready = rc == AVCL_OK;
    return rc;
}

static void *place(const avcl_session *s, const avcl_compiled *p, avcl_node value)
{
    const avcl_place *at = &p->plan.values[value];
    return at->fixed ? at->fixed : (char *)s->arena.data + at->offset;
}

void avcl__session_resolve(avcl_session *s, avcl_compiled *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        avcl_step *step = &p->steps[i];
        const avcl_ir_node *node = &p->draft.ir.nodes[step->node];
        for (uint32_t k = 0; k < node->n_in; k++)
            step->inputs[k] = place(s, p, node->inputs[k]);
        for (uint32_t k = 0; k < node->n_out; k++)
            step->outputs[k] = place(s, p, node->first + k);
        step->scratch = (char *)s->arena.data + p->plan.scratch[step->node];
        if (step->custom)
            avcl__custom_resolve(step->custom, step->inputs, step->outputs,
                                 step->scratch);
    }
}

void avcl__compiled_release(avcl_session *s, avcl_compiled *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].custom)
            free(p->steps[i].custom);
        else
            s->api->release(s->device, p->steps[i].kernel);
    free(p->steps);
    free(p->seconds);
    avcl__plan_release(&p->plan);
    avcl__draft_release(&p->draft);
    memset(p, 0, sizeof *p);
}
