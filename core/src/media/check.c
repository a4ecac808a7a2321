/* check.c - what is wrong with a file: decodes all of it and judges. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "media/judge.h"

void avcl__media_judge(avcl_media_report *r)
{
    const double few = 0.05; /* of frames: more damage than this is no clip any more */
    int64_t n = r->info.n_frames;
    int64_t bad = r->n_damaged + r->n_lost;
    if (r->state == AVCL_MEDIA_FAILED) return;
    if (bad == 0 && r->info.n_missing == 0) return;
    r->state = (double)bad > few * (double)n ? AVCL_MEDIA_FAILED : AVCL_MEDIA_REPAIRED;
    int used = 0;
    if (bad)
        used = snprintf(r->reason, sizeof r->reason,
                        "%lld of %lld frames are damaged and %lld lost",
                        (long long)r->n_damaged, (long long)n, (long long)r->n_lost);
    if (r->info.n_missing)
        snprintf(r->reason + used, sizeof r->reason - (size_t)used,
                 "%sthe header promises %lld frames and the file holds %lld",
                 used ? "; " : "", (long long)(n + r->info.n_missing), (long long)n);
}

static void fail(avcl_media_report *r, const avcl_error *err)
{
    r->state = AVCL_MEDIA_FAILED;
    snprintf(r->reason, sizeof r->reason, "%s", err->message);
}

static void check_pictures(const char *path, avcl_media_report *r)
{
    enum { STEP = 64, SIDE = 4 }; /* small: every frame is decoded, none is looked at */
    uint8_t rgb[STEP * SIDE * SIDE * 3];
    avcl_error err = {0};
    avcl_status st = AVCL_OK;
    avcl_video *v = avcl_video_open(path, NULL, &err);
    if (!v) {
        fail(r, &err);
        return;
    }
    avcl_video_get_info(v, &r->info);
    for (int64_t i = 0; !st && i < r->info.n_frames; i += STEP) {
        int64_t n = r->info.n_frames - i < STEP ? r->info.n_frames - i : STEP;
        st = avcl_video_read(v, i, n, SIDE, SIDE, rgb, NULL, &err);
    }
    avcl_video_get_damage(v, &r->n_damaged, &r->n_lost);
    avcl_video_free(v);
    if (st) fail(r, &err);
}

int32_t avcl__wave_is_silent(const avcl_wave *wave)
{
    const double silence = 1e-4; /* -80 dBFS */
    double sum = 0;
    for (int64_t i = 0; i < wave->n; i++)
        sum += (double)wave->samples[i] * (double)wave->samples[i];
    return wave->n > 0 && sqrt(sum / (double)wave->n) < silence;
}

static void check_sound(const char *path, avcl_media_report *r)
{
    enum { RATE = 24000 };
    avcl_error err = {0};
    avcl_wave wave = {0};
    if (avcl_audio_read(path, RATE, 1, &wave, &err)) {
        fail(r, &err);
        return;
    }
    r->info.has_audio = wave.has_audio; /* a wav beside it counts */
    r->is_silent = wave.has_audio && avcl__wave_is_silent(&wave);
    avcl_wave_release(&wave);
}

void avcl_media_check(const char *path, avcl_media_report *out)
{
    *out = (avcl_media_report){0};
    check_pictures(path, out);
    if (out->state != AVCL_MEDIA_FAILED) check_sound(path, out);
    avcl__media_judge(out);
}
