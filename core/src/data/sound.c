/*
 * sound.c - the picture of a file's sound that a view asks for: its track, from the cache
 * or read now; the whole of it, a window, or its waveform folded; scaled.
 *
 * A picture that depends on the file alone is kept in the cache, else the track is.
 */
#include <math.h>
#include <string.h>

#include "data/sample_impl.h"

#include "data/augment.h"
#include "data/half.h"
#include "media/mel_impl.h"

/* ---- drawing ----------------------------------------------------------------- */
avcl_status avcl__picture_draw(const avcl_mel *mel, avcl_sound sound,
                               const avcl_wave *wave, avcl_scratch *scratch,
                               avcl_picture *out, avcl_error *err)
{
    const avcl_mel_options *o = avcl_mel_get_options(mel);
    avcl_picture picture = {NULL, o->bands, o->columns};
    if (picture.columns < 0) picture.columns = avcl_mel_n_frames(mel, wave->n);
    int64_t n = picture.bands * picture.columns;
    float *floats = avcl__buffer_want(&scratch->floats, (size_t)n * sizeof *floats, err);
    uint16_t *halves =
        avcl__buffer_want(&scratch->halves, (size_t)n * sizeof *halves, err);
    if (!floats || !halves) return AVCL_E_NOMEM;
    avcl_status status = sound == AVCL_SOUND_WAVE
                             ? avcl_mel_fold(mel, wave->samples, wave->n, floats, err)
                             : avcl_mel_picture(mel, wave->samples, wave->n, floats, err);
    if (status) return status;
    for (int64_t i = 0; i < n; i++)
        halves[i] = avcl__half_from_float(floats[i]);
    picture.mel = halves;
    *out = picture;
    return AVCL_OK;
}

/* Of the picture as it is kept, in half precision, so that a prepared one scales to the
 * same bits. */
static avcl_status scale(const avcl_view *v, avcl_scratch *scratch, avcl_picture *p,
                         avcl_error *err)
{
    int64_t w = v->mel_resize_w;
    int64_t h = v->mel_resize_h;
    int64_t n = p->bands * p->columns;
    size_t bytes = (size_t)(n + p->bands * w + h * w) * sizeof(float);
    float *whole = avcl__buffer_want(&scratch->floats, bytes, err);
    if (!whole) return AVCL_E_NOMEM;
    float *narrow = whole + n;
    float *scaled = narrow + p->bands * w;
    for (int64_t i = 0; i < n; i++)
        whole[i] = avcl__half_to_float(p->mel[i]);
    avcl_status st =
        avcl__mel_resize(whole, &(avcl_resize){p->bands, p->columns, 1, w}, narrow, err);
    if (!st)
        st = avcl__mel_resize(narrow, &(avcl_resize){1, p->bands, w, h}, scaled, err);
    uint16_t *halves =
        st ? NULL
           : avcl__buffer_want(&scratch->halves, (size_t)(h * w) * sizeof *halves, err);
    if (!halves) return st ? st : AVCL_E_NOMEM;
    for (int64_t i = 0; i < h * w; i++)
        halves[i] = avcl__half_from_float(scaled[i]);
    *p = (avcl_picture){halves, h, w};
    return AVCL_OK;
}

/* ---- tracks ------------------------------------------------------------------ */
typedef struct track {
    avcl_wave wave;
    int is_owned; /* else the cache's: not to be written, not to be released */
} track;

static void drop_track(const avcl_dataset *d, track *t)
{
    if (t->is_owned) d->source.release(&t->wave);
}

static void keep(avcl_dataset *d, const avcl_cache_key *key, const void *data,
                 uint64_t bytes, int64_t n)
{
    avcl_cache_entry *entry = avcl__cache_reserve(d->cache, key, bytes, 0);
    if (!entry) return;
    if (bytes) memcpy(entry->data, data, bytes);
    entry->n = n;
    avcl__cache_insert(d->cache, entry);
}

static avcl_status read_track(avcl_dataset *d, const avcl_request *r, int64_t file,
                              int32_t rate, avcl_scratch *scratch, track *out,
                              avcl_error *err)
{
    avcl_cache_key key = {.file = file, .what = AVCL_CACHED_WAVE, .rate = rate};
    int is_kept = r->view->sound == AVCL_SOUND_WINDOW;
    *out = (track){0};
    if (d->prepared) return avcl__prepared_read_track(d, file, &out->wave, err);
    const avcl_cache_entry *entry = is_kept ? avcl__cache_find(d->cache, &key) : NULL;
    if (entry) {
        scratch->cost.cache_hits++;
        out->wave = (avcl_wave){entry->data, entry->n, rate, entry->n > 0};
        return AVCL_OK;
    }
    double from = avcl__clock();
    avcl_status st = d->source.wave(d->source.arg, d->paths[file], rate, &out->wave, err);
    scratch->cost.audio_s += avcl__clock() - from;
    if (st) return st;
    out->is_owned = 1;
    int64_t n = out->wave.has_audio ? out->wave.n : 0;
    if (is_kept) keep(d, &key, out->wave.samples, (uint64_t)n * sizeof(float), n);
    return AVCL_OK;
}

