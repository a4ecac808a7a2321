/* transform.c - the table of transforms, and chains of them. */
#include <stdlib.h>
#include <string.h>

#include "data/transform_impl.h"

#include "base/nearest.h"
#include "plugin/params.h"

static const avcl_transform *const table[] = {
    &avcl__speed, &avcl__temporal_jitter, &avcl__random_resized_crop,
    &avcl__flip,  &avcl__colour_jitter,   &avcl__gain,
    &avcl__noise, &avcl__time_shift,      &avcl__spec_augment,
};
enum { N_TRANSFORMS = sizeof table / sizeof *table };

uint32_t avcl_n_transforms(void)
{
    return N_TRANSFORMS;
}

avcl_status avcl_get_transform(uint32_t index, avcl_transform_info *out)
{
    if (index >= N_TRANSFORMS) return AVCL_E_NOT_FOUND;
    const avcl_transform *t = table[index];
    *out = (avcl_transform_info){t->name, t->summary, t->params, t->n_params, t->field};
    return AVCL_OK;
}

avcl_transforms *avcl_transforms_new(void)
{
    return calloc(1, sizeof(avcl_transforms));
}

void avcl_transforms_free(avcl_transforms *t)
{
    if (!t) return;
    avcl__arena_release(&t->arena);
    free(t);
}

static int32_t find(const char *name, avcl_error *err)
{
    const char *names[N_TRANSFORMS];
    for (int32_t i = 0; i < N_TRANSFORMS; i++) {
        names[i] = table[i]->name;
        if (!strcmp(name, names[i])) return i;
    }
    int32_t near = avcl__nearest(name, names, N_TRANSFORMS);
    avcl_error_set(err, AVCL_E_NOT_FOUND, "no transform '%s'%s%s%s", name,
                   near < 0 ? "" : ", did you mean '", near < 0 ? "" : names[near],
                   near < 0 ? "" : "'");
    return -1;
}

avcl_status avcl_transforms_add(avcl_transforms *t, const char *name,
                                const avcl_attr *given, uint32_t n_given, avcl_error *err)
{
    avcl_error local = {0};
    if (!err) err = &local;
    int32_t i = find(name, err);
    if (i < 0) return err->code;
    if (t->params[i])
        return avcl_error_set(err, AVCL_E_INVALID, "transform '%s' twice", name);
    const avcl_transform *d = table[i];
    void *params = avcl__arena_alloc(&t->arena, d->params_size);
    const char *who = avcl__arena_format(&t->arena, "transform '%s'", name);
    if (!params || !who)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for transform '%s'", name);
    memset(params, 0, d->params_size);
    avcl_status status = avcl__params_fill(d->params, sizeof *d->params, d->n_params,
                                           given, n_given, who, &t->arena, params, err);
    if (status == AVCL_OK) t->params[i] = params;
    return status;
}

int avcl__transforms_touch(const avcl_transforms *t, avcl_transform_field field)
{
    for (int32_t i = 0; t && i < N_TRANSFORMS; i++)
        if (t->params[i] && table[i]->field == field) return 1;
    return t && avcl__plugged_touch(t, field);
}

avcl_status avcl__transforms_apply(const avcl_transforms *t, avcl_transform_field field,
                                   const avcl_draw *draw, avcl_matter *m, avcl_error *err)
{
    for (int32_t i = 0; t && i < N_TRANSFORMS; i++) {
        const avcl_transform *d = table[i];
        if (!t->params[i] || d->field != field) continue;
        avcl_draw own = *draw;
        own.stream = d->stream;
        own.word = 0;
        double p = *(const double *)t->params[i];
        if (avcl__draw_unit(&own) < p) d->apply(t->params[i], &own, m);
    }
    return t ? avcl__plugged_apply(t, field, draw, m, err) : AVCL_OK;
}

double avcl__draw_unit(avcl_draw *draw)
{
    uint32_t word = draw->word++;
    avcl_philox r =
        avcl_philox_at(draw->seed, draw->key, draw->epoch, draw->stream, word / 4);
    return (double)avcl_philox_unit(r.x[word % 4]);
}

double avcl__draw_between(avcl_draw *draw, double low, double high)
{
    return low + (high - low) * avcl__draw_unit(draw);
}
