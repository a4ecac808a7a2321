/*
 * synth_params.c - what varies between clips, and by which law: data.md 5.2. Each purpose
 * draws from a Philox sequence of its own, so no draw moves another.
 */
#include <math.h>
#include <string.h>

#include "data/synth_impl.h"

static const float TURN = 6.28318530717958647692f;

/* ---- random numbers --------------------------------------------------------------- */
static uint32_t word(avcl_synth_draws *d)
{
    avcl_philox r =
        avcl_philox_at(d->seed, d->key, d->purpose, AVCL_STREAM_SYNTH, d->n / 4);
    return r.x[d->n++ % 4];
}

float avcl__synth_uniform(avcl_synth_draws *d, float low, float high)
{
    return low + (high - low) * avcl_philox_unit(word(d));
}

uint32_t avcl__synth_below(avcl_synth_draws *d, uint32_t n)
{
    return (uint32_t)((uint64_t)word(d) * n >> 32);
}

float avcl__synth_normal(avcl_synth_draws *d)
{
    float u = 1.0f - avcl_philox_unit(word(d));
    float v = avcl_philox_unit(word(d));
    return sqrtf(-2.0f * logf(u)) * cosf(TURN * v);
}

/* Sum of a word's four bytes: mean 510, variance 4 (256^2 - 1) / 12. */
static float hump(uint32_t w)
{
    float sum = (float)((w & 255u) + (w >> 8 & 255u) + (w >> 16 & 255u) + (w >> 24));
    return (sum - 510.0f) * (1.0f / 147.8005f);
}

void avcl__synth_noise(const avcl_synth_draws *d, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i += 4) {
        avcl_philox r = avcl_philox_at(d->seed, d->key, d->purpose, AVCL_STREAM_SYNTH,
                                       (uint32_t)(i / 4));
        for (int64_t j = 0; j < 4 && i + j < n; j++)
            out[i + j] = hump(r.x[j]);
    }
}

/* FNV-1a of the split's name, then the index: stable when a split grows. */
static uint64_t key_of(const char *split, int64_t index)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *split; split++)
        h = (h ^ (uint8_t)*split) * 0x100000001B3u;
    for (int i = 0; i < 8; i++)
        h = (h ^ ((uint64_t)index >> (8 * i) & 255u)) * 0x100000001B3u;
    return h;
}

