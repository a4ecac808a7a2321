/* sampler.c - order = rows sorted by a random value; places = Lemire integers. */
#include <math.h>
#include <stdlib.h>

#include "data/sampler.h"

#include "data/draw.h"

static int compare_items(const void *a, const void *b)
{
    const avcl_order_item *x = a;
    const avcl_order_item *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

void avcl__order_fill(avcl_order_item *scratch, const uint64_t *keys, int64_t n,
                      uint64_t seed, uint32_t epoch, int64_t *order)
{
    for (int64_t i = 0; i < n; i++) {
        avcl_philox r = avcl_philox_at(seed, keys[i], epoch, AVCL_STREAM_ORDER, 0);
        uint64_t value = (uint64_t)r.x[1] << 32 | r.x[0];
        scratch[i] = (avcl_order_item){value, keys[i], i};
    }
    qsort(scratch, (size_t)n, sizeof *scratch, compare_items);
    for (int64_t i = 0; i < n; i++)
        order[i] = scratch[i].place;
}

int64_t avcl__clip_start(int64_t n_frames, int64_t frames, int32_t n_clips, int32_t clip)
{
    int64_t room = n_frames - frames;
    if (room <= 0) return 0;
    if (n_clips <= 1) return room / 2;
    /* floor(c - frames/2), c in linspace(frames/2, n_frames - frames/2, n_clips) */
    return room * clip / (n_clips - 1);
}

int32_t avcl__view_n_clips(const avcl_view *view)
{
    return view->random || view->n_clips < 1 ? 1 : view->n_clips;
}

enum { WORDS_PER_VIEW = 1 << 12 };

static avcl_draw start_draw(const avcl_draw_key *key, uint32_t stream)
{
    /* Views of one sample in one batch draw from far apart; the first as if alone. */
    uint32_t word = (uint32_t)key->clip * WORDS_PER_VIEW;
    return (avcl_draw){key->seed, key->key, key->epoch, stream, word};
}

/* y, then x, of a square side out of height x width. */
static avcl_cut cut_square(const avcl_view *view, const avcl_draw_key *key,
                           uint32_t stream, const int64_t room[2])
{
    avcl_cut cut = {0, (int32_t)(room[0] / 2), (int32_t)(room[1] / 2)};
    if (!view->random) return cut;
    avcl_draw draw = start_draw(key, stream);
    cut.y = (int32_t)avcl__draw_below(&draw, (uint32_t)room[0] + 1);
    cut.x = (int32_t)avcl__draw_below(&draw, (uint32_t)room[1] + 1);
    return cut;
}

/* Where a stretch of `length` out of `n` begins: drawn, or evenly spread. */
static int64_t place_stretch(const avcl_view *view, const avcl_draw_key *key, int64_t n,
                             int64_t length)
{
    if (!view->random) return avcl__clip_start(n, length, view->n_clips, key->clip);
    if (n <= length) return 0;
    avcl_draw draw = start_draw(key, AVCL_STREAM_TIME);
    return avcl__draw_below(&draw, (uint32_t)(n - length + 1));
}

/* A video shorter than the span is a clip of its own length. */
avcl_cut avcl__cut_clip(const avcl_view *view, const avcl_draw_key *key, int64_t n_frames)
{
    int64_t room[2] = {view->resize_h - view->crop, view->resize_w - view->crop};
    avcl_cut cut = cut_square(view, key, AVCL_STREAM_CROP, room);
    int64_t span = view->span < n_frames ? view->span : n_frames;
    if (span < view->frames) span = view->frames;
    cut.start = place_stretch(view, key, n_frames, span) + (span - view->frames + 1) / 2;
    return cut;
}

int64_t avcl__window_start(const avcl_view *view, const avcl_draw_key *key, int64_t n,
                           int64_t length, double centre)
{
    if (n <= length) return 0;
    if (!view->frames) return place_stretch(view, key, n, length);
    int64_t start = (int64_t)llround(centre) - length / 2;
    if (start < 0) return 0;
    return start > n - length ? n - length : start;
}

avcl_cut avcl__cut_mel(const avcl_view *view, const avcl_draw_key *key, int64_t bands,
                       int64_t columns)
{
    int64_t room[2] = {bands - view->mel_crop, columns - view->mel_crop};
    return cut_square(view, key, AVCL_STREAM_AUDIO, room);
}

int64_t avcl__other_place(const avcl_draw_key *key, int64_t place, int64_t n)
{
    avcl_draw draw = start_draw(key, AVCL_STREAM_PAIR);
    int64_t other = avcl__draw_below(&draw, (uint32_t)(n - 1));
    return other + (other >= place);
}

enum { MAX_SIDE = 8192, MAX_FRAMES = 4096, MAX_CLIPS = 1000 };

static avcl_status check_range(const char *name, int64_t value, int64_t low, int64_t high,
                               avcl_error *err)
{
    if (value >= low && value <= high) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "%s is %lld, expected %lld to %lld", name,
                          (long long)value, (long long)low, (long long)high);
}

static avcl_status check_clip(const avcl_view *view, avcl_error *err)
{
    avcl_status status = check_range("resize_w", view->resize_w, 1, MAX_SIDE, err);
    if (status == AVCL_OK)
        status = check_range("resize_h", view->resize_h, 1, MAX_SIDE, err);
    int32_t side = view->resize_w < view->resize_h ? view->resize_w : view->resize_h;
    if (status == AVCL_OK) status = check_range("crop", view->crop, 1, side, err);
    return status;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The picture that mel_crop is cut from; as long as there is when columns is -1. */
static avcl_status check_sound(const avcl_view *view, avcl_error *err)
{
    enum { MAX_SECONDS = 3600 };
    int64_t bands = view->mel.bands ? view->mel.bands : 256;
    int64_t columns = view->mel.columns ? view->mel.columns : 256;
    int64_t side = columns > 0 ? smaller(bands, columns) : bands;
    int is_resized = view->mel_resize_w || view->mel_resize_h;
    avcl_status st = check_range("sound", view->sound, 0, AVCL_SOUND_WAVE, err);
    if (!st && is_resized) {
        st = check_range("mel_resize_w", view->mel_resize_w, 1, MAX_SIDE, err);
        if (!st) st = check_range("mel_resize_h", view->mel_resize_h, 1, MAX_SIDE, err);
        side = smaller(view->mel_resize_w, view->mel_resize_h);
    }
    if (!st) st = check_range("mel_crop", view->mel_crop, 0, side, err);
    if (!st && !(view->seconds >= 0 && view->seconds <= MAX_SECONDS))
        st = avcl_error_set(err, AVCL_E_INVALID, "seconds is %g, expected 0 to %d",
                            view->seconds, MAX_SECONDS);
    if (!st && view->sound == AVCL_SOUND_WAVE && columns < 0)
        st = avcl_error_set(err, AVCL_E_INVALID,
                            "a folded waveform has a fixed number of columns, not %lld",
                            (long long)columns);
    return st;
}

avcl_status avcl__view_check(const avcl_view *view, avcl_error *err)
{
    if (view->frames == 0 && view->mel_crop == 0)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "the view has neither frames nor mel_crop: nothing to read");
    avcl_status status = check_range("frames", view->frames, 0, MAX_FRAMES, err);
    if (status == AVCL_OK)
        status = check_range("n_clips", view->n_clips, 0, MAX_CLIPS, err);
    if (status == AVCL_OK) status = check_range("span", view->span, 0, MAX_FRAMES, err);
    if (status == AVCL_OK && view->frames) status = check_clip(view, err);
    return status ? status : check_sound(view, err);
}
