/*
 * samples.h - where samples come from and how they are changed: two kinds of plugins.
 *
 * A data set knows clips and their sound; the host scales, crops, resamples, caches and
 * batches them as it does files. A transform changes one field of a sample in place. Both
 * are pure: what they give depends on parameters and sample, a transform's also on
 * numbers that the host draws from (seed, epoch, sample). So workers change nothing.
 * Part of the plugin ABI; see plugin.h.
 *
 * [any] everything but open, close and example: many threads at once, one `self`.
 */
#ifndef AVCL_SAMPLES_H
#define AVCL_SAMPLES_H

#include "avcl/plugin.h"

/* What every callback here receives. Borrowed. */
typedef struct avcl_reading {
    avcl_call *call; /* for host->report, host->log, host->random_fill */
    const avcl_host_api *host;
    int32_t rate; /* of the samples a WAVE transform is given, Hz; else 0 */
    int32_t reserved;
} avcl_reading;

/* ---- data sets --------------------------------------------------------------------- */
enum {
    AVCL_DATASET_SYNTHETIC = 1, /* made by a generator: results say so */
};

/* One sample of a split. The host clears it first; texts live as long as `self`. */
typedef struct avcl_dataset_row {
    const char *name;  /* unique in its split; the sample's random numbers hang on it */
    const char *label; /* NULL or "" = unlabelled */
    const char *split; /* NULL or "" = "train" */
    /* Absolute paths of all that it is read from, NULL-terminated: their content is part
     * of the data's identity. NULL = it is generated: parameters and numerics tell. */
    const char *const *files;
} avcl_dataset_row;

/* A clip as it lies there. The host clears it first. */
typedef struct avcl_clip_info {
    int64_t n_frames; /* >= 1 */
    int32_t height;
    int32_t width;
    double fps;      /* frame i is shown at i / fps */
    int64_t n_sound; /* samples of sound, from the first frame on; 0 = silent */
    int32_t rate;    /* of the sound, Hz */
    int32_t reserved;
} avcl_clip_info;

/* AVCL_KIND_DATASET. Rows are numbered from 0. */
typedef struct avcl_custom_dataset {
    uint32_t struct_size;
    uint32_t flags;
    /* path: absolute, "" = none was given; params live as long as *self. [one thread] */
    avcl_status (*open)(const avcl_reading *r, const void *params, const char *path,
                        void **self);
    void (*close)(void *self);
    int64_t (*count)(void *self);
    /* Row `index`; outside of 0 … count - 1 AVCL_END. */
    avcl_status (*row)(const avcl_reading *r, void *self, int64_t index,
                       avcl_dataset_row *out);
    avcl_status (*clip)(const avcl_reading *r, void *self, int64_t index,
                        avcl_clip_info *out);
    /* rgb [n, height, width, 3] of the frames start … start + n - 1, all inside. The
     * process may have been forked since open: pread, not a shared place in a file. */
    avcl_status (*frames)(const avcl_reading *r, void *self, int64_t index, int64_t start,
                          int64_t n, uint8_t *rgb);
    /* wave [n_sound] in -1 … 1, one channel. NULL: no clip has a sound. */
    avcl_status (*sound)(const avcl_reading *r, void *self, int64_t index, float *wave);
    /* Writes a small set into an empty folder, for `avcl plugin check` to open. NULL: it
     * opens without a path. [one thread] */
    avcl_status (*example)(const avcl_reading *r, const char *folder);
} avcl_custom_dataset;

/* ---- transforms -------------------------------------------------------------------- */
/* What of a sample a transform changes. */
typedef int32_t avcl_transform_field;
enum {
    AVCL_FIELD_TIME = 0, /* which frames; avcl's own transforms only */
    AVCL_FIELD_AREA = 1, /* which part of them: in place of the crop; avcl's own only */
    AVCL_FIELD_CLIP = 2, /* u8 [3, T, S, S] */
    AVCL_FIELD_WAVE = 3, /* f32 [n], before the spectrogram */
    AVCL_FIELD_MEL = 4,  /* f32 [S, S], after the crop; kept as f16 */
};

/* AVCL_KIND_TRANSFORM. How often it is applied is the host's: every transform has a
 * parameter "p" that the module's own do not repeat. */
typedef struct avcl_custom_transform {
    uint32_t struct_size;
    avcl_transform_field field;
    /* In place. Randomness from host->random_fill alone. */
    avcl_status (*apply)(const avcl_reading *r, const void *params, avcl_tensor *t);
} avcl_custom_transform;

#endif
