/* prepare_record.c - decodes one file and lays its record out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/store.h"

#include "data/prepare_record.h"
#include "media/judge.h"

enum { CHUNK = 16 }; /* pictures decoded at a time */

typedef struct draft {
    avcl_maker *maker;
    avcl_record record;
    avcl_frame_entry *table;
    avcl__text frames;
    uint64_t n_bytes_compared;
} draft;

static avcl_status no_memory(avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_NOMEM, "no memory to prepare a clip");
}

static avcl_status take_room(avcl_maker *m, avcl_error *err)
{
    size_t picture = (size_t)m->recipe->width * (size_t)m->recipe->height * 3;
    if (m->rgb) return AVCL_OK;
    m->rgb = malloc(picture * CHUNK);
    m->yuv = malloc(picture);
    m->planes = malloc(picture);
    m->jpeg = avcl__jpeg_new(m->recipe->width, m->recipe->height, m->recipe->quality);
    return m->rgb && m->yuv && m->planes && m->jpeg ? AVCL_OK : no_memory(err);
}

void avcl__maker_release(avcl_maker *m)
{
    avcl__jpeg_free(m->jpeg);
    avcl__scratch_release(&m->scratch);
    free(m->rgb);
    free(m->yuv);
    free(m->planes);
    m->rgb = m->yuv = m->planes = NULL;
    m->jpeg = NULL;
}

static void pad(avcl__text *text, size_t align)
{
    static const char zeros[AVCL_PREPARED_ALIGN];
    avcl__text_put(text, zeros, (align - text->n % align) % align);
}

/* ---- pictures ---------------------------------------------------------------------- */
/* Squared difference between a picture and what the codec makes of it. */
static avcl_status add_loss(draft *d, const uint8_t *rgb, const void *data, size_t n,
                            avcl_error *err)
{
    avcl_maker *m = d->maker;
    int32_t w = m->recipe->width;
    int32_t h = m->recipe->height;
    size_t plane = (size_t)w * (size_t)h;
    avcl_area all = {0, 0, h, w};
    avcl_status st = AVCL_OK;
    if (m->recipe->codec == AVCL_PREPARE_MJPEG)
        st = avcl__jpeg_decode(m->jpeg, data, n, m->yuv, err);
    if (st) return st;
    avcl__i420_cut(m->yuv, w, h, &all, m->planes, plane);
    uint64_t sum = 0;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++) {
            int32_t off = (int32_t)rgb[3 * i + c] - m->planes[c * plane + i];
            sum += (uint64_t)(off * off);
        }
    d->record.squared_error += (double)sum;
    d->n_bytes_compared += 3 * plane;
    return AVCL_OK;
}

static avcl_status add_picture(draft *d, const uint8_t *rgb, int64_t i, double time,
                               avcl_error *err)
{
    avcl_maker *m = d->maker;
    const void *data = m->yuv;
    size_t n = avcl__i420_bytes(m->recipe->width, m->recipe->height);
    avcl_status st = AVCL_OK;
    avcl__i420_from_rgb(rgb, m->recipe->width, m->recipe->height, m->yuv);
    if (m->recipe->codec == AVCL_PREPARE_MJPEG)
        st = avcl__jpeg_encode(m->jpeg, m->yuv, &data, &n, err);
    else
        pad(&d->frames, AVCL_PREPARED_ALIGN);
    if (st) return st;
    d->table[i] =
        (avcl_frame_entry){d->frames.n, (uint32_t)n, avcl_crc32c(0, data, n), time};
    avcl__text_put(&d->frames, data, n);
    return i % CHUNK == 0 ? add_loss(d, rgb, data, n, err) : AVCL_OK;
}

static avcl_status add_chunk(draft *d, avcl_video *v, int64_t i, int64_t n,
                             avcl_error *why, avcl_error *err)
{
    const avcl_recipe *r = d->maker->recipe;
    size_t picture = (size_t)r->width * (size_t)r->height * 3;
    avcl_status st = AVCL_OK;
    if (avcl_video_read(v, i, n, r->width, r->height, d->maker->rgb, NULL, why))
        return AVCL_OK;
    for (int64_t k = 0; !st && k < n && !d->maker->check_only; k++)
        st = add_picture(d, d->maker->rgb + (size_t)k * picture, i + k,
                         avcl_video_time(v, i + k), err);
    return st;
}

/* `why` says what is wrong with the pictures; the status, with this machine. */
static avcl_status add_pictures(draft *d, avcl_video *v, avcl_error *why, avcl_error *err)
{
    int64_t n = avcl_video_n_frames(v);
    avcl_status st = AVCL_OK;
    d->table = calloc((size_t)n, sizeof *d->table);
    if (!d->table) return no_memory(err);
    for (int64_t i = 0; !st && !why->code && i < n; i += CHUNK)
        st = add_chunk(d, v, i, n - i < CHUNK ? n - i : CHUNK, why, err);
    d->record.n_frames = why->code ? 0 : n;
    if (d->n_bytes_compared) d->record.squared_error /= (double)d->n_bytes_compared;
    return st;
}

