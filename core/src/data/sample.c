/*
 * sample.c - the pure read of one sample: decode, cut, lay out.
 *
 * Everything is read before anything is written, so a bad file leaves the caller's rows
 * as they were; a transform that fails does not.
 */
#include <string.h>
#include <time.h>

#include "data/sample_impl.h"

#include "data/augment.h"

double avcl__clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Packed rows [h, w, 3] cut to three planes. */
static void cut_packed(const uint8_t *frame, size_t width, const avcl_area *area,
                       uint8_t *rgb, size_t plane)
{
    size_t columns = (size_t)area->columns;
    for (size_t y = 0; y < (size_t)area->rows; y++) {
        const uint8_t *from =
            frame + (((size_t)area->y + y) * width + (size_t)area->x) * 3;
        uint8_t *to = rgb + y * columns;
        for (size_t x = 0; x < columns; x++)
            for (size_t c = 0; c < 3; c++)
                to[c * plane + x] = from[x * 3 + c];
    }
}

void avcl__clip_cut(const avcl_clip *clip, const avcl_view *v, int32_t t,
                    const avcl_area *area, uint8_t *rgb, size_t plane)
{
    int64_t at = clip->first + t < clip->n ? clip->first + t : clip->n - 1;
    if (clip->i420) {
        avcl__i420_cut(clip->i420[at], v->resize_w, v->resize_h, area, rgb, plane);
        return;
    }
    size_t picture = (size_t)v->resize_w * (size_t)v->resize_h * 3;
    cut_packed(clip->rgb + (size_t)at * picture, (size_t)v->resize_w, area, rgb, plane);
}

/* Cut to [3, T, crop, crop]; every frame of the clip is cut alike. `index`: which frames,
 * NULL = the first ones. */
static void lay_out_clip(const avcl_view *v, const avcl_clip *clip, const int32_t *index,
                         uint8_t *rgb)
{
    size_t plane = (size_t)v->crop * (size_t)v->crop;
    avcl_area area = {clip->cut.y, clip->cut.x, v->crop, v->crop};
    for (int32_t t = 0; t < v->frames; t++)
        avcl__clip_cut(clip, v, index ? index[t] : t, &area, rgb + (size_t)t * plane,
                       plane * (size_t)v->frames);
}

static void lay_out_mel(const avcl_picture *p, const avcl_cut *cut, int32_t side,
                        uint16_t *mel)
{
    for (int32_t y = 0; y < side; y++) {
        uint16_t *to = mel + (size_t)y * (size_t)side;
        size_t at = (size_t)(cut->y + y) * (size_t)p->columns + (size_t)cut->x;
        if (p->mel)
            memcpy(to, p->mel + at, (size_t)side * sizeof *to);
        else
            memset(to, 0, (size_t)side * sizeof *to);
    }
}

/* The file whose sound the sample gets: its own, or another's of the split. */
static avcl_status choose_sound(const avcl_dataset *d, const avcl_request *r,
                                int64_t *file, avcl_error *err)
{
    const avcl_row *row = &d->rows[r->sample];
    const avcl_split *split = &d->splits[row->split];
    *file = row->file;
    if (!r->view->shuffle_pairs) return AVCL_OK;
    if (split->n < 2)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "shuffle_pairs needs two samples, split '%s' has one",
                              split->name);
    avcl_draw_key key = {r->seed, row->key, r->epoch, r->clip};
    *file = d->rows[split->rows[avcl__other_place(&key, row->place, split->n)]].file;
    return AVCL_OK;
}

static avcl_status read_sound(avcl_dataset *d, const avcl_request *r, double middle_s,
                              avcl_scratch *scratch, avcl_picture *out, avcl_error *err)
{
    int64_t file = 0;
    avcl_status status = choose_sound(d, r, &file, err);
    if (status) return status;
    avcl_sound_place place = {file, middle_s};
    status = avcl__picture_read(d, r, &place, scratch, out, err);
    if (status == AVCL_OK && out->mel && out->columns < r->view->mel_crop)
        status = avcl_error_set(err, AVCL_E_SHAPE,
                                "the mel picture has %lld columns, mel_crop is %d",
                                (long long)out->columns, r->view->mel_crop);
    if (status && file != d->rows[r->sample].file)
        avcl_error_prefix(err, "sound of %s", d->paths[file]);
    return status;
}

/* A clip and which of its frames are wanted (NULL = the first ones). */
typedef struct pictures {
    avcl_clip clip;
    const int32_t *index;
} pictures;

