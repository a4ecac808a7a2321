/*
 * synth_impl.h - the parts of the synthetic set: a clip's parameters, its picture, its
 * sound.
 *
 * A clip is a pure function of (options, seed, split, index). The label picks a look and
 * a sound; every parameter is drawn before the label is looked at and by the same law, so
 * nothing but the look tells of the look, and nothing but the sound of the sound.
 */
#ifndef AVCL_SYNTH_IMPL_H
#define AVCL_SYNTH_IMPL_H

#include <stdint.h>

#include "avcl/data.h"
#include "avcl/philox.h"

enum {
    AVCL__SYNTH_VERSION = 1,  /* raise whenever one byte of any clip changes */
    AVCL__SYNTH_CLASSES = 12, /* of the standard set … */
    AVCL__SYNTH_MORE = 24,    /* … and of the larger one, which begins with them */
    AVCL__SYNTH_RATE = 24000,
    AVCL__SYNTH_GRATINGS = 4,
    AVCL__SYNTH_STRAYS = 2, /* moving distractor discs */
    AVCL__SYNTH_DISCS = 5,  /* discs that rise or fall */
    AVCL__SYNTH_SHAPES = 32,
};

enum avcl_synth_look {
    AVCL__LOOK_HAMMER,
    AVCL__LOOK_BALL,
    AVCL__LOOK_RINGS_OUT,
    AVCL__LOOK_RINGS_IN,
    AVCL__LOOK_RISE,
    AVCL__LOOK_FALL,
    AVCL__LOOK_SLIDE,
    AVCL__LOOK_STRING, /* the standard set ends here */
    AVCL__LOOK_PENDULUM,
    AVCL__LOOK_CLAP,
    AVCL__LOOK_PISTON,
    AVCL__LOOK_BLINK,
    AVCL__LOOK_WAVE_UP,
    AVCL__LOOK_WAVE_DOWN,
    AVCL__LOOKS,
};

enum avcl_synth_sound {
    AVCL__SOUND_METAL,
    AVCL__SOUND_WOOD,
    AVCL__SOUND_BUZZ,
    AVCL__SOUND_HISS,
    AVCL__SOUND_BUBBLES, /* the standard set ends here */
    AVCL__SOUND_CLAP,
    AVCL__SOUND_CHIRP,
    AVCL__SOUND_SIREN,
    AVCL__SOUNDS,
    AVCL__STANDARD_SOUNDS = AVCL__SOUND_CLAP,
};

typedef struct avcl_synth_class {
    const char *name;
    enum avcl_synth_look look;
    enum avcl_synth_sound sound;
} avcl_synth_class;
extern const avcl_synth_class avcl__synth_classes[AVCL__SYNTH_MORE];

/* ---- random numbers --------------------------------------------------------------- */
/* What a clip's draws are for: the `when` word of the counter. */
enum avcl_synth_purpose {
    AVCL__FOR_EVENT, /* period, phase, size, pitch: shared by picture and sound */
    AVCL__FOR_PICTURE,
    AVCL__FOR_COLOUR,
    AVCL__FOR_SOUND, /* parameters of the class's sound */
    AVCL__FOR_STRAY, /* … and of the unrelated second sound */
    AVCL__FOR_AIR,   /* gain, noise level, reverb */
    AVCL__FOR_SOUND_NOISE,
    AVCL__FOR_STRAY_NOISE,
    AVCL__FOR_AIR_NOISE,
    AVCL__FOR_ORDER, /* which class an index has */
    AVCL__FOR_FRAME, /* + frame: sensor noise; the last entry */
};

/* A sequence of draws for one purpose of one clip. */
typedef struct avcl_synth_draws {
    uint64_t seed;
    uint64_t key;
    uint32_t purpose;
    uint32_t n;
} avcl_synth_draws;
float avcl__synth_uniform(avcl_synth_draws *d, float low, float high);
uint32_t avcl__synth_below(avcl_synth_draws *d, uint32_t n); /* 0 … n - 1 */
float avcl__synth_normal(avcl_synth_draws *d);
/* out[n] of mean 0 and variance 1, near enough to Gaussian for noise. */
void avcl__synth_noise(const avcl_synth_draws *d, float *out, int64_t n);

/* ---- one clip ---------------------------------------------------------------------- */
/* The shared part; times in seconds, events at (k + phase) * period. */
typedef struct avcl_synth_event {
    float period;
    float phase;
    float size;
    float pitch;  /* Hz */
    int32_t rate; /* of the sound, Hz */
} avcl_synth_event;

typedef struct avcl_synth_voice {
    enum avcl_synth_sound sound;
    avcl_synth_event event;
    float decay; /* 0 … 1 within the sound's own range of decay times */
    float depth; /* of the amplitude modulation */
    float vibrato_hz;
    float vibrato_depth; /* relative */
    float brightness;    /* 0 … 1: how strong the high partials are */
    uint64_t seed;
    uint64_t key;
    enum avcl_synth_purpose noise;
} avcl_synth_voice;

