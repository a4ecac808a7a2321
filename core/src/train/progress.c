/*
 * progress.c - last.safetensors: everything a resumed training needs, bit for bit.
 *
 * Weights, states and momentum as tensors; counters and sums as strings, doubles as
 * hexadecimal floats so that they come back exactly. The best epoch so far lies beside
 * it in best.safetensors and is written first.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir.h"
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

static avcl_status get_double(const avcl_safetensors *st, const char *key, double *out,
                              avcl_error *err)
{
    const char *text = avcl_safetensors_get_text(st, key);
    if (!text)
        return avcl_error_set(err, AVCL_E_CORRUPT, "the checkpoint has no '%s'", key);
    *out = strtod(text, NULL);
    return AVCL_OK;
}

static avcl_status get_count(const avcl_safetensors *st, const char *key, uint64_t *out,
                             avcl_error *err)
{
    const char *text = avcl_safetensors_get_text(st, key);
    if (!text)
        return avcl_error_set(err, AVCL_E_CORRUPT, "the checkpoint has no '%s'", key);
    *out = strtoull(text, NULL, 10);
    return AVCL_OK;
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
        {"n_bad", NULL, (uint32_t *)&p->n_bad},
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
    for (int i = 0; !rc && fields[i].key; i++)
        rc = fields[i].real ? put_double(st, fields[i].key, *fields[i].real, err)
                            : put_count(st, fields[i].key, *fields[i].count, err);
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
    avcl_status rc = get_count(st, "seed", &count, err);
    if (!rc && count != seed)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "the checkpoint is of seed %" PRIu64 ", this run of %" PRIu64, count, seed);
    if (!rc) rc = get_count(st, "n_steps", &p->n_steps, err);
    for (int i = 0; !rc && fields[i].key; i++) {
        if (fields[i].real) {
            rc = get_double(st, fields[i].key, fields[i].real, err);
            continue;
        }
        rc = get_count(st, fields[i].key, &count, err);
        if (!rc) *fields[i].count = (uint32_t)count;
    }
    for (int i = 0; !rc && i < AVCL_MAX_LOGS; i++) {
        snprintf(key, sizeof key, "sums/log%d", i);
        rc = get_double(st, key, &p->sums.logs[i], err);
    }
    return rc;
}

/* ---- momentum: one flat tensor, as the optimiser sees it
 * --------------------------------- */

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

static avcl_status put_momentum(avcl_session *s, avcl_safetensors *st, void **owned,
                                avcl_error *err)
{
    avcl_tensor flat;
    avcl_status rc = describe_flat(s, &flat, err);
    if (rc) return rc;
    flat.data = *owned = malloc(flat.nbytes + 1);
    if (!flat.data)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a checkpoint");
    rc = avcl_session_read_flat(s, AVCL_FLAT_MOMENTUM, flat.data, flat.nbytes, err);
    return rc ? rc : avcl_safetensors_put(st, "optim/momentum", &flat, err);
}

static avcl_status get_momentum(avcl_session *s, const avcl_safetensors *st,
                                avcl_error *err)
{
    avcl_tensor flat;
    avcl_status rc = avcl_safetensors_get(st, "optim/momentum", &flat, err);
    return rc ? rc
              : avcl_session_write_flat(s, AVCL_FLAT_MOMENTUM, flat.data, flat.nbytes,
                                        err);
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
    void *momentum = NULL;
    avcl_safetensors *st = avcl_safetensors_new();
    avcl_status rc = st ? AVCL_OK : avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    if (!rc) rc = avcl__snapshot_take(&now, s, err);
    if (!rc) rc = avcl__snapshot_put(&now, s, st, err);
    if (!rc) rc = put_momentum(s, st, &momentum, err);
    if (!rc) rc = put_progress(p, st, seed, err);
    if (!rc) rc = avcl_safetensors_save(st, path, err);
    avcl_safetensors_free(st);
    free(momentum);
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
    avcl_progress loaded = *p;
    snprintf(path, sizeof path, "%s/last.safetensors", dir);
    avcl_safetensors *st = avcl_safetensors_open(path, err);
    if (!st) return err && err->code ? err->code : AVCL_E_NOT_FOUND;
    avcl_status rc = get_progress(&loaded, st, seed, err);
    if (!rc && loaded.best_epoch) rc = load_best(s, best, dir, err);
    if (!rc) rc = get_momentum(s, st, err);
    avcl_safetensors_free(st);
    if (!rc) rc = avcl_checkpoint_load(s, path, NULL, 0, err);
    if (!rc) *p = loaded;
    return rc;
}
