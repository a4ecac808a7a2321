/*
 * progress.c - last.safetensors: everything a resumed training needs, bit for bit.
 *
 * Weights, states and what the optimiser remembers as tensors; counters and sums as
 * strings, doubles as hexadecimal floats so that they come back exactly. The best epoch
 * so far lies beside it in best.safetensors and is written first.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/session_impl.h"
#include "train/train_impl.h"

static avcl_status put_double(avcl_safetensors *st, const char *key, double value,
                              avcl_error *err)
{
    char text[64];
    snprintf(text, sizeof text, "%a", value);
    return avcl_safetensors_put_text(st, key, text, err);
}

static avcl_status put_count(avcl_safetensors *st, const char *key, uint64_t value,
                             avcl_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return avcl_safetensors_put_text(st, key, text, err);
}

static const char *get_text(const avcl_safetensors *st, const char *key, avcl_error *err)
{
    const char *text = avcl_safetensors_get_text(st, key);
    if (!text) avcl_error_set(err, AVCL_E_CORRUPT, "the checkpoint has no '%s'", key);
    return text;
}

static avcl_status report_number(const char *key, const char *text, avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_CORRUPT,
                          "the checkpoint's '%s' is '%.40s', which is no such number",
                          key, text);
}

static avcl_status get_double(const avcl_safetensors *st, const char *key, double *out,
                              avcl_error *err)
{
    char *end;
    const char *text = get_text(st, key, err);
    if (!text) return AVCL_E_CORRUPT;
    double value = strtod(text, &end);
    if (end == text || *end) return report_number(key, text, err);
    *out = value;
    return AVCL_OK;
}

static avcl_status get_count(const avcl_safetensors *st, const char *key, uint64_t max,
                             uint64_t *out, avcl_error *err)
{
    char *end;
    const char *text = get_text(st, key, err);
    if (!text) return AVCL_E_CORRUPT;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value > max)
        return report_number(key, text, err);
    *out = value;
    return AVCL_OK;
}

/* ---- the samples that could not be read ------------------------------------------ */

void avcl__progress_release(avcl_progress *p)
{
    free(p->bad.row);
    p->bad = (avcl_rows){0};
}

avcl_status avcl__progress_add_bad(avcl_progress *p, int64_t row, avcl_error *err)
{
    avcl_rows *bad = &p->bad;
    for (uint32_t i = 0; i < bad->n; i++)
        if (bad->row[i] == row) return AVCL_OK;
    if (bad->n == bad->cap) {
        uint32_t cap = bad->cap ? bad->cap * 2 : 16;
        int64_t *grown = realloc(bad->row, cap * sizeof *grown);
        if (!grown)
            return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for bad samples");
        bad->row = grown;
        bad->cap = cap;
    }
    bad->row[bad->n++] = row;
    return AVCL_OK;
}

/* "3 17 4": rows apart by spaces. */
static avcl_status put_bad(const avcl_rows *bad, avcl_safetensors *st, avcl_error *err)
{
    enum { DIGITS = 21 };
    size_t size = (size_t)bad->n * DIGITS + 1;
    size_t used = 0;
    char *text = calloc(size, 1);
    if (!text) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
    for (uint32_t i = 0; i < bad->n; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? " " : "",
                                 bad->row[i]);
    avcl_status rc = avcl_safetensors_put_text(st, "bad", text, err);
    free(text);
    return rc;
}

static avcl_status get_bad(avcl_progress *p, const avcl_safetensors *st, avcl_error *err)
{
    const char *text = get_text(st, "bad", err);
    avcl_status rc = text ? AVCL_OK : AVCL_E_CORRUPT;
    while (!rc && *text) {
        char *end;
        int64_t row = strtoll(text, &end, 10);
        if (end == text || row < 0) return report_number("bad", text, err);
        rc = avcl__progress_add_bad(p, row, err);
        text = end + (*end == ' ');
    }
    return rc;
}

/* The counters, in one table for both directions. */
typedef struct field {
    const char *key;
    double *real;
    uint32_t *count;
} field;

enum { N_FIELDS = 12 };

static void list_fields(avcl_progress *p, field out[N_FIELDS])
{
    const field fields[N_FIELDS] = {
        {"epoch", NULL, &p->epoch},
        {"step", NULL, &p->step},
        {"sums/loss", &p->sums.loss, NULL},
        {"sums/n", &p->sums.n, NULL},
        {"lr", &p->schedule.lr, NULL},
        {"plateau/best", &p->schedule.best, NULL},
        {"plateau/n_bad", NULL, &p->schedule.n_bad},
        {"schedule/epoch", NULL, &p->schedule.epoch},
        {"best/value", &p->best_value, NULL},
        {"best/epoch", NULL, &p->best_epoch},
        {"n_summed", NULL, &p->n_summed},
        {NULL, NULL, NULL},
    };
    memcpy(out, fields, sizeof fields);
}

