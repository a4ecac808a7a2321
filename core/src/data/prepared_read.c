/* prepared_read.c - the clip and the sound of a sample out of a prepared cache. */
#include <string.h>

#include "data/sample_impl.h"

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
    int64_t middle = avcl__clip_middle(request->view, cut.start, r->n_frames);
    scratch->cost.decode_s += avcl__clock() - from;
    scratch->cost.frames_decoded += n;
    *out = (avcl_clip){.i420 = frames,
                       .n = n,
                       .n_padded = beyond > 0 ? beyond : 0,
                       .start_s = table[cut.start].time,
                       .middle_s = table[middle].time - table[0].time,
                       .cut = cut};
    return AVCL_OK;
}

/* The record of a file whose sound was read; NULL with status 0: it has none. */
static avcl_status find_sound(const avcl_dataset *d, int64_t file,
                              const avcl_record **out, avcl_error *err)
{
    const avcl_record *r = avcl__prepared_record(d->prepared, file, err);
    if (!r) return AVCL_E_CORRUPT;
    if (r->sound_failed) return fail(r, err);
    *out = r->has_audio ? r : NULL;
    return AVCL_OK;
}

avcl_status avcl__prepared_read_picture(const avcl_dataset *d, int64_t file,
                                        const avcl_mel *mel, avcl_picture *out,
                                        avcl_error *err)
{
    const avcl_recipe *recipe = avcl__prepared_recipe(d->prepared);
    const avcl_mel_options *o = avcl_mel_get_options(mel);
    const avcl_record *r = NULL;
    if (!recipe->has_mel || memcmp(o, &recipe->mel, sizeof *o) != 0) return AVCL_END;
    avcl_status st = find_sound(d, file, &r, err);
    *out = (avcl_picture){0};
    if (st || !r) return st;
    *out = (avcl_picture){avcl__prepared_mel(d->prepared, r, err), o->bands,
                          (int64_t)r->n_mel / o->bands};
    return out->mel ? AVCL_OK : AVCL_E_CORRUPT;
}

avcl_status avcl__prepared_read_track(const avcl_dataset *d, int64_t file, avcl_wave *out,
                                      avcl_error *err)
{
    const avcl_record *r = NULL;
    avcl_status st = find_sound(d, file, &r, err);
    *out = (avcl_wave){.rate = avcl__prepared_recipe(d->prepared)->mel.rate};
    if (st || !r) return st;
    const float *samples = avcl__prepared_wave(d->prepared, r, err);
    if (!samples) return AVCL_E_CORRUPT;
    out->samples = (float *)(uintptr_t)samples;
    out->n = (int64_t)r->n_wave;
    out->has_audio = 1;
    return AVCL_OK;
}
