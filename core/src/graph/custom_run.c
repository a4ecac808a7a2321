/* custom_run.c - plugins' kernels: found, bound to memory, called. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"
#include "graph/custom.h"

/* ---- which kernel ---------------------------------------------------------------------
 */
/* "shift" of the op's own plugin, or "org.example.net/shift". */
static int is_for(const avcl_host_module *m, const avcl_custom *c, const char *device)
{
    const avcl_custom_kernel *k = m->module ? m->module->iface : NULL;
    if (!k || strcmp(m->kind, AVCL_KIND_KERNEL) != 0 || strcmp(k->device, device) != 0)
        return 0;
    if (strchr(k->op, '/')) return strcmp(k->op, c->module->full_name) == 0;
    return m->file == c->module->file && strcmp(k->op, c->module->name) == 0;
}

static const avcl_host_module *find_loaded(avcl_host *host, const avcl_custom *c,
                                           const char *device)
{
    for (const avcl_host_module *m = host->modules; m; m = m->next)
        if (is_for(m, c, device)) return m;
    return NULL;
}

/* The op's own plugin first; another plugin may bring the kernel of a further device. */
static const avcl_host_module *find_kernel(avcl_host *host, const avcl_custom *c,
                                           const char *device)
{
    const avcl_host_module *found = find_loaded(host, c, device);
    if (found) return found;
    avcl_host_inspect(host);
    for (avcl_host_module *m = host->modules; m; m = m->next)
        if (strcmp(m->kind, AVCL_KIND_KERNEL) == 0) avcl__host_load_file(host, m->file);
    return find_loaded(host, c, device);
}

const avcl_custom_kernel *avcl__custom_kernel(avcl_host *host, const avcl_op *op,
                                              const char *device)
{
    const avcl_host_module *m = find_kernel(host, op->custom, device);
    return m ? m->module->iface : NULL;
}

uint32_t avcl__custom_kernel_numerics(avcl_host *host, const avcl_op *op)
{
    const avcl_host_module *m = op->custom ? find_kernel(host, op->custom, "cpu") : NULL;
    return m ? m->numerics : 0;
}

/* ---- binding --------------------------------------------------------------------------
 */
static avcl_tensor *add_tensor(avcl_custom_step *s, uint32_t *n, const avcl_tinfo *info)
{
    avcl_tensor *t = &s->tensors[(*n)++];
    t->dtype = info->dtype;
    t->ndim = info->ndim;
    memcpy(t->shape, info->shape, sizeof t->shape);
    t->nbytes = avcl__tinfo_bytes(info);
    return t;
}

static void bind_forward(avcl_custom_step *s, const avcl_ir *ir, const avcl_ir_node *node)
{
    uint32_t n = 0;
    s->attrs = node->attrs;
    s->run.n_in = node->n_in;
    s->run.n_out = node->n_out;
    for (uint32_t i = 0; i < node->n_in; i++) {
        s->place[i] = add_tensor(s, &n, &ir->values[node->inputs[i]].info);
        s->inputs[i] = s->place[i];
    }
    for (uint32_t i = 0; i < node->n_out; i++)
        s->written[i] = s->target[i] =
            add_tensor(s, &n, &ir->values[node->first + i].info);
}

/* The masks say which of the op's tensors the node's inputs and outputs are. */
static void bind_backward(avcl_custom_step *s, const avcl_ir *ir,
                          const avcl_ir_node *node)
{
    const avcl_backward_attrs *at = node->attrs;
    const avcl_custom_op *t = node->op->custom->table;
    uint32_t n = 0;
    uint32_t in = 0;
    uint32_t out = 0;
    s->attrs = at + 1;
    s->is_backward = 1;
    s->run.n_in = at->n_in;
    s->run.n_out = at->n_out;
    for (uint32_t i = 0; i < at->n_in; i++)
        if (t->save_in >> i & 1)
            s->inputs[i] = s->place[in] =
                add_tensor(s, &n, &ir->values[node->inputs[in]].info),
            in++;
    for (uint32_t i = 0; i < at->n_out; i++)
        if (t->save_out >> i & 1)
            s->outputs[i] = s->place[in] =
                add_tensor(s, &n, &ir->values[node->inputs[in]].info),
            in++;
    for (uint32_t i = 0; i < at->n_out; i++)
        if (at->arrives >> i & 1)
            s->out_grad[i] = s->place[in] =
                add_tensor(s, &n, &ir->values[node->inputs[in]].info),
            in++;
    for (uint32_t i = 0; i < at->n_in; i++)
        if (at->wanted >> i & 1)
            s->written[i] = s->target[out] =
                add_tensor(s, &n, &ir->values[node->first + out].info),
            out++;
}