/* In place, on memory of our own. */
static avcl_status augment(const avcl_dataset *d, const avcl_request *r,
                           avcl_scratch *scratch, track *t, avcl_error *err)
{
    if (!t->wave.has_audio || !avcl__augments(r->view, AVCL_FIELD_WAVE)) return AVCL_OK;
    avcl_wave wave = t->wave;
    if (!t->is_owned && wave.n) {
        size_t bytes = (size_t)wave.n * sizeof *wave.samples;
        wave.samples = avcl__buffer_want(&scratch->wave, bytes, err);
        if (!wave.samples) return AVCL_E_NOMEM;
        memcpy(wave.samples, t->wave.samples, bytes);
        t->wave = wave;
    }
    return avcl__augment_wave(d, r, &wave, err);
}

/* The samples that the view's picture shows. */
static avcl_status cut_window(const avcl_dataset *d, const avcl_request *r,
                              double middle_s, avcl_scratch *scratch, avcl_wave *wave,
                              avcl_error *err)
{
    enum { TBN_MS = 1279 };
    const avcl_view *v = r->view;
    double seconds = v->seconds > 0 ? v->seconds : TBN_MS / 1000.0;
    int64_t n = (int64_t)llround(seconds * wave->rate);
    if (n < 1) n = 1;
    avcl_draw_key key = {r->seed, d->rows[r->sample].key, r->epoch, r->clip};
    int64_t start = avcl__window_start(v, &key, wave->n, n, middle_s * wave->rate);
    if (wave->n >= n) {
        wave->samples += start;
    } else {
        float *room = avcl__buffer_want(&scratch->window, (size_t)n * sizeof *room, err);
        if (!room) return AVCL_E_NOMEM;
        memset(room, 0, (size_t)n * sizeof *room);
        if (wave->n) memcpy(room, wave->samples, (size_t)wave->n * sizeof *room);
        wave->samples = room;
    }
    wave->n = n;
    return AVCL_OK;
}

/* ---- the picture --------------------------------------------------------------- */
static avcl_status draw(avcl_dataset *d, const avcl_request *r, const avcl_mel *mel,
                        const avcl_sound_place *place, avcl_scratch *scratch,
                        avcl_picture *out, avcl_error *err)
{
    track t;
    int32_t rate = avcl_mel_get_options(mel)->rate;
    avcl_status st = read_track(d, r, place->file, rate, scratch, &t, err);
    double from = avcl__clock();
    *out = (avcl_picture){0};
    if (!st) st = augment(d, r, scratch, &t, err);
    if (!st && t.wave.has_audio) {
        avcl_wave seen = t.wave;
        if (r->view->sound == AVCL_SOUND_WINDOW)
            st = cut_window(d, r, place->middle_s, scratch, &seen, err);
        if (!st) st = avcl__picture_draw(mel, r->view->sound, &seen, scratch, out, err);
    }
    drop_track(d, &t);
    scratch->cost.mel_s += avcl__clock() - from;
    return st;
}

static avcl_status read_unscaled(avcl_dataset *d, const avcl_request *r,
                                 const avcl_mel *mel, const avcl_sound_place *place,
                                 avcl_scratch *scratch, avcl_picture *out,
                                 avcl_error *err)
{
    avcl_sound sound = r->view->sound;
    if (sound == AVCL_SOUND_WINDOW || avcl__augments(r->view, AVCL_FIELD_WAVE))
        return draw(d, r, mel, place, scratch, out, err);
    if (d->prepared) {
        avcl_status st = sound == AVCL_SOUND_WHOLE
                             ? avcl__prepared_read_picture(d, place->file, mel, out, err)
                             : AVCL_END;
        return st == AVCL_END ? draw(d, r, mel, place, scratch, out, err) : st;
    }
    avcl_cache_key key = {.file = place->file,
                          .what = sound == AVCL_SOUND_WAVE ? AVCL_CACHED_FOLD
                                                           : AVCL_CACHED_MEL,
                          .mel = mel};
    const avcl_cache_entry *entry = avcl__cache_find(d->cache, &key);
    if (entry) {
        scratch->cost.cache_hits++;
        *out = (avcl_picture){entry->n ? entry->data : NULL,
                              avcl_mel_get_options(mel)->bands, entry->n};
        return AVCL_OK;
    }
    avcl_status st = draw(d, r, mel, place, scratch, out, err);
    int64_t columns = out->mel ? out->columns : 0;
    uint64_t bytes = (uint64_t)(out->bands * columns) * sizeof *out->mel;
    if (!st) keep(d, &key, out->mel, bytes, columns);
    return st;
}

avcl_status avcl__picture_read(avcl_dataset *d, const avcl_request *r,
                               const avcl_sound_place *place, avcl_scratch *scratch,
                               avcl_picture *out, avcl_error *err)
{
    const avcl_mel *mel = avcl__dataset_mel(d, &r->view->mel, err);
    if (!mel) return AVCL_E_INVALID;
    avcl_status st = read_unscaled(d, r, mel, place, scratch, out, err);
    if (st || !out->mel || !r->view->mel_resize_w) return st;
    return scale(r->view, scratch, out, err);
}