static avcl_status make_video(draft *d, const char *path, avcl_media_report *report,
                              avcl_error *err)
{
    avcl_error why = {0};
    avcl_status st = AVCL_OK;
    avcl_video_options o = {.fps = d->maker->recipe->fps};
    avcl_video *v = avcl_video_open(path, &o, &why);
    if (v) {
        avcl_video_get_info(v, &report->info);
        st = add_pictures(d, v, &why, err);
        avcl_video_get_damage(v, &report->n_damaged, &report->n_lost);
        avcl_video_free(v);
    }
    if (why.code) {
        report->state = AVCL_MEDIA_FAILED;
        snprintf(report->reason, sizeof report->reason, "%s", why.message);
    }
    avcl__media_judge(report);
    d->record.video_failed = report->state == AVCL_MEDIA_FAILED;
    d->record.n_real = d->record.n_frames - report->n_lost;
    d->record.video_s = report->info.video_s;
    return st;
}

/* ---- sound ------------------------------------------------------------------------- */
static avcl_status make_sound(draft *d, const char *path, avcl_wave *wave,
                              avcl_picture *picture, avcl_media_report *report,
                              avcl_error *err)
{
    avcl_maker *m = d->maker;
    avcl_error why = {0};
    avcl_status st = AVCL_OK;
    if (avcl_audio_read(path, m->recipe->mel.rate, 1, wave, &why)) {
        d->record.sound_failed = 1;
        if (report->state != AVCL_MEDIA_FAILED) {
            report->state = AVCL_MEDIA_REPAIRED;
            snprintf(report->reason, sizeof report->reason, "%s", why.message);
        }
        return AVCL_OK;
    }
    report->info.has_audio = wave->has_audio;
    report->is_silent = wave->has_audio && avcl__wave_is_silent(wave);
    if (wave->has_audio && m->recipe->has_mel)
        st =
            avcl__picture_draw(m->mel, AVCL_SOUND_WHOLE, wave, &m->scratch, picture, err);
    return st;
}

/* ---- layout ------------------------------------------------------------------------ */
static uint64_t put_part(avcl__text *out, size_t start, const void *data, size_t n,
                         uint32_t *crc)
{
    pad(out, AVCL_PREPARED_ALIGN);
    uint64_t at = out->n - start;
    *crc = avcl_crc32c(0, data, n);
    avcl__text_put(out, data, n);
    return at;
}

static void put_frames(draft *d, avcl__text *out, size_t start)
{
    avcl_record *r = &d->record;
    size_t n = (size_t)r->n_frames * sizeof *d->table;
    pad(out, AVCL_PREPARED_ALIGN);
    uint64_t frames_at = out->n - start + n;
    frames_at +=
        (AVCL_PREPARED_ALIGN - frames_at % AVCL_PREPARED_ALIGN) % AVCL_PREPARED_ALIGN;
    for (int64_t i = 0; i < r->n_frames; i++)
        d->table[i].at += frames_at;
    r->table_at = put_part(out, start, d->table, n, &r->table_crc);
    pad(out, AVCL_PREPARED_ALIGN);
    avcl__text_put(out, d->frames.data, d->frames.n);
}

static void lay_out(draft *d, const avcl_wave *wave, const avcl_picture *picture,
                    const avcl_media_report *report, avcl__text *out)
{
    avcl_record *r = &d->record;
    size_t start = out->n; /* of a record: aligned */
    r->state = report->state;
    r->has_audio = report->info.has_audio;
    r->is_silent = report->is_silent;
    r->reason_bytes = *report->reason ? strlen(report->reason) + 1 : 0;
    r->reason_crc = avcl_crc32c(0, report->reason, r->reason_bytes);
    avcl__text_put(out, r, sizeof *r);
    avcl__text_put(out, report->reason, r->reason_bytes);
    if (!r->video_failed && r->n_frames) put_frames(d, out, start);
    if (r->video_failed) r->n_frames = 0;
    if (r->n_real < 0) r->n_real = 0; /* of a rate, fewer than were lost */
    if (r->n_real > r->n_frames) r->n_real = r->n_frames;
    if (picture->mel) {
        r->n_mel = (uint64_t)(picture->bands * picture->columns);
        r->mel_at = put_part(out, start, picture->mel, r->n_mel * 2, &r->mel_crc);
    }
    if (wave->has_audio && d->maker->recipe->has_wave) {
        r->n_wave = (uint64_t)wave->n;
        r->wave_at = put_part(out, start, wave->samples, r->n_wave * 4, &r->wave_crc);
    }
    pad(out, AVCL_PREPARED_ALIGN);
    r->bytes = out->n - start;
    avcl__record_seal(r);
    if (!out->failed) memcpy(out->data + start, r, sizeof *r);
}

avcl_status avcl__record_make(avcl_maker *m, const char *path, uint64_t key,
                              avcl__text *out, avcl_media_report *report, avcl_error *err)
{
    draft d = {.maker = m, .record = {.key = key, .source = avcl__stamp_of(path)}};
    avcl_wave wave = {0};
    avcl_picture picture = {0};
    *report = (avcl_media_report){0};
    avcl_status st = take_room(m, err);
    if (!st) st = make_video(&d, path, report, err);
    if (!st) st = make_sound(&d, path, &wave, &picture, report, err);
    if (!st && report->state == AVCL_MEDIA_OK && report->info.n_frames < m->min_frames) {
        report->state = AVCL_MEDIA_REPAIRED;
        snprintf(report->reason, sizeof report->reason, "%lld frames, fewer than %d",
                 (long long)report->info.n_frames, m->min_frames);
    }
    if (!st && !m->check_only) lay_out(&d, &wave, &picture, report, out);
    if (!st && (out->failed || d.frames.failed)) st = no_memory(err);
    avcl_wave_release(&wave);
    avcl__text_release(&d.frames);
    free(d.table);
    return st;
}
