/*
 * dataset.c - tests of data sets: they open what they make, stay inside what they are
 * given, and give the same whoever reads when.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/samples.h"
#include "check/yard.h"
#include "data/dataset_impl.h"
#include "data/plugged_impl.h"

enum { MAX_ROWS = 16, N_READERS = 4, N_OPENS = 100, N_FORKS = 2 };

/* ---- a set ------------------------------------------------------------------------- */
/* What it wrote itself, once a test; "" = it needs nothing. */
static const char *example_of(check *c)
{
    static char folder[160];
    const avcl_custom_dataset *api = c->module->iface;
    avcl_guest guest;
    avcl_error err = {0};
    avcl_asking a;
    if (!api->example) return "";
    if (*folder) return folder;
    snprintf(folder, sizeof folder, "%s/%ld", c->folder, (long)getpid());
    if (avcl__guest_find(c->host, c->kind, c->module->name, &guest, &err) ||
        mkdir(folder, 0700)) {
        check_say(c, AVCL_CHECK_FAIL, "no folder for its example: %s", err.message);
        return folder;
    }
    avcl__ask(&a, &guest, "example", NULL);
    if (avcl__asked(&a, api->example(&a.reading, folder), &err))
        check_say(c, AVCL_CHECK_FAIL, "its example: %s", err.message);
    return folder;
}

avcl_dataset *samples_open(check *c, const avcl_attr *params, uint32_t n_params,
                           avcl_error *err)
{
    avcl_plugged_dataset where = {.module = c->module->name,
                                  .path = example_of(c),
                                  .params = params,
                                  .n_params = n_params};
    return avcl_dataset_open_plugin(c->host, &where, NULL, err);
}

static avcl_dataset *open_usual(check *c)
{
    avcl_error err = {0};
    avcl_dataset *d = samples_open(c, NULL, 0, &err);
    if (!d) check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
    return d;
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001B3u;
    return h;
}

static int64_t n_rows(const avcl_dataset *d)
{
    int64_t n = avcl_dataset_count(d);
    return n < MAX_ROWS ? n : MAX_ROWS;
}

/* All that is known of a row: its clip, whole, and its sound. 0 and an error: no. */
static uint64_t sum_row(const avcl_dataset *d, int64_t row, avcl_error *err)
{
    enum { SIDE = 24 };
    const char *name = d->rels[d->rows[row].file];
    void *video = d->source.open(d->source.arg, name, 0, err);
    if (!video) return 0;
    int64_t n = d->source.n_frames(video);
    int64_t padded = 0;
    avcl_wave wave = {0};
    uint64_t h = mix(0xCBF29CE484222325u, &n, sizeof n);
    if (n > 64) n = 64;
    uint8_t *rgb = malloc((size_t)n * SIDE * SIDE * 3);
    avcl_status rc =
        rgb ? d->source.read(video, 0, n, SIDE, SIDE, rgb, &padded, err) : AVCL_E_NOMEM;
    d->source.close(video);
    if (!rc) rc = d->source.wave(d->source.arg, name, 8000, &wave, err);
    if (!rc) h = mix(h, rgb, (size_t)n * SIDE * SIDE * 3);
    if (!rc && wave.n) h = mix(h, wave.samples, (size_t)wave.n * sizeof(float));
    if (!rc) avcl_wave_release(&wave);
    free(rgb);
    return rc ? 0 : h | 1;
}

static void say_unreadable(check *c, const avcl_dataset *d, int64_t row,
                           const avcl_error *err)
{
    check_say(c, AVCL_CHECK_FAIL, "row %lld ('%s'): %s", (long long)row,
              d->manifest.rows[row].rel, err->message);
}

/* Rows' sums in one go; 0 = one cannot be read. */
static int sum_all(check *c, const avcl_dataset *d, int backwards, uint64_t *out)
{
    int64_t n = n_rows(d);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = backwards ? n - 1 - i : i;
        avcl_error err = {0};
        out[row] = sum_row(d, row, &err);
        if (out[row]) continue;
        say_unreadable(c, d, row, &err);
        return 0;
    }
    return 1;
}

