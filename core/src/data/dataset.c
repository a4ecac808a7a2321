/* dataset.c - opens a manifest as a data set and answers what is in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "avcl/data.h"

#include "data/dataset_impl.h"
#include "data/plugged_impl.h"
#include "data/sampler.h"

uint64_t avcl__sample_key(const char *rel)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *rel; rel++)
        h = (h ^ (unsigned char)*rel) * 0x100000001B3u;
    /* FNV's high bits lag behind its last bytes; the finaliser spreads them. */
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
    return h ^ (h >> 31);
}

void avcl__dataset_set_source(avcl_dataset *d, const avcl_source *source)
{
    d->source = *source;
}

/* Made by the generator when synth.yaml beside the manifest has a `generator:` line. */
static avcl_status find_generator(avcl_dataset *d, avcl_error *err)
{
    struct stat st;
    size_t n = 0;
    const char *path =
        avcl__arena_format(&d->manifest.arena, "%s/synth.yaml", d->manifest.folder);
    if (!path) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    if (stat(path, &st)) return AVCL_OK;
    char *text = avcl__text_read(path, &n, err);
    if (!text) return err->code;
    if (!strncmp(text, "generator:", 10) || strstr(text, "\ngenerator:"))
        d->generator = text;
    else
        free(text);
    return AVCL_OK;
}

static avcl_status open_prepared(avcl_dataset *d, const char *path, avcl_error *err)
{
    d->prepared = avcl__prepared_open(path, err);
    if (!d->prepared) return AVCL_E_CORRUPT;
    const char *rows = avcl__prepared_text(d->prepared, AVCL_TEXT_MANIFEST);
    const char *generator = avcl__prepared_text(d->prepared, AVCL_TEXT_GENERATOR);
    size_t n = strlen(rows);
    char *copy = malloc(n + 1);
    if (*generator) d->generator = strdup(generator);
    if (!copy || (*generator && !d->generator)) {
        free(copy);
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    }
    memcpy(copy, rows, n + 1);
    avcl_status status = avcl__manifest_from_text(
        &d->manifest, path, avcl__prepared_text(d->prepared, AVCL_TEXT_FOLDER), copy, n,
        err);
    free(copy);
    if (status) avcl_error_prefix(err, "%s", path);
    return status;
}

/* The classes it was prepared with, unless the caller names others. */
static avcl_status open_files(avcl_dataset *d, const char *path,
                              const avcl_dataset_options *options, avcl_error *err)
{
    if (!avcl__prepared_is(path)) {
        avcl_status status = avcl__manifest_read(&d->manifest, path, err);
        if (status == AVCL_OK) status = find_generator(d, err);
        if (status == AVCL_OK)
            status = avcl__dataset_read_classes(d, options->classes, err);
        return status;
    }
    avcl_status status = open_prepared(d, path, err);
    if (status) return status;
    if (options->classes) return avcl__dataset_read_classes(d, options->classes, err);
    return avcl__dataset_take_classes(
        d, avcl__prepared_text(d->prepared, AVCL_TEXT_CLASSES), err);
}

static avcl_status open_parts(avcl_dataset *d, const char *path,
                              const avcl_dataset_options *options, avcl_error *err)
{
    avcl_status status = open_files(d, path, options, err);
    if (status == AVCL_OK) status = avcl__dataset_index(d, err);
    if (status == AVCL_OK && d->prepared &&
        d->n_files != avcl__prepared_count(d->prepared))
        status = avcl_error_set(
            err, AVCL_E_CORRUPT, "'%s' holds %lld clips and its manifest names %lld",
            path, (long long)avcl__prepared_count(d->prepared), (long long)d->n_files);
    return status ? status : avcl__dataset_equip(d, options, err);
}

avcl_status avcl__dataset_equip(avcl_dataset *d, const avcl_dataset_options *options,
                                avcl_error *err)
{
    if (options->cache_path &&
        !(d->hash_cache = avcl__arena_copy(&d->manifest.arena, options->cache_path)))
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    uint64_t mib = options->memory_cache_mib;
    d->cache =
        avcl__cache_new(mib > UINT64_MAX >> 20 ? UINT64_MAX : mib << 20, d->n_files);
    if (!d->cache) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    return AVCL_OK;
}

avcl_dataset *avcl__dataset_new(avcl_error *err)
{
    avcl_dataset *d = calloc(1, sizeof *d);
    if (d && pthread_mutex_init(&d->lock, NULL) == 0) return d;
    free(d);
    avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
    return NULL;
}

