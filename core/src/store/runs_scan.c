/*
 * runs_scan.c - finds the runs whose records must be read, and reads them.
 *
 * A folder's ctime tells whether runs were added or removed in it, whoever did it; new
 * lines of log/ name runs that changed; what is not done is looked at by its folder's
 * time, what is running always. A time that is too young to trust counts as unknown: a
 * folder may change twice within one tick of the clock.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cores.h"
#include "base/file.h"
#include "store/runs.h"

static const int64_t SECOND_NS = 1000000000;

static int64_t ns_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * SECOND_NS + t->tv_nsec;
}

/* ctime of a path; 0 = too young to trust, -1 = not there. A clock that was set back
 * makes times of the future: those are young for ever, which only costs time. */
static int64_t change_time(const char *path)
{
    struct stat st;
    struct timespec now;
    if (stat(path, &st)) return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t at = ns_of(&st.st_ctim);
    return at > ns_of(&now) - SECOND_NS ? 0 : at;
}

/* ---- reading many records ------------------------------------------------------------
 */
typedef struct reading {
    avcl_runs *runs;
    const avcl__texts *ids;
    uint32_t next;
    avcl_error error;
    pthread_mutex_t lock;
} reading;

static int take_next(reading *r, uint32_t *index)
{
    pthread_mutex_lock(&r->lock);
    int more = r->next < r->ids->n && !r->error.code;
    *index = r->next++;
    pthread_mutex_unlock(&r->lock);
    return more;
}

/* Files are read side by side; only the table itself is shared. */
static void *read_records(void *p)
{
    reading *r = p;
    uint32_t i;
    while (take_next(r, &i)) {
        const char *run = avcl__texts_get(r->ids, i);
        char path[AVCL_PATH_ROOM];
        avcl_error why = {0};
        avcl__record record = {0};
        avcl_status rc = avcl_store_run_path(r->runs->root, run, NULL, path, &why);
        int64_t changed = rc ? 0 : change_time(path);
        if (!rc && changed < 0) rc = AVCL_E_NOT_FOUND; /* removed meanwhile */
        if (!rc) rc = avcl__record_read(&record, r->runs->root, run, &why);
        pthread_mutex_lock(&r->lock);
        if (!rc) rc = avcl__runs_put(r->runs, run, &record, changed, &why);
        r->runs->stats.n_read++;
        if (rc && rc != AVCL_E_NOT_FOUND && !r->error.code) r->error = why;
        pthread_mutex_unlock(&r->lock);
        avcl__record_release(&record);
    }
    return NULL;
}

