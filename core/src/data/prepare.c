/*
 * prepare.c - threads decode the files of a data set, one appends in order.
 *
 * A file is claimed by number and finished in any order; a ring holds what is done until
 * its turn to be written comes, so that memory is bounded and the bytes do not depend on
 * who was faster.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avcl/store.h"

#include "base/cores.h"
#include "base/threads.h"
#include "data/prepare_file.h"
#include "data/prepare_record.h"

typedef struct problem {
    int64_t file;
    avcl_media_state state;
    char *reason;
} problem;

typedef struct ready {
    avcl__text record;
    avcl_media_report report;
    double squared_error;
    int is_done;
    int is_kept;
} ready;

struct avcl_prepare {
    avcl_dataset *d;
    avcl_prepare_options options;
    avcl_recipe recipe;
    avcl_mel *mel;
    avcl_part part;
    int has_part;

    pthread_mutex_t lock;
    pthread_cond_t moved;
    pthread_t *threads;
    int32_t n_threads;
    ready *ring;
    int64_t n_ring;
    int64_t claimed;
    int64_t committed;
    int is_writing;
    int stop;
    int is_finished;
    avcl_error error;
    avcl_prepare_progress progress;
    problem *problems;
    int64_t n_problems;
    double error_sum; /* of squared errors, a file each */
    int64_t n_errors;
};

static avcl_status no_memory(avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_NOMEM, "no memory to prepare a data set");
}

/* ---- counting ---------------------------------------------------------------------- */
static void note_problem(avcl_prepare *p, int64_t file, avcl_media_state state,
                         const char *reason)
{
    p->problems[p->n_problems] = (problem){file, state, strdup(reason)};
    p->n_problems++;
    p->progress.n_repaired += state == AVCL_MEDIA_REPAIRED;
    p->progress.n_failed += state == AVCL_MEDIA_FAILED;
}

static void count(avcl_prepare *p, int64_t file, const avcl_media_report *r,
                  double squared_error)
{
    avcl_prepare_progress *c = &p->progress;
    c->n_done++;
    if (r->state != AVCL_MEDIA_OK) note_problem(p, file, r->state, r->reason);
    if (r->state == AVCL_MEDIA_FAILED) return;
    c->n_no_audio += !r->info.has_audio;
    c->n_silent += r->is_silent;
    c->frames += r->info.n_frames;
    c->video_s += r->info.video_s;
    p->error_sum += squared_error;
    p->n_errors++;
    c->squared_error = p->error_sum / (double)p->n_errors;
}

static void report_of(const avcl_record *r, avcl_media_report *out)
{
    *out = (avcl_media_report){.state = r->state, .is_silent = r->is_silent};
    out->info.n_frames = r->n_frames;
    out->info.video_s = r->video_s;
    out->info.has_audio = r->has_audio;
    snprintf(out->reason, sizeof out->reason, "%s", avcl__record_reason(r));
}

static void count_kept(void *arg, int64_t i, const avcl_record *r)
{
    avcl_prepare *p = arg;
    avcl_media_report report;
    report_of(r, &report);
    count(p, i, &report, r->squared_error);
    p->progress.n_kept++;
}

/* ---- one file -----------------------------------------------------------------------
 */
static avcl_status fill(avcl_prepare *p, avcl_maker *maker, int64_t i, ready *out,
                        avcl_error *err)
{
    const avcl_record *old = p->has_part ? avcl__part_find(&p->part, i) : NULL;
    if (old) {
        report_of(old, &out->report);
        out->squared_error = old->squared_error;
        out->is_kept = 1;
        avcl__text_put(&out->record, old, old->bytes);
        return out->record.failed ? no_memory(err) : AVCL_OK;
    }
    uint64_t key = p->has_part ? p->part.keys[i] : 0;
    avcl_status st =
        avcl__record_make(maker, p->d->paths[i], key, &out->record, &out->report, err);
    if (!st && out->record.n)
        out->squared_error =
            ((const avcl_record *)(void *)out->record.data)->squared_error;
    return st;
}

static int64_t allowed(const avcl_prepare *p)
{
    if (p->options.check_only) return INT64_MAX;
    if (p->options.strict) return 0;
    return (int64_t)(p->options.max_bad * (double)p->d->n_files);
}

static void check_limit(avcl_prepare *p)
{
    if (p->error.code || p->progress.n_failed <= allowed(p)) return;
    const char *first = "";
    for (int64_t i = 0; i < p->n_problems && !*first; i++)
        if (p->problems[i].state == AVCL_MEDIA_FAILED && p->problems[i].reason)
            first = p->problems[i].reason;
    avcl_error_set(&p->error, AVCL_E_CORRUPT,
                   "%lld of %lld files cannot be read, more than the %g%% allowed by "
                   "max_bad; the first: %.600s",
                   (long long)p->progress.n_failed, (long long)p->d->n_files,
                   p->options.strict ? 0.0 : 100 * p->options.max_bad, first);
}

