/*
 * sampler.h - which row at which position, which frames, which crop: pure functions.
 */
#ifndef AVCL_SAMPLER_H
#define AVCL_SAMPLER_H

#include "avcl/data.h"

typedef struct avcl_order_item {
    uint64_t value;
    uint64_t key;
    int64_t place;
} avcl_order_item;

/* The epoch's permutation of 0..n-1: sorted by a Philox value of (seed, epoch, key), so
 * that added files leave the others' relative order alone. `scratch` has n items. */
void avcl__order_fill(avcl_order_item *scratch, const uint64_t *keys, int64_t n,
                      uint64_t seed, uint32_t epoch, int64_t *order);

/* First frame of evaluation clip `clip` of `n_clips` in a video of n_frames: evenly
 * spread, ends included; a single clip is the middle one. 0 when the video is shorter
 * than a clip. */
int64_t avcl__clip_start(int64_t n_frames, int64_t frames, int32_t n_clips, int32_t clip);

typedef struct avcl_cut { /* where a sample is cut from its source */
    int64_t start;
    int32_t y;
    int32_t x;
} avcl_cut;

/* What the draws of a sample depend on. */
typedef struct avcl_draw_key {
    uint64_t seed;
    uint64_t key;
    uint32_t epoch;
    int32_t clip;
} avcl_draw_key;

avcl_cut avcl__cut_clip(const avcl_view *view, const avcl_draw_key *key,
                        int64_t n_frames);
/* First of the `length` samples out of n around `centre` (in samples; of no use when the
 * view has no pictures); 0 when there are fewer. */
int64_t avcl__window_start(const avcl_view *view, const avcl_draw_key *key, int64_t n,
                           int64_t length, double centre);
avcl_cut avcl__cut_mel(const avcl_view *view, const avcl_draw_key *key, int64_t bands,
                       int64_t columns);
/* Another place in 0..n-1 than `place`, n > 1: the shuffled-pairs control. */
int64_t avcl__other_place(const avcl_draw_key *key, int64_t place, int64_t n);

/* A view that can be read: positive sizes, crops that fit. */
avcl_status avcl__view_check(const avcl_view *view, avcl_error *err);
/* Clips a sample yields under this view. */
int32_t avcl__view_n_clips(const avcl_view *view);

#endif
