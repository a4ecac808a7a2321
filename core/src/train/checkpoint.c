/* checkpoint.c - weights and states by name, to and from safetensors files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/train.h"
#include "graph/ir.h"
#include "train/snapshot.h"

avcl_status avcl_checkpoint_save(avcl_session *s, const char *path, avcl_error *err)
{
    avcl_snapshot shot = {0};
    avcl_safetensors *st = avcl_safetensors_new();
    avcl_status rc =
        st ? AVCL_OK
           : avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
    if (!rc) rc = avcl__snapshot_take(&shot, s, err);
    if (!rc) rc = avcl__snapshot_put(&shot, s, st, err);
    if (!rc) rc = avcl_safetensors_save(st, path, err);
    avcl_safetensors_free(st);
    avcl__snapshot_release(&shot);
    return rc;
}

static int in_scope(const char *name, const char *scope)
{
    size_t n = strlen(scope);
    return strncmp(name, scope, n) == 0 && (name[n] == '/' || name[n] == '\0');
}

static int in_scopes(const char *name, const char *const *scopes, uint32_t n_scopes)
{
    if (!scopes) return 1;
    for (uint32_t i = 0; i < n_scopes; i++)
        if (in_scope(name, scopes[i])) return 1;
    return 0;
}

/* A scope that names nothing is a slip of the pen, not a smaller load. */
static avcl_status check_scopes(const avcl_graph *g, const char *const *scopes,
                                uint32_t n_scopes, avcl_error *err)
{
    avcl_variable v;
    for (uint32_t k = 0; scopes && k < n_scopes; k++) {
        int found = 0;
        for (uint32_t i = 0; !found && !avcl_graph_get_variable(g, i, &v); i++)
            found = in_scope(v.name, scopes[k]);
        if (!found)
            return avcl_error_set(err, AVCL_E_NOT_FOUND,
                                  "the model has nothing under '%s'", scopes[k]);
    }
    return AVCL_OK;
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

static avcl_status report(const misfits *m, const char *path, const char *what,
                          avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_INVALID, "%s: %u tensors %s: %s%s", path, m->n,
                          what, m->text, m->n > 5 ? ", …" : "");
}

static int graph_has(const avcl_graph *g, const char *name)
{
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++)
        if (strcmp(v.name, name) == 0) return 1;
    return 0;
}

/* A frozen weight is a state of the same name: either kind in the file will do. */
static avcl_status get_tensor(const avcl_safetensors *st, const avcl_variable *v,
                              avcl_tensor *out, avcl_error *err)
{
    static const char *const kinds[] = {"weight", "state"};
    char name[600];
    avcl_error local = {0};
    snprintf(name, sizeof name, "%s/%s", kinds[v->is_state != 0], v->name);
    avcl_status rc = avcl_safetensors_get(st, name, out, &local);
    if (rc == AVCL_E_NOT_FOUND) {
        local = (avcl_error){0};
        snprintf(name, sizeof name, "%s/%s", kinds[v->is_state == 0], v->name);
        rc = avcl_safetensors_get(st, name, out, &local);
    }
    return rc ? avcl_error_set(err, rc, "%s", local.message) : AVCL_OK;
}

static avcl_status check_names(avcl_session *s, const avcl_safetensors *st,
                               const char *path, const char *const *scopes,
                               uint32_t n_scopes, avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    misfits missing = {0};
    misfits extra = {0};
    avcl_variable v;
    avcl_tensor tensor;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        if (!in_scopes(v.name, scopes, n_scopes)) continue;
        avcl_error local = {0};
        avcl_status rc = get_tensor(st, &v, &tensor, &local);
        if (rc == AVCL_E_NOT_FOUND)
            add_misfit(&missing, v.name);
        else if (rc)
            return avcl_error_set(err, rc, "%s", local.message);
    }
    for (uint32_t i = 0; i < avcl_safetensors_count(st); i++) {
        const char *name = variable_of(avcl_safetensors_name(st, i));
        if (name && in_scopes(name, scopes, n_scopes) && !graph_has(g, name))
            add_misfit(&extra, name);
    }
    if (missing.n) return report(&missing, path, "of the model are missing", err);
    if (extra.n) return report(&extra, path, "are not in the model", err);
    return AVCL_OK;
}

