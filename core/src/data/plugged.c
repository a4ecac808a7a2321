/*
 * plugged.c - opens a plugin's data set: its rows become a manifest, the rest is as for
 * files.
 *
 * Rows are asked for once, here; clips and sound whenever a sample is read.
 */
#include <stdlib.h>
#include <string.h>

#include "data/dataset_impl.h"

#include "data/plugged_impl.h"
#include "plugin/params.h"

enum { MAX_ROWS = INT32_MAX };

/* ---- rows -------------------------------------------------------------------------- */
static int has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ') return 1;
    return 0;
}

static avcl_status add_row(avcl_dataset *d, int64_t index, const avcl_dataset_row *row,
                           avcl_error *err)
{
    const char *label = row->label ? row->label : "";
    const char *split = row->split && *row->split ? row->split : "train";
    if (!row->name || !*row->name)
        return avcl_error_set(err, AVCL_E_INVALID, "%s: row %lld has no name",
                              d->manifest.file, (long long)index);
    if (has_control(row->name) || has_control(label) || has_control(split))
        return avcl_error_set(err, AVCL_E_INVALID,
                              "%s: row %lld has control characters in its texts",
                              d->manifest.file, (long long)index);
    avcl_manifest_row ours = {row->name, label, split, index + 1};
    d->plugged->files[index] = row->files;
    return avcl__manifest_add(&d->manifest, ours, err);
}

static avcl_status read_rows(avcl_dataset *d, avcl_error *err)
{
    avcl_plugged *p = d->plugged;
    avcl_asking a;
    avcl__ask(&a, &p->guest, "count", NULL);
    int64_t n = p->api->count(p->self);
    avcl_status status = avcl__asked(&a, AVCL_OK, err);
    if (status == AVCL_OK && (n < 1 || n > MAX_ROWS))
        status = avcl_error_set(err, AVCL_E_INVALID, "%s: it has %lld rows",
                                d->manifest.file, (long long)n);
    if (status) return status;
    p->files = calloc((size_t)n, sizeof *p->files);
    if (!p->files) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for rows");
    for (int64_t i = 0; i < n && status == AVCL_OK; i++) {
        avcl_dataset_row row = {0};
        avcl__ask(&a, &p->guest, "row", NULL);
        status = avcl__asked(&a, p->api->row(&a.reading, p->self, i, &row), err);
        if (status == AVCL_END)
            status = avcl_error_set(err, AVCL_E_ABI, "%s: row %lld of %lld is its end",
                                    d->manifest.file, (long long)i, (long long)n);
        if (status == AVCL_OK) status = add_row(d, i, &row, err);
    }
    return status;
}

/* Samples are known by name from here on: there need be no file of their own. */
static avcl_status know_names(avcl_dataset *d, avcl_error *err)
{
    avcl_plugged *p = d->plugged;
    p->first_row = malloc((size_t)d->n_files * sizeof *p->first_row);
    if (!p->first_row) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for rows");
    for (int64_t i = d->manifest.n; i-- > 0;)
        p->first_row[d->rows[i].file] = i;
    d->paths = d->rels;
    return AVCL_OK;
}

/* ---- open -------------------------------------------------------------------------- */
static avcl_status fill_params(avcl_dataset *d, const avcl_plugged_dataset *where,
                               avcl_error *err)
{
    avcl_plugged *p = d->plugged;
    const avcl_module *m = p->guest.module;
    avcl_arena *arena = &d->manifest.arena;
    const char *who = avcl__arena_format(arena, "data set '%s'", where->module);
    p->params = avcl__arena_alloc(arena, m->params_size + 1);
    if (!who || !p->params)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    memset(p->params, 0, m->params_size + 1);
    return avcl__params_fill(m->params, sizeof *m->params, m->n_params, where->params,
                             where->n_params, who, arena, p->params, err);
}