static avcl_status put_progress(const avcl_progress *p, avcl_safetensors *st,
                                uint64_t seed, avcl_error *err)
{
    avcl_progress copy = *p;
    field fields[N_FIELDS];
    char key[32];
    list_fields(&copy, fields);
    avcl_status rc = put_count(st, "seed", seed, err);
    if (!rc) rc = put_count(st, "n_steps", p->n_steps, err);
    if (!rc) rc = put_count(st, "n_updates", p->n_updates, err);
    for (int i = 0; !rc && fields[i].key; i++)
        rc = fields[i].real ? put_double(st, fields[i].key, *fields[i].real, err)
                            : put_count(st, fields[i].key, *fields[i].count, err);
    if (!rc) rc = put_bad(&p->bad, st, err);
    for (int i = 0; !rc && i < AVCL_MAX_LOGS; i++) {
        snprintf(key, sizeof key, "sums/log%d", i);
        rc = put_double(st, key, p->sums.logs[i], err);
    }
    return rc;
}

static avcl_status get_progress(avcl_progress *p, const avcl_safetensors *st,
                                uint64_t seed, avcl_error *err)
{
    field fields[N_FIELDS];
    uint64_t count = 0;
    char key[32];
    list_fields(p, fields);
    avcl_status rc = get_count(st, "seed", UINT64_MAX, &count, err);
    if (!rc && count != seed)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "the checkpoint is of seed %" PRIu64 ", this run of %" PRIu64, count, seed);
    if (!rc) rc = get_count(st, "n_steps", UINT64_MAX, &p->n_steps, err);
    if (!rc) rc = get_count(st, "n_updates", UINT64_MAX, &p->n_updates, err);
    if (!rc) rc = get_bad(p, st, err);
    for (int i = 0; !rc && fields[i].key; i++) {
        if (fields[i].real) {
            rc = get_double(st, fields[i].key, fields[i].real, err);
            continue;
        }
        rc = get_count(st, fields[i].key, UINT32_MAX, &count, err);
        if (!rc) *fields[i].count = (uint32_t)count;
    }
    for (int i = 0; !rc && i < AVCL_MAX_LOGS; i++) {
        snprintf(key, sizeof key, "sums/log%d", i);
        rc = get_double(st, key, &p->sums.logs[i], err);
    }
    return rc;
}

/* ---- the optimiser's state: flat tensors, as it sees them ------------------------ */

typedef struct flat_row {
    const char *name;
    int32_t which;
} flat_row;

enum { N_FLAT_ROWS = 3 };

/* Those that go on after this step: a sum only in the middle of one. */
static uint32_t list_flats(const avcl_progress *p, const avcl_session *s,
                           flat_row out[N_FLAT_ROWS])
{
    uint32_t n = 0;
    out[n++] = (flat_row){"optim/momentum", AVCL_FLAT_MOMENTUM};
    if (s->flat[AVCL_FLAT_SECOND])
        out[n++] = (flat_row){"optim/second", AVCL_FLAT_SECOND};
    if (p->n_summed) out[n++] = (flat_row){"optim/sum", AVCL_FLAT_SUM};
    return n;
}

static avcl_status describe_flat(avcl_session *s, avcl_tensor *out, avcl_error *err)
{
    avcl_tinfo loss;
    avcl_status rc = avcl_session_describe(s, "loss", &loss, err);
    if (rc) return rc;
    uint64_t n = avcl_session_n_weights(s);
    *out = (avcl_tensor){.dtype = loss.dtype, .ndim = 1, .shape = {(int64_t)n}};
    out->nbytes = n * avcl__dtype_bytes(loss.dtype);
    return AVCL_OK;
}

/* The tensors of `st` lie in `owned` until it is written. */
static avcl_status put_flats(const avcl_progress *p, avcl_session *s,
                             avcl_safetensors *st, void *owned[N_FLAT_ROWS],
                             avcl_error *err)
{
    avcl_tensor flat;
    flat_row rows[N_FLAT_ROWS];
    uint32_t n = list_flats(p, s, rows);
    avcl_status rc = describe_flat(s, &flat, err);
    for (uint32_t i = 0; !rc && i < n; i++) {
        flat.data = owned[i] = malloc(flat.nbytes + 1);
        if (!flat.data)
            return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
        rc = avcl_session_read_flat(s, rows[i].which, flat.data, flat.nbytes, err);
        if (!rc) rc = avcl_safetensors_put(st, rows[i].name, &flat, err);
    }
    return rc;
}