int samples_effect(check *c, const avcl_attr *params, uint32_t n_params, char hex[65],
                   avcl_error *err)
{
    avcl_error local = {0};
    if (!err) err = &local;
    avcl_dataset *d = samples_open(c, params, n_params, err);
    uint64_t h = 0;
    int64_t n = d ? n_rows(d) : 0;
    int64_t count = d ? avcl_dataset_count(d) : 0;
    for (int64_t i = 0; i < n && !err->code; i++) {
        uint64_t row = sum_row(d, i, err);
        avcl_clip_info info = {0};
        avcl_asking a;
        avcl__ask(&a, &d->plugged->guest, "clip", NULL);
        avcl__asked(&a, d->plugged->api->clip(&a.reading, d->plugged->self, i, &info),
                    err);
        h = mix(mix(h, &row, sizeof row), &info, sizeof info);
    }
    avcl_dataset_free(d);
    snprintf(hex, 65, "%016llx %lld", (unsigned long long)h, (long long)count);
    return n > 0 && !err->code;
}

/* ---- tests ------------------------------------------------------------------------- */
void check_opens(check *c)
{
    char first[65];
    char again[65];
    avcl_error err = {0};
    avcl_dataset *d = open_usual(c);
    if (!d) return;
    const avcl_plugged *p = d->plugged;
    int64_t beyond[2] = {avcl_dataset_count(d), -1};
    for (int i = 0; i < 2; i++) {
        avcl_dataset_row row = {0};
        avcl_asking a;
        avcl__ask(&a, &p->guest, "row", NULL);
        avcl_status rc = p->api->row(&a.reading, p->self, beyond[i], &row);
        if (avcl__asked(&a, rc, NULL) != AVCL_END)
            check_say(c, AVCL_CHECK_FAIL, "row %lld of %lld is not its end (AVCL_END)",
                      (long long)beyond[i], (long long)beyond[0]);
    }
    avcl_dataset *twin = open_usual(c);
    if (twin &&
        (avcl_dataset_hash(d, first, &err) || avcl_dataset_hash(twin, again, &err)))
        check_say(c, AVCL_CHECK_FAIL, "its identity: %s", err.message);
    else if (twin && strcmp(first, again) != 0)
        check_say(c, AVCL_CHECK_FAIL, "opened again it is another set");
    avcl_dataset_free(twin);
    avcl_dataset_free(d);
}

typedef struct window {
    check *c;
    const avcl_plugged *p;
    int64_t row;
    size_t picture;
    int at_start;
} window;

/* Frames into fenced memory; NULL = said why. They stay until the yard is released. */
static uint8_t *read_fenced(const window *w, int64_t start, int64_t n)
{
    avcl_error err = {0};
    avcl_asking a;
    size_t bytes = (size_t)n * w->picture;
    uint8_t *rgb = yard_enclose(bytes, "its frames", w->at_start);
    if (!rgb) return NULL;
    if (w->at_start) memset(rgb, 0x5a, bytes); /* other bytes where nothing is written */
    yard_doing("frames");
    avcl__ask(&a, &w->p->guest, "frames", NULL);
    avcl_status rc = w->p->api->frames(&a.reading, w->p->self, w->row, start, n, rgb);
    if (avcl__asked(&a, rc, &err) == AVCL_OK) return rgb;
    check_say(w->c, AVCL_CHECK_FAIL, "row %lld, frames %lld to %lld: %s",
              (long long)w->row, (long long)start, (long long)(start + n - 1),
              *err.message ? err.message : "they are its end");
    return NULL;
}

static void check_windows(const window *w, int64_t n)
{
    uint8_t *whole = read_fenced(w, 0, n);
    const int64_t starts[2] = {n / 2, n - 1};
    for (int i = 0; i < 2 && whole; i++) {
        uint8_t *part = read_fenced(w, starts[i], 1);
        if (part && memcmp(part, whole + (size_t)starts[i] * w->picture, w->picture) != 0)
            check_say(w->c, AVCL_CHECK_FAIL,
                      "row %lld: frame %lld alone is not what it is among others, or not "
                      "all of it is written",
                      (long long)w->row, (long long)starts[i]);
    }
    yard_check_canaries(w->c, w->at_start);
    yard_release();
}

