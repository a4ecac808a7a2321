/*
 * describe.c - copies a module's descriptor into structs of our own size, and checks it.
 *
 * After this nobody needs strides or struct sizes any more: tables are normalised.
 */
#include <stdio.h>
#include <string.h>

#include "avcl/device.h"
#include "plugin/descriptor.h"
#include "plugin/params.h"

/* No descriptor is larger; a wild size must not make us read far past it. */
enum { LARGEST_STRUCT = 4096, MAX_PARAMS = 64, MAX_PARAMS_SIZE = 1 << 16 };

avcl_status avcl__struct_read(const void *theirs, uint32_t their_size, void *ours,
                              uint32_t our_size, const char *what, avcl_error *err)
{
    if (their_size < sizeof(uint32_t) || their_size > LARGEST_STRUCT)
        return avcl_error_set(err, AVCL_E_ABI, "%s: a struct_size of %u is not possible",
                              what, their_size);
    const unsigned char *bytes = theirs;
    for (uint32_t i = our_size; i < their_size; i++)
        if (bytes[i])
            return avcl_error_set(err, AVCL_E_ABI,
                                  "%s uses a field that this host does not "
                                  "know (byte %u of %u)",
                                  what, i, their_size);
    memset(ours, 0, our_size);
    memcpy(ours, theirs, their_size < our_size ? their_size : our_size);
    return AVCL_OK;
}

/* A table of `n` rows, each read like a growing struct. */
static avcl_status copy_table(avcl_arena *arena, const void *rows, uint32_t row_size,
                              uint32_t n, uint32_t our_size, const char *what,
                              const void **out, avcl_error *err)
{
    *out = NULL;
    if (n == 0) return AVCL_OK;
    if (!rows)
        return avcl_error_set(err, AVCL_E_ABI, "%s: %u rows, but no table", what, n);
    char *copy = avcl__arena_alloc(arena, (size_t)n * our_size);
    if (!copy) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", what);
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = avcl__struct_read((const char *)rows + (size_t)i * row_size, row_size,
                               copy + (size_t)i * our_size, our_size, what, err);
    if (!rc) *out = copy;
    return rc;
}

/* ---- ports ----------------------------------------------------------------------------
 */
static avcl_status check_port(const avcl_port *ports, uint32_t index, avcl_error *err)
{
    const avcl_port *p = &ports[index];
    const char *letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (!p->name || !*p->name || p->name[strspn(p->name, letters)])
        return avcl_error_set(err, AVCL_E_ABI, "port %u has no proper name", index);
    if (!p->doc || !*p->doc)
        return avcl_error_set(err, AVCL_E_ABI, "port '%s' has no doc", p->name);
    if (p->layout && strlen(p->layout) > AVCL_MAX_DIMS)
        return avcl_error_set(err, AVCL_E_ABI,
                              "port '%s': layout '%s' has more than %d axes", p->name,
                              p->layout, AVCL_MAX_DIMS);
    if (p->dtype < 0 || p->dtype > AVCL_I64 || p->domain > AVCL_DOMAIN_IMAGE)
        return avcl_error_set(err, AVCL_E_ABI, "port '%s': unknown dtype %d or domain %u",
                              p->name, (int)p->dtype, p->domain);
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(ports[i].name, p->name) == 0)
            return avcl_error_set(err, AVCL_E_ABI, "port '%s' stands twice", p->name);
    return AVCL_OK;
}

static avcl_status copy_ports(avcl_arena *arena, const avcl_builder *from, uint32_t n,
                              const avcl_port **ports, avcl_error *err)
{
    const void *copy = NULL;
    avcl_status rc = copy_table(arena, *ports, from->port_size, n, sizeof(avcl_port),
                                "struct avcl_port", &copy, err);
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = check_port(copy, i, err);
    if (!rc) *ports = copy;
    return rc;
}

static avcl_status require_port(const avcl_port *ports, uint32_t n, const char *side,
                                const char *name, avcl_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(ports[i].name, name) == 0 && !(ports[i].flags & AVCL_PORT_OPTIONAL))
            return AVCL_OK;
    return avcl_error_set(err, AVCL_E_ABI, "its kind must have the %s '%s'", side, name);
}

