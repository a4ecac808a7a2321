/* index.c - gives rows their numbers (label, split, file) and checks what rows say
 * together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_impl.h"

#include "base/nearest.h"

typedef struct named {
    const char *name;
    int64_t index;
} named;

static int compare_named(const void *a, const void *b)
{
    const named *x = a;
    const named *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static avcl_status no_memory(avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set");
}

/* Prefixes a fault of one row: "set/list.csv: line 3: …", no line for directories. */
static avcl_status at_row(const avcl_dataset *d, int64_t row, avcl_error *err)
{
    long long line = d->manifest.rows[row].line;
    if (line) return avcl_error_prefix(err, "%s: line %lld", d->manifest.file, line);
    return avcl_error_prefix(err, "%s", d->manifest.file);
}

static avcl_status unknown_label(const avcl_dataset *d, int64_t row, avcl_error *err)
{
    const char *label = d->manifest.rows[row].label;
    int32_t near = avcl__nearest(label, d->classes, (uint32_t)d->n_classes);
    if (near >= 0)
        avcl_error_set(err, AVCL_E_INVALID, "unknown label '%s', did you mean '%s'",
                       label, d->classes[near]);
    else
        avcl_error_set(err, AVCL_E_INVALID, "unknown label '%s', %s lists %d classes",
                       label, d->classes_file, d->n_classes);
    return at_row(d, row, err);
}

static avcl_status number_labels(avcl_dataset *d, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    size_t n = (size_t)d->n_classes;
    named *sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted) return no_memory(err);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (named){d->classes[i], (int64_t)i};
    qsort(sorted, n, sizeof *sorted, compare_named);
    for (int64_t i = 0; i < d->manifest.n && status == AVCL_OK; i++) {
        const char *label = d->manifest.rows[i].label;
        d->rows[i].label = -1;
        if (!*label) continue;
        size_t low = 0;
        for (size_t high = n; low < high;) {
            size_t middle = (low + high) / 2;
            if (strcmp(sorted[middle].name, label) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < n && !strcmp(sorted[low].name, label))
            d->rows[i].label = (int32_t)sorted[low].index;
        else
            status = unknown_label(d, i, err);
    }
    free(sorted);
    return status;
}

/* Splits in order of appearance; there are few. */
static avcl_status number_splits(avcl_dataset *d, avcl_error *err)
{
    enum { MAX_SPLITS = 256 };
    avcl_arena *arena = &d->manifest.arena;
    d->splits = avcl__arena_alloc(arena, MAX_SPLITS * sizeof *d->splits);
    if (!d->splits) return no_memory(err);
    for (int64_t i = 0; i < d->manifest.n; i++) {
        const char *name = d->manifest.rows[i].split;
        int32_t s = 0;
        while (s < d->n_splits && strcmp(d->splits[s].name, name))
            s++;
        if (s == MAX_SPLITS) {
            avcl_error_set(err, AVCL_E_INVALID, "more than %d splits, '%s' is one more",
                           MAX_SPLITS, name);
            return at_row(d, i, err);
        }
        if (s == d->n_splits) d->splits[d->n_splits++].name = name;
        d->rows[i].split = s;
        d->rows[i].place = d->splits[s].n++;
    }
    for (int32_t s = 0; s < d->n_splits; s++) {
        d->splits[s].rows =
            avcl__arena_alloc(arena, (size_t)d->splits[s].n * sizeof(int64_t));
        if (!d->splits[s].rows) return no_memory(err);
    }
    for (int64_t i = 0; i < d->manifest.n; i++)
        d->splits[d->rows[i].split].rows[d->rows[i].place] = i;
    return AVCL_OK;
}

