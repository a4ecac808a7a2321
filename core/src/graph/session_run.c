/* session_run.c - running a program, looking for bad numbers, committing states. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/custom.h"
#include "graph/session_impl.h"

void avcl_session_set_rng(avcl_session *s, uint64_t seed, uint64_t step,
                          uint64_t first_row)
{
    int64_t key[3] = {(int64_t)seed, (int64_t)step, (int64_t)first_row};
    s->api->upload(s->device, s->rng.data, key, sizeof key);
}

avcl_status avcl__session_run_step(avcl_session *s, const avcl_compiled *p,
                                   const avcl_step *step, avcl_error *err)
{
    avcl_status rc = step->custom ? avcl__custom_run(step->custom, err)
                                  : s->api->run(s->device, step->kernel, step->inputs,
                                                step->outputs, step->scratch, err);
    if (rc) {
        char text[256];
        avcl__node_text(&p->draft.ir.nodes[step->node], text);
        avcl_error_prefix(err, "%s", text);
    }
    return rc;
}

static avcl_compiled *get(avcl_session *s, avcl_program program, avcl_error *err)
{
    if (program == AVCL_TRAIN || program == AVCL_EVAL) return &s->programs[program];
    avcl_error_set(err, AVCL_E_INVALID, "program %d is neither TRAIN nor EVAL", program);
    return NULL;
}

static avcl_status run_all(avcl_session *s, const avcl_compiled *p, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < p->n_steps; i++)
        rc = avcl__session_run_step(s, p, &p->steps[i], err);
    return rc;
}

avcl_status avcl_session_run(avcl_session *s, avcl_program program, avcl_error *err)
{
    avcl_compiled *p = get(s, program, err);
    if (!p) return AVCL_E_INVALID;
    avcl_status rc = p->seconds ? avcl__session_run_timed(s, p, err) : run_all(s, p, err);
    s->ran = rc ? -1 : program;
    return rc;
}

/* ---- looking at every value
 * -------------------------------------------------------------- */

static int is_finite(avcl_session *s, avcl_dtype dtype, const void *data, uint64_t bytes,
                     void *bounce)
{
    enum { BF16_EXPONENT = 0x7f80 };
    s->api->download(s->device, bounce, data, bytes);
    if (dtype == AVCL_BF16) {
        for (uint64_t i = 0; i < bytes / sizeof(uint16_t); i++)
            if ((((const uint16_t *)bounce)[i] & BF16_EXPONENT) == BF16_EXPONENT)
                return 0;
        return 1;
    }
    if (dtype == AVCL_F64) {
        for (uint64_t i = 0; i < bytes / sizeof(double); i++)
            if (!isfinite(((const double *)bounce)[i])) return 0;
        return 1;
    }
    for (uint64_t i = 0; i < bytes / sizeof(float); i++)
        if (!isfinite(((const float *)bounce)[i])) return 0;
    return 1;
}

static uint64_t largest(avcl_session *s, const avcl_ir *ir)
{
    uint64_t most = 64;
    for (uint32_t v = 1; v < ir->n_values; v++) {
        uint64_t n = s->api->bytes(s->device, ir->values[v].tag, &ir->values[v].info);
        if (n > most) most = n;
    }
    return most;
}

static avcl_status check_value(avcl_session *s, const avcl_ir *ir, avcl_node value,
                               const void *data, void *bounce, avcl_error *err)
{
    const avcl_ir_value *v = &ir->values[value];
    if (!avcl__dtype_is_real(v->info.dtype) && v->info.dtype != AVCL_BF16) return AVCL_OK;
    uint64_t bytes = s->api->bytes(s->device, v->tag, &v->info);
    if (is_finite(s, v->info.dtype, data, bytes, bounce)) return AVCL_OK;
    char text[256];
    char shape[96];
    avcl__node_text(&ir->nodes[v->node], text);
    avcl__tinfo_text(&v->info, shape);
    return avcl_error_set(err, AVCL_E_NUMERIC, "%s: output %u %s is not finite", text,
                          v->index, shape);
}