/* Writes what is ready, in order; one thread at a time, the lock given up meanwhile. */
static void commit(avcl_prepare *p)
{
    if (p->is_writing) return;
    p->is_writing = 1;
    for (;;) {
        ready *r = &p->ring[p->committed % p->n_ring];
        if (!r->is_done || p->error.code) break;
        avcl_error err = {0};
        pthread_mutex_unlock(&p->lock);
        if (p->has_part) avcl__part_append(&p->part, r->record.data, r->record.n, &err);
        avcl__text_release(&r->record);
        pthread_mutex_lock(&p->lock);
        if (err.code && !p->error.code) p->error = err;
        if (err.code) break;
        count(p, p->committed, &r->report, r->squared_error);
        p->progress.n_kept += r->is_kept;
        p->progress.bytes = p->has_part ? (int64_t)p->part.at : 0;
        *r = (ready){0};
        p->committed++;
        check_limit(p);
    }
    p->is_writing = 0;
    pthread_cond_broadcast(&p->moved);
}

/* ---- the end -------------------------------------------------------------------------
 */
static avcl_status publish_problems(const avcl_prepare *p, avcl_error *err)
{
    static const char *const states[] = {"ok", "repaired", "failed"};
    avcl__text text = {0};
    char path[4096];
    if (snprintf(path, sizeof path, "%s.bad.csv", p->part.out) >= (int)sizeof path)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' is too long a name",
                              p->part.out);
    if (p->n_problems == 0) { /* an earlier list is no longer true */
        unlink(path);
        return AVCL_OK;
    }
    avcl__text_add(&text, "path,state,reason\n");
    for (int64_t i = 0; i < p->n_problems; i++) {
        const problem *q = &p->problems[i];
        avcl__text_add_field(&text, p->d->rels[q->file]);
        avcl__text_format(&text, ",%s,", states[q->state]);
        avcl__text_add_field(&text, q->reason ? q->reason : "");
        avcl__text_add(&text, "\n");
    }
    avcl_status st =
        text.failed ? no_memory(err) : avcl_file_publish(path, text.data, text.n, 1, err);
    avcl__text_release(&text);
    return st;
}

static avcl_status finish(avcl_prepare *p, avcl_error *err)
{
    char identity[65];
    if (!p->has_part) return AVCL_OK;
    avcl_status st = avcl_dataset_hash(p->d, identity, err);
    if (!st) st = avcl__part_finish(&p->part, identity, err);
    return st ? st : publish_problems(p, err);
}

/* ---- threads -------------------------------------------------------------------------
 */
/* The next file to do, or -1: nothing is left, or it is over. */
static int64_t claim(avcl_prepare *p)
{
    while (!p->stop && !p->error.code && p->claimed < p->d->n_files &&
           p->claimed >= p->committed + p->n_ring)
        pthread_cond_wait(&p->moved, &p->lock);
    if (p->stop || p->error.code || p->claimed >= p->d->n_files) return -1;
    return p->claimed++;
}

static void finish_once(avcl_prepare *p)
{
    if (p->committed < p->d->n_files || p->is_finished || p->is_writing || p->error.code)
        return;
    avcl_error err = {0};
    p->is_writing = 1;
    pthread_mutex_unlock(&p->lock);
    finish(p, &err);
    pthread_mutex_lock(&p->lock);
    p->is_writing = 0;
    p->is_finished = !err.code;
    if (err.code) p->error = err;
    pthread_cond_broadcast(&p->moved);
}

static void *work(void *arg)
{
    avcl_prepare *p = arg;
    avcl_maker maker = {.recipe = &p->recipe,
                        .mel = p->mel,
                        .min_frames = p->options.min_frames,
                        .check_only = p->options.check_only};
    pthread_mutex_lock(&p->lock);
    for (int64_t i; (i = claim(p)) >= 0;) {
        avcl_error err = {0};
        ready done = {.is_done = 1};
        pthread_mutex_unlock(&p->lock);
        fill(p, &maker, i, &done, &err);
        pthread_mutex_lock(&p->lock);
        if (err.code) {
            avcl__text_release(&done.record);
            if (!p->error.code) p->error = err;
            pthread_cond_broadcast(&p->moved);
            break;
        }
        p->ring[i % p->n_ring] = done;
        commit(p);
    }
    finish_once(p);
    pthread_mutex_unlock(&p->lock);
    avcl__maker_release(&maker);
    return NULL;
}

/* ---- public ---------------------------------------------------------------------------
 */
