/*
 * plugged_read.c - clips and sound of a plugin's data set, made to measure as decoded
 * ones are.
 *
 * A frame counted at another rate is the one on screen at that time; frames past the end
 * repeat the last.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_impl.h"

#include "data/plugged_impl.h"
#include "media/packed.h"

enum { MAX_SIDE = 8192, MAX_FPS = 1000, MAX_RATE = 384000, MAX_SECONDS = 3600 };
/* What is asked for at once: pictures are scaled while they are in the cache. */
static const int64_t piece_bytes = 4 << 20;
static const double on_time = 1e-6; /* frames: rounding is not being late */

typedef struct clip {
    const avcl_plugged *p;
    int64_t row;
    double fps; /* that frames are counted at; 0 = every one */
    avcl_clip_info info;
} clip;

static int64_t find_row(const avcl_plugged *p, const char *name)
{
    int64_t low = 0;
    for (int64_t high = p->d->n_files; low < high;) {
        int64_t middle = (low + high) / 2;
        if (strcmp(p->d->rels[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return p->first_row[low]; /* names come from the same list */
}

static avcl_status check_info(const avcl_clip_info *i, const char *who, avcl_error *err)
{
    if (i->n_frames < 1 || i->height < 1 || i->width < 1 || i->height > MAX_SIDE ||
        i->width > MAX_SIDE || !(i->fps > 0 && i->fps <= MAX_FPS))
        return avcl_error_set(err, AVCL_E_ABI, "%s: %lld frames of %dx%d at %g fps", who,
                              (long long)i->n_frames, i->width, i->height, i->fps);
    if (i->n_sound < 0 || (i->n_sound && (i->rate < 1 || i->rate > MAX_RATE)) ||
        (i->n_sound && i->n_sound / i->rate > MAX_SECONDS))
        return avcl_error_set(err, AVCL_E_ABI, "%s: %lld samples of sound at %d Hz", who,
                              (long long)i->n_sound, i->rate);
    return AVCL_OK;
}

static avcl_status look_up(const avcl_plugged *p, const char *name, clip *out,
                           avcl_error *err)
{
    avcl_asking a;
    *out = (clip){.p = p, .row = find_row(p, name)};
    avcl__ask(&a, &p->guest, "clip", NULL);
    avcl_status rc = p->api->clip(&a.reading, p->self, out->row, &out->info);
    rc = avcl__asked(&a, rc, err);
    if (rc > 0)
        rc = avcl_error_set(err, AVCL_E_ABI, "%s: a row that it has is its end",
                            p->guest.crumb.who);
    return rc ? rc : check_info(&out->info, p->guest.crumb.who, err);
}

static void *open_clip(void *arg, const char *path, double fps, avcl_error *err)
{
    clip *c = malloc(sizeof *c);
    if (!c) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory for a clip");
        return NULL;
    }
    if (look_up(arg, path, c, err)) {
        free(c);
        return NULL;
    }
    c->fps = fps;
    return c;
}

static void close_clip(void *video)
{
    free(video);
}

static int64_t n_frames(const void *video)
{
    const clip *c = video;
    if (!(c->fps > 0)) return c->info.n_frames;
    double n = ceil((double)c->info.n_frames / c->info.fps * c->fps - on_time);
    return n < 1 ? 1 : (int64_t)n;
}

static double time_of(const void *video, int64_t frame)
{
    const clip *c = video;
    return (double)frame / (c->fps > 0 ? c->fps : c->info.fps);
}

/* The clip's own frame behind frame `i` as counted. */
static int64_t shown_at(const clip *c, int64_t i)
{
    double at =
        c->fps > 0 ? floor((double)i / c->fps * c->info.fps + on_time) : (double)i;
    return at < (double)c->info.n_frames ? (int64_t)at : c->info.n_frames - 1;
}

static void cost_of(const void *video, avcl_media_cost *out)
{
    (void)video;
    memset(out, 0, sizeof *out);
}

/* Frames first … first + n - 1 of the clip, scaled to where they belong. */
static avcl_status read_piece(const clip *c, int64_t first, int64_t n, uint8_t *room,
                              const avcl_packed *out, uint8_t *to, avcl_error *err)
{
    avcl_asking a;
    avcl_packed from = {room, n, c->info.width, c->info.height};
    avcl__ask(&a, &c->p->guest, "frames", NULL);
    avcl_status rc = c->p->api->frames(&a.reading, c->p->self, c->row, first, n, room);
    rc = avcl__asked(&a, rc, err);
    if (rc > 0)
        rc = avcl_error_set(err, AVCL_E_ABI, "%s: its frames end before %lld",
                            c->p->guest.crumb.who, (long long)(first + n));
    return rc ? rc : avcl__packed_scale(&from, out->width, out->height, to, err);
}

static avcl_status read_frames(void *video, int64_t start, int64_t n, int32_t width,
                               int32_t height, uint8_t *rgb, int64_t *n_padded,
                               avcl_error *err)
{
    const clip *c = video;
    avcl_packed out = {NULL, n, width, height};
    size_t theirs = (size_t)c->info.width * (size_t)c->info.height * 3;
    size_t ours = (size_t)width * (size_t)height * 3;
    int64_t most = piece_bytes / (int64_t)theirs + 1;
    avcl_status rc = AVCL_OK;
    uint8_t *room = malloc((size_t)(most < n ? most : n) * theirs);
    if (!room) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for frames");
    int64_t end = n_frames(c);
    int64_t real = start + n <= end ? n : end > start ? end - start : 0;
    for (int64_t i = 0, next; i < real && !rc; i = next) {
        int64_t first = shown_at(c, start + i);
        for (next = i + 1; next < real && next - i < most; next++)
            if (shown_at(c, start + next) != first + (next - i)) break;
        rc = read_piece(c, first, next - i, room, &out, rgb + (size_t)i * ours, err);
    }
    if (!rc && real == 0)
        rc = read_piece(c, shown_at(c, end - 1), 1, room, &out, rgb, err);
    free(room);
    for (int64_t i = real ? real : 1; i < n && !rc; i++)
        memcpy(rgb + (size_t)i * ours, rgb + (size_t)(real ? real - 1 : 0) * ours, ours);
    if (!rc) *n_padded = n - real;
    return rc;
}

/* ---- sound ------------------------------------------------------------------------- */
static avcl_status take_sound(const clip *c, float *samples, avcl_error *err)
{
    avcl_asking a;
    avcl__ask(&a, &c->p->guest, "sound", NULL);
    avcl_status rc = c->p->api->sound(&a.reading, c->p->self, c->row, samples);
    rc = avcl__asked(&a, rc, err);
    for (int64_t i = 0; !rc && i < c->info.n_sound; i++)
        if (!isfinite(samples[i]))
            rc = avcl_error_set(err, AVCL_E_NUMERIC, "%s: sample %lld of its sound is %g",
                                c->p->guest.crumb.who, (long long)i, (double)samples[i]);
    return rc;
}

static avcl_status read_wave(void *arg, const char *path, int32_t rate, avcl_wave *out,
                             avcl_error *err)
{
    clip c;
    avcl_status rc = look_up(arg, path, &c, err);
    if (rc) return rc;
    if (!c.info.n_sound || !c.p->api->sound) {
        *out = (avcl_wave){NULL, 0, rate, 0};
        return AVCL_OK;
    }
    float *samples = calloc((size_t)c.info.n_sound, sizeof *samples);
    if (!samples) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a sound");
    rc = take_sound(&c, samples, err);
    double seconds = (double)c.info.n_frames / c.info.fps;
    if (!rc && seconds > MAX_SECONDS)
        rc = avcl_error_set(err, AVCL_E_INVALID, "%s: %.0f s; the limit is %d s",
                            c.p->guest.crumb.who, seconds, MAX_SECONDS);
    if (!rc) {
        avcl_packed_sound s = {samples, c.info.n_sound, c.info.rate, rate,
                               llrint(seconds * rate)};
        rc = avcl__packed_resample(&s, out, err);
    }
    free(samples);
    return rc;
}

const avcl_source avcl__plugged_source = {
    NULL,    open_clip, close_clip, n_frames,          read_frames,
    time_of, cost_of,   read_wave,  avcl_wave_release,
};