static avcl_status check_sources(avcl_session *s, const avcl_compiled *p, void *bounce,
                                 avcl_error *err)
{
    const avcl_ir *ir = &p->draft.ir;
    avcl_status rc = AVCL_OK;
    for (uint32_t n = 0; !rc && n < ir->n_nodes; n++)
        if (ir->nodes[n].source)
            rc = check_value(s, ir, ir->nodes[n].first,
                             p->plan.values[ir->nodes[n].first].fixed, bounce, err);
    return rc;
}

avcl_status avcl_session_run_checked(avcl_session *s, avcl_program program,
                                     avcl_error *err)
{
    avcl_compiled *p = get(s, program, err);
    if (!p) return AVCL_E_INVALID;
    const avcl_ir *ir = &p->draft.ir;
    void *bounce = malloc(largest(s, ir));
    if (!bounce)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checked run");
    avcl_status rc = check_sources(s, p, bounce, err);
    for (uint32_t i = 0; !rc && i < p->n_steps; i++) {
        const avcl_step *step = &p->steps[i];
        const avcl_ir_node *node = &ir->nodes[step->node];
        rc = avcl__session_run_step(s, p, step, err);
        for (uint32_t k = 0; !rc && k < node->n_out; k++)
            rc = check_value(s, ir, node->first + k, step->outputs[k], bounce, err);
    }
    s->ran = rc ? -1 : program;
    free(bounce);
    return rc;
}

/* ---- commits
 * ---------------------------------------------------------------------------------- */

static avcl_status commit_states(avcl_session *s, int32_t program, avcl_error *err)
{
    const avcl_commit *c = s->commits.data;
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < s->commits.n; i++)
        if (c[i].program == program)
            rc = s->api->run(s->device, c[i].kernel, &c[i].from, (void *const *)&c[i].to,
                             c[i].scratch, err);
    return rc;
}

static avcl_status check_rows(avcl_session *s, const avcl_graph_rows *row,
                              const int32_t *index, int64_t n, avcl_error *err)
{
    const avcl_graph_variable *v = avcl__graph_variable(s->g, row->variable);
    int64_t n_rows = s->variables[row->variable].info.shape[0];
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= n_rows)
            return avcl_error_set(err, AVCL_E_INVALID,
                                  "assign_rows to '%s': row %d of %lld does not exist",
                                  v->name, index[i], (long long)n_rows);
    return AVCL_OK;
}

/* By way of the host, only the rows that change: the state may be a long queue. */
static avcl_status commit_rows(avcl_session *s, uint32_t i, avcl_error *err)
{
    const avcl_graph_rows *row = (const avcl_graph_rows *)s->g->rows.data + i;
    const avcl_storage *to = &s->variables[row->variable];
    const avcl_storage *from_index = &s->rows[2 * i];
    const avcl_storage *from = &s->rows[2 * i + 1];
    int64_t n = from_index->info.shape[0];
    uint64_t row_bytes = from->bytes / (uint64_t)n;
    int32_t *index = malloc(from_index->bytes);
    char *values = malloc(from->bytes);
    avcl_status rc = AVCL_OK;
    if (!index || !values)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for assign_rows");
    if (!rc) {
        s->api->download(s->device, index, from_index->data, from_index->bytes);
        s->api->download(s->device, values, from->data, from->bytes);
        rc = check_rows(s, row, index, n, err);
    }
    for (int64_t k = 0; !rc && k < n; k++)
        s->api->upload(s->device, (char *)to->data + (uint64_t)index[k] * row_bytes,
                       values + (uint64_t)k * row_bytes, row_bytes);
    free(values);
    free(index);
    return rc;
}

avcl_status avcl_session_commit(avcl_session *s, avcl_error *err)
{
    if (s->ran != AVCL_TRAIN)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "commit without a TRAIN run before it");
    s->ran = -1; /* once per step */
    avcl_status rc = commit_states(s, AVCL_TRAIN, err);
    for (uint32_t i = 0; !rc && i < s->g->rows.n; i++)
        rc = commit_rows(s, i, err);
    return rc;
}

avcl_status avcl_session_update(avcl_session *s, avcl_error *err)
{
    avcl_compiled *p = &s->programs[AVCL_PROGRAM_UPDATE];
    if (!p->is_ready) return AVCL_OK;
    avcl_status rc = run_all(s, p, err);
    return rc ? rc : commit_states(s, AVCL_PROGRAM_UPDATE, err);
}
