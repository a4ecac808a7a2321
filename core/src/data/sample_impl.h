/*
 * sample_impl.h - reading one sample with a worker's own scratch memory and counters.
 */
#ifndef AVCL_SAMPLE_IMPL_H
#define AVCL_SAMPLE_IMPL_H

#include "data/dataset_impl.h"
#include "data/sampler.h"
#include "media/small.h"

typedef struct avcl_buffer {
    void *data;
    size_t bytes;
} avcl_buffer;

/* One thread's. Zero it first; counters add up until their owner takes them. */
typedef struct avcl_scratch {
    avcl_buffer frames;   /* u8 window */
    avcl_buffer floats;   /* f32 mel picture */
    avcl_buffer halves;   /* f16 mel picture */
    avcl_buffer pointers; /* to the frames of a prepared clip */
    avcl_buffer index;    /* i32: which frames, when they are augmented */
    avcl_buffer area;     /* for the part of a picture that is scaled */
    avcl_buffer wave;     /* f32: a track that is not ours, when it is augmented */
    avcl_buffer window;   /* f32: of a track shorter than it */
    avcl_jpeg *jpeg;
    avcl_read_cost cost;
} avcl_scratch;

double avcl__clock(void); /* seconds, steady */
void avcl__scratch_release(avcl_scratch *scratch);
/* At least that much, or NULL and an error. */
void *avcl__buffer_want(avcl_buffer *buffer, size_t bytes, avcl_error *err);

typedef struct avcl_request {
    int64_t sample;
    uint64_t seed;
    uint32_t epoch;
    int32_t clip;
    const avcl_view *view; /* checked */
} avcl_request;

/* avcl_sample_read without checks of the view. `out` is untouched on failure. AVCL_END:
 * the sample has no sound and the view needs one; nothing is said. */
avcl_status avcl__sample_read(avcl_dataset *d, const avcl_request *request,
                              avcl_scratch *scratch, avcl_sample *out, avcl_error *err);

/* A whole clip or a window of it: in the cache, in the scratch, or prepared. */
typedef struct avcl_clip {
    const uint8_t *rgb;         /* [n, h, w, 3]; frames past the last repeat it */
    const uint8_t *const *i420; /* instead, [n] pictures of a prepared cache (small.h) */
    int64_t n;
    int64_t first; /* index in rgb of the wanted start */
    int64_t n_padded;
    double start_s;
    double middle_s; /* of the middle of the clip, after the first frame of the file */
    avcl_cut cut;
} avcl_clip;
/* The frame whose time is the middle of a clip. */
int64_t avcl__clip_middle(const avcl_view *view, int64_t start, int64_t n_frames);
avcl_status avcl__clip_read(avcl_dataset *d, const avcl_request *request,
                            avcl_scratch *scratch, avcl_clip *out, avcl_error *err);

/* `area` of frame `t` of the view as three planes, [rows, columns] each, at rgb + k *
 * plane. */
void avcl__clip_cut(const avcl_clip *clip, const avcl_view *view, int32_t t,
                    const avcl_area *area, uint8_t *rgb, size_t plane);

typedef struct avcl_picture {
    const uint16_t *mel; /* f16 [bands, columns]; NULL = the file has no audio */
    int64_t bands;
    int64_t columns;
} avcl_picture;
/* Whose sound, and where: what a picture of it depends on beside the view. */
typedef struct avcl_sound_place {
    int64_t file;
    double middle_s; /* of the clip; unused without pictures */
} avcl_sound_place;
/* sound.c: the picture that the view asks for, of the sound augmented when it asks for
 * that. */
avcl_status avcl__picture_read(avcl_dataset *d, const avcl_request *request,
                               const avcl_sound_place *place, avcl_scratch *scratch,
                               avcl_picture *out, avcl_error *err);
/* The picture of a wave, all of it, in the scratch. */
avcl_status avcl__picture_draw(const avcl_mel *mel, avcl_sound sound,
                               const avcl_wave *wave, avcl_scratch *scratch,
                               avcl_picture *out, avcl_error *err);

/* ---- prepared_read.c: the same reads from a prepared cache ----------------------- */
avcl_status avcl__prepared_read_clip(const avcl_dataset *d, const avcl_request *request,
                                     avcl_scratch *scratch, avcl_clip *out,
                                     avcl_error *err);
/* The stored picture of a whole track; AVCL_END: it has one of other options, or none. */
avcl_status avcl__prepared_read_picture(const avcl_dataset *d, int64_t file,
                                        const avcl_mel *mel, avcl_picture *out,
                                        avcl_error *err);
/* The stored track: the cache's own memory. */
avcl_status avcl__prepared_read_track(const avcl_dataset *d, int64_t file, avcl_wave *out,
                                      avcl_error *err);
avcl_cut avcl__clip_place(const avcl_dataset *d, const avcl_request *request,
                          int64_t n_frames);

#endif