int32_t avcl__synth_label(uint64_t seed, const char *split, int64_t index,
                          int32_t n_classes)
{
    avcl_synth_draws d = {seed, key_of(split, -1 - index / n_classes), AVCL__FOR_ORDER,
                          0};
    int32_t order[AVCL__SYNTH_MORE];
    for (int32_t i = 0; i < n_classes; i++) {
        uint32_t j = avcl__synth_below(&d, (uint32_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order[index % n_classes];
}

/* ---- shared by picture and sound ----------------------------------------------------
 */
/* Bigger sounds lower: the link between one clip's picture and its sound. */
static avcl_synth_event draw_event(avcl_synth_draws *d)
{
    avcl_synth_event e;
    e.period = avcl__synth_uniform(d, 0.36f, 0.72f);
    e.phase = avcl__synth_uniform(d, 0.0f, 1.0f);
    e.size = avcl__synth_uniform(d, 0.75f, 1.15f);
    e.pitch = 440.0f / (e.size * e.size) * exp2f(0.35f * avcl__synth_normal(d));
    e.rate = AVCL__SYNTH_RATE;
    return e;
}

/* ---- sound ---------------------------------------------------------------------------
 */
static avcl_synth_voice draw_voice(avcl_synth_draws *d, enum avcl_synth_purpose noise)
{
    avcl_synth_voice v = {.seed = d->seed, .key = d->key, .noise = noise};
    v.decay = avcl__synth_uniform(d, 0.0f, 1.0f);
    v.depth = avcl__synth_uniform(d, 0.2f, 0.9f);
    v.vibrato_hz = avcl__synth_uniform(d, 3.0f, 7.0f);
    v.vibrato_depth = avcl__synth_uniform(d, 0.0f, 0.02f);
    v.brightness = avcl__synth_uniform(d, 0.0f, 1.0f);
    return v;
}

static float from_db(float db)
{
    return powf(10.0f, db / 20.0f);
}

static avcl_synth_air draw_air(avcl_synth_draws *d, float difficulty)
{
    avcl_synth_air a;
    a.gain = from_db(difficulty * avcl__synth_uniform(d, -8.0f, 6.0f));
    a.noise = difficulty * from_db(-avcl__synth_uniform(d, 4.0f, 20.0f));
    a.tilt = avcl__synth_uniform(d, -0.5f, 0.95f);
    float level = from_db(avcl__synth_uniform(d, -14.0f, -6.0f));
    a.stray = avcl__synth_uniform(d, 0.0f, 1.0f) < 0.35f * difficulty ? level : 0.0f;
    a.echo = difficulty * avcl__synth_uniform(d, 0.0f, 0.4f);
    a.echo_s = avcl__synth_uniform(d, 0.02f, 0.06f);
    return a;
}

/* ---- picture -------------------------------------------------------------------------
 */
static void draw_place(avcl_synth_draws *d, avcl_synth_scene *s, float difficulty)
{
    s->x = difficulty * avcl__synth_uniform(d, -0.18f, 0.18f);
    s->y = difficulty * avcl__synth_uniform(d, -0.06f, 0.06f);
    s->mirror = avcl__synth_uniform(d, 0.0f, 1.0f) < 0.5f ? -1.0f : 1.0f;
    s->offset = avcl__synth_uniform(d, 0.0f, 1.0f);
    for (int i = 0; i < AVCL__SYNTH_DISCS; i++) {
        /* One disc a column and a row, jittered: they neither clump nor line up. */
        s->disc_x[i] =
            ((float)i + avcl__synth_uniform(d, 0.15f, 0.85f)) / AVCL__SYNTH_DISCS;
        s->disc_y[i] =
            ((float)(i * 2 % AVCL__SYNTH_DISCS) + avcl__synth_uniform(d, 0.0f, 1.0f)) /
            AVCL__SYNTH_DISCS;
        s->disc_r[i] = avcl__synth_uniform(d, 0.06f, 0.11f);
    }
}

static void draw_camera(avcl_synth_draws *d, avcl_synth_scene *s, float difficulty)
{
    for (int i = 0; i < 2; i++) {
        s->pan[i] = difficulty * avcl__synth_uniform(d, -0.12f, 0.12f);
        s->shake_hz[i] = avcl__synth_uniform(d, 1.0f, 4.0f);
        s->shake_phase[i] = avcl__synth_uniform(d, 0.0f, 1.0f);
    }
    s->zoom = difficulty * avcl__synth_uniform(d, -0.12f, 0.12f);
    s->shake = difficulty * avcl__synth_uniform(d, 0.0f, 0.012f);
    s->flicker = difficulty * avcl__synth_uniform(d, 0.0f, 0.08f);
    s->flicker_hz = avcl__synth_uniform(d, 0.5f, 5.0f);
    s->flicker_phase = avcl__synth_uniform(d, 0.0f, 1.0f);
    s->sensor = difficulty * avcl__synth_uniform(d, 1.0f, 10.0f) / 255.0f;
}

static void draw_strays(avcl_synth_draws *d, avcl_synth_scene *s, float difficulty)
{
    for (int i = 0; i < AVCL__SYNTH_STRAYS; i++) {
        avcl_synth_stray *t = &s->strays[i];
        t->x = avcl__synth_uniform(d, -0.6f, 0.6f);
        t->y = avcl__synth_uniform(d, -0.5f, 0.5f);
        t->vx = avcl__synth_uniform(d, -0.35f, 0.35f);
        t->vy = avcl__synth_uniform(d, -0.35f, 0.35f);
        float radius = avcl__synth_uniform(d, 0.04f, 0.1f);
        t->radius =
            avcl__synth_uniform(d, 0.0f, 1.0f) < 0.5f * difficulty ? radius : 0.0f;
    }
}

static void draw_colour(avcl_synth_draws *d, float out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = avcl__synth_uniform(d, 0.0f, 1.0f);
}

/* A colour that can be told from `other`: at least a third of the way across the cube. */
static void draw_distinct(avcl_synth_draws *d, const float other[3], float out[3])
{
    enum { MAX_TRIES = 64 };
    for (int i = 0; i < MAX_TRIES; i++) {
        draw_colour(d, out);
        float gap = 0;
        for (int c = 0; c < 3; c++)
            gap += (out[c] - other[c]) * (out[c] - other[c]);
        if (gap > 0.33f) return;
    }
}

static void draw_colours(avcl_synth_draws *d, avcl_synth_scene *s, float difficulty)
{
    for (int c = 0; c < 3; c++)
        s->back[c] = avcl__synth_uniform(d, 0.15f, 0.85f);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 2; i++)
            s->slope[c][i] = difficulty * avcl__synth_uniform(d, -0.2f, 0.2f);
    for (int g = 0; g < AVCL__SYNTH_GRATINGS; g++) {
        avcl_synth_grating *t = &s->gratings[g];
        float cycles = avcl__synth_uniform(d, 0.5f, 4.0f);
        float angle = avcl__synth_uniform(d, 0.0f, TURN);
        t->u = cycles * cosf(angle);
        t->v = cycles * sinf(angle);
        t->phase = avcl__synth_uniform(d, 0.0f, 1.0f);
        for (int c = 0; c < 3; c++)
            t->colour[c] = difficulty * avcl__synth_uniform(d, -0.09f, 0.09f);
    }
    for (int i = 0; i < AVCL__SYNTH_STRAYS; i++)
        draw_colour(d, s->strays[i].colour);
    for (int i = 0; i < 2; i++)
        draw_distinct(d, s->back, s->paint[i]);
}

void avcl__synth_draw(const avcl_synth_options *options, const char *split, int64_t index,
                      avcl_synth_clip *out)
{
    memset(out, 0, sizeof *out);
    float difficulty = (float)options->difficulty;
    uint64_t seed = options->seed;
    uint64_t key = key_of(split, index);
    avcl_synth_draws event = {seed, key, AVCL__FOR_EVENT, 0};
    avcl_synth_draws picture = {seed, key, AVCL__FOR_PICTURE, 0};
    avcl_synth_draws colour = {seed, key, AVCL__FOR_COLOUR, 0};
    avcl_synth_draws sound = {seed, key, AVCL__FOR_SOUND, 0};
    avcl_synth_draws stray = {seed, key, AVCL__FOR_STRAY, 0};
    avcl_synth_draws air = {seed, key, AVCL__FOR_AIR, 0};
    avcl_synth_scene *scene = &out->scene;

    scene->event = draw_event(&event);
    draw_place(&picture, scene, difficulty);
    draw_camera(&picture, scene, difficulty);
    draw_strays(&picture, scene, difficulty);
    draw_colours(&colour, scene, difficulty);
    scene->noise = (avcl_synth_draws){seed, key, AVCL__FOR_FRAME, 0};
    out->voice = draw_voice(&sound, AVCL__FOR_SOUND_NOISE);
    out->voice.event = scene->event;
    out->stray = draw_voice(&stray, AVCL__FOR_STRAY_NOISE);
    out->stray.event = draw_event(&stray);
    int more = options->classes == AVCL__SYNTH_MORE;
    out->stray.sound = (enum avcl_synth_sound)avcl__synth_below(
        &stray, more ? AVCL__SOUNDS : AVCL__STANDARD_SOUNDS);
    out->air = draw_air(&air, difficulty);
    out->air_noise = (avcl_synth_draws){seed, key, AVCL__FOR_AIR_NOISE, 0};

    /* Only now the label: it chooses what is shown and heard, and changes no number. */
    out->label = avcl__synth_label(seed, split, index,
                                   more ? AVCL__SYNTH_MORE : AVCL__SYNTH_CLASSES);
    scene->look = avcl__synth_classes[out->label].look;
    out->voice.sound = avcl__synth_classes[out->label].sound;
}

/* silent, black and shift are the test's clips, so that what is lost can be told clip by
 * clip: without a track, without light, and in a harsher world at other rates. */
avcl_synth_format avcl__synth_format_of(const avcl_synth_options *options,
                                        const char *split, int64_t index)
{
    avcl_synth_format f = {*options, split, AVCL__SYNTH_RATE, 1, 0};
    if (!strcmp(split, "silent")) f.rate = 0;
    if (!strcmp(split, "black")) f.is_black = 1;
    if (!strcmp(split, "shift")) {
        avcl_synth_draws d = {options->seed, key_of(split, index), AVCL__FOR_EVENT, 0};
        f.options.difficulty = 1.5;
        f.options.fps = avcl__synth_below(&d, 2) ? 30 : 15;
        f.rate = 44100;
        f.channels = 2;
    }
    if (!f.rate || f.is_black || f.channels == 2) f.draws = "test";
    return f;
}

const avcl_synth_class avcl__synth_classes[AVCL__SYNTH_MORE] = {
    {"hammer_metal", AVCL__LOOK_HAMMER, AVCL__SOUND_METAL},
    {"hammer_wood", AVCL__LOOK_HAMMER, AVCL__SOUND_WOOD},
    {"ball_metal", AVCL__LOOK_BALL, AVCL__SOUND_METAL},
    {"ball_wood", AVCL__LOOK_BALL, AVCL__SOUND_WOOD},
    {"ringout_buzz", AVCL__LOOK_RINGS_OUT, AVCL__SOUND_BUZZ},
    {"ringout_hiss", AVCL__LOOK_RINGS_OUT, AVCL__SOUND_HISS},
    {"ringin_buzz", AVCL__LOOK_RINGS_IN, AVCL__SOUND_BUZZ},
    {"rise_ploink", AVCL__LOOK_RISE, AVCL__SOUND_BUBBLES},
    {"rise_hiss", AVCL__LOOK_RISE, AVCL__SOUND_HISS},
    {"fall_ploink", AVCL__LOOK_FALL, AVCL__SOUND_BUBBLES},
    {"slide_buzz", AVCL__LOOK_SLIDE, AVCL__SOUND_BUZZ},
    {"string_metal", AVCL__LOOK_STRING, AVCL__SOUND_METAL},
    {"pendulum_metal", AVCL__LOOK_PENDULUM, AVCL__SOUND_METAL},
    {"pendulum_chirp", AVCL__LOOK_PENDULUM, AVCL__SOUND_CHIRP},
    {"clap_clap", AVCL__LOOK_CLAP, AVCL__SOUND_CLAP},
    {"clap_wood", AVCL__LOOK_CLAP, AVCL__SOUND_WOOD},
    {"piston_clap", AVCL__LOOK_PISTON, AVCL__SOUND_CLAP},
    {"piston_buzz", AVCL__LOOK_PISTON, AVCL__SOUND_BUZZ},
    {"blink_siren", AVCL__LOOK_BLINK, AVCL__SOUND_SIREN},
    {"blink_chirp", AVCL__LOOK_BLINK, AVCL__SOUND_CHIRP},
    {"waveup_siren", AVCL__LOOK_WAVE_UP, AVCL__SOUND_SIREN},
    {"waveup_hiss", AVCL__LOOK_WAVE_UP, AVCL__SOUND_HISS},
    {"wavedown_siren", AVCL__LOOK_WAVE_DOWN, AVCL__SOUND_SIREN},
    {"wavedown_chirp", AVCL__LOOK_WAVE_DOWN, AVCL__SOUND_CHIRP},
};
