/* plan.c - a oneDNN primitive with its memory objects, planned once and run often. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

static void free_plan(void *p)
{
    cpu_plan *plan = p;
    if (!plan) return;
    for (int i = 0; i < plan->n_args; i++)
        dnnl_memory_destroy(plan->args[i].memory);
    if (plan->primitive) dnnl_primitive_destroy(plan->primitive);
    free(plan);
}

avcl_status avcl__plan_bind(avcl_device *device, avcl_kernel *kernel, int arg,
                            const dnnl_memory_desc_t *md, int from, uint32_t index,
                            avcl_error *err)
{
    cpu_plan *plan = kernel->plan;
    dnnl_memory_t memory = NULL;
    dnnl_status_t s =
        dnnl_memory_create(&memory, md, device->library->engine, DNNL_MEMORY_NONE);
    if (s) return avcl__library_fail(err, s, "a memory object");
    plan->args[plan->n_args] = (dnnl_exec_arg_t){arg, memory};
    plan->from[plan->n_args] = from;
    plan->index[plan->n_args] = index;
    plan->n_args++;
    return AVCL_OK;
}

avcl_status avcl__plan_new(avcl_device *device, avcl_kernel *kernel,
                           dnnl_primitive_desc_t pd, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    cpu_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        status = avcl__fail(err, AVCL_E_NOMEM, "no memory for a kernel");
        goto done;
    }
    kernel->plan = plan;
    kernel->free_plan = free_plan;
    kernel->text = plan->text;
    const char *text = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &text);
    snprintf(plan->text, sizeof plan->text, "%s", text);
    dnnl_status_t s = dnnl_primitive_create(&plan->primitive, pd);
    if (s) {
        status = avcl__library_fail(err, s, "a primitive");
        goto done;
    }
    const dnnl_memory_desc_t *md =
        dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    kernel->scratch = md ? avcl__align(dnnl_memory_desc_get_size(md)) : 0;
    if (kernel->scratch)
        status = avcl__plan_bind(device, kernel, DNNL_ARG_SCRATCHPAD, md,
                                 AVCL_FROM_SCRATCH, 0, err);
done:
    dnnl_primitive_desc_destroy(pd);
    return status;
}

static void *pointer_of(const cpu_call *c, const cpu_plan *plan, int i)
{
    switch (plan->from[i]) {
    case AVCL_FROM_INPUT:
        return (void *)(uintptr_t)c->in[plan->index[i]];
    case AVCL_FROM_OUTPUT:
        return c->out[plan->index[i]];
    default:
        return c->scratch;
    }
}

avcl_status avcl__library_run(const cpu_call *c)
{
    cpu_plan *plan = c->kernel->plan;
    dnnl_stream_t stream = c->device->library->stream;
    dnnl_status_t s = dnnl_success;
    int saved = avcl__cpu_threads_enter(c->device);
    for (int i = 0; i < plan->n_args && !s; i++) {
        void *p = pointer_of(c, plan, i);
        if (p == plan->bound[i]) continue;
        s = dnnl_memory_set_data_handle_v2(plan->args[i].memory, p, stream);
        plan->bound[i] = p;
    }
    if (plan->clear) memset(c->out[0], 0, plan->clear);
    if (!s) s = dnnl_primitive_execute(plan->primitive, stream, plan->n_args, plan->args);
    if (!s) s = dnnl_stream_wait(stream);
    avcl__cpu_threads_leave(saved);
    return s ? avcl__library_fail(c->err, s, "to run a kernel") : AVCL_OK;
}