/* ---- kinds
 * ------------------------------------------------------------------------------ */
typedef struct kind_rule {
    const char *kind;
    const char *inputs[3]; /* that it must have, NULL-terminated */
    const char *outputs[3];
} kind_rule;

static const kind_rule builders[] = {
    {AVCL_KIND_METHOD, {NULL}, {"loss"}},
    {AVCL_KIND_BACKBONE, {NULL}, {"pool"}},
    {AVCL_KIND_FUSION, {"video", "audio"}, {"video", "audio"}},
    {AVCL_KIND_ALIGNMENT, {"video", "audio"}, {"loss"}},
    {AVCL_KIND_LOSS, {NULL}, {"loss"}},
};

static avcl_status check_rule(const kind_rule *rule, const avcl_builder *b,
                              avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; rule->inputs[i] && !rc; i++)
        rc = require_port(b->inputs, b->n_in, "input", rule->inputs[i], err);
    for (uint32_t i = 0; rule->outputs[i] && !rc; i++)
        rc = require_port(b->outputs, b->n_out, "output", rule->outputs[i], err);
    return rc;
}

/* Names of numbers that change, each a name, each once. */
static avcl_status check_scalars(const avcl_method *m, avcl_error *err)
{
    if (m->n_scalars > MAX_PARAMS || (m->n_scalars && (!m->scalars || !m->schedule)))
        return avcl_error_set(err, AVCL_E_ABI,
                              "%u scalars, but no names or no schedule function",
                              m->n_scalars);
    for (uint32_t i = 0; i < m->n_scalars; i++)
        if (!m->scalars[i] || !*m->scalars[i])
            return avcl_error_set(err, AVCL_E_ABI, "scalar %u has no name", i);
    return AVCL_OK;
}

/* A method begins as a builder does. */
static avcl_status copy_builder(avcl_arena *arena, const kind_rule *rule,
                                const void *theirs, const void **out, avcl_error *err)
{
    int is_method = strcmp(rule->kind, AVCL_KIND_METHOD) == 0;
    uint32_t size = is_method ? sizeof(avcl_method) : sizeof(avcl_builder);
    avcl_builder *b = avcl__arena_alloc(arena, sizeof(avcl_method));
    if (!b) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a builder");
    avcl_status rc =
        avcl__struct_read(theirs, *(const uint32_t *)theirs, b, size,
                          is_method ? "struct avcl_method" : "struct avcl_builder", err);
    if (!rc && is_method) rc = check_scalars((const avcl_method *)(const void *)b, err);
    if (rc) return rc;
    if (!b->build) return avcl_error_set(err, AVCL_E_ABI, "it has no build function");
    if (b->n_in < 1 || b->n_in > AVCL_KERNEL_MAX_IN || b->n_out < 1 ||
        b->n_out > AVCL_KERNEL_MAX_OUT)
        return avcl_error_set(err, AVCL_E_ABI,
                              "%u inputs and %u outputs: 1..%d and 1..%d are "
                              "possible",
                              b->n_in, b->n_out, AVCL_KERNEL_MAX_IN, AVCL_KERNEL_MAX_OUT);
    rc = copy_ports(arena, b, b->n_in, &b->inputs, err);
    if (!rc) rc = copy_ports(arena, b, b->n_out, &b->outputs, err);
    if (!rc) rc = check_rule(rule, b, err);
    b->struct_size = size;
    b->port_size = sizeof(avcl_port);
    if (!rc) *out = b;
    return rc;
}

static avcl_status copy_device(avcl_arena *arena, const void *theirs, const void **out,
                               avcl_error *err)
{
    avcl_device_api *d = avcl__arena_alloc(arena, sizeof *d);
    if (!d) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a device");
    uint32_t size = *(const uint32_t *)theirs;
    if (size != sizeof *d) /* before any pointer of a foreign build is followed */
        return avcl_error_set(err, AVCL_E_ABI,
                              "its struct avcl_device_api has %u bytes, this "
                              "build's %zu: devices fit their own build only",
                              size, sizeof *d);
    memcpy(d, theirs, sizeof *d);
    if (!d->build_id || strcmp(d->build_id, AVCL_BUILD_ID) != 0)
        return avcl_error_set(err, AVCL_E_ABI,
                              "it belongs to build %s, this is %s: devices "
                              "fit their own build only",
                              d->build_id ? d->build_id : "?", AVCL_BUILD_ID);
    int whole = d->open && d->close && d->describe && d->supports && d->bytes &&
                d->prepare && d->run && d->release && d->alloc && d->free && d->upload &&
                d->download;
    if (!whole) return avcl_error_set(err, AVCL_E_ABI, "a device function is missing");
    *out = d;
    return AVCL_OK;
}

