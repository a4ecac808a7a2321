/* checkpoint.c - weights and states by name, to and from safetensors files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir.h"
#include "train/snapshot.h"
#include "avcl/train.h"

avcl_status avcl_checkpoint_save(avcl_session *s, const char *path, avcl_error *err)
{
    avcl_snapshot shot = {0};
    avcl_safetensors *st = avcl_safetensors_new();
    avcl_status rc =
        st ? AVCL_OK : avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
    if (!rc) rc = avcl__snapshot_take(&shot, s, err);
    if (!rc) rc = avcl__snapshot_put(&shot, s, st, err);
    if (!rc) rc = avcl_safetensors_save(st, path, err);
    avcl_safetensors_free(st);
    avcl__snapshot_release(&shot);
    return rc;
}

static int in_scopes(const char *name, const char *const *scopes, uint32_t n_scopes)
{
    if (!scopes) return 1;
    for (uint32_t i = 0; i < n_scopes; i++) {
        size_t n = strlen(scopes[i]);
        if (strncmp(name, scopes[i], n) == 0 && (name[n] == '/' || name[n] == '\0')) return 1;
    }
    return 0;
}

/* Names of tensors: "weight/…" and "state/…" only; NULL for others. */
static const char *variable_of(const char *tensor)
{
    if (strncmp(tensor, "weight/", 7) == 0) return tensor + 7;
    if (strncmp(tensor, "state/", 6) == 0) return tensor + 6;
    return NULL;
}

typedef struct misfits { /* a bounded list for one sentence */
    char text[512];
    uint32_t n;
} misfits;

static void add_misfit(misfits *m, const char *name)
{
    size_t used = strlen(m->text);
    if (m->n++ < 5)
        snprintf(m->text + used, sizeof m->text - used, "%s'%s'", used ? ", " : "", name);
}

static avcl_status report(const misfits *m, const char *path, const char *what, avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_INVALID, "%s: %u tensors %s: %s%s", path, m->n, what,
                          m->text, m->n > 5 ? ", …" : "");
}

static int graph_has(const avcl_graph *g, const char *name)
{
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++)
        if (strcmp(v.name, name) == 0) return 1;
    return 0;
}

static avcl_status check_names(avcl_session *s, const avcl_safetensors *st, const char *path,
                               const char *const *scopes, uint32_t n_scopes, avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    misfits missing = {0};
    misfits extra = {0};
    avcl_variable v;
    avcl_tensor tensor;
    uint32_t n_wanted = 0;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        char name[600];
        if (!in_scopes(v.name, scopes, n_scopes)) continue;
        n_wanted++;
        snprintf(name, sizeof name, "%s/%s", v.is_state ? "state" : "weight", v.name);
        avcl_error local = {0};
        avcl_status rc = avcl_safetensors_get(st, name, &tensor, &local);
        if (rc == AVCL_E_NOT_FOUND) add_misfit(&missing, v.name);
        else if (rc) return avcl_error_set(err, rc, "%s", local.message);
    }
    for (uint32_t i = 0; i < avcl_safetensors_count(st); i++) {
        const char *name = variable_of(avcl_safetensors_name(st, i));
        if (name && in_scopes(name, scopes, n_scopes) && !graph_has(g, name))
            add_misfit(&extra, name);
    }
    if (missing.n) return report(&missing, path, "of the model are missing", err);
    if (extra.n) return report(&extra, path, "are not in the model", err);
    if (n_wanted == 0 && scopes)
        return avcl_error_set(err, AVCL_E_NOT_FOUND, "the model has nothing under '%s'",
                              n_scopes ? scopes[0] : "");
    return AVCL_OK;
}

/* f32 and f64 convert into each other; anything else must be equal. */
static avcl_status write_as(avcl_session *s, const char *name, const avcl_tensor *t,
                            const avcl_tinfo *info, avcl_error *err)
{
    if (t->dtype == info->dtype) return avcl_session_write(s, name, t->data, t->nbytes, err);
    uint64_t n = avcl__tinfo_count(info);
    if (!avcl__dtype_is_real(t->dtype) || !avcl__dtype_is_real(info->dtype))
        return avcl_error_set(err, AVCL_E_DTYPE, "'%s' is %s in the file, %s in the model", name,
                              avcl__dtype_name(t->dtype), avcl__dtype_name(info->dtype));
    void *converted = malloc(avcl__tinfo_bytes(info));
    if (!converted) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for '%s'", name);
    for (uint64_t i = 0; i < n; i++) {
        if (info->dtype == AVCL_F64)
            ((double *)converted)[i] = ((const float *)t->data)[i];
        else
            ((float *)converted)[i] = (float)((const double *)t->data)[i];
    }
    avcl_status rc = avcl_session_write(s, name, converted, avcl__tinfo_bytes(info), err);
    free(converted);
    return rc;
}

static avcl_status load_one(avcl_session *s, const avcl_safetensors *st, const avcl_variable *v,
                            avcl_error *err)
{
    char name[600];
    avcl_tensor t;
    avcl_tinfo info;
    snprintf(name, sizeof name, "%s/%s", v->is_state ? "state" : "weight", v->name);
    avcl_status rc = avcl_safetensors_get(st, name, &t, err);
    if (!rc) rc = avcl_session_describe(s, v->name, &info, err);
    if (rc) return rc;
    int fits = t.ndim == info.ndim && memcmp(t.shape, info.shape, (size_t)t.ndim * 8) == 0;
    if (fits) return write_as(s, v->name, &t, &info, err);
    avcl_tinfo in_file = {.ndim = t.ndim};
    char a[96];
    char b[96];
    memcpy(in_file.shape, t.shape, sizeof t.shape);
    avcl__tinfo_text(&in_file, a);
    avcl__tinfo_text(&info, b);
    return avcl_error_set(err, AVCL_E_SHAPE, "'%s' is %s in the file, %s in the model", v->name, a,
                          b);
}

avcl_status avcl_checkpoint_load(avcl_session *s, const char *path, const char *const *scopes,
                                 uint32_t n_scopes, avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    avcl_safetensors *st = avcl_safetensors_open(path, err);
    avcl_variable v;
    if (!st) return AVCL_E_NOT_FOUND;
    avcl_status rc = check_names(s, st, path, scopes, n_scopes, err);
    for (uint32_t i = 0; !rc && !avcl_graph_get_variable(g, i, &v); i++)
        if (in_scopes(v.name, scopes, n_scopes)) rc = load_one(s, st, &v, err);
    avcl_safetensors_free(st);
    return rc;
}
