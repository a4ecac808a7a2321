/* runs.c - opening and looking things up in the table of runs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/runs.h"

enum { SAVE_AT_LEAST = 32, SAVE_SHARE = 512 };

/* Reading a few records again is cheaper than writing all rows out. */
static int is_worth_saving(const avcl_runs *runs)
{
    return runs->n_changed > SAVE_AT_LEAST + runs->n_rows / SAVE_SHARE;
}

avcl_runs *avcl_runs_open(const char *root, const char *cache, avcl_error *err)
{
    avcl_runs *runs = calloc(1, sizeof *runs);
    if (runs) {
        runs->root = strdup(root);
        runs->cache = cache ? strdup(cache) : avcl__runs_cache_path(root);
    }
    if (!runs || !runs->root || !runs->cache) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for the runs of %s", root);
        avcl_runs_free(runs);
        return NULL;
    }
    int ok = avcl__runs_load(runs) || avcl__runs_start(runs);
    if (!ok) avcl_error_set(err, AVCL_E_NOMEM, "out of memory for the runs of %s", root);
    runs->stats.n_cached = runs->n_rows;
    if (ok && avcl_runs_refresh(runs, err) == AVCL_OK) return runs;
    avcl_runs_free(runs);
    return NULL;
}

avcl_status avcl_runs_refresh(avcl_runs *runs, avcl_error *err)
{
    avcl_status rc = avcl__runs_scan(runs, err);
    if (!rc && is_worth_saving(runs)) avcl__runs_save(runs);
    return rc;
}

void avcl_runs_free(avcl_runs *runs)
{
    if (!runs) return;
    avcl__runs_clear(runs);
    free(runs->root);
    free(runs->cache);
    free(runs);
}

avcl_runs_stats avcl_runs_get_stats(const avcl_runs *runs)
{
    return runs->stats;
}

uint32_t avcl_runs_count(const avcl_runs *runs)
{
    return runs->n_rows;
}

uint32_t avcl_runs_n_columns(const avcl_runs *runs)
{
    return runs->n_columns;
}

const char *avcl_runs_column_name(const avcl_runs *runs, uint32_t column)
{
    if (column >= runs->n_columns) return NULL;
    return avcl__texts_get(&runs->texts, runs->columns[column].name);
}

const avcl_cell *avcl_runs_cells(const avcl_runs *runs, uint32_t column)
{
    return column < runs->n_columns ? runs->columns[column].cells : NULL;
}

const char *avcl_runs_text(const avcl_runs *runs, uint32_t index)
{
    return avcl__texts_get(&runs->texts, index);
}

avcl_status avcl_runs_find(const avcl_runs *runs, const char *prefix, int64_t *row,
                           avcl_error *err)
{
    size_t n = strlen(prefix);
    int64_t found = avcl__runs_row(runs, prefix);
    for (uint32_t i = 0; found < 0 && n && i < runs->n_rows; i++) {
        if (strncmp(avcl__runs_id(runs, i), prefix, n) != 0) continue;
        for (uint32_t k = i + 1; k < runs->n_rows; k++)
            if (strncmp(avcl__runs_id(runs, k), prefix, n) == 0)
                return avcl_error_set(err, AVCL_E_INVALID,
                                      "'%s' is the beginning of several runs, %.12s and "
                                      "%.12s among them",
                                      prefix, avcl__runs_id(runs, i),
                                      avcl__runs_id(runs, k));
        found = i;
    }
    *row = found;
    if (found >= 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOT_FOUND, "no run '%s' in %s", prefix, runs->root);
}