static avcl_status copy_op(avcl_arena *arena, const void *theirs, const void **out,
                           avcl_error *err)
{
    avcl_custom_op *o = avcl__arena_alloc(arena, sizeof *o);
    if (!o) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for an op");
    avcl_status rc = avcl__struct_read(theirs, *(const uint32_t *)theirs, o, sizeof *o,
                                       "struct avcl_custom_op", err);
    if (rc) return rc;
    if (!o->infer) return avcl_error_set(err, AVCL_E_ABI, "it has no infer function");
    if (o->min_in > o->max_in || o->max_in > 16 || o->n_out < 1 || o->n_out > 4)
        return avcl_error_set(err, AVCL_E_ABI,
                              "%u to %u inputs and %u outputs: up to 16 and 1..4 are "
                              "possible",
                              o->min_in, o->max_in, o->n_out);
    if (o->n_cases == 0 || !o->cases)
        return avcl_error_set(err, AVCL_E_ABI, "it has no test cases");
    if (o->save_in >> o->max_in || o->save_out >> o->n_out)
        return avcl_error_set(err, AVCL_E_ABI,
                              "save_in or save_out names an input or output that it has "
                              "not");
    *out = o;
    return AVCL_OK;
}

static avcl_status copy_kernel(avcl_arena *arena, const void *theirs, const void **out,
                               avcl_error *err)
{
    avcl_custom_kernel *k = avcl__arena_alloc(arena, sizeof *k);
    if (!k) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a kernel");
    avcl_status rc = avcl__struct_read(theirs, *(const uint32_t *)theirs, k, sizeof *k,
                                       "struct avcl_custom_kernel", err);
    if (rc) return rc;
    if (!k->op || !*k->op || !k->device || !*k->device || !k->forward)
        return avcl_error_set(err, AVCL_E_ABI,
                              "it names no op or no device, or has no forward");
    if (strcmp(k->device, "cpu") == 0 && !(k->dtypes & AVCL_DTYPE_BIT(AVCL_F64)))
        return avcl_error_set(err, AVCL_E_ABI,
                              "a kernel for \"cpu\" must offer f64: gradients are "
                              "checked in it");
    *out = k;
    return AVCL_OK;
}

static avcl_status copy_dataset(avcl_arena *arena, const void *theirs, const void **out,
                                avcl_error *err)
{
    avcl_custom_dataset *d = avcl__arena_alloc(arena, sizeof *d);
    if (!d) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a data set");
    avcl_status rc = avcl__struct_read(theirs, *(const uint32_t *)theirs, d, sizeof *d,
                                       "struct avcl_custom_dataset", err);
    if (rc) return rc;
    if (!d->open || !d->close || !d->count || !d->row || !d->clip || !d->frames)
        return avcl_error_set(err, AVCL_E_ABI, "a function of the data set is missing");
    *out = d;
    return AVCL_OK;
}

static avcl_status copy_transform(avcl_arena *arena, const void *theirs, const void **out,
                                  avcl_error *err)
{
    avcl_custom_transform *t = avcl__arena_alloc(arena, sizeof *t);
    if (!t) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a transform");
    avcl_status rc = avcl__struct_read(theirs, *(const uint32_t *)theirs, t, sizeof *t,
                                       "struct avcl_custom_transform", err);
    if (rc) return rc;
    if (!t->apply) return avcl_error_set(err, AVCL_E_ABI, "it has no apply function");
    if (t->field < AVCL_FIELD_CLIP || t->field > AVCL_FIELD_MEL)
        return avcl_error_set(err, AVCL_E_ABI,
                              "field %d is not a plugin's: clip (%d), wave (%d) or mel "
                              "(%d)",
                              (int)t->field, AVCL_FIELD_CLIP, AVCL_FIELD_WAVE,
                              AVCL_FIELD_MEL);
    *out = t;
    return AVCL_OK;
}