static avcl_status get_flats(const avcl_progress *p, avcl_session *s,
                             const avcl_safetensors *st, avcl_error *err)
{
    avcl_tensor flat;
    flat_row rows[N_FLAT_ROWS];
    uint32_t n = list_flats(p, s, rows);
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < n; i++) {
        rc = avcl_safetensors_get(st, rows[i].name, &flat, err);
        if (!rc)
            rc = avcl_session_write_flat(s, rows[i].which, flat.data, flat.nbytes, err);
    }
    return rc;
}

/* ---- files
 * ------------------------------------------------------------------------------------ */

static avcl_status save_snapshot(const avcl_snapshot *shot, avcl_session *s,
                                 const char *path, avcl_error *err)
{
    avcl_safetensors *st = avcl_safetensors_new();
    if (!st) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
    avcl_status rc = avcl__snapshot_put(shot, s, st, err);
    if (!rc) rc = avcl_safetensors_save(st, path, err);
    avcl_safetensors_free(st);
    return rc;
}

static avcl_status save_last(const avcl_progress *p, avcl_session *s, const char *path,
                             uint64_t seed, avcl_error *err)
{
    avcl_snapshot now = {0};
    void *owned[N_FLAT_ROWS] = {NULL};
    avcl_safetensors *st = avcl_safetensors_new();
    avcl_status rc = st ? AVCL_OK : avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    if (!rc) rc = avcl__snapshot_take(&now, s, err);
    if (!rc) rc = avcl__snapshot_put(&now, s, st, err);
    if (!rc) rc = put_flats(p, s, st, owned, err);
    if (!rc) rc = put_progress(p, st, seed, err);
    if (!rc) rc = avcl_safetensors_save(st, path, err);
    avcl_safetensors_free(st);
    for (int i = 0; i < N_FLAT_ROWS; i++)
        free(owned[i]);
    avcl__snapshot_release(&now);
    return rc;
}

avcl_status avcl__progress_keep(const avcl_progress *p, avcl_session *s, const char *dir,
                                avcl_error *err)
{
    char path[4096];
    avcl_snapshot now = {0};
    snprintf(path, sizeof path, "%s/epoch-%04u.safetensors", dir, p->epoch);
    avcl_status rc = avcl__snapshot_take(&now, s, err);
    if (!rc) rc = save_snapshot(&now, s, path, err);
    avcl__snapshot_release(&now);
    return rc;
}

avcl_status avcl__progress_save(const avcl_progress *p, avcl_session *s,
                                const avcl_snapshot *best, const char *dir, uint64_t seed,
                                avcl_error *err)
{
    char path[4096];
    avcl_status rc = AVCL_OK;
    if (best && best->data) {
        snprintf(path, sizeof path, "%s/best.safetensors", dir);
        rc = save_snapshot(best, s, path, err);
    }
    snprintf(path, sizeof path, "%s/last.safetensors", dir);
    return rc ? rc : save_last(p, s, path, seed, err);
}

static avcl_status load_best(avcl_session *s, avcl_snapshot *best, const char *dir,
                             avcl_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/best.safetensors", dir);
    avcl_status rc = avcl_checkpoint_load(s, path, NULL, 0, err);
    return rc ? rc : avcl__snapshot_take(best, s, err);
}

avcl_status avcl__progress_load(avcl_progress *p, avcl_session *s, avcl_snapshot *best,
                                const char *dir, uint64_t seed, avcl_error *err)
{
    char path[4096];
    avcl_error why = {0};
    avcl_progress loaded = *p;
    loaded.bad = (avcl_rows){0};
    snprintf(path, sizeof path, "%s/last.safetensors", dir);
    avcl_safetensors *st = avcl_safetensors_open(path, &why);
    if (!st) return avcl_error_set(err, why.code, "%s", why.message);
    avcl_status rc = get_progress(&loaded, st, seed, err);
    if (!rc && loaded.best_epoch) rc = load_best(s, best, dir, err);
    if (!rc) rc = get_flats(&loaded, s, st, err);
    avcl_safetensors_free(st);
    if (!rc) rc = avcl_checkpoint_load(s, path, NULL, 0, err);
    avcl__progress_release(rc ? &loaded : p);
    if (!rc) *p = loaded;
    return rc;
}
