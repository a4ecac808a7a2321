/* fake_source.c - pixels by formula, faults by name. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_source.h"

#include "data/dataset_impl.h"

typedef struct fake_video {
    uint64_t key;
    int64_t n;
    int64_t n_sound; /* frames that can be decoded */
    int64_t n_decoded;
} fake_video;

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

uint8_t fake_pixel(uint64_t key, int64_t t, int32_t y, int32_t x, int32_t c)
{
    return (uint8_t)(key + 89 * (uint64_t)t + 7 * (uint64_t)y + 3 * (uint64_t)x +
                     50 * (uint64_t)c);
}

static void *open_fake(void *arg, const char *path, double fps, avcl_error *err)
{
    (void)fps;
    fake_state *state = arg;
    const char *name = name_of(path);
    atomic_fetch_add(&state->n_opens, 1);
    if (state->delay_us) {
        long us = state->delay_us * (long)(1 + avcl__sample_key(name) % 4);
        nanosleep(&(struct timespec){0, us * 1000}, NULL);
    }
    int fails = strstr(name, "bad") != NULL;
    if (strstr(name, "flaky") && !atomic_fetch_add(&state->flaky_failed, 1)) fails = 1;
    fake_video *v = fails ? NULL : calloc(1, sizeof *v);
    if (!v) {
        avcl_error_set(err, AVCL_E_CORRUPT, "no moov in %s", name);
        return NULL;
    }
    v->key = avcl__sample_key(name);
    v->n = strstr(name, "short") ? FAKE_SHORT : FAKE_FRAMES;
    v->n_sound = strstr(name, "torn") ? v->n - FAKE_TORN : v->n;
    return v;
}

static int64_t n_frames(const void *video)
{
    return ((const fake_video *)video)->n;
}

static avcl_status read_fake(void *video, int64_t start, int64_t n, int32_t width,
                             int32_t height, uint8_t *rgb, int64_t *n_padded,
                             avcl_error *err)
{
    fake_video *v = video;
    int64_t padded = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t t = start + i;
        if (t >= v->n) {
            t = v->n - 1;
            padded++;
        }
        if (t >= v->n_sound)
            return avcl_error_set(err, AVCL_E_CORRUPT, "torn at %lld", (long long)t);
        v->n_decoded++;
        for (int32_t y = 0; y < height; y++)
            for (int32_t x = 0; x < width; x++)
                for (int32_t c = 0; c < 3; c++)
                    *rgb++ = fake_pixel(v->key, t, y, x, c);
    }
    *n_padded = padded;
    return AVCL_OK;
}

static double time_of(const void *video, int64_t frame)
{
    (void)video;
    return (double)frame / 25;
}

static void cost_of(const void *video, avcl_media_cost *out)
{
    *out = (avcl_media_cost){.frames = ((const fake_video *)video)->n_decoded};
}

static avcl_status read_wave(void *arg, const char *path, int32_t rate, avcl_wave *out,
                             avcl_error *err)
{
    (void)arg;
    enum { N = 4000 };
    const char *name = name_of(path);
    avcl_wave wave = {.rate = rate, .has_audio = !strstr(name, "mute")};
    if (strstr(name, "bad"))
        return avcl_error_set(err, AVCL_E_CORRUPT, "no moov in %s", name);
    if (wave.has_audio) {
        uint64_t x = avcl__sample_key(name);
        wave.n = N;
        wave.samples = malloc(N * sizeof *wave.samples);
        for (int i = 0; i < N; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            wave.samples[i] = (float)((double)(x >> 40) * 0x1p-24 - 0.5);
        }
    }
    *out = wave;
    return AVCL_OK;
}

static void release(avcl_wave *wave)
{
    free(wave->samples);
}

avcl_source fake_source(fake_state *state)
{
    return (avcl_source){state,   open_fake, free,      n_frames, read_fake,
                         time_of, cost_of,   read_wave, release};
}
