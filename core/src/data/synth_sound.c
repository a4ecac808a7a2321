/*
 * synth_sound.c - the sounds and what comes with them. Struck things are sums of damped
 * modes: z <- z exp((-1/tau + 2 pi i f) / rate), kicked at each event.
 *
 * Mode ratios: a free bar (1, 2.756, 5.404, 8.933) and a wooden block (1, 2.42, 3.9).
 */
#include <math.h>
#include <string.h>

#include "data/synth_impl.h"

static const double TURN = 6.28318530717958647692;
static const float LOUDNESS = 0.08f; /* RMS of a voice … */
static const float PEAK = 0.42f; /* … unless its peak would pass this: +6 dB still fits */

enum {
    HARMONICS = 12,
    BLOCK = 32, /* samples between two looks at the vibrato */
};

static double event_time(const avcl_synth_event *e, int64_t k)
{
    return ((double)k + (double)e->phase) * (double)e->period;
}

/* The first sample at or after event k. */
static int64_t event_sample(const avcl_synth_event *e, int64_t k)
{
    return (int64_t)ceil(event_time(e, k) * e->rate);
}

static double mix(double low, double high, double at)
{
    return low + (high - low) * at;
}

/* ---- struck things ------------------------------------------------------------------
 */
typedef struct mode {
    double hz;
    double tau;
    double level;
} mode;

/* Adds a mode struck at every event; strikes before the clip still ring in it. */
static void ring(const mode *m, const avcl_synth_event *e, float *out, int64_t n)
{
    enum { STRIKES_BEFORE = 6 };
    if (m->hz > 0.45 * e->rate) return;
    double fall = exp(-1.0 / (m->tau * e->rate));
    double c = fall * cos(TURN * m->hz / e->rate);
    double s = fall * sin(TURN * m->hz / e->rate);
    double re = 0;
    double im = 0;
    int64_t i = 0;
    for (int64_t k = -STRIKES_BEFORE; i < n; k++) {
        for (int64_t until = event_sample(e, k); i < until && i < n; i++) {
            out[i] += (float)im;
            double turned = re * c - im * s;
            im = re * s + im * c;
            re = turned;
        }
        double late = (double)i / e->rate - event_time(e, k);
        double level = m->level * exp(-late / m->tau);
        re += level * cos(TURN * m->hz * late);
        im += level * sin(TURN * m->hz * late);
    }
}

static void ring_all(const avcl_synth_voice *v, const double *ratios, int n_modes,
                     double tau, float *out, int64_t n)
{
    double fade = mix(0.35, 0.75, v->brightness);
    for (int i = 0; i < n_modes; i++) {
        mode m = {v->event.pitch * ratios[i], tau / (1.0 + 0.5 * i), pow(fade, i)};
        ring(&m, &v->event, out, n);
    }
}

static void make_metal(const avcl_synth_voice *v, const float *noise, float *out,
                       int64_t n)
{
    static const double ratios[4] = {1.0, 2.756, 5.404, 8.933};
    (void)noise;
    ring_all(v, ratios, 4, mix(0.18, 0.45, v->decay), out, n);
}

/* Short modes under the knock itself: 4 ms of low-passed noise on a falling ramp. */
static void make_wood(const avcl_synth_voice *v, const float *noise, float *out,
                      int64_t n)
{
    static const double ratios[3] = {1.0, 2.42, 3.9};
    const int64_t knock = v->event.rate * 4 / 1000;
    ring_all(v, ratios, 3, mix(0.012, 0.030, v->decay), out, n);
    for (int64_t k = 0, at; (at = event_sample(&v->event, k)) < n; k++) {
        float low = 0;
        for (int64_t i = 0; i < knock && at + i < n; i++) {
            low += 0.3f * (noise[at + i] - low);
            out[at + i] += 0.8f * low * (1.0f - (float)i / (float)knock);
        }
    }
}

/* ---- steady things, loudest at each event
 * ---------------------------------------------- */
static float swell(const avcl_synth_voice *v, int64_t i)
{
    double turns = (double)i / v->event.rate / v->event.period - v->event.phase;
    float within = (float)(turns - floor(turns));
    return 1.0f - 0.5f * v->depth * (1.0f - cosf((float)TURN * within));
}

