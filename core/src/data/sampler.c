/* sampler.c - order = rows sorted by a random value; places = Lemire integers. */
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

int64_t avcl__clip_start(int64_t n_frames, int32_t frames, int32_t n_clips, int32_t clip)
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

avcl_cut avcl__cut_clip(const avcl_view *view, const avcl_draw_key *key, int64_t n_frames)
{
    int64_t room[2] = {view->resize_h - view->crop, view->resize_w - view->crop};
    avcl_cut cut = cut_square(view, key, AVCL_STREAM_CROP, room);
    if (!view->random) {
        cut.start = avcl__clip_start(n_frames, view->frames, view->n_clips, key->clip);
    } else if (n_frames > view->frames) {
        avcl_draw draw = start_draw(key, AVCL_STREAM_TIME);
        cut.start = avcl__draw_below(&draw, (uint32_t)(n_frames - view->frames + 1));
    }
    return cut;
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

avcl_status avcl__view_check(const avcl_view *view, avcl_error *err)
{
    if (view->frames == 0 && view->mel_crop == 0)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "the view has neither frames nor mel_crop: nothing to read");
    avcl_status status = check_range("frames", view->frames, 0, MAX_FRAMES, err);
    if (status == AVCL_OK)
        status = check_range("n_clips", view->n_clips, 0, MAX_CLIPS, err);
    if (status == AVCL_OK && view->frames) status = check_clip(view, err);
    int64_t side = view->mel.bands ? view->mel.bands : 256;
    int64_t columns = view->mel.columns ? view->mel.columns : 256;
    if (columns > 0 && columns < side) side = columns;
    if (status == AVCL_OK) status = check_range("mel_crop", view->mel_crop, 0, side, err);
    return status;
}
