/* session_flat.c - the flat buffers of weights, gradients and optimiser state. */
#include <string.h>

#include "graph/session_impl.h"

uint64_t avcl_session_n_weights(const avcl_session *s)
{
    return s->n_flat;
}

avcl_status avcl_session_weight_range(const avcl_session *s, const char *name,
                                      uint64_t *first, uint64_t *n, avcl_error *err)
{
    for (uint32_t i = 0; i < s->g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(s->g, i);
        if (v->source != AVCL_SOURCE_WEIGHT || strcmp(v->name, name) != 0) continue;
        *first = s->flat_first[i];
        *n = avcl__tinfo_count(&v->info);
        return AVCL_OK;
    }
    return avcl_error_set(err, AVCL_E_NOT_FOUND, "no weight '%s'", name);
}

avcl_status avcl__session_need_flat(avcl_session *s, int32_t which, avcl_error *err)
{
    if (s->flat[which] || s->n_flat == 0) return AVCL_OK;
    avcl_tinfo info = {.dtype = s->real, .ndim = 1, .shape = {(int64_t)s->n_flat}};
    avcl_storage storage = {0};
    avcl_status rc = avcl__session_alloc(s, &info, &s->weight_bytes, &storage, err);
    if (!rc) s->flat[which] = storage.data;
    return rc;
}

static avcl_status find_flat(avcl_session *s, int32_t which, uint64_t nbytes, void **out,
                             avcl_error *err)
{
    uint64_t have = s->n_flat * avcl__dtype_bytes(s->real);
    if (which < 0 || which >= AVCL_N_FLATS || nbytes != have)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "flat buffer %d holds %llu bytes, got %llu", which,
                              (unsigned long long)have, (unsigned long long)nbytes);
    avcl_status rc =
        which >= AVCL_FLAT_MOMENTUM ? avcl__session_need_flat(s, which, err) : AVCL_OK;
    if (rc) return rc;
    if (!s->flat[which])
        return avcl_error_set(err, AVCL_E_INVALID, "the session has no gradients");
    *out = s->flat[which];
    return AVCL_OK;
}

avcl_status avcl_session_read_flat(avcl_session *s, int32_t which, void *data,
                                   uint64_t nbytes, avcl_error *err)
{
    void *from = NULL;
    if (s->n_flat == 0 && nbytes == 0) return AVCL_OK;
    avcl_status rc = find_flat(s, which, nbytes, &from, err);
    if (!rc) s->api->download(s->device, data, from, nbytes);
    return rc;
}

avcl_status avcl_session_write_flat(avcl_session *s, int32_t which, const void *data,
                                    uint64_t nbytes, avcl_error *err)
{
    void *to = NULL;
    if (s->n_flat == 0 && nbytes == 0) return AVCL_OK;
    avcl_status rc = find_flat(s, which, nbytes, &to, err);
    if (!rc) s->api->upload(s->device, to, data, nbytes);
    return rc;
}
