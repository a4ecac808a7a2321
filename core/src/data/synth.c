/*
 * synth.c - makes a synthetic set: workers take the next clip's number, skip it if its
 * file is there, else draw, render and encode it. The worker that finishes the last
 * publishes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cores.h"
#include "base/threads.h"
#include "data/synth_files.h"
#include "data/synth_impl.h"

struct avcl_synth {
    avcl_synth_options options; /* resolved */
    avcl_synth_split splits[AVCL__SYNTH_SPLITS];
    char *dir;
    int64_t n_total;
    pthread_mutex_t lock; /* over everything below */
    pthread_cond_t moved;
    int64_t n_taken;
    int64_t n_done;
    int stop;
    int finished; /* published */
    avcl_error error;
    pthread_t *threads; /* only the owner's */
    int32_t n_threads;
};

/* What one worker renders into. */
typedef struct bench {
    uint8_t *rgb;
    uint8_t *masks; /* NULL: none are wanted */
    float *picture; /* scratch */
    float *sound;   /* scratch: two waves */
    float *samples;
    char *path;
    size_t path_room;
} bench;

static void bench_release(bench *b)
{
    free(b->rgb);
    free(b->masks);
    free(b->picture);
    free(b->sound);
    free(b->samples);
    free(b->path);
}

static int64_t count_frames(const avcl_synth_options *o)
{
    return (int64_t)(o->seconds * o->fps + 0.5);
}

/* Room for any clip of the set: shift has the highest rates. */
static int bench_init(bench *b, const avcl_synth *s)
{
    enum { SHIFT_FPS = 30, SHIFT_RATE = 44100 };
    avcl_synth_options o = s->options;
    int64_t rate = o.shift ? SHIFT_RATE : AVCL__SYNTH_RATE;
    if (o.shift && o.fps < SHIFT_FPS) o.fps = SHIFT_FPS;
    *b = (bench){0};
    size_t pixels = (size_t)count_frames(&o) * (size_t)o.width * (size_t)o.height;
    size_t samples = (size_t)((int64_t)(o.seconds + 1) * rate);
    size_t scratch = (size_t)avcl__synth_picture_scratch(o.width, o.height);
    b->rgb = malloc(3 * pixels);
    b->masks = o.masks ? malloc(pixels) : NULL;
    b->picture = malloc(scratch * sizeof(float));
    b->sound = malloc(2 * samples * sizeof(float));
    b->samples = malloc(samples * sizeof(float));
    b->path_room = strlen(s->dir) + 64;
    b->path = malloc(b->path_room);
    return b->rgb && (b->masks || !o.masks) && b->picture && b->sound && b->samples &&
           b->path;
}

static avcl_status draw_masks(const avcl_synth_clip *clip, const avcl_synth_options *o,
                              bench *b, avcl_error *err)
{
    int64_t n = count_frames(o);
    int64_t frame = (int64_t)o->width * o->height;
    for (int64_t i = 0; i < n; i++)
        avcl__synth_mask(&clip->scene, o, i, b->picture, b->masks + i * frame);
    return avcl_png_write(b->path, b->masks, o->width, (int32_t)n * o->height, 1, err);
}

static avcl_status encode(const avcl_synth_format *f, avcl_synth_clip *clip, bench *b,
                          avcl_error *err)
{
    const avcl_synth_options *o = &f->options;
    int64_t n = count_frames(o);
    int64_t n_samples = n * f->rate / o->fps;
    int64_t frame = 3 * (int64_t)o->width * o->height;
    if (f->is_black)
        memset(b->rgb, 0, (size_t)(n * frame));
    else
        for (int64_t i = 0; i < n; i++)
            avcl__synth_picture(&clip->scene, o, i, b->picture, b->rgb + i * frame);
    clip->voice.event.rate = f->rate;
    clip->stray.event.rate = f->rate;
    if (f->rate) avcl__synth_sound(clip, b->sound, b->samples, n_samples);
    avcl_encoder_options e = {.width = o->width,
                              .height = o->height,
                              .fps = o->fps,
                              .rate = f->rate,
                              .channels = f->channels};
    return avcl_encode_mp4(b->path, &e, b->rgb, n, f->rate ? b->samples : NULL, n_samples,
                           err);
}

/* The mask first: whoever finds the clip finds it too. */
static avcl_status make_clip(const avcl_synth *s, const char *split, int64_t index,
                             bench *b, avcl_error *err)
{
    struct stat st;
    avcl_synth_clip clip;
    avcl_synth_format f = avcl__synth_format_of(&s->options, split, index);
    snprintf(b->path, b->path_room, "%s/%s/%06lld.mp4", s->dir, split, (long long)index);
    /* Renamed into place when whole; a power cut may still leave an empty one. */
    if (!stat(b->path, &st) && S_ISREG(st.st_mode) && st.st_size > 0) return AVCL_OK;
    avcl__synth_draw(&f.options, f.draws, index, &clip);
    if (b->masks && !f.is_black) {
        snprintf(b->path, b->path_room, "%s/masks/%s/%06lld.png", s->dir, split,
                 (long long)index);
        avcl_status status = draw_masks(&clip, &f.options, b, err);
        if (status) return status;
        snprintf(b->path, b->path_room, "%s/%s/%06lld.mp4", s->dir, split,
                 (long long)index);
    }
    return encode(&f, &clip, b, err);
}