avcl_dataset *avcl_dataset_open(const char *path, const avcl_dataset_options *options,
                                avcl_error *err)
{
    static const avcl_dataset_options defaults = {0};
    avcl_error local = {0};
    if (!err) err = &local;
    avcl_dataset *d = avcl__dataset_new(err);
    if (!d) return NULL;
    d->source = avcl__media_source;
    if (open_parts(d, path, options ? options : &defaults, err)) {
        avcl_dataset_free(d);
        return NULL;
    }
    return d;
}

void avcl_dataset_free(avcl_dataset *d)
{
    if (!d) return;
    while (d->plans) {
        avcl_mel_plan *next = d->plans->next;
        avcl_mel_free(d->plans->mel);
        free(d->plans);
        d->plans = next;
    }
    avcl__cache_free(d->cache);
    avcl__prepared_free(d->prepared);
    avcl__plugged_free(d->plugged);
    free(d->generator);
    pthread_mutex_destroy(&d->lock);
    avcl__manifest_release(&d->manifest);
    free(d);
}

uint32_t avcl_dataset_n_classes(const avcl_dataset *d)
{
    return (uint32_t)d->n_classes;
}

const char *avcl_dataset_class_name(const avcl_dataset *d, uint32_t index)
{
    return index < (uint32_t)d->n_classes ? d->classes[index] : NULL;
}

int64_t avcl_dataset_count(const avcl_dataset *d)
{
    return d->manifest.n;
}

uint32_t avcl_dataset_n_splits(const avcl_dataset *d)
{
    return (uint32_t)d->n_splits;
}

const char *avcl_dataset_split_name(const avcl_dataset *d, uint32_t index)
{
    return index < (uint32_t)d->n_splits ? d->splits[index].name : NULL;
}

int32_t avcl_dataset_is_synthetic(const avcl_dataset *d)
{
    return d->generator != NULL || (d->plugged && avcl__plugged_is_synthetic(d->plugged));
}

int32_t avcl_dataset_is_prepared(const avcl_dataset *d)
{
    return d->prepared != NULL;
}

int32_t avcl__dataset_find_split(const avcl_dataset *d, const char *name, avcl_error *err)
{
    char all[256] = "";
    size_t used = 0;
    for (int32_t i = 0; i < d->n_splits; i++) {
        if (!strcmp(d->splits[i].name, name)) return i;
        int n = snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "",
                         d->splits[i].name);
        if (n > 0) used += (size_t)n;
        if (used >= sizeof all) used = sizeof all - 1;
    }
    avcl_error_set(err, AVCL_E_NOT_FOUND, "%s: no split '%s', there are: %s",
                   d->manifest.file, name, all);
    return -1;
}

avcl_status avcl_dataset_split_count(const avcl_dataset *d, const char *split, int64_t *n,
                                     avcl_error *err)
{
    int32_t index = avcl__dataset_find_split(d, split, err);
    if (index < 0) return AVCL_E_NOT_FOUND;
    *n = d->splits[index].n;
    return AVCL_OK;
}

avcl_status avcl_dataset_get_sample(const avcl_dataset *d, int64_t sample,
                                    avcl_sample_info *out)
{
    if (sample < 0 || sample >= d->manifest.n) return AVCL_E_NOT_FOUND;
    const avcl_row *row = &d->rows[sample];
    *out = (avcl_sample_info){d->paths[row->file], d->manifest.rows[sample].rel, row->key,
                              row->label, row->split};
    return AVCL_OK;
}

avcl_status avcl__dataset_check_view(const avcl_dataset *d, const avcl_view *view,
                                     avcl_error *err)
{
    avcl_status status = avcl__view_check(view, err);
    if (status || !d->prepared) return status;
    return avcl__recipe_check_view(avcl__prepared_recipe(d->prepared),
                                   avcl__prepared_path(d->prepared), view, err);
}

static const avcl_mel *find_plan(avcl_dataset *d, const avcl_mel_options *options)
{
    for (avcl_mel_plan *plan = d->plans; plan; plan = plan->next)
        if (!memcmp(&plan->options, options, sizeof *options)) return plan->mel;
    return NULL;
}

const avcl_mel *avcl__dataset_mel(avcl_dataset *d, const avcl_mel_options *options,
                                  avcl_error *err)
{
    pthread_mutex_lock(&d->lock);
    const avcl_mel *found = find_plan(d, options);
    if (!found) {
        avcl_mel_plan *plan = calloc(1, sizeof *plan);
        if (!plan) avcl_error_set(err, AVCL_E_NOMEM, "no memory for a mel plan");
        if (plan && (plan->mel = avcl_mel_new(options, err))) {
            plan->options = *options;
            plan->next = d->plans;
            d->plans = plan;
            found = plan->mel;
        } else {
            free(plan);
        }
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}
