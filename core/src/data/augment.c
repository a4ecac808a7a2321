/* augment.c - gives each field of a sample to the chain of transforms. */
#include <math.h>

#include "data/augment.h"

#include "data/resample.h"

int avcl__augments(const avcl_view *view, avcl_transform_field field)
{
    return view->random && avcl__transforms_touch(view->transforms, field);
}

static avcl_status apply(const avcl_dataset *d, const avcl_request *r,
                         avcl_transform_field field, avcl_matter *m, avcl_error *err)
{
    avcl_draw draw = {.seed = r->seed, .key = d->rows[r->sample].key, .epoch = r->epoch};
    if (!r->view->random) return AVCL_OK;
    return avcl__transforms_apply(r->view->transforms, field, &draw, m, err);
}

avcl_status avcl__augment_time(const avcl_dataset *d, const avcl_request *r,
                               avcl_scratch *scratch, int32_t *span,
                               const int32_t **index, avcl_error *err)
{
    int32_t n = r->view->frames;
    *span = n;
    *index = NULL;
    if (!avcl__augments(r->view, AVCL_FIELD_TIME)) return AVCL_OK;
    int32_t *list = avcl__buffer_want(&scratch->index, (size_t)n * sizeof *list, err);
    if (!list) return AVCL_E_NOMEM;
    for (int32_t i = 0; i < n; i++)
        list[i] = i;
    avcl_matter m = {.index = list, .frames = n};
    avcl_status status = apply(d, r, AVCL_FIELD_TIME, &m, err);
    if (status) return status;
    *span = list[n - 1] + 1; /* ascending */
    *index = list;
    return AVCL_OK;
}

/* What the part of a picture is cut into before it is scaled, in one allocation. */
typedef struct workspace {
    avcl_area area;
    avcl_taps *taps; /* [2, side]: along y, along x */
    float *weights;
    float *lines;    /* [rows, side] */
    uint8_t *planes; /* [3, rows, columns] */
} workspace;

static avcl_status open_workspace(const avcl_matter *m, int32_t side,
                                  avcl_scratch *scratch, workspace *w, avcl_error *err)
{
    int32_t y = (int32_t)m->y;
    int32_t x = (int32_t)m->x;
    int32_t bottom = (int32_t)fmin(ceil(m->y + m->rows), m->room_h);
    int32_t right = (int32_t)fmin(ceil(m->x + m->columns), m->room_w);
    size_t room_y = (size_t)avcl__taps_room(m->rows, side) * (size_t)side;
    size_t room_x = (size_t)avcl__taps_room(m->columns, side) * (size_t)side;
    size_t pixels = (size_t)(bottom - y) * (size_t)(right - x);
    size_t lines = (size_t)(bottom - y) * (size_t)side;
    size_t taps = 2 * (size_t)side * sizeof(avcl_taps);
    size_t floats = (room_y + room_x + lines) * sizeof(float);
    char *room = avcl__buffer_want(&scratch->area, taps + floats + 3 * pixels, err);
    if (!room) return AVCL_E_NOMEM;
    w->area = (avcl_area){y, x, bottom - y, right - x};
    w->taps = (avcl_taps *)(void *)room;
    w->weights = (float *)(void *)(room + taps);
    w->lines = w->weights + room_y + room_x;
    w->planes = (uint8_t *)room + taps + floats;
    avcl__taps_make(m->y - y, m->rows, w->area.rows, side, w->taps, w->weights);
    avcl__taps_make(m->x - x, m->columns, w->area.columns, side, w->taps + side,
                    w->weights + room_y);
    return AVCL_OK;
}

avcl_status avcl__augment_area(const avcl_dataset *d, const avcl_request *r,
                               avcl_scratch *scratch, const avcl_clip *clip,
                               const int32_t *index, uint8_t *rgb, avcl_error *err)
{
    const avcl_view *v = r->view;
    workspace w;
    avcl_matter m = {.room_h = v->resize_h, .room_w = v->resize_w};
    avcl_status status = apply(d, r, AVCL_FIELD_AREA, &m, err);
    if (status) return status;
    if (!(m.rows > 0)) return AVCL_END;
    status = open_workspace(&m, v->crop, scratch, &w, err);
    if (status) return status;
    size_t pixels = (size_t)w.area.rows * (size_t)w.area.columns;
    size_t plane = (size_t)v->crop * (size_t)v->crop;
    for (int32_t t = 0; t < v->frames; t++) {
        avcl__clip_cut(clip, v, index ? index[t] : t, &w.area, w.planes, pixels);
        for (size_t k = 0; k < 3; k++)
            avcl__resample(w.planes + k * pixels, w.area.rows, w.area.columns, w.taps,
                           w.taps + v->crop, v->crop, w.lines,
                           rgb + (k * (size_t)v->frames + (size_t)t) * plane);
    }
    return AVCL_OK;
}

avcl_status avcl__augment_clip(const avcl_dataset *d, const avcl_request *r, uint8_t *rgb,
                               avcl_error *err)
{
    avcl_matter m = {.rgb = rgb, .frames = r->view->frames, .side = r->view->crop};
    return apply(d, r, AVCL_FIELD_CLIP, &m, err);
}

avcl_status avcl__augment_wave(const avcl_dataset *d, const avcl_request *r,
                               avcl_wave *wave, avcl_error *err)
{
    avcl_matter m = {.wave = wave->samples, .n_wave = wave->n, .rate = wave->rate};
    return apply(d, r, AVCL_FIELD_WAVE, &m, err);
}

avcl_status avcl__augment_mel(const avcl_dataset *d, const avcl_request *r, uint16_t *mel,
                              avcl_error *err)
{
    avcl_matter m = {.mel = mel, .side = r->view->mel_crop};
    return apply(d, r, AVCL_FIELD_MEL, &m, err);
}