/* Twelve harmonics of half the pitch: powers of one turning number. */
static void make_buzz(const avcl_synth_voice *v, const float *noise, float *out,
                      int64_t n)
{
    float level[HARMONICS];
    double base = 0.5 * v->event.pitch;
    (void)noise;
    for (int h = 0; h < HARMONICS; h++) {
        int heard = base * (h + 1) < 0.45 * v->event.rate;
        level[h] = heard ? (float)pow(h + 1, -mix(1.3, 0.6, v->brightness)) : 0.0f;
    }
    double turns = 0;
    for (int64_t i = 0; i < n; i += BLOCK) {
        double time = (double)i / v->event.rate;
        double bend = v->vibrato_depth * sin(TURN * v->vibrato_hz * time);
        double step = base * (1.0 + bend) / v->event.rate;
        float re = (float)cos(TURN * turns);
        float im = (float)sin(TURN * turns);
        float c = (float)cos(TURN * step);
        float s = (float)sin(TURN * step);
        for (int64_t j = i; j < i + BLOCK && j < n; j++) {
            float sum = 0;
            float a = re;
            float b = im;
            for (int h = 0; h < HARMONICS; h++) {
                sum += level[h] * b;
                float next = a * re - b * im;
                b = a * im + b * re;
                a = next;
            }
            out[j] = sum * swell(v, j);
            float turned = re * c - im * s;
            im = re * s + im * c;
            re = turned;
        }
        turns += BLOCK * step;
        turns -= floor(turns);
    }
}

/* Noise through a two-pole resonance at 2.5 times the pitch. */
static void make_hiss(const avcl_synth_voice *v, const float *noise, float *out,
                      int64_t n)
{
    double hz = fmin(2.5 * v->event.pitch, 0.42 * v->event.rate);
    double width = hz * mix(0.35, 0.15, v->brightness);
    double pole = exp(-0.5 * TURN * width / v->event.rate);
    float a1 = (float)(2.0 * pole * cos(TURN * hz / v->event.rate));
    float a2 = (float)(-pole * pole);
    float y1 = 0;
    float y2 = 0;
    for (int64_t i = 0; i < n; i++) {
        float y = noise[i] + a1 * y1 + a2 * y2;
        y2 = y1;
        y1 = y;
        out[i] = y * swell(v, i);
    }
}

/* ---- bubbles
 * ----------------------------------------------------------------------------- */
/* A bubble's pitch is inverse to its radius and rises as it nears the surface. */
static void add_bubble(const avcl_synth_event *e, double at, double hz, double tau,
                       double level, float *out, int64_t n)
{
    enum { LIVES = 8 }; /* time constants until it is silent */
    int64_t first = (int64_t)ceil(at * e->rate);
    for (int64_t i = first < 0 ? 0 : first; i < n; i++) {
        double t = (double)i / e->rate - at;
        if (t > LIVES * tau) return;
        double turns = hz * t * (1.0 + 0.2 * t / tau);
        float within = (float)(turns - floor(turns));
        out[i] += (float)level * expf((float)(-t / tau)) * sinf((float)TURN * within);
    }
}

/* One bubble at each event and one somewhere until the next. */
static void make_bubbles(const avcl_synth_voice *v, const float *noise, float *out,
                         int64_t n)
{
    avcl_synth_draws d = {v->seed, v->key, v->noise, 0};
    double tau = mix(0.035, 0.070, v->decay);
    double end = (double)n / v->event.rate;
    (void)noise;
    for (int64_t k = -2; event_time(&v->event, k) < end; k++) {
        double radius = exp2((double)avcl__synth_uniform(&d, -0.5f, 0.3f));
        double later = (double)avcl__synth_uniform(&d, 0.15f, 0.85f);
        double other = exp2((double)avcl__synth_uniform(&d, -0.5f, 0.3f));
        double at = event_time(&v->event, k);
        add_bubble(&v->event, at, v->event.pitch / radius, tau, 1.0, out, n);
        add_bubble(&v->event, at + later * v->event.period, v->event.pitch / other, tau,
                   0.6, out, n);
    }
}

/* ---- the larger set's
 * ------------------------------------------------------------------
 */
/* A burst of noise at each event, duller or brighter. */
static void make_clap(const avcl_synth_voice *v, const float *noise, float *out,
                      int64_t n)
{
    double tau = mix(0.015, 0.045, v->decay);
    float fall = (float)exp(-1.0 / (tau * v->event.rate));
    float open = (float)mix(0.25, 0.9, v->brightness);
    for (int64_t k = 0, at; (at = event_sample(&v->event, k)) < n; k++) {
        int64_t end = event_sample(&v->event, k + 1);
        float level = 1.0f;
        float low = 0;
        for (int64_t i = at; i < end && i < n; i++, level *= fall) {
            low += open * (noise[i] - low);
            out[i] += level * low;
        }
    }
}