static avcl_status find_in_file(avcl_session *s, const avcl_safetensors *st,
                                const avcl_variable *v, avcl_tensor *t, avcl_tinfo *info,
                                avcl_error *err)
{
    avcl_status rc = get_tensor(st, v, t, err);
    return rc ? rc : avcl_session_describe(s, v->name, info, err);
}

/* f32 and f64 convert into each other; anything else must be equal. */
static avcl_status check_one(avcl_session *s, const avcl_safetensors *st,
                             const avcl_variable *v, avcl_error *err)
{
    avcl_tensor t;
    avcl_tinfo info;
    avcl_status rc = find_in_file(s, st, v, &t, &info, err);
    if (rc) return rc;
    if (t.ndim != info.ndim || memcmp(t.shape, info.shape, (size_t)t.ndim * 8) != 0) {
        avcl_tinfo in_file = {.ndim = t.ndim};
        char a[96];
        char b[96];
        memcpy(in_file.shape, t.shape, sizeof t.shape);
        avcl__tinfo_text(&in_file, a);
        avcl__tinfo_text(&info, b);
        return avcl_error_set(err, AVCL_E_SHAPE,
                              "'%s' is %s in the file, %s in the model", v->name, a, b);
    }
    int converts = avcl__dtype_is_real(t.dtype) && avcl__dtype_is_real(info.dtype);
    if (t.dtype == info.dtype || converts) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_DTYPE, "'%s' is %s in the file, %s in the model",
                          v->name, avcl__dtype_name(t.dtype),
                          avcl__dtype_name(info.dtype));
}

static avcl_status load_one(avcl_session *s, const avcl_safetensors *st,
                            const avcl_variable *v, void *room, avcl_error *err)
{
    avcl_tensor t;
    avcl_tinfo info;
    avcl_status rc = find_in_file(s, st, v, &t, &info, err);
    if (rc) return rc;
    if (t.dtype == info.dtype)
        return avcl_session_write(s, v->name, t.data, t.nbytes, err);
    uint64_t n = avcl__tinfo_count(&info);
    for (uint64_t i = 0; i < n; i++) {
        if (info.dtype == AVCL_F64)
            ((double *)room)[i] = ((const float *)t.data)[i];
        else
            ((float *)room)[i] = (float)((const double *)t.data)[i];
    }
    return avcl_session_write(s, v->name, room, avcl__tinfo_bytes(&info), err);
}

typedef struct choice {
    const char *const *scopes;
    uint32_t n;
} choice;

/* All is checked, and the room for conversions found, before the first tensor is written:
 * a refused file leaves the session as it was. */
static avcl_status load_all(avcl_session *s, const avcl_safetensors *st, const choice *of,
                            avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    avcl_variable v;
    avcl_status rc = AVCL_OK;
    uint64_t largest = 1;
    for (uint32_t i = 0; !rc && !avcl_graph_get_variable(g, i, &v); i++) {
        if (!in_scopes(v.name, of->scopes, of->n)) continue;
        rc = check_one(s, st, &v, err);
        uint64_t n = avcl__tinfo_count(&v.info) * sizeof(double);
        if (n > largest) largest = n;
    }
    void *room = rc ? NULL : malloc(largest);
    if (!rc && !room)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
    for (uint32_t i = 0; !rc && !avcl_graph_get_variable(g, i, &v); i++)
        if (in_scopes(v.name, of->scopes, of->n)) rc = load_one(s, st, &v, room, err);
    free(room);
    return rc;
}

avcl_status avcl_checkpoint_load(avcl_session *s, const char *path,
                                 const char *const *scopes, uint32_t n_scopes,
                                 avcl_error *err)
{
    avcl_error why = {0};
    const choice of = {scopes, n_scopes};
    avcl_safetensors *st = avcl_safetensors_open(path, &why);
    if (!st) return avcl_error_set(err, why.code, "%s", why.message);
    avcl_status rc = check_scopes(avcl_session_graph(s), scopes, n_scopes, err);
    if (!rc) rc = check_names(s, st, path, scopes, n_scopes, err);
    if (!rc) rc = load_all(s, st, &of, err);
    avcl_safetensors_free(st);
    return rc;
}
