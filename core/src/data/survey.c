/*
 * survey.c - workers take the next file, look into it and write its own finding; the
 * caller counts. Decoding scales pictures to a thumbnail: only whether they come matters.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "avcl/survey.h"

#include "base/cores.h"
#include "base/threads.h"

enum { CHUNK = 64, THUMB = 16, RATE = 24000 };
static const double MAX_LOST = 0.05;    /* data.md 3.6: more is not a repair */
static const double SILENCE_DB = -80.0; /* data.md 2: counted apart below this */

struct avcl_survey {
    int64_t n;
    char **paths;
    avcl_finding *findings;
    int32_t decode;
    pthread_mutex_t lock; /* over everything below */
    pthread_cond_t moved;
    int64_t n_taken;
    int64_t n_done;
    int stop;
    int32_t n_threads; /* only the owner's, as threads */
    pthread_t *threads;
};

/* ---- one file --------------------------------------------------------------------- */
static void fault(avcl_finding *f, avcl_file_state state, const char *reason)
{
    f->state = state;
    snprintf(f->reason, sizeof f->reason, "%.*s", (int)sizeof f->reason - 1, reason);
}

/* Something is amiss with some frames, and the rest can be used. */
static void fault_count(avcl_finding *f, int64_t n, const char *what)
{
    snprintf(f->reason, sizeof f->reason, "%lld of %lld frames %s", (long long)n,
             (long long)f->info.n_frames + f->info.n_missing, what);
    f->state = AVCL_FILE_REPAIRED;
}

static void decode_pictures(avcl_video *v, avcl_finding *f)
{
    uint8_t rgb[CHUNK * THUMB * THUMB * 3];
    avcl_error err = {0};
    for (int64_t at = 0; at < f->info.n_frames; at += CHUNK) {
        int64_t left = f->info.n_frames - at;
        int64_t lost = 0;
        if (avcl_video_read(v, at, left < CHUNK ? left : CHUNK, THUMB, THUMB, rgb, &lost,
                            &err)) {
            fault(f, AVCL_FILE_CORRUPT, err.message);
            return;
        }
        f->n_lost += lost;
    }
    if (!f->n_lost) return;
    fault_count(f, f->n_lost, "do not decode");
    if ((double)f->n_lost > MAX_LOST * (double)f->info.n_frames)
        f->state = AVCL_FILE_CORRUPT;
}

static void decode_sound(const char *path, avcl_finding *f)
{
    avcl_error err = {0};
    avcl_wave wave = {0};
    if (avcl_audio_read(path, RATE, 0, &wave, &err)) {
        fault(f, AVCL_FILE_CORRUPT, err.message);
        return;
    }
    double sum = 0;
    for (int64_t i = 0; i < wave.n; i++)
        sum += (double)wave.samples[i] * (double)wave.samples[i];
    f->loudness_db = 10.0 * log10(wave.n ? sum / (double)wave.n : 0.0);
    f->is_silent = wave.has_audio && !(f->loudness_db >= SILENCE_DB);
    avcl_wave_release(&wave);
}

static void look(const char *path, int decode, avcl_finding *f)
{
    struct stat st;
    avcl_error err = {0};
    if (stat(path, &st)) {
        char reason[128] = "unknown reason";
        int missing = errno == ENOENT || errno == ENOTDIR;
        (void)!strerror_r(errno, reason, sizeof reason);
        fault(f, missing ? AVCL_FILE_MISSING : AVCL_FILE_UNREADABLE, reason);
        return;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) { /* a FIFO would block for ever */
        fault(f, AVCL_FILE_UNREADABLE, "neither a file nor a folder");
        return;
    }
    f->bytes = st.st_size;
    avcl_video *v = avcl_video_open(path, NULL, &err);
    if (v) avcl_video_get_info(v, &f->info);
    if (!v)
        fault(f, AVCL_FILE_UNREADABLE, err.message);
    else if (f->info.n_frames < 1)
        fault(f, AVCL_FILE_UNREADABLE, "no frames");
    else {
        if (f->info.n_missing > 0)
            fault_count(f, f->info.n_missing, "of those promised are not in the file");
        if (decode) decode_pictures(v, f);
    }
    avcl_video_free(v);
    if (decode && f->state <= AVCL_FILE_REPAIRED && f->info.has_audio)
        decode_sound(path, f);
}