static avcl_status open_self(avcl_dataset *d, const char *path, avcl_error *err)
{
    avcl_plugged *p = d->plugged;
    avcl_asking a;
    void *self = NULL;
    path = avcl__arena_copy(&d->manifest.arena, path);
    if (!path) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    avcl__ask(&a, &p->guest, "open", NULL);
    avcl_status status =
        avcl__asked(&a, p->api->open(&a.reading, p->params, path, &self), err);
    if (status == AVCL_OK && !self)
        return avcl_error_set(err, AVCL_E_ABI, "%s: it opens and gives nothing",
                              p->guest.crumb.who);
    if (status == AVCL_OK) p->self = self;
    return status;
}

static avcl_status open_parts(avcl_dataset *d, const avcl_plugged_dataset *where,
                              const avcl_dataset_options *options, avcl_error *err)
{
    const char *path = where->path ? where->path : "";
    avcl_arena *arena = &d->manifest.arena;
    d->manifest.folder = "";
    d->manifest.file = avcl__arena_format(arena, "%s%s%s", d->plugged->guest.crumb.who,
                                          *path ? " on " : "", path);
    if (!d->manifest.file)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    avcl_status status = fill_params(d, where, err);
    if (status == AVCL_OK) status = open_self(d, path, err);
    if (status == AVCL_OK) status = read_rows(d, err);
    if (status == AVCL_OK) status = avcl__dataset_read_classes(d, options->classes, err);
    if (status == AVCL_OK) status = avcl__dataset_index(d, err);
    if (status == AVCL_OK) status = know_names(d, err);
    return status ? status : avcl__dataset_equip(d, options, err);
}

static avcl_plugged *new_plugged(avcl_host *host, const char *name, avcl_error *err)
{
    avcl_guest guest;
    if (avcl__guest_find(host, AVCL_KIND_DATASET, name, &guest, err)) return NULL;
    avcl_plugged *p = calloc(1, sizeof *p);
    if (!p) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
        return NULL;
    }
    p->guest = guest;
    p->api = guest.module->iface;
    return p;
}

avcl_dataset *avcl_dataset_open_plugin(avcl_host *host, const avcl_plugged_dataset *where,
                                       const avcl_dataset_options *options,
                                       avcl_error *err)
{
    static const avcl_dataset_options defaults = {0};
    avcl_error local = {0};
    if (!err) err = &local;
    avcl_plugged *p = new_plugged(host, where->module, err);
    if (!p) return NULL;
    avcl_dataset *d = avcl__dataset_new(err);
    if (!d) {
        free(p);
        return NULL;
    }
    d->plugged = p;
    p->d = d;
    d->source = avcl__plugged_source;
    d->source.arg = p;
    if (open_parts(d, where, options ? options : &defaults, err) == AVCL_OK) return d;
    avcl_dataset_free(d);
    return NULL;
}

void avcl__plugged_free(avcl_plugged *p)
{
    avcl_asking a;
    if (!p) return;
    if (p->self) {
        avcl__ask(&a, &p->guest, "close", NULL);
        p->api->close(p->self);
        avcl__asked(&a, AVCL_OK, NULL);
    }
    free(p->files);
    free(p->first_row);
    free(p);
}

/* ---- identity ---------------------------------------------------------------------- */
int avcl__plugged_is_synthetic(const avcl_plugged *p)
{
    return (p->api->flags & AVCL_DATASET_SYNTHETIC) != 0;
}

avcl_status avcl__plugged_describe(const avcl_plugged *p, avcl__text *out,
                                   avcl_error *err)
{
    const avcl_module *m = p->guest.module;
    char *params = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&params, &n);
    if (!f) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data's hash");
    for (uint32_t i = 0; i < m->n_params; i++)
        avcl__param_print(f, &m->params[i], p->params);
    int failed = fclose(f) || !params;
    if (!failed)
        avcl__text_format(out, "plugin %s/%u%s\n", p->guest.crumb.who, m->numerics,
                          params);
    free(params);
    return failed ? avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data's hash")
                  : AVCL_OK;
}

const char *const *avcl__plugged_files(const avcl_plugged *p, int64_t index)
{
    return p->files[p->first_row[index]];
}