/* The host's own row of every transform. */
static avcl_status check_no_p(const avcl_module *m, avcl_error *err)
{
    if (strcmp(m->kind, AVCL_KIND_TRANSFORM) != 0) return AVCL_OK;
    for (uint32_t i = 0; i < m->n_params; i++)
        if (strcmp(m->params[i].name, "p") == 0)
            return avcl_error_set(err, AVCL_E_ABI,
                                  "parameter 'p' of a transform is the host's");
    return AVCL_OK;
}

/* Kinds that are not builders. */
static const struct {
    const char *kind;
    avcl_status (*copy)(avcl_arena *arena, const void *theirs, const void **out,
                        avcl_error *err);
} others[] = {
    {AVCL_KIND_DEVICE, copy_device},       {AVCL_KIND_OP, copy_op},
    {AVCL_KIND_KERNEL, copy_kernel},       {AVCL_KIND_DATASET, copy_dataset},
    {AVCL_KIND_TRANSFORM, copy_transform},
};

static avcl_status copy_iface(avcl_arena *arena, avcl_module *m, int *known,
                              avcl_error *err)
{
    const void *theirs = m->iface;
    if (!theirs) return avcl_error_set(err, AVCL_E_ABI, "it has no interface table");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(m->kind, others[i].kind) == 0)
            return others[i].copy(arena, theirs, &m->iface, err);
    for (size_t i = 0; i < sizeof builders / sizeof *builders; i++)
        if (strcmp(m->kind, builders[i].kind) == 0)
            return copy_builder(arena, &builders[i], theirs, &m->iface, err);
    *known = 0;
    return AVCL_OK;
}

/* ---- the module
 * ---------------------------------------------------------------------------- */
static avcl_status check_head(const avcl_module *m, avcl_error *err)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (!m->name || *m->name < 'a' || *m->name > 'z' || m->name[strspn(m->name, letters)])
        return avcl_error_set(err, AVCL_E_ABI, "'%s' is not a name ([a-z][a-z0-9_]*)",
                              m->name ? m->name : "");
    if (!m->kind || !*m->kind) return avcl_error_set(err, AVCL_E_ABI, "it has no kind");
    if (!m->summary || !*m->summary)
        return avcl_error_set(err, AVCL_E_ABI, "it has no summary");
    if (m->n_params > MAX_PARAMS || m->params_size > MAX_PARAMS_SIZE)
        return avcl_error_set(err, AVCL_E_ABI,
                              "%u parameters in %u bytes: at most %d in %d", m->n_params,
                              m->params_size, MAX_PARAMS, MAX_PARAMS_SIZE);
    return AVCL_OK;
}

avcl_status avcl__module_copy(avcl_arena *arena, const avcl_module *theirs,
                              avcl_described *described, avcl_error *err)
{
    avcl_module *out = &described->module;
    described->known = 1;
    if (!theirs) return avcl_error_set(err, AVCL_E_ABI, "a module is NULL");
    avcl_error own = {0};
    avcl_status rc = avcl__struct_read(theirs, theirs->struct_size, out, sizeof *out,
                                       "struct avcl_module", &own);
    if (!rc) rc = check_head(out, &own);
    const void *params = NULL;
    if (!rc)
        rc = copy_table(arena, out->params, out->param_size, out->n_params,
                        sizeof(avcl_param), "struct avcl_param", &params, &own);
    if (!rc)
        rc = avcl__params_check(params, sizeof(avcl_param), out->n_params,
                                out->params_size, &own);
    if (!rc) out->params = params;
    if (!rc) rc = check_no_p(out, &own);
    if (!rc) rc = copy_iface(arena, out, &described->known, &own);
    if (rc) {
        const char *name = out->name && *out->name ? out->name : "?";
        return avcl_error_set(err, rc, "module '%s': %s", name, own.message);
    }
    out->struct_size = sizeof *out;
    out->param_size = sizeof(avcl_param);
    return AVCL_OK;
}
