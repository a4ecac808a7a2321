/* prepared_read.c - the clip and the mel picture of a sample out of a prepared cache. */
#include <string.h>

#include "data/sample_impl.h"

#include "data/augment.h"

static avcl_status fail(const avcl_record *r, avcl_error *err)
{
    const char *reason = avcl__record_reason(r);
    return avcl_error_set(err, AVCL_E_CORRUPT, "%s",
                          *reason ? reason : "it could not be read when prepared");
}

/* n JPEGs from entry `first` on, decoded one behind the other. */
static avcl_status decode_frames(const avcl_prepared *p, const avcl_record *r,
                                 const avcl_frame_entry *first, int64_t n,
                                 avcl_scratch *scratch, const uint8_t **frames,
                                 avcl_error *err)
{
    const avcl_recipe *recipe = avcl__prepared_recipe(p);
    size_t bytes = avcl__i420_bytes(recipe->width, recipe->height);
    uint8_t *room = avcl__buffer_want(&scratch->frames, (size_t)n * bytes, err);
    if (!room) return AVCL_E_NOMEM;
    if (!avcl__jpeg_fits(scratch->jpeg, recipe->width, recipe->height)) {
        avcl__jpeg_free(scratch->jpeg);
        scratch->jpeg = avcl__jpeg_new(recipe->width, recipe->height, recipe->quality);
        if (!scratch->jpeg)
            return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a decoder");
    }
    for (int64_t i = 0; i < n; i++) {
        uint8_t *to = room + (size_t)i * bytes;
        const void *data = avcl__prepared_frame(p, r, &first[i], err);
        if (!data) return AVCL_E_CORRUPT;
        avcl_status st = avcl__jpeg_decode(scratch->jpeg, data, first[i].bytes, to, err);
        if (st) return st;
        frames[i] = to;
    }
    return AVCL_OK;
}

static avcl_status point_to_frames(const avcl_prepared *p, const avcl_record *r,
                                   const avcl_frame_entry *first, int64_t n,
                                   const uint8_t **frames, avcl_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        frames[i] = avcl__prepared_frame(p, r, &first[i], err);
        if (!frames[i]) return AVCL_E_CORRUPT;
    }
    return AVCL_OK;
}

avcl_status avcl__prepared_read_clip(const avcl_dataset *d, const avcl_request *request,
                                     avcl_scratch *scratch, avcl_clip *out,
                                     avcl_error *err)
{
    const avcl_prepared *p = d->prepared;
    const avcl_record *r = avcl__prepared_record(p, d->rows[request->sample].file, err);
    if (!r) return AVCL_E_CORRUPT;
    if (r->video_failed || r->n_frames == 0) return fail(r, err);
    const avcl_frame_entry *table = avcl__prepared_table(p, r, err);
    const uint8_t **frames = avcl__buffer_want(
        &scratch->pointers, (size_t)request->view->frames * sizeof *frames, err);
    if (!table || !frames) return table ? AVCL_E_NOMEM : AVCL_E_CORRUPT;
    avcl_cut cut = avcl__clip_place(d, request, r->n_frames);
    int64_t n = r->n_frames - cut.start;
    if (n > request->view->frames) n = request->view->frames;
    double from = avcl__clock();
    avcl_status st = avcl__prepared_recipe(p)->codec == AVCL_PREPARE_MJPEG
                         ? decode_frames(p, r, table + cut.start, n, scratch, frames, err)
                         : point_to_frames(p, r, table + cut.start, n, frames, err);
    if (st) return st;
    int64_t beyond = cut.start + request->view->frames - r->n_real;
    if (beyond > request->view->frames) beyond = request->view->frames;
    scratch->cost.decode_s += avcl__clock() - from;
    scratch->cost.frames_decoded += n;
    *out = (avcl_clip){.i420 = frames,
                       .n = n,
                       .n_padded = beyond > 0 ? beyond : 0,
                       .start_s = table[cut.start].time,
                       .cut = cut};
    return AVCL_OK;
}

/* The caller's to change: the cache's own pages are not. */
static avcl_status copy_wave(const float *samples, int64_t n, avcl_scratch *scratch,
                             avcl_wave *wave, avcl_error *err)
{
    float *copy = avcl__buffer_want(&scratch->wave, (size_t)n * sizeof *copy, err);
    if (!copy) return AVCL_E_NOMEM;
    memcpy(copy, samples, (size_t)n * sizeof *copy);
    wave->samples = copy;
    return AVCL_OK;
}

avcl_status avcl__prepared_read_picture(const avcl_dataset *d,
                                        const avcl_request *request, int64_t file,
                                        const avcl_mel *mel, avcl_scratch *scratch,
                                        avcl_picture *out, avcl_error *err)
{
    const avcl_prepared *p = d->prepared;
    const avcl_recipe *recipe = avcl__prepared_recipe(p);
    const avcl_mel_options *o = avcl_mel_get_options(mel);
    const avcl_record *r = avcl__prepared_record(p, file, err);
    int changed = avcl__augments(request->view, AVCL_FIELD_WAVE);
    *out = (avcl_picture){0};
    if (!r) return AVCL_E_CORRUPT;
    if (r->sound_failed) return fail(r, err);
    if (!r->has_audio) return AVCL_OK;
    if (!changed && recipe->has_mel && memcmp(o, &recipe->mel, sizeof *o) == 0) {
        *out = (avcl_picture){avcl__prepared_mel(p, r, err), o->bands,
                              (int64_t)r->n_mel / o->bands};
        return out->mel ? AVCL_OK : AVCL_E_CORRUPT;
    }
    const float *samples = avcl__prepared_wave(p, r, err);
    if (!samples) return AVCL_E_CORRUPT;
    avcl_wave wave = {(float *)(uintptr_t)samples, (int64_t)r->n_wave, o->rate, 1};
    double from = avcl__clock();
    if (changed && copy_wave(samples, wave.n, scratch, &wave, err)) return AVCL_E_NOMEM;
    if (changed) avcl__augment_wave(d, request, &wave);
    avcl_status st = avcl__picture_draw(mel, &wave, scratch, out, err);
    scratch->cost.mel_s += avcl__clock() - from;
    return st;
}