static avcl_status read_all(avcl_runs *runs, const avcl__texts *ids, avcl_error *err)
{
    enum { MAX_THREADS = 16, FEW = 64 };
    reading r = {.runs = runs, .ids = ids, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[MAX_THREADS];
    uint32_t wanted = ids->n < FEW ? 0 : avcl__cpu_count() - 1;
    uint32_t n = 0;
    while (n < wanted && n < MAX_THREADS &&
           pthread_create(&threads[n], NULL, read_records, &r) == 0)
        n++;
    read_records(&r);
    for (uint32_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return r.error.code ? avcl_error_set(err, r.error.code, "%s", r.error.message)
                        : AVCL_OK;
}

/* ---- folders
 * ----------------------------------------------------------------------------- */
static avcl__shard *get_shard(avcl_runs *runs, const char *name)
{
    for (uint32_t i = 0; i < runs->n_shards; i++)
        if (strcmp(runs->shards[i].name, name) == 0) return &runs->shards[i];
    avcl__shard *shards =
        realloc(runs->shards, (runs->n_shards + 1) * sizeof *runs->shards);
    if (!shards) return NULL;
    runs->shards = shards;
    avcl__shard *shard = &shards[runs->n_shards++];
    *shard = (avcl__shard){.name = {name[0], name[1], '\0'}};
    return shard;
}

static int is_hidden(const char *name)
{
    return name[0] == '.';
}

/* Marks known runs as seen and collects the others. */
static avcl_status list_shard(avcl_runs *runs, const char *path, avcl__texts *ids,
                              avcl_error *err)
{
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT) return AVCL_OK;
    if (!folder) return avcl__io_error(err, errno, "cannot read", path);
    int ok = 1;
    for (struct dirent *e; ok && (e = readdir(folder));) {
        if (is_hidden(e->d_name)) continue;
        int64_t row = avcl__runs_row(runs, e->d_name);
        if (row >= 0)
            runs->is_seen[row] = 1;
        else
            ok = avcl__texts_add(ids, e->d_name) != UINT32_MAX;
    }
    closedir(folder);
    return ok ? AVCL_OK : avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
}

static avcl_status look_at_shard(avcl_runs *runs, const char *name, avcl__texts *ids,
                                 avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s/runs/%s", runs->root, name);
    avcl__shard *shard = get_shard(runs, name);
    if (n >= (int)sizeof path || !shard)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
    int64_t changed = change_time(path);
    if (changed > 0 && changed == shard->changed_ns) return AVCL_OK;
    avcl_status rc = list_shard(runs, path, ids, err);
    shard->changed_ns = rc ? 0 : changed;
    shard->is_seen = 1; /* its rows were looked for */
    return rc;
}

static void forget_marks(avcl_runs *runs)
{
    if (runs->n_rows) memset(runs->is_seen, 0, runs->n_rows);
    for (uint32_t i = 0; i < runs->n_shards; i++)
        runs->shards[i].is_seen = 0;
}

static avcl_status look_at_folders(avcl_runs *runs, avcl__texts *ids, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s/runs", runs->root);
    DIR *folder = n < (int)sizeof path ? opendir(path) : NULL;
    if (!folder) return avcl__io_error(err, errno, "cannot read", path);
    avcl_status rc = AVCL_OK;
    forget_marks(runs);
    for (struct dirent *e; !rc && (e = readdir(folder));)
        if (strlen(e->d_name) == 2 && !is_hidden(e->d_name))
            rc = look_at_shard(runs, e->d_name, ids, err);
    closedir(folder);
    return rc;
}

static int shard_was_listed(const avcl_runs *runs, const char *run)
{
    for (uint32_t i = 0; i < runs->n_shards; i++)
        if (strncmp(runs->shards[i].name, run, 2) == 0) return runs->shards[i].is_seen;
    return 1;
}

/* Runs that are gone from a folder that was listed. */
static int drop_missing(avcl_runs *runs)
{
    uint32_t before = runs->n_rows;
    for (uint32_t row = runs->n_rows; row-- > 0;)
        if (!runs->is_seen[row] && shard_was_listed(runs, avcl__runs_id(runs, row)))
            avcl__runs_remove(runs, row);
    return runs->n_rows == before || avcl__runs_index(runs);
}

/* ---- runs that may go on
 * --------------------------------------------------------------- */
static int is_settled(const avcl_runs *runs, uint32_t row)
{
    const avcl_cell *state = &runs->columns[AVCL_RUNS_STATE].cells[row];
    const char *text = avcl__texts_get(&runs->texts, state->text.index);
    return strcmp(text, "failed") == 0 || strcmp(text, "stopped") == 0;
}

static avcl_status look_at_open_runs(avcl_runs *runs, avcl__texts *ids, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    for (uint32_t row = 0; row < runs->n_rows; row++) {
        int is_done = avcl__runs_is_done(runs, row);
        if (is_done && runs->changed_ns[row]) continue;
        const char *run = avcl__runs_id(runs, row);
        avcl_status rc = avcl_store_run_path(runs->root, run, NULL, path, err);
        if (rc) return rc;
        if (is_settled(runs, row) && runs->changed_ns[row] &&
            runs->changed_ns[row] == change_time(path))
            continue;
        if (avcl__texts_add(ids, run) == UINT32_MAX)
            return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
    }
    return AVCL_OK;
}

avcl_status avcl__runs_scan(avcl_runs *runs, avcl_error *err)
{
    avcl__texts ids = {0};
    runs->stats.n_read = runs->stats.n_lines = 0;
    runs->stats.is_saved = 0;
    avcl_status rc = avcl__runs_read_logs(runs, &ids, err);
    if (!rc) rc = look_at_open_runs(runs, &ids, err);
    if (!rc) rc = look_at_folders(runs, &ids, err);
    if (!rc) rc = avcl__runs_reserve(runs, runs->n_rows + ids.n) ? AVCL_OK : AVCL_E_NOMEM;
    if (!rc && !drop_missing(runs)) rc = AVCL_E_NOMEM;
    if (!rc) rc = read_all(runs, &ids, err);
    avcl__texts_release(&ids);
    return rc == AVCL_E_NOMEM ? avcl_error_set(err, rc, "out of memory for runs") : rc;
}