/* Frames further apart take a longer window: read as if the view had that many. */
static avcl_status read_pictures(avcl_dataset *d, const avcl_request *r,
                                 avcl_scratch *scratch, pictures *out, avcl_error *err)
{
    avcl_request window = *r;
    avcl_view wide = *r->view;
    avcl_status status =
        avcl__augment_time(d, r, scratch, &wide.frames, &out->index, err);
    if (status) return status;
    if (out->index) window.view = &wide;
    status = avcl__clip_read(d, &window, scratch, &out->clip, err);
    if (status || !out->index) return status;
    int64_t real = wide.frames - out->clip.n_padded;
    out->clip.n_padded = 0;
    for (int32_t i = 0; i < r->view->frames; i++)
        out->clip.n_padded += out->index[i] >= real;
    return AVCL_OK;
}

static avcl_status write_pictures(const avcl_dataset *d, const avcl_request *r,
                                  avcl_scratch *scratch, const pictures *p, uint8_t *rgb,
                                  avcl_error *err)
{
    avcl_status status = avcl__augment_area(d, r, scratch, &p->clip, p->index, rgb, err);
    if (status < 0) return status;
    if (status == AVCL_END) lay_out_clip(r->view, &p->clip, p->index, rgb);
    return avcl__augment_clip(d, r, rgb, err);
}

static avcl_status write_picture(const avcl_dataset *d, const avcl_request *r,
                                 const avcl_picture *picture, uint16_t *mel,
                                 avcl_error *err)
{
    avcl_draw_key key = {r->seed, d->rows[r->sample].key, r->epoch, r->clip};
    avcl_cut cut = {0};
    if (picture->mel)
        cut = avcl__cut_mel(r->view, &key, picture->bands, picture->columns);
    lay_out_mel(picture, &cut, r->view->mel_crop, mel);
    return picture->mel ? avcl__augment_mel(d, r, mel, err) : AVCL_OK;
}

static avcl_status read_parts(avcl_dataset *d, const avcl_request *r,
                              avcl_scratch *scratch, avcl_sample *out, avcl_error *err)
{
    pictures p = {{0}, NULL};
    avcl_picture picture = {0};
    avcl_status status = AVCL_OK;
    /* A window of sound lies where the clip lies, whether anyone looks at it or not. */
    int needs_clip = r->view->frames && r->view->sound == AVCL_SOUND_WINDOW;
    if (out->rgb || needs_clip) status = read_pictures(d, r, scratch, &p, err);
    if (status == AVCL_OK && out->mel)
        status = read_sound(d, r, p.clip.middle_s, scratch, &picture, err);
    if (status == AVCL_OK && out->mel && !picture.mel && r->view->need_sound)
        return AVCL_END;
    double from = avcl__clock();
    if (status == AVCL_OK && out->rgb)
        status = write_pictures(d, r, scratch, &p, out->rgb, err);
    if (status == AVCL_OK && out->mel)
        status = write_picture(d, r, &picture, out->mel, err);
    if (status) return status;
    scratch->cost.cut_s += avcl__clock() - from;
    out->start_frame = p.clip.cut.start;
    out->start_s = p.clip.start_s;
    out->label = d->rows[r->sample].label;
    out->has_audio = picture.mel != NULL;
    out->n_padded = (int32_t)p.clip.n_padded;
    out->reserved = 0;
    if (p.clip.n) scratch->cost.frames_used += r->view->frames - p.clip.n_padded;
    return AVCL_OK;
}

avcl_status avcl__sample_read(avcl_dataset *d, const avcl_request *request,
                              avcl_scratch *scratch, avcl_sample *out, avcl_error *err)
{
    avcl_sample wanted = *out;
    if (!request->view->frames) wanted.rgb = NULL;
    if (!request->view->mel_crop) wanted.mel = NULL;
    avcl_status status = read_parts(d, request, scratch, &wanted, err);
    if (status == AVCL_END) return status;
    if (status) {
        avcl_error_prefix(err, "%s", d->manifest.rows[request->sample].rel);
        return status;
    }
    wanted.rgb = out->rgb;
    wanted.mel = out->mel;
    *out = wanted;
    return AVCL_OK;
}

avcl_status avcl_sample_read(avcl_dataset *d, int64_t sample, uint64_t seed,
                             uint32_t epoch, const avcl_view *view, int32_t clip,
                             avcl_sample *out, avcl_error *err)
{
    avcl_scratch scratch = {0};
    avcl_request request = {sample, seed, epoch, clip, view};
    avcl_status status = avcl__dataset_check_view(d, view, err);
    if (status) return status;
    if (sample < 0 || sample >= d->manifest.n)
        return avcl_error_set(err, AVCL_E_NOT_FOUND, "sample %lld of %lld",
                              (long long)sample, (long long)d->manifest.n);
    if (clip < 0 || clip >= avcl__view_n_clips(view))
        return avcl_error_set(err, AVCL_E_INVALID, "clip %d, the view has %d", clip,
                              avcl__view_n_clips(view));
    status = avcl__sample_read(d, &request, &scratch, out, err);
    avcl__scratch_release(&scratch);
    if (status == AVCL_END)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "%s: it has no sound, and the view needs one",
                              d->manifest.rows[sample].rel);
    return status;
}
