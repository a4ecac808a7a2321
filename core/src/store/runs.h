/*
 * runs.h - the inside of the table of runs: columns, texts, and where reading stopped.
 *
 * runs.c opens and looks up, runs_table.c holds the cells, runs_record.c turns the files
 * of one run into a row, runs_scan.c finds what to read, runs_cache.c saves and loads.
 */
#ifndef AVCL_STORE_RUNS_H
#define AVCL_STORE_RUNS_H

#include "avcl/runs.h"
#include "base/arena.h"
#include "store/layout.h"

/* ---- texts: each once, by number -------------------------------------------------- */
typedef struct avcl__texts {
    char *bytes; /* NUL behind each */
    uint64_t n_bytes;
    uint64_t room_bytes;
    uint32_t *begins; /* n of them */
    uint32_t n;
    uint32_t room;
    uint32_t *slots; /* number + 1 by hash; 0 = free */
    uint32_t n_slots;
} avcl__texts;

/* Number of a text, added when new; UINT32_MAX = out of memory. */
uint32_t avcl__texts_add(avcl__texts *texts, const char *text);
/* UINT32_MAX = not there. */
uint32_t avcl__texts_find(const avcl__texts *texts, const char *text);
const char *avcl__texts_get(const avcl__texts *texts, uint32_t index);
int avcl__texts_index(avcl__texts *texts); /* builds the slots; 0 = out of memory */
void avcl__texts_release(avcl__texts *texts);

/* ---- one run, before it is a row ----------------------------------------------------
 */
typedef struct avcl__value {
    const char *name;
    const char *text; /* NULL = a number or truth value, in cell */
    avcl_cell cell;
} avcl__value;

typedef struct avcl__record {
    avcl_arena arena;
    avcl__value *values;
    uint32_t n;
    uint32_t room;
    int failed; /* out of memory */
} avcl__record;

/* Reads run.yaml, result.yaml and the last attempt. What is damaged becomes the state
 * `damaged` and a sentence in `problem`: one bad file hides no other run. */
avcl_status avcl__record_read(avcl__record *record, const char *root, const char *run,
                              avcl_error *err);
void avcl__record_release(avcl__record *record);

/* ---- the table ------------------------------------------------------------------------
 */
typedef struct avcl__column {
    uint32_t name; /* in texts */
    avcl_cell *cells;
} avcl__column;

/* A folder runs/xx; racy = it may change again without its time showing it. */
typedef struct avcl__shard {
    char name[3];
    uint8_t is_seen;
    int64_t changed_ns; /* ctime; 0 = look inside */
} avcl__shard;

typedef struct avcl__log {
    uint32_t name; /* in texts */
    uint32_t is_seen;
    uint64_t offset; /* of the first byte not read */
} avcl__log;

struct avcl_runs {
    char *root;
    char *cache; /* "" = none */
    avcl__texts texts;
    avcl__column *columns;
    uint32_t n_columns;
    uint32_t *rows_by_id; /* row + 1 by hash of the id; 0 = free */
    uint32_t n_slots;
    uint32_t n_rows;
    uint32_t room_rows;
    uint8_t *is_seen;    /* by row, during a scan */
    int64_t *changed_ns; /* ctime of the run's folder; 0 = read it again */
    avcl__shard *shards;
    uint32_t n_shards;
    avcl__log *logs;
    uint32_t n_logs;
    uint32_t n_changed; /* rows that the saved cache does not have */
    avcl_runs_stats stats;
};

/* Column 0 is `run`, column 1 is `state`. */
enum { AVCL_RUNS_ID = 0, AVCL_RUNS_STATE = 1 };

int avcl__runs_start(avcl_runs *runs); /* the first two columns; 0 = out of memory */
int64_t avcl__runs_row(const avcl_runs *runs, const char *run); /* -1 = none */
/* Puts a record in, in place of the run's row if there is one. */
avcl_status avcl__runs_put(avcl_runs *runs, const char *run, const avcl__record *record,
                           int64_t changed_ns, avcl_error *err);
void avcl__runs_remove(avcl_runs *runs, uint32_t row);
const char *avcl__runs_id(const avcl_runs *runs, uint32_t row);
int avcl__runs_is_done(const avcl_runs *runs, uint32_t row);
int avcl__runs_reserve(avcl_runs *runs, uint32_t n_rows);
int avcl__runs_index(avcl_runs *runs);
void avcl__runs_clear(avcl_runs *runs);

/* Finds and reads what is new. */
avcl_status avcl__runs_scan(avcl_runs *runs, avcl_error *err);
/* The runs named in new lines of log/; ids are added to `texts`. */
avcl_status avcl__runs_read_logs(avcl_runs *runs, avcl__texts *ids, avcl_error *err);
/* 1 = loaded; 0 = none, of another version, or damaged: start afresh. */
int avcl__runs_load(avcl_runs *runs);
void avcl__runs_save(avcl_runs *runs); /* a cache that cannot be written is not missed */
/* "$XDG_CACHE_HOME/avcl/<hash of the store's real path>.runs"; "" = no home. [owned] */
char *avcl__runs_cache_path(const char *root);

#endif