/* ---- workers ---------------------------------------------------------------------- */
static int64_t take(avcl_survey *s, int64_t before)
{
    pthread_mutex_lock(&s->lock);
    if (before >= 0) {
        s->n_done++;
        if (s->n_done == s->n) pthread_cond_broadcast(&s->moved);
    }
    int64_t i = s->stop || s->n_taken == s->n ? -1 : s->n_taken++;
    pthread_mutex_unlock(&s->lock);
    return i;
}

static void *work(void *arg)
{
    avcl_survey *s = arg;
    for (int64_t i = take(s, -1); i >= 0; i = take(s, i))
        look(s->paths[i], s->decode, &s->findings[i]);
    return NULL;
}

static avcl_status start(avcl_survey *s, int64_t n, avcl_error *err)
{
    if (n > s->n) n = s->n;
    if (n < 1) return AVCL_OK;
    s->threads = calloc((size_t)n, sizeof *s->threads);
    if (!s->threads) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a survey");
    s->n_threads = avcl__threads_start(s->threads, n, work, s, "survey", err);
    return s->n_threads ? AVCL_OK : AVCL_E_IO;
}

static int copy_paths(avcl_survey *s, const char *const *paths)
{
    s->paths = calloc((size_t)s->n + 1, sizeof *s->paths);
    s->findings = calloc((size_t)s->n + 1, sizeof *s->findings);
    if (!s->paths || !s->findings) return 0;
    for (int64_t i = 0; i < s->n; i++)
        if (!(s->paths[i] = strdup(paths[i]))) return 0;
    return 1;
}

avcl_survey *avcl_survey_new(const char *const *paths, int64_t n,
                             const avcl_survey_options *options, avcl_error *err)
{
    avcl_survey *s = calloc(1, sizeof *s);
    if (!s) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory for a survey");
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    avcl__steady_cond_init(&s->moved);
    s->n = n;
    s->decode = options && options->decode;
    int64_t workers =
        options && options->workers > 0 ? options->workers : (int64_t)avcl__cpu_count();
    int copied = copy_paths(s, paths);
    if (!copied) avcl_error_set(err, AVCL_E_NOMEM, "no memory for a survey");
    if (!copied || start(s, workers, err)) {
        avcl_survey_free(s);
        return NULL;
    }
    return s;
}

avcl_status avcl_survey_wait(avcl_survey *s, double seconds, int64_t *n_done)
{
    struct timespec t = avcl__time_after(seconds);
    int late = 0;
    pthread_mutex_lock(&s->lock);
    while (s->n_done < s->n && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&s->moved, &s->lock, &t);
    *n_done = s->n_done;
    avcl_status status = s->n_done == s->n ? AVCL_END : AVCL_OK;
    pthread_mutex_unlock(&s->lock);
    return status;
}

avcl_status avcl_survey_get(avcl_survey *s, int64_t i, avcl_finding *out)
{
    if (i < 0 || i >= s->n) return AVCL_E_NOT_FOUND;
    *out = s->findings[i];
    return AVCL_OK;
}

void avcl_survey_free(avcl_survey *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stop = 1;
    pthread_mutex_unlock(&s->lock);
    for (int32_t i = 0; i < s->n_threads; i++)
        pthread_join(s->threads[i], NULL);
    for (int64_t i = 0; s->paths && i < s->n; i++)
        free(s->paths[i]);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->lock);
    free(s->threads);
    free(s->paths);
    free(s->findings);
    free(s);
}
