/*
 * runs.h - every run of a store as a table in memory: a row a run, a column a value.
 *
 * Columns are arrays of cells. What was read before lies in a private, disposable cache
 * outside the store ($XDG_CACHE_HOME/avcl); opening reads it and looks only at what has
 * changed since: new folders, new lines of log/, runs that are not done. Reading never
 * writes into the store. Names of columns: core/doc/store.md.
 *
 *     avcl_runs *r = avcl_runs_open("results", NULL, &err);
 *     int32_t loss = avcl_runs_find_column(r, "metrics.test.loss");
 *     const avcl_cell *cells = avcl_runs_cells(r, loss);      // avcl_runs_count(r) of
 * them int32_t tag = cells[0].text.tag; if (tag >= 0 || tag < AVCL_CELL_MISSING)
 * use(cells[0].real); avcl_runs_free(r);
 *
 * Not thread-safe: one table, one thread.
 */
#ifndef AVCL_RUNS_H
#define AVCL_RUNS_H

#include "avcl/error.h"

/* A number, or a tag in the high word of a NaN that no arithmetic makes. Look at the tag
 * first: such a NaN must never reach LuaJIT as a number. */
typedef union avcl_cell {
    double real;
    struct {
        uint32_t index; /* of avcl_runs_text, when tag = AVCL_CELL_TEXT */
        int32_t tag;
    } text;
} avcl_cell;
enum { /* 0xfffc0001 and up; a tag below or >= 0 is a part of a number */
       AVCL_CELL_MISSING = -262143,
       AVCL_CELL_FALSE,
       AVCL_CELL_TRUE,
       AVCL_CELL_TEXT,
};

typedef struct avcl_runs avcl_runs;
typedef struct avcl_runs_stats {
    uint32_t n_cached; /* rows taken from the cache */
    uint32_t n_read;   /* runs whose records were read */
    uint32_t n_lines;  /* new lines of log/ */
    int32_t is_saved;  /* the cache was written */
} avcl_runs_stats;

/* `cache`: the cache file; NULL = the usual place, "" = none. [owned] */
AVCL_EXPORT avcl_runs *avcl_runs_open(const char *root, const char *cache,
                                      avcl_error *err);
/* Looks again; pointers to cells and texts are no longer valid. */
AVCL_EXPORT avcl_status avcl_runs_refresh(avcl_runs *runs, avcl_error *err);
AVCL_EXPORT void avcl_runs_free(avcl_runs *runs);
AVCL_EXPORT avcl_runs_stats avcl_runs_get_stats(const avcl_runs *runs);
AVCL_EXPORT uint32_t avcl_runs_count(const avcl_runs *runs);
AVCL_EXPORT uint32_t avcl_runs_n_columns(const avcl_runs *runs);
AVCL_EXPORT const char *avcl_runs_column_name(const avcl_runs *runs, uint32_t column);
/* -1 = no run has such a value. */
AVCL_EXPORT int32_t avcl_runs_find_column(const avcl_runs *runs, const char *name);
/* [borrowed until the next refresh] */
AVCL_EXPORT const avcl_cell *avcl_runs_cells(const avcl_runs *runs, uint32_t column);
AVCL_EXPORT const char *avcl_runs_text(const avcl_runs *runs, uint32_t index);
/* Row of a run by its id or the beginning of it. *row = -1 and AVCL_E_NOT_FOUND, or
 * AVCL_E_INVALID when several begin so. */
AVCL_EXPORT avcl_status avcl_runs_find(const avcl_runs *runs, const char *prefix,
                                       int64_t *row, avcl_error *err);
/* Adds a line to this process's file in log/: "look at this run again". `doc`: a map with
 * `event` and `run`. Readers only save time by it, so it is not synced. */
struct avcl_doc;
AVCL_EXPORT avcl_status avcl_store_log(const char *root, const struct avcl_doc *doc,
                                       avcl_error *err);

#endif