/* Rows first[0..n) have one path: a split may hold it once. */
static avcl_status check_twins(const avcl_dataset *d, const named *first, int64_t n,
                               avcl_error *err)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t k = 0; k < i; k++) {
            int64_t a = first[k].index;
            int64_t b = first[i].index;
            if (d->rows[a].split != d->rows[b].split) continue;
            avcl_error_set(err, AVCL_E_INVALID,
                           "duplicate path '%s' in split '%s', first in line %lld",
                           first->name, d->manifest.rows[b].split,
                           (long long)d->manifest.rows[a].line);
            return at_row(d, b, err);
        }
    return AVCL_OK;
}

static avcl_status add_file(avcl_dataset *d, const char *rel, avcl_error *err)
{
    avcl_arena *arena = &d->manifest.arena;
    const char *path =
        *rel == '/' ? rel : avcl__arena_format(arena, "%s/%s", d->manifest.folder, rel);
    if (!path) return no_memory(err);
    d->rels[d->n_files] = rel;
    d->paths[d->n_files++] = path;
    return AVCL_OK;
}

static avcl_status number_files(avcl_dataset *d, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    int64_t n = d->manifest.n;
    named *sorted = malloc((size_t)n * sizeof *sorted);
    d->paths = avcl__arena_alloc(&d->manifest.arena, (size_t)n * sizeof *d->paths);
    d->rels = avcl__arena_alloc(&d->manifest.arena, (size_t)n * sizeof *d->rels);
    if (!sorted || !d->paths || !d->rels) {
        free(sorted);
        return no_memory(err);
    }
    for (int64_t i = 0; i < n; i++)
        sorted[i] = (named){d->manifest.rows[i].rel, i};
    qsort(sorted, (size_t)n, sizeof *sorted, compare_named);
    for (int64_t i = 0, end; i < n && status == AVCL_OK; i = end) {
        uint64_t key = avcl__sample_key(sorted[i].name);
        for (end = i; end < n && !strcmp(sorted[end].name, sorted[i].name); end++) {
            d->rows[sorted[end].index].key = key;
            d->rows[sorted[end].index].file = d->n_files;
        }
        status = check_twins(d, &sorted[i], end - i, err);
        if (status == AVCL_OK) status = add_file(d, sorted[i].name, err);
    }
    free(sorted);
    return status;
}

/* val, valid, test, test_shift, dev, eval…: splits that nothing is trained on. */
static int is_evaluation(const char *split)
{
    static const char *const prefixes[] = {"val", "test", "dev", "eval"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(split, prefixes[i], strlen(prefixes[i]))) return 1;
    return 0;
}

/* A class that is evaluated must be trained somewhere, if the set trains classes at all.
 */
static avcl_status check_coverage(const avcl_dataset *d, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    int any = 0;
    char *trained = calloc((size_t)d->n_classes + 1, 1);
    if (!trained) return no_memory(err);
    for (int64_t i = 0; i < d->manifest.n; i++) {
        if (d->rows[i].label < 0 || is_evaluation(d->manifest.rows[i].split)) continue;
        trained[d->rows[i].label] = 1;
        any = 1;
    }
    for (int64_t i = 0; any && i < d->manifest.n && status == AVCL_OK; i++) {
        const avcl_manifest_row *row = &d->manifest.rows[i];
        if (d->rows[i].label < 0 || trained[d->rows[i].label]) continue;
        avcl_error_set(err, AVCL_E_INVALID,
                       "label '%s' is in split '%s' but in none to train on", row->label,
                       row->split);
        status = at_row(d, i, err);
    }
    free(trained);
    return status;
}

avcl_status avcl__dataset_index(avcl_dataset *d, avcl_error *err)
{
    d->rows =
        avcl__arena_alloc(&d->manifest.arena, (size_t)d->manifest.n * sizeof *d->rows);
    if (!d->rows) return no_memory(err);
    avcl_status status = number_labels(d, err);
    if (status == AVCL_OK) status = number_splits(d, err);
    if (status == AVCL_OK) status = number_files(d, err);
    if (status == AVCL_OK) status = check_coverage(d, err);
    return status;
}
