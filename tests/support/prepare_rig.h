/*
 * prepare_rig.h - what the tests of prepared caches share: a small set of real files, a
 * recipe, and samples of it.
 */
#ifndef AVCL_TEST_PREPARE_RIG_H
#define AVCL_TEST_PREPARE_RIG_H

#include "avcl/prepare.h"

enum { W = 45, H = 34, CROP = 30, FRAMES = 8, MEL = 24, SEED = 5 };
enum { RGB = 3 * FRAMES * CROP * CROP, N_GOOD = 6, N_ALL = 7 };

typedef struct sample {
    uint8_t rgb[RGB];
    uint16_t mel[MEL * MEL];
    avcl_sample what;
} sample;

/* A group's set-up: set.csv of N_GOOD files in N_ALL rows; clips_tear_down ends it. */
int prepare_make_set(void **state);
avcl_dataset *prepare_open(const char *name);
avcl_prepare_options prepare_options(avcl_prepare_codec codec, avcl_prepare_audio audio);
/* To the end; what was counted. */
avcl_prepare_progress prepare_run(const char *set, const char *out,
                                  const avcl_prepare_options *o);
avcl_view prepare_view(int32_t random);
void prepare_read(avcl_dataset *d, int64_t i, uint32_t epoch, const avcl_view *v,
                  int32_t clip, sample *out);
/* Everything but the pictures is the same. */
void prepare_check_facts(const sample *a, const sample *b);

#endif
