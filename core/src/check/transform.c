/*
 * transform.c - tests of transforms: inside what they are given, a function of parameters
 * and draws, the same on any thread.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/samples.h"
#include "check/yard.h"
#include "data/half.h"
#include "data/transform_impl.h"

enum { N_THREADS = 4, N_EPOCHS = 16, N_ROUNDS = 400, RATE = 16000 };

/* Small and odd, usual, one frame; sides and lengths alike. */
static const int32_t sides[] = {1, 7, 16, 33};
enum { N_SIDES = sizeof sides / sizeof *sides };

typedef struct subject {
    avcl_matter m;
    size_t bytes; /* of what the field names */
    void *data;
} subject;

static avcl_transform_field field_of(const check *c)
{
    return ((const avcl_custom_transform *)c->module->iface)->field;
}

static avcl_transforms *chain_of(check *c, const avcl_attr *params, uint32_t n_params,
                                 avcl_error *err)
{
    avcl_attr all[MAX_PARAMS + 1];
    avcl_transforms *t = avcl_transforms_new();
    if (!t || n_params > MAX_PARAMS) return t;
    all[0] = (avcl_attr){"p", {.type = AVCL_FLOAT, .count = 1, .f = 1}};
    for (uint32_t i = 0; i < n_params; i++)
        all[i + 1] = params[i];
    if (!avcl_transforms_add_plugin(t, c->host, c->module->name, all, n_params + 1, err))
        return t;
    avcl_transforms_free(t);
    return NULL;
}

static avcl_transforms *usual_chain(check *c)
{
    avcl_error err = {0};
    avcl_attr small[MAX_PARAMS];
    avcl_transforms *t = chain_of(c, small, bench_small_params(c->module, small), &err);
    if (!t) check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
    return t;
}

static size_t bytes_of(avcl_transform_field field, int32_t side)
{
    size_t n = (size_t)side;
    if (field == AVCL_FIELD_CLIP) return 3 * n * n * n; /* as many frames as the side */
    return field == AVCL_FIELD_WAVE ? n * n * sizeof(float) : n * n * sizeof(uint16_t);
}

static subject place(avcl_transform_field field, int32_t side, void *data)
{
    subject s = {.bytes = bytes_of(field, side), .data = data};
    s.m.frames = s.m.side = side;
    s.m.rgb = data;
    s.m.mel = data;
    s.m.wave = data;
    s.m.n_wave = (int64_t)side * side;
    s.m.rate = field == AVCL_FIELD_WAVE ? RATE : 0;
    return s;
}

/* The same for the same seed; `scale` for the reals. */
static void fill(avcl_transform_field field, subject *s, uint64_t seed, float scale)
{
    for (size_t i = 0; i < s->bytes / (field == AVCL_FIELD_WAVE ? 4 : 1); i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        float x = ((float)(seed >> 40) * 0x1p-23f - 1) * scale;
        if (field == AVCL_FIELD_CLIP) ((uint8_t *)s->data)[i] = (uint8_t)(seed >> 56);
        if (field == AVCL_FIELD_WAVE) ((float *)s->data)[i] = x;
        if (field == AVCL_FIELD_MEL && i % 2 == 0)
            ((uint16_t *)s->data)[i / 2] = avcl__half_from_float(x);
    }
}

static int apply(check *c, const avcl_transforms *t, subject *s, uint64_t key,
                 uint32_t epoch)
{
    avcl_error err = {0};
    avcl_draw draw = {.seed = 3, .key = key, .epoch = epoch};
    if (!avcl__transforms_apply(t, field_of(c), &draw, &s->m, &err)) return 1;
    check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
    return 0;
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001B3u;
    return h;
}

/* What it makes of some samples in some epochs. 0 = it failed. */
static uint64_t sum(check *c, const avcl_transforms *t)
{
    uint64_t h = 1;
    size_t bytes = bytes_of(field_of(c), 16);
    void *data = malloc(bytes);
    for (uint32_t e = 0; data && h && e < N_EPOCHS; e++) {
        subject s = place(field_of(c), 16, data);
        fill(field_of(c), &s, e % 3, 1);
        h = apply(c, t, &s, e % 3, e) ? mix(h, data, bytes) | 1 : 0;
    }
    free(data);
    return h;
}

