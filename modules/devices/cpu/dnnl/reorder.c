/* reorder.c - reorders between interned layouts, cutting kernels or filling them up. */
#include "library.h"

/* The part of row-major weights that a cut layout keeps. */
static dnnl_status_t cut(const cpu_packed *p, dnnl_memory_desc_t *md)
{
    dnnl_memory_desc_t whole = *md;
    dnnl_dims_t dims = {whole.dims[0], whole.dims[1]};
    dnnl_dims_t at = {0};
    for (int d = 0; d < 3; d++) {
        dims[2 + d] = p->taps.size[d];
        at[2 + d] = p->taps.begin[d];
    }
    return dnnl_memory_desc_init_submemory(md, &whole, dims, at);
}

/* Descriptors of both sides; when just one is cut the other is cut to match. */
static avcl_status sides(avcl_device *device, const avcl_kernel *k,
                         dnnl_memory_desc_t *from, dnnl_memory_desc_t *to)
{
    const cpu_packed *p = avcl__library_packed(device, k->in_tag[0]);
    const cpu_packed *q = avcl__library_packed(device, k->out_tag[0]);
    avcl_status status = avcl__library_md(device, k->in_tag[0], &k->in_info[0], from);
    if (!status) status = avcl__library_md(device, k->out_tag[0], &k->out_info[0], to);
    if (status) return status;
    if (p && p->is_cut && q && q->is_cut) return AVCL_E_UNSUPPORTED;
    if (p && p->is_cut)
        return k->out_tag[0] == AVCL_TAG_PLAIN && !cut(p, to) ? AVCL_OK
                                                              : AVCL_E_UNSUPPORTED;
    if (q && q->is_cut)
        return k->in_tag[0] == AVCL_TAG_PLAIN && !cut(q, from) ? AVCL_OK
                                                               : AVCL_E_UNSUPPORTED;
    return AVCL_OK;
}

avcl_status avcl__library_reorder(avcl_device *device, avcl_kernel *kernel,
                                  avcl_error *err)
{
    cpu_library *lib = device->library;
    dnnl_memory_desc_t from;
    dnnl_memory_desc_t to;
    dnnl_primitive_desc_t pd = NULL;
    if (sides(device, kernel, &from, &to))
        return avcl__fail(err, AVCL_E_UNSUPPORTED, "no reorder between layouts %u and %u",
                          kernel->in_tag[0], kernel->out_tag[0]);
    int saved = avcl__cpu_threads_enter(device);
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, &from, lib->engine, &to,
                                                         lib->engine, lib->attr);
    avcl_status status = s ? avcl__library_fail(err, s, "a reorder")
                           : avcl__plan_new(device, kernel, pd, err);
    if (!status)
        status = avcl__plan_bind(device, kernel, DNNL_ARG_FROM, &from, AVCL_FROM_INPUT, 0,
                                 err);
    if (!status)
        status =
            avcl__plan_bind(device, kernel, DNNL_ARG_TO, &to, AVCL_FROM_OUTPUT, 0, err);
    avcl__cpu_threads_leave(saved);
    const cpu_packed *p = avcl__library_packed(device, kernel->in_tag[0]);
    if (!status && p && p->is_cut)
        ((cpu_plan *)kernel->plan)->clear =
            avcl__cpu_bytes(device, AVCL_TAG_PLAIN, &kernel->out_info[0]);
    return status;
}