/* Asked for with the op's inputs as they are in this session. */
static uint64_t scratch_of(const avcl_custom_step *s, const avcl_ir *ir,
                           const avcl_ir_node *node, avcl_dtype real)
{
    avcl_tinfo info[AVCL_CUSTOM_MAX_IN];
    if (!s->kernel->scratch) return 0;
    for (uint32_t i = 0; i < s->run.n_in; i++) {
        info[i] = s->is_backward ? ((const avcl_backward_attrs *)node->attrs)->in_info[i]
                                 : ir->values[node->inputs[i]].info;
        if (avcl__dtype_is_real(info[i].dtype)) info[i].dtype = real;
    }
    return s->kernel->scratch(s->attrs, info, s->run.n_in);
}

static avcl_status check(const avcl_custom *c, const avcl_host_module *m, int is_backward,
                         const char *device, avcl_dtype real, avcl_error *err)
{
    if (!m)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "op '%s' has no kernel for device '%s'",
                              c->module->full_name, device);
    const avcl_custom_kernel *k = m->module->iface;
    if (!(k->dtypes & AVCL_DTYPE_BIT(real)))
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "kernel '%s' of op '%s' does not do %s", m->full_name,
                              c->module->full_name, avcl__dtype_name(real));
    if (is_backward && !k->backward)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "op '%s' has no gradient: neither grad nor a backward in "
                              "kernel '%s'; stop_gradient leaves it out",
                              c->module->full_name, m->full_name);
    return AVCL_OK;
}

avcl_custom_step *avcl__custom_prepare(avcl_host *host, const avcl_ir *ir,
                                       const avcl_ir_node *node, const char *device,
                                       avcl_dtype real, uint64_t *scratch,
                                       avcl_error *err)
{
    const avcl_custom *c = node->op->custom;
    const avcl_host_module *m = device ? find_kernel(host, c, device) : NULL;
    if (check(c, m, c->is_backward, device ? device : "?", real, err)) return NULL;
    avcl_custom_step *s = calloc(1, sizeof *s);
    if (!s) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a kernel");
        return NULL;
    }
    s->kernel = m->module->iface;
    s->call.host = host;
    s->run.call = &s->call;
    s->run.host = avcl_host_get_api(host);
    s->crumb = avcl__host_crumb(c->module, c->is_backward ? "backward" : "forward");
    s->crumb.path = m->file->is_builtin ? NULL : m->file->path;
    s->crumb.stamp = m->file->stamp;
    if (c->is_backward)
        bind_backward(s, ir, node);
    else
        bind_forward(s, ir, node);
    const avcl_crumb *before = avcl__crumb_set(&s->crumb);
    *scratch = scratch_of(s, ir, node, real);
    avcl__crumb_set(before);
    return s;
}

void avcl__custom_resolve(avcl_custom_step *s, const void *const *inputs,
                          void *const *outputs, void *scratch)
{
    for (uint32_t i = 0; i < AVCL_KERNEL_MAX_IN && s->place[i]; i++)
        s->place[i]->data = (void *)(uintptr_t)inputs[i];
    for (uint32_t i = 0; i < AVCL_CUSTOM_MAX_IN && s->target[i]; i++)
        s->target[i]->data = outputs[i];
    s->run.scratch = scratch;
}

avcl_status avcl__custom_run(avcl_custom_step *s, avcl_error *err)
{
    avcl_error own = {0};
    s->call.err = &own;
    const avcl_crumb *before = avcl__crumb_set(&s->crumb);
    avcl_status rc = s->is_backward
                         ? s->kernel->backward(&s->run, s->attrs, s->inputs, s->outputs,
                                               s->out_grad, s->written)
                         : s->kernel->forward(&s->run, s->attrs, s->inputs, s->written);
    avcl__crumb_set(before);
    s->call.err = NULL;
    if (!rc && !own.code) return AVCL_OK;
    return avcl_error_set(err, own.code ? own.code : rc, "%s %s: %s", s->crumb.who,
                          s->crumb.doing, own.code ? own.message : "no reason given");
}