static uint64_t sum_sound(const window *w, int64_t n)
{
    avcl_error err = {0};
    avcl_asking a;
    float *wave = yard_enclose((size_t)n * sizeof *wave, "its sound", w->at_start);
    if (!wave || !w->p->api->sound) return 0;
    yard_doing("sound");
    avcl__ask(&a, &w->p->guest, "sound", NULL);
    if (avcl__asked(&a, w->p->api->sound(&a.reading, w->p->self, w->row, wave), &err))
        check_say(w->c, AVCL_CHECK_FAIL, "row %lld: %s", (long long)w->row, err.message);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(wave[i])) {
            check_say(
                w->c, AVCL_CHECK_FAIL,
                "row %lld: sound leaves sample %lld of %lld as it was, or no number",
                (long long)w->row, (long long)i, (long long)n);
            break;
        }
    uint64_t h = mix(1, wave, (size_t)n * sizeof *wave);
    yard_check_canaries(w->c, w->at_start);
    yard_release();
    return h;
}

static uint64_t sum_frames(const window *w, int64_t n)
{
    const uint8_t *rgb = read_fenced(w, 0, n);
    uint64_t h = rgb ? mix(1, rgb, (size_t)n * w->picture) : 0;
    yard_release();
    return h;
}

void check_bounds(check *c)
{
    avcl_dataset *d = open_usual(c);
    if (!d) return;
    yard_watch(c);
    for (int64_t row = 0; row < n_rows(d) && row < 4; row++) {
        avcl_clip_info info = {0};
        uint64_t sums[2][2];
        avcl_asking a;
        avcl__ask(&a, &d->plugged->guest, "clip", NULL);
        d->plugged->api->clip(&a.reading, d->plugged->self, row, &info);
        avcl__asked(&a, AVCL_OK, NULL);
        int64_t n = info.n_frames < 64 ? info.n_frames : 64;
        for (int k = 0; k < 2 && n > 0; k++) {
            window w = {c, d->plugged, row, (size_t)info.width * (size_t)info.height * 3,
                        k};
            check_windows(&w, n);
            sums[k][0] = sum_frames(&w, n);
            sums[k][1] = info.n_sound ? sum_sound(&w, info.n_sound) : 0;
        }
        if (n > 0 && memcmp(sums[0], sums[1], sizeof sums[0]) != 0)
            check_say(c, AVCL_CHECK_FAIL,
                      "row %lld: read again it differs, or not all of it is written",
                      (long long)row);
    }
    avcl_dataset_free(d);
}

void check_order(check *c)
{
    uint64_t forwards[MAX_ROWS];
    uint64_t backwards[MAX_ROWS];
    avcl_dataset *a = open_usual(c);
    avcl_dataset *b = a ? open_usual(c) : NULL;
    if (b && sum_all(c, a, 0, forwards) && sum_all(c, b, 1, backwards) &&
        memcmp(forwards, backwards, (size_t)n_rows(a) * sizeof *forwards) != 0)
        check_say(c, AVCL_CHECK_FAIL,
                  "in another order, opened again, it gives other samples");
    avcl_dataset_free(b);
    avcl_dataset_free(a);
}

typedef struct reader {
    check check;
    avcl_check_result result;
    const avcl_dataset *d;
    int backwards;
    int whole;
    int started;
    uint64_t sums[MAX_ROWS];
    pthread_t thread;
} reader;

static void *read_all(void *arg)
{
    reader *r = arg;
    for (int i = 0; i < 3; i++)
        r->whole = sum_all(&r->check, r->d, r->backwards, r->sums);
    return NULL;
}

