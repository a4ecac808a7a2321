/*
 * transform_impl.h - what a transform is inside, and how a chain is applied.
 *
 * A descriptor is a pure function of (parameters, draws, matter): a plugin's transform is
 * one more of them. Each touches the part of the matter that its field names.
 */
#ifndef AVCL_TRANSFORM_IMPL_H
#define AVCL_TRANSFORM_IMPL_H

#include <stddef.h>

#include "avcl/transform.h"

#include "base/arena.h"
#include "data/draw.h"
#include "plugin/guest.h"

/* The part of a sample being changed; what the field does not name is not set. */
typedef struct avcl_matter {
    int32_t
        *index; /* TIME: [frames] ascending offsets from the start, at first 0, 1, … */
    int32_t frames; /* TIME, CLIP */
    int32_t room_h; /* AREA: of the pictures it is cut from … */
    int32_t room_w;
    double y, x; /* … where it begins, in pixels … */
    double rows; /* … and how much it takes in */
    double columns;
    uint8_t *rgb;  /* CLIP: [3, frames, side, side] */
    uint16_t *mel; /* MEL: f16 [side, side] */
    int32_t side;  /* CLIP, MEL */
    int32_t rate;  /* WAVE: Hz */
    float *wave;   /* WAVE: [n_wave] */
    int64_t n_wave;
} avcl_matter;

typedef struct avcl_transform {
    const char *name;
    const char *summary;
    avcl_transform_field field;
    uint32_t stream;
    const avcl_param *params; /* the first is "p" at offset 0, a double */
    uint32_t n_params;
    uint32_t params_size;
    void (*apply)(const void *params, avcl_draw *draw, avcl_matter *m);
} avcl_transform;

/* transform_video.c, transform_sound.c */
extern const avcl_transform avcl__speed, avcl__temporal_jitter, avcl__random_resized_crop,
    avcl__flip, avcl__colour_jitter, avcl__gain, avcl__noise, avcl__time_shift,
    avcl__spec_augment;

enum { AVCL_MAX_TRANSFORMS = 32 };

/* A plugin's, in a chain. */
typedef struct avcl_plugged_transform {
    avcl_guest guest;
    const void *params;
    double p;
    uint64_t salt; /* of its random numbers: a hash of its full name */
} avcl_plugged_transform;

struct avcl_transforms {
    avcl_arena arena;
    const void *params[AVCL_MAX_TRANSFORMS]; /* by place in the table; NULL = off */
    avcl_plugged_transform plugged[AVCL_MAX_TRANSFORMS]; /* by full name */
    uint32_t n_plugged;
};

/* Whether a chain (may be NULL) has one for this field. */
int avcl__transforms_touch(const avcl_transforms *t, avcl_transform_field field);
/* Applies those of one field; `draw` says whose: seed, key and epoch. avcl's own never
 * fail. */
avcl_status avcl__transforms_apply(const avcl_transforms *t, avcl_transform_field field,
                                   const avcl_draw *draw, avcl_matter *m,
                                   avcl_error *err);
/* plugged_transform.c: the plugins' part of the same two. */
int avcl__plugged_touch(const avcl_transforms *t, avcl_transform_field field);
avcl_status avcl__plugged_apply(const avcl_transforms *t, avcl_transform_field field,
                                const avcl_draw *draw, avcl_matter *m, avcl_error *err);

/* ---- draws ---------------------------------------------------------------------------
 */
/* The next word in [0, 1), and in [low, high). */
double avcl__draw_unit(avcl_draw *draw);
double avcl__draw_between(avcl_draw *draw, double low, double high);

/* Rows of a schema; `params` is the struct that they describe. */
#define AVCL_TRANSFORM_FLOAT(member, text, units, low, high, standard)                   \
    {                                                                                    \
        .name = #member, .doc = text, .unit = units, .type = AVCL_FLOAT,                 \
        .flags = AVCL_P_MIN | AVCL_P_MAX, .min = low, .max = high,                       \
        .def_float = standard, .offset = offsetof(struct params, member)                 \
    }
#define AVCL_TRANSFORM_INT(member, text, low, high, standard)                            \
    {                                                                                    \
        .name = #member, .doc = text, .type = AVCL_INT,                                  \
        .flags = AVCL_P_MIN | AVCL_P_MAX, .min = low, .max = high, .def_int = standard,  \
        .offset = offsetof(struct params, member)                                        \
    }
/* The first row of each. */
#define AVCL_TRANSFORM_P                                                                 \
    {                                                                                    \
        .name = "p", .doc = "Probability that it is applied; 0 = off.",                  \
        .type = AVCL_FLOAT, .flags = AVCL_P_MIN | AVCL_P_MAX, .min = 0, .max = 1,        \
        .def_float = 0, .offset = 0                                                      \
    }

#endif