/* A note at each event that rises by an octave under a hump. */
static void make_chirp(const avcl_synth_voice *v, const float *noise, float *out,
                       int64_t n)
{
    double length = mix(0.12, 0.22, v->decay);
    (void)noise;
    for (int64_t k = -1, at; (at = event_sample(&v->event, k)) < n; k++) {
        int64_t end = at + (int64_t)(length * v->event.rate);
        for (int64_t i = at < 0 ? 0 : at; i < end && i < n; i++) {
            double t = ((double)i / v->event.rate - event_time(&v->event, k)) / length;
            double turns = 2.0 * v->event.pitch * length * (t + 0.5 * t * t);
            float within = (float)(turns - floor(turns));
            float hump = sinf(0.5f * (float)TURN * (float)t);
            out[i] += hump * hump * sinf((float)TURN * within);
        }
    }
}

/* A tone that is highest at each event, and its octave. */
static void make_siren(const avcl_synth_voice *v, const float *noise, float *out,
                       int64_t n)
{
    double turns = 0;
    float octave = (float)mix(0.1, 0.6, v->brightness);
    (void)noise;
    for (int64_t i = 0; i < n; i++) {
        double beats = (double)i / v->event.rate / v->event.period - v->event.phase;
        double bend = 0.5 * v->depth * cos(TURN * (beats - floor(beats)));
        turns += v->event.pitch * exp2(bend) / v->event.rate;
        turns -= floor(turns);
        float within = (float)TURN * (float)turns;
        out[i] = sinf(within) + octave * sinf(2.0f * within);
    }
}

/* ---- the whole
 * --------------------------------------------------------------------------- */
static float rms(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return n ? (float)sqrt(sum / (double)n) : 0.0f;
}

static void level_out(float *x, int64_t n)
{
    float loud = rms(x, n);
    float peak = 0;
    for (int64_t i = 0; i < n; i++)
        peak = fmaxf(peak, fabsf(x[i]));
    if (!(peak > 0)) return;
    float scale = fminf(LOUDNESS / loud, PEAK / peak);
    for (int64_t i = 0; i < n; i++)
        x[i] *= scale;
}

void avcl__synth_voice(const avcl_synth_voice *voice, float *noise, float *out, int64_t n)
{
    static void (*const makers[AVCL__SOUNDS])(const avcl_synth_voice *, const float *,
                                              float *, int64_t) = {
        [AVCL__SOUND_METAL] = make_metal,     [AVCL__SOUND_WOOD] = make_wood,
        [AVCL__SOUND_BUZZ] = make_buzz,       [AVCL__SOUND_HISS] = make_hiss,
        [AVCL__SOUND_BUBBLES] = make_bubbles, [AVCL__SOUND_CLAP] = make_clap,
        [AVCL__SOUND_CHIRP] = make_chirp,     [AVCL__SOUND_SIREN] = make_siren,
    };
    avcl_synth_draws d = {voice->seed, voice->key, voice->noise, 0};
    if (voice->sound == AVCL__SOUND_WOOD || voice->sound == AVCL__SOUND_HISS ||
        voice->sound == AVCL__SOUND_CLAP)
        avcl__synth_noise(&d, noise, n);
    memset(out, 0, (size_t)n * sizeof *out);
    makers[voice->sound](voice, noise, out, n);
    level_out(out, n);
}

/* One-pole noise of unit variance whatever its colour. */
static void add_air(const avcl_synth_clip *clip, float level, float *noise, float *out,
                    int64_t n)
{
    float tilt = clip->air.tilt;
    float feed = sqrtf(1.0f - tilt * tilt) * level;
    float y = 0;
    avcl__synth_noise(&clip->air_noise, noise, n);
    for (int64_t i = 0; i < n; i++) {
        y = feed * noise[i] + tilt * y;
        out[i] += y;
    }
}

static void add_echo(const avcl_synth_air *air, int32_t rate, float *out, int64_t n)
{
    int64_t delay = (int64_t)(air->echo_s * (float)rate);
    for (int64_t i = delay; i < n; i++)
        out[i] += air->echo * out[i - delay];
}

void avcl__synth_sound(const avcl_synth_clip *clip, float *scratch, float *out, int64_t n)
{
    const avcl_synth_air *air = &clip->air;
    float *noise = scratch;
    float *other = scratch + n;
    avcl__synth_voice(&clip->voice, noise, out, n);
    float loud = rms(out, n);
    if (air->stray > 0) {
        avcl__synth_voice(&clip->stray, noise, other, n);
        for (int64_t i = 0; i < n; i++)
            out[i] += air->stray * other[i];
    }
    if (air->echo > 0) add_echo(air, clip->voice.event.rate, out, n);
    if (air->noise > 0) add_air(clip, air->noise * loud, noise, out, n);
    for (int64_t i = 0; i < n; i++)
        out[i] = fmaxf(-1.0f, fminf(1.0f, air->gain * out[i]));
}