void check_concurrent_reads(check *c)
{
    static reader all[N_READERS];
    uint64_t alone[MAX_ROWS];
    avcl_dataset *d = open_usual(c);
    if (!d || !sum_all(c, d, 0, alone)) {
        avcl_dataset_free(d);
        return;
    }
    for (int i = 0; i < N_READERS; i++) {
        all[i] = (reader){.check = *c, .d = d, .backwards = i % 2};
        all[i].check.result = &all[i].result;
        all[i].started = !pthread_create(&all[i].thread, NULL, read_all, &all[i]);
    }
    for (int i = 0; i < N_READERS; i++) {
        if (!all[i].started) continue;
        pthread_join(all[i].thread, NULL);
        if (!all[i].whole ||
            memcmp(alone, all[i].sums, (size_t)n_rows(d) * sizeof *alone) != 0)
            check_say(c, AVCL_CHECK_FAIL,
                      "read by several threads at once it gives other samples");
    }
    avcl_dataset_free(d);
}

/* Trials run in processes of their own that the set was opened before. */
void check_forks(check *c)
{
    uint64_t alone[MAX_ROWS];
    pid_t pids[N_FORKS] = {0};
    avcl_dataset *d = open_usual(c);
    if (!d || !sum_all(c, d, 0, alone)) {
        avcl_dataset_free(d);
        return;
    }
    for (int i = 0; i < N_FORKS; i++) {
        pids[i] = fork();
        if (pids[i]) continue;
        uint64_t sums[MAX_ROWS];
        int same = 1;
        for (int k = 0; k < 5 && same; k++)
            same = sum_all(c, d, i % 2, sums) &&
                   memcmp(alone, sums, (size_t)n_rows(d) * sizeof *alone) == 0;
        _exit(same ? 0 : 3);
    }
    for (int i = 0; i < N_FORKS; i++) {
        int status = 0;
        if (pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i] && status)
            check_say(c, AVCL_CHECK_FAIL,
                      "read by several processes at once it gives other samples: no "
                      "place in a file may be shared");
    }
    avcl_dataset_free(d);
}

/* One epoch of batches as training sees it. */
static uint64_t sum_batches(check *c, avcl_dataset *d, uint32_t workers)
{
    avcl_error err = {0};
    avcl_batch b;
    uint64_t h = 1;
    avcl_loader_options o = {
        .split = d->splits[0].name,
        .batch = 3,
        .workers = workers,
        .seed = 5,
        .shuffle = 1,
        .view = {.frames = 3, .resize_w = 24, .resize_h = 20, .crop = 16, .random = 1}};
    avcl_loader *l = avcl_loader_new(d, &o, &err);
    uint32_t n = l ? avcl_loader_n_batches(l) : 0;
    for (uint32_t i = 0; i < n && i < 8 && !err.code; i++) {
        if (avcl_loader_next(l, &b, &err)) break;
        h = mix(h, b.rgb, (size_t)3 * 3 * 3 * 16 * 16);
        h = mix(h, b.label, 3 * sizeof *b.label);
        avcl_loader_release(l);
    }
    if (err.code) check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
    avcl_loader_free(l);
    return h;
}

void check_workers(check *c)
{
    avcl_dataset *d = open_usual(c);
    uint64_t one = d ? sum_batches(c, d, 1) : 0;
    if (d && (sum_batches(c, d, 2) != one || sum_batches(c, d, 8) != one))
        check_say(c, AVCL_CHECK_FAIL, "other numbers of workers give other batches");
    avcl_dataset_free(d);
}

void check_opens_leave_nothing(check *c)
{
    samples_state before = {0};
    for (int i = 0; i < N_OPENS + N_OPENS / 4; i++) {
        if (i == N_OPENS / 4) before = samples_look();
        avcl_dataset *d = open_usual(c);
        avcl_error err = {0};
        if (d && !sum_row(d, i % n_rows(d), &err))
            say_unreadable(c, d, i % n_rows(d), &err);
        avcl_dataset_free(d);
        if (!d || err.code) return;
    }
    samples_compare(c, &before, N_OPENS, "times open and closed");
}
