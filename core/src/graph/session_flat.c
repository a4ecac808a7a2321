/* session_flat.c - the flat buffers of weights, gradients and momentum, and SGD on them.
 */
#include <string.h>

#include "avcl/ops.h"
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

/* Momentum starts as zeros, when the first optimiser step or checkpoint asks for it. */
static avcl_status need_momentum(avcl_session *s, avcl_error *err)
{
    if (s->flat[AVCL_FLAT_MOMENTUM] || s->n_flat == 0) return AVCL_OK;
    avcl_tinfo info = {.dtype = s->real, .ndim = 1, .shape = {(int64_t)s->n_flat}};
    avcl_storage storage = {0};
    avcl_status rc = avcl__session_alloc(s, &info, &s->weight_bytes, &storage, err);
    if (!rc) s->flat[AVCL_FLAT_MOMENTUM] = storage.data;
    return rc;
}

static void drop_sgd(avcl_session *s)
{
    if (s->sgd_kernel) s->api->release(s->device, s->sgd_kernel);
    s->sgd_kernel = NULL;
}

static avcl_status prepare_sgd(avcl_session *s, const avcl_sgd *sgd, uint64_t n,
                               avcl_error *err)
{
    int is_same = s->sgd_kernel && s->sgd_n == n && s->sgd.momentum == sgd->momentum &&
                  s->sgd.weight_decay == sgd->weight_decay &&
                  s->sgd.nesterov == sgd->nesterov;
    if (is_same) return AVCL_OK;
    drop_sgd(s);
    avcl_sgd_attrs attrs = {sgd->momentum, sgd->weight_decay, sgd->nesterov, 0};
    avcl_tinfo flat = {.dtype = s->real, .ndim = 1, .shape = {(int64_t)n}};
    avcl_tinfo lr = {.dtype = s->real};
    avcl_tinfo in[4] = {flat, flat, flat, lr};
    avcl_tinfo out[2] = {flat, flat};
    uint32_t tags[4] = {0};
    uint64_t scratch = 0;
    avcl_kernel_spec spec = {"sgd", &attrs, 4, 2, in, out, tags, tags};
    avcl_status rc = s->api->prepare(s->device, &spec, &s->sgd_kernel, &scratch, err);
    s->sgd = *sgd;
    s->sgd_n = n;
    if (!rc) rc = avcl__session_scratch(s, scratch, &s->sgd_scratch, err);
    if (!rc && !s->sgd_lr.data)
        rc = avcl__session_alloc(s, &lr, &s->io_bytes, &s->sgd_lr, err);
    if (rc) drop_sgd(s); /* a kernel stands for all that it needs */
    return rc;
}

avcl_status avcl_session_sgd(avcl_session *s, const avcl_sgd *sgd, uint64_t first,
                             uint64_t n, avcl_error *err)
{
    uint64_t size = avcl__dtype_bytes(s->real);
    if (n == 0) return AVCL_OK;
    if (first > s->n_flat || n > s->n_flat - first || !s->flat[AVCL_FLAT_GRADIENTS])
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "SGD on %llu weights from %llu of %llu, or without gradients",
            (unsigned long long)n, (unsigned long long)first,
            (unsigned long long)s->n_flat);
    avcl_status rc = need_momentum(s, err);
    if (!rc) rc = prepare_sgd(s, sgd, n, err);
    if (rc) return rc;
    float narrow = (float)sgd->lr;
    s->api->upload(s->device, s->sgd_lr.data,
                   s->real == AVCL_F64 ? (const void *)&sgd->lr : (const void *)&narrow,
                   size);
    char *w = (char *)s->flat[AVCL_FLAT_WEIGHTS] + first * size;
    char *g = (char *)s->flat[AVCL_FLAT_GRADIENTS] + first * size;
    char *v = (char *)s->flat[AVCL_FLAT_MOMENTUM] + first * size;
    const void *in[4] = {w, g, v, s->sgd_lr.data};
    void *out[2] = {w, v};
    return s->api->run(s->device, s->sgd_kernel, in, out, s->sgd_scratch, err);
}

static avcl_status find_flat(avcl_session *s, int32_t which, uint64_t nbytes, void **out,
                             avcl_error *err)
{
    uint64_t have = s->n_flat * avcl__dtype_bytes(s->real);
    if (which < 0 || which > 2 || nbytes != have)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "flat buffer %d holds %llu bytes, got %llu", which,
                              (unsigned long long)have, (unsigned long long)nbytes);
    avcl_status rc = which == AVCL_FLAT_MOMENTUM ? need_momentum(s, err) : AVCL_OK;
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