int transform_effect(check *c, const avcl_attr *params, uint32_t n_params, char hex[65],
                     avcl_error *err)
{
    avcl_transforms *t = chain_of(c, params, n_params, err);
    uint64_t h = t ? sum(c, t) : 0;
    avcl_transforms_free(t);
    snprintf(hex, 65, "%016llx", (unsigned long long)h);
    return t != NULL;
}

/* ---- tests ------------------------------------------------------------------------- */
void check_matter(check *c)
{
    avcl_transforms *t = usual_chain(c);
    if (!t) return;
    yard_watch(c);
    yard_doing("apply");
    for (int i = 0; i < 2 * N_SIDES; i++) {
        int32_t side = sides[i / 2];
        size_t bytes = bytes_of(field_of(c), side);
        void *data = yard_enclose(bytes, "what it is given", i % 2);
        if (!data) break;
        subject s = place(field_of(c), side, data);
        fill(field_of(c), &s, 1, 1);
        for (uint32_t e = 0; e < N_EPOCHS; e++)
            if (!apply(c, t, &s, 1, e)) break;
        yard_check_canaries(c, i % 2);
        yard_release();
    }
    avcl_transforms_free(t);
}

void check_extremes(check *c)
{
    static const float scales[] = {0, 1e-40f, 1, 1e4f};
    if (field_of(c) == AVCL_FIELD_CLIP) {
        check_say(c, AVCL_CHECK_SKIP, "bytes are always finite");
        return;
    }
    avcl_transforms *t = usual_chain(c);
    void *data = malloc(bytes_of(field_of(c), 16));
    for (size_t i = 0; t && data && i < sizeof scales / sizeof *scales; i++)
        for (uint32_t e = 0; e < N_EPOCHS; e++) {
            subject s = place(field_of(c), 16, data);
            fill(field_of(c), &s, 1, scales[i]);
            apply(c, t, &s, 1, e); /* the host looks for what is no number */
        }
    free(data);
    avcl_transforms_free(t);
}

void check_draws(check *c)
{
    avcl_transforms *t = usual_chain(c);
    uint64_t first = t ? sum(c, t) : 0;
    for (int i = 0; first && i < 3; i++)
        if (sum(c, t) != first)
            check_say(c, AVCL_CHECK_FAIL,
                      "the same sample in the same epoch becomes something else: "
                      "randomness is the host's (random_fill)");
    avcl_transforms_free(t);
}

typedef struct worker {
    check check;
    avcl_check_result result;
    const avcl_transforms *t;
    uint64_t sum;
    int started;
    pthread_t thread;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    w->sum = sum(&w->check, w->t);
    return NULL;
}

void check_concurrent_applies(check *c)
{
    worker all[N_THREADS];
    avcl_transforms *t = usual_chain(c);
    uint64_t alone = t ? sum(c, t) : 0;
    for (int i = 0; alone && i < N_THREADS; i++) {
        all[i] = (worker){.check = *c, .t = t};
        all[i].check.result = &all[i].result;
        all[i].started = !pthread_create(&all[i].thread, NULL, work, &all[i]);
    }
    for (int i = 0; alone && i < N_THREADS; i++) {
        if (!all[i].started) continue;
        pthread_join(all[i].thread, NULL);
        if (all[i].sum != alone)
            check_say(c, AVCL_CHECK_FAIL,
                      "applied by several threads at once it does something else");
    }
    avcl_transforms_free(t);
}

void check_applies_leave_nothing(check *c)
{
    avcl_transforms *t = usual_chain(c);
    if (!t) return;
    for (int i = 0; i < 4; i++)
        sum(c, t);
    samples_state before = samples_look();
    for (int i = 0; i < N_ROUNDS / N_EPOCHS; i++)
        sum(c, t);
    samples_compare(c, &before, N_ROUNDS, "times applied");
    avcl_transforms_free(t);
}
