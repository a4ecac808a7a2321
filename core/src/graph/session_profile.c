/* session_profile.c - times every kernel of a run, and asks devices for their ceilings.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "avcl/profile.h"
#include "graph/session_impl.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

avcl_status avcl__session_run_timed(avcl_session *s, avcl_compiled *p, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    double last = now_s();
    for (uint32_t i = 0; !rc && i < p->n_steps; i++) {
        rc = avcl__session_run_step(s, p, &p->steps[i], err);
        double now = now_s();
        p->seconds[i] += now - last;
        last = now;
    }
    p->n_timed += rc == AVCL_OK;
    return rc;
}

avcl_status avcl_session_profile(avcl_session *s, int32_t on, avcl_error *err)
{
    for (int i = 0; i <= AVCL_EVAL; i++) {
        avcl_compiled *p = &s->programs[i];
        free(p->seconds);
        p->n_timed = 0;
        p->seconds = on ? calloc(p->n_steps + 1, sizeof *p->seconds) : NULL;
        if (on && !p->seconds)
            return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a profile");
    }
    return AVCL_OK;
}

static int is_program(avcl_program program)
{
    return program == AVCL_TRAIN || program == AVCL_EVAL;
}

uint32_t avcl_session_n_kernels(const avcl_session *s, avcl_program program)
{
    return is_program(program) ? s->programs[program].n_steps : 0;
}

static uint64_t bytes_of(const avcl_session *s, const avcl_ir *ir,
                         const avcl_ir_node *node)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < node->n_in + node->n_out; i++) {
        avcl_node value = i < node->n_in ? node->inputs[i] : node->first + i - node->n_in;
        const avcl_ir_value *v = &ir->values[value];
        bytes += s->api->bytes(s->device, v->tag, &v->info);
    }
    return bytes;
}

avcl_status avcl_session_get_kernel(const avcl_session *s, avcl_program program,
                                    uint32_t index, avcl_kernel_info *out)
{
    if (index >= avcl_session_n_kernels(s, program)) return AVCL_E_NOT_FOUND;
    const avcl_compiled *p = &s->programs[program];
    const avcl_ir *ir = &p->draft.ir;
    const avcl_ir_node *node = &ir->nodes[p->steps[index].node];
    memset(out, 0, sizeof *out);
    out->op = avcl__ir_node_name(node);
    out->path = node->path;
    out->where = node->where;
    out->text = "";
    if (s->api->kernel_text && p->steps[index].kernel)
        out->text = s->api->kernel_text(s->device, p->steps[index].kernel);
    out->info = ir->values[node->first].info;
    out->multiply_adds = avcl__multiply_adds(ir, node);
    out->bytes = bytes_of(s, ir, node);
    out->seconds = p->seconds ? p->seconds[index] : 0;
    out->n_runs = p->n_timed;
    return AVCL_OK;
}

avcl_status avcl_session_plan_row(const avcl_session *s, avcl_program program,
                                  uint32_t index, uint32_t i, char *row, uint64_t size)
{
    if (index >= avcl_session_n_kernels(s, program)) return AVCL_E_NOT_FOUND;
    if (!s->api->plan_row) return AVCL_END;
    const avcl_compiled *p = &s->programs[program];
    avcl_spec_frame frame;
    avcl__spec_fill(&frame, &p->draft.ir, &p->draft.ir.nodes[p->steps[index].node]);
    return s->api->plan_row(s->device, &frame.spec, i, row, size) ? AVCL_OK : AVCL_END;
}

avcl_status avcl_device_ceiling(avcl_host *host, const char *name, uint32_t n_threads,
                                int32_t which, double *out, avcl_error *err)
{
    const avcl_module *m =
        avcl_host_find(host, AVCL_KIND_DEVICE, name ? name : "cpu", err);
    if (!m) return AVCL_E_NOT_FOUND;
    const avcl_device_api *api = m->iface;
    if (!api->ceiling)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "device '%s' does not measure its ceilings", m->name);
    avcl_device_options options = {.n_threads = n_threads};
    avcl_device *device = NULL;
    avcl_status rc = api->open(avcl_host_get_api(host), &options, &device, err);
    if (rc) return rc;
    *out = api->ceiling(device, which);
    api->close(device);
    return AVCL_OK;
}
