/* plugged_transform.c - transforms of plugins at the end of avcl's own of their field. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_impl.h"

#include "data/half.h"
#include "data/plugged_impl.h"
#include "data/transform_impl.h"
#include "plugin/params.h"

/* ---- adding ------------------------------------------------------------------------ */
/* "p" is the first row of every transform; its place is in the chain. */
static const avcl_param p_row[] = {AVCL_TRANSFORM_P};

static avcl_status take_p(const avcl_attr **given, uint32_t *n, const char *who,
                          avcl_attr *rest, double *p, avcl_error *err)
{
    avcl_attr own;
    uint32_t n_own = 0;
    uint32_t n_rest = 0;
    for (uint32_t i = 0; i < *n; i++) {
        if ((*given)[i].name && strcmp((*given)[i].name, "p") == 0 && !n_own) {
            own = (*given)[i];
            n_own = 1;
        } else {
            rest[n_rest++] = (*given)[i];
        }
    }
    *given = rest;
    *n = n_rest;
    return avcl__params_fill(p_row, sizeof *p_row, 1, n_own ? &own : NULL, n_own, who,
                             NULL, p, err);
}

static avcl_status fill(avcl_transforms *t, const avcl_module *m, const avcl_attr *given,
                        uint32_t n_given, avcl_plugged_transform *out, avcl_error *err)
{
    const char *who = avcl__arena_format(&t->arena, "transform '%s'", m->name);
    void *params = avcl__arena_alloc(&t->arena, m->params_size + 1);
    avcl_attr *rest = avcl__arena_alloc(&t->arena, (n_given + 1) * sizeof *rest);
    if (!who || !params || !rest)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for transform '%s'", m->name);
    memset(params, 0, m->params_size + 1);
    out->params = params;
    avcl_status status = take_p(&given, &n_given, who, rest, &out->p, err);
    if (status) return status;
    return avcl__params_fill(m->params, sizeof *m->params, m->n_params, given, n_given,
                             who, &t->arena, params, err);
}

/* Kept in the order of full names, whatever the order of adding. */
static avcl_status insert(avcl_transforms *t, const avcl_plugged_transform *new,
                          avcl_error *err)
{
    const char *name = new->guest.crumb.who;
    if (t->n_plugged == AVCL_MAX_TRANSFORMS)
        return avcl_error_set(err, AVCL_E_INVALID, "more than %d transforms of plugins",
                              AVCL_MAX_TRANSFORMS);
    uint32_t i = 0;
    while (i < t->n_plugged && strcmp(t->plugged[i].guest.crumb.who, name) < 0)
        i++;
    if (i < t->n_plugged && strcmp(t->plugged[i].guest.crumb.who, name) == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "transform '%s' twice", name);
    memmove(&t->plugged[i + 1], &t->plugged[i], (t->n_plugged - i) * sizeof *t->plugged);
    t->plugged[i] = *new;
    t->n_plugged++;
    return AVCL_OK;
}

avcl_status avcl_transforms_add_plugin(avcl_transforms *t, avcl_host *host,
                                       const char *name, const avcl_attr *given,
                                       uint32_t n_given, avcl_error *err)
{
    avcl_error local = {0};
    if (!err) err = &local;
    avcl_plugged_transform new = {0};
    avcl_status status =
        avcl__guest_find(host, AVCL_KIND_TRANSFORM, name, &new.guest, err);
    if (status) return status;
    new.salt = avcl__sample_key(new.guest.crumb.who);
    status = fill(t, new.guest.module, given, n_given, &new, err);
    return status ? status : insert(t, &new, err);
}

/* ---- applying ---------------------------------------------------------------------- */
static const avcl_custom_transform *api_of(const avcl_plugged_transform *x)
{
    return x->guest.module->iface;
}

int avcl__plugged_touch(const avcl_transforms *t, avcl_transform_field field)
{
    for (uint32_t i = 0; i < t->n_plugged; i++)
        if (api_of(&t->plugged[i])->field == field && t->plugged[i].p > 0) return 1;
    return 0;
}

