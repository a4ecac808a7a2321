/* snapshot.c - one host buffer, variables in registration order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir.h"
#include "train/snapshot.h"

enum { ALIGN = 64 };

static avcl_status measure(avcl_snapshot *shot, avcl_session *s, avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    avcl_variable v;
    avcl_tinfo info;
    shot->bytes = 0;
    for (uint32_t i = 0; i < shot->n; i++) {
        avcl_status rc = avcl_graph_get_variable(g, i, &v);
        if (!rc) rc = avcl_session_describe(s, v.name, &info, err);
        if (rc) return rc;
        shot->offset[i] = shot->bytes;
        shot->bytes += (avcl__tinfo_bytes(&info) + ALIGN - 1) / ALIGN * ALIGN;
    }
    return AVCL_OK;
}

static avcl_status allocate(avcl_snapshot *shot, avcl_session *s, avcl_error *err)
{
    if (shot->data) return AVCL_OK;
    shot->n = avcl_graph_n_variables(avcl_session_graph(s));
    shot->offset = calloc(shot->n + 1, sizeof *shot->offset);
    avcl_status rc = shot->offset ? measure(shot, s, err) : AVCL_E_NOMEM;
    if (!rc) shot->data = malloc(shot->bytes + 1);
    if (!rc && shot->data) return AVCL_OK;
    avcl__snapshot_release(shot);
    return avcl_error_set(err, rc ? rc : AVCL_E_NOMEM,
                          "out of memory for a copy of the weights");
}

/* Calls `move` for every variable with its place in the buffer. */
static avcl_status for_each(const avcl_snapshot *shot, avcl_session *s,
                            avcl_status (*move)(avcl_session *s, const avcl_variable *v,
                                                const avcl_tinfo *info, void *place,
                                                void *arg, avcl_error *err),
                            void *arg, avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < shot->n; i++) {
        avcl_variable v;
        avcl_tinfo info;
        rc = avcl_graph_get_variable(g, i, &v);
        if (!rc) rc = avcl_session_describe(s, v.name, &info, err);
        if (!rc) rc = move(s, &v, &info, shot->data + shot->offset[i], arg, err);
    }
    return rc;
}

static avcl_status read_one(avcl_session *s, const avcl_variable *v,
                            const avcl_tinfo *info, void *place, void *arg,
                            avcl_error *err)
{
    (void)arg;
    return avcl_session_read(s, v->name, place, avcl__tinfo_bytes(info), err);
}

static avcl_status write_one(avcl_session *s, const avcl_variable *v,
                             const avcl_tinfo *info, void *place, void *arg,
                             avcl_error *err)
{
    (void)arg;
    return avcl_session_write(s, v->name, place, avcl__tinfo_bytes(info), err);
}

static avcl_status put_one(avcl_session *s, const avcl_variable *v,
                           const avcl_tinfo *info, void *place, void *arg,
                           avcl_error *err)
{
    (void)s;
    avcl_tensor tensor = {.data = place,
                          .dtype = info->dtype,
                          .ndim = info->ndim,
                          .nbytes = avcl__tinfo_bytes(info)};
    char name[600];
    memcpy(tensor.shape, info->shape, sizeof tensor.shape);
    snprintf(name, sizeof name, "%s/%s", v->is_state ? "state" : "weight", v->name);
    return avcl_safetensors_put(arg, name, &tensor, err);
}

avcl_status avcl__snapshot_take(avcl_snapshot *shot, avcl_session *s, avcl_error *err)
{
    avcl_status rc = allocate(shot, s, err);
    return rc ? rc : for_each(shot, s, read_one, NULL, err);
}

avcl_status avcl__snapshot_restore(const avcl_snapshot *shot, avcl_session *s,
                                   avcl_error *err)
{
    if (!shot->data)
        return avcl_error_set(err, AVCL_E_NOT_FOUND, "there is no selected epoch yet");
    return for_each(shot, s, write_one, NULL, err);
}

avcl_status avcl__snapshot_put(const avcl_snapshot *shot, avcl_session *s,
                               avcl_safetensors *to, avcl_error *err)
{
    return for_each(shot, s, put_one, to, err);
}

void avcl__snapshot_release(avcl_snapshot *shot)
{
    free(shot->data);
    free(shot->offset);
    memset(shot, 0, sizeof *shot);
}
