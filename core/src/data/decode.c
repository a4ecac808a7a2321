/*
 * decode.c - pictures of one file, from the cache or decoded now.
 *
 * With room in the cache a clip is decoded whole, else only its window; frames
 * are the same either way.
 */
#include <stdlib.h>
#include <string.h>

#include "data/sample_impl.h"

void *avcl__buffer_want(avcl_buffer *buffer, size_t bytes, avcl_error *err)
{
    if (buffer->bytes < bytes) {
        void *data = realloc(buffer->data, bytes);
        if (!data) {
            avcl_error_set(err, AVCL_E_NOMEM, "no memory for %zu bytes of a sample",
                           bytes);
            return NULL;
        }
        buffer->data = data;
        buffer->bytes = bytes;
    }
    return buffer->data;
}

void avcl__scratch_release(avcl_scratch *scratch)
{
    free(scratch->frames.data);
    free(scratch->floats.data);
    free(scratch->halves.data);
    free(scratch->pointers.data);
    free(scratch->index.data);
    free(scratch->area.data);
    free(scratch->wave.data);
    free(scratch->window.data);
    avcl__jpeg_free(scratch->jpeg);
    *scratch = (avcl_scratch){0};
}

static avcl_cache_key clip_key(const avcl_dataset *d, const avcl_request *r)
{
    return (avcl_cache_key){.file = d->rows[r->sample].file,
                            .what = AVCL_CACHED_CLIP,
                            .width = r->view->resize_w,
                            .height = r->view->resize_h,
                            .rate = r->view->fps};
}

avcl_cut avcl__clip_place(const avcl_dataset *d, const avcl_request *r, int64_t n_frames)
{
    avcl_draw_key key = {r->seed, d->rows[r->sample].key, r->epoch, r->clip};
    return avcl__cut_clip(r->view, &key, n_frames);
}

int64_t avcl__clip_middle(const avcl_view *view, int64_t start, int64_t n_frames)
{
    int64_t middle = start + view->frames / 2;
    return middle < n_frames ? middle : n_frames - 1;
}

static void from_entry(const avcl_dataset *d, const avcl_request *r,
                       const avcl_cache_entry *entry, avcl_clip *out)
{
    avcl_cut cut = avcl__clip_place(d, r, entry->n);
    int64_t beyond = cut.start + r->view->frames - entry->n_real;
    if (beyond > r->view->frames) beyond = r->view->frames;
    int64_t middle = avcl__clip_middle(r->view, cut.start, entry->n);
    *out = (avcl_clip){.rgb = entry->data,
                       .n = entry->n,
                       .first = cut.start,
                       .n_padded = beyond > 0 ? beyond : 0,
                       .start_s = entry->time[cut.start],
                       .middle_s = entry->time[middle] - entry->time[0],
                       .cut = cut};
}

/* Decodes the whole file into the cache. NULL: no room, or it cannot be decoded whole. */
static const avcl_cache_entry *fill_cache(avcl_dataset *d, const avcl_request *r,
                                          void *video, int64_t n)
{
    const avcl_view *v = r->view;
    avcl_cache_key key = clip_key(d, r);
    uint64_t bytes = (uint64_t)n * (uint64_t)v->resize_w * (uint64_t)v->resize_h * 3;
    int64_t n_padded = 0;
    avcl_cache_entry *entry = avcl__cache_reserve(d->cache, &key, bytes, n);
    if (!entry) return NULL;
    if (d->source.read(video, 0, n, v->resize_w, v->resize_h, entry->data, &n_padded,
                       NULL)) {
        avcl__cache_cancel(d->cache, entry);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        entry->time[i] = d->source.time(video, i);
    entry->n = n;
    entry->n_real = n - n_padded;
    return avcl__cache_insert(d->cache, entry);
}

static avcl_status read_window(avcl_dataset *d, const avcl_request *r,
                               avcl_scratch *scratch, void *video, avcl_clip *out,
                               avcl_error *err)
{
    const avcl_view *v = r->view;
    avcl_clip clip = {.n = v->frames,
                      .cut = avcl__clip_place(d, r, d->source.n_frames(video))};
    size_t bytes = (size_t)v->frames * (size_t)v->resize_w * (size_t)v->resize_h * 3;
    uint8_t *rgb = avcl__buffer_want(&scratch->frames, bytes, err);
    if (!rgb) return AVCL_E_NOMEM;
    avcl_status status = d->source.read(video, clip.cut.start, v->frames, v->resize_w,
                                        v->resize_h, rgb, &clip.n_padded, err);
    if (status) return status;
    clip.rgb = rgb;
    int64_t middle = avcl__clip_middle(v, clip.cut.start, d->source.n_frames(video));
    clip.start_s = d->source.time(video, clip.cut.start);
    clip.middle_s = d->source.time(video, middle) - d->source.time(video, 0);
    *out = clip;
    return AVCL_OK;
}

static void add_cost(const avcl_dataset *d, const void *video, avcl_read_cost *to)
{
    avcl_media_cost c;
    d->source.cost(video, &c);
    to->open_s += c.open_s;
    to->demux_s += c.demux_s;
    to->decode_s += c.decode_s;
    to->scale_s += c.scale_s;
    to->frames_decoded += c.frames;
}

static avcl_status decode_clip(avcl_dataset *d, const avcl_request *r,
                               avcl_scratch *scratch, avcl_clip *out, avcl_error *err)
{
    avcl_error why = {0};
    void *video = d->source.open(d->source.arg, d->paths[d->rows[r->sample].file],
                                 r->view->fps, &why);
    if (!video)
        return avcl_error_set(err, why.code ? why.code : AVCL_E_IO, "%s",
                              why.code ? why.message : "cannot be opened");
    avcl_status status = AVCL_OK;
    int64_t n = d->source.n_frames(video);
    const avcl_cache_entry *entry = n > 0 ? fill_cache(d, r, video, n) : NULL;
    if (n <= 0)
        status = avcl_error_set(err, AVCL_E_CORRUPT, "no frames");
    else if (entry)
        from_entry(d, r, entry, out);
    else
        status = read_window(d, r, scratch, video, out, err);
    add_cost(d, video, &scratch->cost);
    d->source.close(video);
    return status;
}

avcl_status avcl__clip_read(avcl_dataset *d, const avcl_request *request,
                            avcl_scratch *scratch, avcl_clip *out, avcl_error *err)
{
    avcl_cache_key key = clip_key(d, request);
    const avcl_cache_entry *entry = avcl__cache_find(d->cache, &key);
    if (entry) {
        scratch->cost.cache_hits++;
        from_entry(d, request, entry, out);
        return AVCL_OK;
    }
    if (d->prepared) return avcl__prepared_read_clip(d, request, scratch, out, err);
    return decode_clip(d, request, scratch, out, err);
}