static avcl_tensor clip_tensor(const avcl_matter *m)
{
    avcl_tensor t = {.data = m->rgb,
                     .dtype = AVCL_U8,
                     .ndim = 4,
                     .shape = {3, m->frames, m->side, m->side}};
    t.nbytes = 3 * (uint64_t)m->frames * (uint64_t)m->side * (uint64_t)m->side;
    return t;
}

static avcl_tensor real_tensor(float *data, int64_t n, int32_t side)
{
    avcl_tensor t = {.data = data,
                     .dtype = AVCL_F32,
                     .ndim = side ? 2 : 1,
                     .shape = {side ? side : n, side},
                     .nbytes = (uint64_t)n * sizeof(float)};
    return t;
}

static avcl_status check_finite(const avcl_plugged_transform *x, const avcl_tensor *t,
                                avcl_error *err)
{
    uint64_t n = t->dtype == AVCL_F32 ? t->nbytes / sizeof(float) : 0;
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(((const float *)t->data)[i]))
            return avcl_error_set(err, AVCL_E_NUMERIC, "%s: element %llu becomes %g",
                                  x->guest.crumb.who, (unsigned long long)i,
                                  (double)((const float *)t->data)[i]);
    return AVCL_OK;
}

/* Draw 0 of the stream says whether; the plugin's own begin behind it. */
static avcl_status apply_one(const avcl_plugged_transform *x, const avcl_draw *draw,
                             const avcl_matter *m, avcl_tensor *t, avcl_error *err)
{
    avcl_asking a;
    avcl_draw own = *draw;
    own.key ^= x->salt;
    own.stream = AVCL_STREAM_PLUGIN;
    own.word = 0;
    avcl_draw first = own;
    if (!(avcl__draw_unit(&first) < x->p)) return AVCL_OK;
    avcl__ask(&a, &x->guest, "apply", &own);
    a.reading.rate = m->rate;
    avcl_status rc = api_of(x)->apply(&a.reading, x->params, t);
    rc = avcl__asked(&a, rc, err);
    if (rc > 0)
        rc = avcl_error_set(err, AVCL_E_ABI, "%s: its apply gives %d", x->guest.crumb.who,
                            (int)rc);
    return rc ? rc : check_finite(x, t, err);
}

static avcl_status apply_all(const avcl_transforms *t, avcl_transform_field field,
                             const avcl_draw *draw, const avcl_matter *m,
                             avcl_tensor *tensor, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; i < t->n_plugged && !rc; i++)
        if (api_of(&t->plugged[i])->field == field)
            rc = apply_one(&t->plugged[i], draw, m, tensor, err);
    return rc;
}

/* Spectrograms are f16 in memory, which nobody wants to compute with. */
static avcl_status apply_mel(const avcl_transforms *t, const avcl_draw *draw,
                             const avcl_matter *m, avcl_error *err)
{
    int64_t n = (int64_t)m->side * m->side;
    float *floats = malloc((size_t)n * sizeof *floats + 1);
    if (!floats) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a spectrogram");
    for (int64_t i = 0; i < n; i++)
        floats[i] = avcl__half_to_float(m->mel[i]);
    avcl_tensor tensor = real_tensor(floats, n, m->side);
    avcl_status rc = apply_all(t, AVCL_FIELD_MEL, draw, m, &tensor, err);
    for (int64_t i = 0; i < n && !rc; i++)
        m->mel[i] = avcl__half_from_float(floats[i]);
    free(floats);
    return rc;
}

avcl_status avcl__plugged_apply(const avcl_transforms *t, avcl_transform_field field,
                                const avcl_draw *draw, avcl_matter *m, avcl_error *err)
{
    if (!avcl__plugged_touch(t, field)) return AVCL_OK;
    if (field == AVCL_FIELD_MEL) return apply_mel(t, draw, m, err);
    avcl_tensor tensor =
        field == AVCL_FIELD_CLIP ? clip_tensor(m) : real_tensor(m->wave, m->n_wave, 0);
    return apply_all(t, field, draw, m, &tensor, err);
}