/* ---- workers ---------------------------------------------------------------------- */
/* The next clip's number over all splits, or -1 when there is none to make. */
static int64_t take(avcl_synth *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t i = s->stop || s->error.code || s->n_taken == s->n_total ? -1 : s->n_taken++;
    pthread_mutex_unlock(&s->lock);
    return i;
}

/* Returns 1 to the one worker that finished the last clip. */
static int put(avcl_synth *s, avcl_status status, const avcl_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (!status) s->n_done++;
    if (status && !s->error.code) s->error = *err;
    int last = !status && s->n_done == s->n_total;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
    return last;
}

static void publish(avcl_synth *s)
{
    avcl_error err = {0};
    avcl_status status = avcl__synth_publish(s->dir, &s->options, &err);
    pthread_mutex_lock(&s->lock);
    if (status && !s->error.code) s->error = err;
    s->finished = !status;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

static void *work(void *arg)
{
    avcl_synth *s = arg;
    bench b;
    if (!bench_init(&b, s)) {
        avcl_error err = {0};
        avcl_error_set(&err, AVCL_E_NOMEM, "synth: out of memory for clips of %d x %d",
                       s->options.width, s->options.height);
        put(s, AVCL_E_NOMEM, &err);
    }
    for (int64_t i; (i = take(s)) >= 0;) {
        const avcl_synth_split *split = s->splits;
        for (; i >= split->n; split++)
            i -= split->n;
        avcl_error err = {0};
        avcl_status status = make_clip(s, split->name, i, &b, &err);
        if (put(s, status, &err)) publish(s);
    }
    bench_release(&b);
    return NULL;
}

static avcl_status start(avcl_synth *s, avcl_error *err)
{
    int64_t n = s->options.workers ? s->options.workers : (int64_t)avcl__cpu_count();
    if (n > s->n_total) n = s->n_total;
    s->threads = calloc((size_t)n, sizeof *s->threads);
    if (!s->threads) return avcl_error_set(err, AVCL_E_NOMEM, "synth: out of memory");
    s->n_threads = avcl__threads_start(s->threads, n, work, s, "synth", err);
    return s->n_threads ? AVCL_OK : AVCL_E_IO; /* fewer than asked make the same set */
}

/* ---- public ------------------------------------------------------------------------ */
static avcl_synth *make(const char *dir, const avcl_synth_options *options)
{
    avcl_synth *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->options = *options;
    s->n_total = avcl__synth_splits(options, s->splits);
    s->dir = malloc(strlen(dir) + 1);
    if (!s->dir) {
        free(s);
        return NULL;
    }
    strcpy(s->dir, dir);
    pthread_mutex_init(&s->lock, NULL);
    avcl__steady_cond_init(&s->moved);
    return s;
}

avcl_synth *avcl_synth_new(const char *dir, const avcl_synth_options *options,
                           avcl_error *err)
{
    avcl_synth_options resolved;
    if (!dir || !*dir || !options) {
        avcl_error_set(err, AVCL_E_INVALID, "synth needs a directory and options");
        return NULL;
    }
    if (avcl__synth_resolve(options, &resolved, err)) return NULL;
    if (avcl__synth_begin(dir, &resolved, err)) return NULL;
    avcl_synth *s = make(dir, &resolved);
    if (!s) {
        avcl_error_set(err, AVCL_E_NOMEM, "synth: out of memory");
        return NULL;
    }
    if (start(s, err)) {
        avcl_synth_free(s);
        return NULL;
    }
    return s;
}

avcl_status avcl_synth_wait(avcl_synth *s, double seconds, int64_t *n_done,
                            int64_t *n_total, avcl_error *err)
{
    if (!s) return avcl_error_set(err, AVCL_E_INVALID, "synth: nothing to wait for");
    struct timespec until = avcl__time_after(seconds);
    int late = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->finished && !s->error.code && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&s->moved, &s->lock, &until);
    avcl_status status = s->finished ? AVCL_END : s->error.code;
    if (status < 0) avcl_error_set(err, status, "%s", s->error.message);
    if (status >= 0 && n_done) *n_done = s->n_done;
    if (status >= 0 && n_total) *n_total = s->n_total;
    pthread_mutex_unlock(&s->lock);
    return status;
}

void avcl_synth_free(avcl_synth *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stop = 1;
    pthread_mutex_unlock(&s->lock);
    for (int32_t i = 0; i < s->n_threads; i++)
        pthread_join(s->threads[i], NULL);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->lock);
    free(s->threads);
    free(s->dir);
    free(s);
}