static avcl_status resolve(avcl_prepare *p, const char *out, avcl_error *err)
{
    avcl_prepare_options *o = &p->options;
    if (p->d->prepared)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' is a prepared cache already",
                              avcl__prepared_path(p->d->prepared));
    if (!out && !o->check_only)
        return avcl_error_set(err, AVCL_E_INVALID, "no file is named to prepare into");
    if (!(o->max_bad >= 0 && o->max_bad <= 1))
        return avcl_error_set(err, AVCL_E_INVALID, "max_bad is %g, expected 0 to 1",
                              o->max_bad);
    if (o->max_bad == 0) o->max_bad = 0.01;
    if (o->workers < 1) o->workers = (int32_t)avcl__cpu_count();
    if (o->min_frames < 1) o->min_frames = 16;
    return avcl__recipe_resolve(o, &p->recipe, err);
}

/* There is nothing to do but to say what is in it. */
static void take_current(avcl_prepare *p)
{
    for (int64_t i = 0; i < p->d->n_files; i++)
        count_kept(p, i, avcl__prepared_record(p->part.donor, i, NULL));
    struct stat st;
    if (!stat(p->part.out, &st)) p->progress.bytes = st.st_size;
    avcl__part_discard(&p->part);
    p->is_finished = 1;
}

static avcl_status start(avcl_prepare *p, const char *out, avcl_error *err)
{
    avcl_status st = resolve(p, out, err);
    if (st) return st;
    p->n_ring = 4 * (int64_t)p->options.workers;
    p->ring = calloc((size_t)p->n_ring, sizeof *p->ring);
    p->threads = calloc((size_t)p->options.workers, sizeof *p->threads);
    p->problems = calloc((size_t)p->d->n_files + 1, sizeof *p->problems);
    if (!p->ring || !p->threads || !p->problems) return no_memory(err);
    p->mel = avcl_mel_new(&p->recipe.mel, err);
    if (!p->mel) return AVCL_E_INVALID;
    p->progress.n_total = p->d->n_files;
    if (!p->options.check_only) {
        p->has_part = 1;
        st = avcl__part_open(&p->part, p->d, out, &p->recipe, err);
        if (!st && avcl__part_is_current(&p->part)) {
            take_current(p);
            return AVCL_OK;
        }
        if (!st) st = avcl__part_each(&p->part, count_kept, p, err);
        p->claimed = p->committed = p->part.n;
        p->progress.bytes = (int64_t)p->part.at;
    }
    check_limit(p);
    if (st) return st;
    p->n_threads =
        avcl__threads_start(p->threads, p->options.workers, work, p, "prepare", err);
    return p->n_threads ? AVCL_OK : AVCL_E_IO;
}

avcl_prepare *avcl_prepare_new(avcl_dataset *d, const char *out,
                               const avcl_prepare_options *options, avcl_error *err)
{
    avcl_prepare *p = calloc(1, sizeof *p);
    if (!p) {
        no_memory(err);
        return NULL;
    }
    p->d = d;
    p->part.fd = -1;
    if (options) p->options = *options;
    pthread_mutex_init(&p->lock, NULL);
    avcl__steady_cond_init(&p->moved);
    if (start(p, out, err) == AVCL_OK) return p;
    avcl_prepare_free(p);
    return NULL;
}

avcl_status avcl_prepare_wait(avcl_prepare *p, double seconds, avcl_prepare_progress *out,
                              avcl_error *err)
{
    struct timespec until = avcl__time_after(seconds);
    int late = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->is_finished && !p->error.code && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&p->moved, &p->lock, &until);
    *out = p->progress;
    avcl_status st = p->is_finished ? AVCL_END : AVCL_OK;
    if (p->error.code) st = avcl_error_set(err, p->error.code, "%s", p->error.message);
    pthread_mutex_unlock(&p->lock);
    return st;
}

avcl_status avcl_prepare_get_problem(const avcl_prepare *p, int64_t i, const char **rel,
                                     avcl_media_state *state, const char **reason)
{
    if (i < 0 || i >= p->n_problems) return AVCL_E_NOT_FOUND;
    const problem *q = &p->problems[i];
    *rel = p->d->rels[q->file];
    *state = q->state;
    *reason = q->reason ? q->reason : "";
    return AVCL_OK;
}

void avcl_prepare_free(avcl_prepare *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_cond_broadcast(&p->moved);
    pthread_mutex_unlock(&p->lock);
    for (int32_t i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    for (int64_t i = 0; p->ring && i < p->n_ring; i++)
        avcl__text_release(&p->ring[i].record);
    for (int64_t i = 0; i < p->n_problems; i++)
        free(p->problems[i].reason);
    if (p->has_part) avcl__part_release(&p->part);
    pthread_cond_destroy(&p->moved);
    pthread_mutex_destroy(&p->lock);
    avcl_mel_free(p->mel);
    free(p->problems);
    free(p->threads);
    free(p->ring);
    free(p);
}