typedef struct avcl_synth_air {
    float gain;  /* linear */
    float noise; /* RMS relative to the sound */
    float tilt;  /* pole of the noise's colour */
    float stray; /* level of the second sound; 0 = none */
    float echo;  /* comb feedback */
    float echo_s;
} avcl_synth_air;

typedef struct avcl_synth_grating {
    float u, v;  /* cycles per picture height */
    float phase; /* turns */
    float colour[3];
} avcl_synth_grating;

typedef struct avcl_synth_stray {
    float x, y, vx, vy; /* picture heights, and per second */
    float radius;       /* 0 = absent */
    float colour[3];
} avcl_synth_stray;

typedef struct avcl_synth_scene {
    enum avcl_synth_look look;
    avcl_synth_event event;
    float x, y;   /* where the object is, in picture heights from the middle */
    float mirror; /* 1 or -1 */
    float offset; /* turns: where rings and discs start, not shared with the sound */
    float disc_x[AVCL__SYNTH_DISCS];
    float disc_y[AVCL__SYNTH_DISCS];
    float disc_r[AVCL__SYNTH_DISCS];
    float back[3];
    float slope[3][2];
    float paint[2][3]; /* the object's two colours */
    avcl_synth_grating gratings[AVCL__SYNTH_GRATINGS];
    avcl_synth_stray strays[AVCL__SYNTH_STRAYS];
    float pan[2]; /* picture heights over the clip */
    float zoom;   /* relative, over the clip */
    float shake;  /* picture heights */
    float shake_hz[2];
    float shake_phase[2];
    float flicker; /* relative */
    float flicker_hz;
    float flicker_phase;
    float sensor; /* standard deviation, 0 … 1 */
    avcl_synth_draws noise;
} avcl_synth_scene;

typedef struct avcl_synth_clip {
    int32_t label;
    avcl_synth_scene scene;
    avcl_synth_voice voice;
    avcl_synth_voice stray;
    avcl_synth_air air;
    avcl_synth_draws air_noise;
} avcl_synth_clip;

/* The class of clip `index` of `split`: each run of n_classes holds every class once. */
int32_t avcl__synth_label(uint64_t seed, const char *split, int64_t index,
                          int32_t n_classes);
void avcl__synth_draw(const avcl_synth_options *options, const char *split, int64_t index,
                      avcl_synth_clip *out);

/* How a clip of a split is shown: the options with what the split changes. */
typedef struct avcl_synth_format {
    avcl_synth_options options; /* difficulty and fps of the clip */
    const char *draws; /* the split whose draws it shares: test for its variants */
    int32_t rate;      /* of the sound, Hz; 0 = no track */
    int32_t channels;
    int32_t is_black;
} avcl_synth_format;
avcl_synth_format avcl__synth_format_of(const avcl_synth_options *options,
                                        const char *split, int64_t index);

/* ---- picture ----------------------------------------------------------------------- */
/* Picture coordinates: unit = the height, origin in the middle, y down. */
enum avcl_synth_kind {
    AVCL__SHAPE_CAPSULE, /* from (x, y) to (x2, y2), radius r; a disc when they coincide
                          */
    AVCL__SHAPE_BOX,     /* centre (x, y), half sides (x2, y2), turned by `turn` */
    AVCL__SHAPE_RINGS, /* centre (x, y), spacing x2, half width y2, outer radius r, `turn`
                        */
};

typedef struct avcl_synth_shape {
    enum avcl_synth_kind kind;
    float x, y, x2, y2, r, turn;
    const float *colour;
    int rests; /* a part of the object that does not move */
} avcl_synth_shape;

/* The shapes of the scene's object at `time`, back to front; returns how many. */
int avcl__synth_look(const avcl_synth_scene *scene, double time,
                     avcl_synth_shape out[AVCL__SYNTH_SHAPES]);
/* Working memory of avcl__synth_picture, in floats. */
int64_t avcl__synth_picture_scratch(int32_t width, int32_t height);
/* One frame: rgb[height, width, 3]. */
void avcl__synth_picture(const avcl_synth_scene *scene, const avcl_synth_options *options,
                         int64_t frame, float *scratch, uint8_t *rgb);

/* What each pixel of a frame belongs to, the camera's own motion left aside. */
enum {
    AVCL__MASK_BACK = 0,
    AVCL__MASK_STRAY = 85, /* moves, and makes no sound */
    AVCL__MASK_REST = 170, /* of the object, at rest: a block, a floor */
    AVCL__MASK_MOVES = 255 /* moves, and the sound is its */
};
/* mask[height, width]; `scratch` as for the picture. */
void avcl__synth_mask(const avcl_synth_scene *scene, const avcl_synth_options *options,
                      int64_t frame, float *scratch, uint8_t *mask);

/* ---- sound ---------------------------------------------------------------------------
 */
/* out[n] at AVCL__SYNTH_RATE, of a set loudness, without nuisances; `noise` holds n. */
void avcl__synth_voice(const avcl_synth_voice *voice, float *noise, float *out,
                       int64_t n);
/* The whole sound with its nuisances; `scratch` holds 2 n floats. */
void avcl__synth_sound(const avcl_synth_clip *clip, float *scratch, float *out,
                       int64_t n);

#endif
