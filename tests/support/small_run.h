/*
 * small_run.h - a model of a few numbers on device reference, and data for it.
 *
 * Clips come from fake_source; the model has a dropout, a FORWARD and an UPDATE state
 * and a log, so that whatever a training carries from step to step is there.
 */
#ifndef AVCL_TEST_SMALL_RUN_H
#define AVCL_TEST_SMALL_RUN_H

#include "avcl/build.h"
#include "avcl/train.h"

#include "fake_source.h"
#include "temp_dir.h"

enum { SMALL_BATCH = 2, SMALL_FRAMES = 3, SMALL_CROP = 2, SMALL_CLASSES = 3 };
enum { SMALL_INPUTS = 3 * SMALL_FRAMES * SMALL_CROP * SMALL_CROP };

typedef struct small_run {
    char dir[AVCL_TEMP_PATH];
    fake_state fake;
    avcl_dataset *d;
    avcl_host *host;
    avcl_graph *g;
    avcl_session *s;
} small_run;

/* A data set of these CSV lines, in a folder of its own. */
void small_run_open(small_run *r, const char *rows);
/* The model above, its weights drawn from `seed`. */
void small_run_build(small_run *r, uint64_t seed);
/* A graph of the caller's: begin, declare, then compile. */
void small_run_begin(small_run *r);
void small_run_compile(small_run *r, uint64_t seed);
/* [SMALL_BATCH, SMALL_INPUTS] in -1 … 1 from input "rgb". */
avcl_node small_run_pixels(small_run *r);
/* The graph and session only: the data stays for another session. */
void small_run_drop_model(small_run *r);
void small_run_close(small_run *r);

/* Reads SMALL_FRAMES of clips that are SMALL_CROP wide: only the start varies. */
avcl_view small_run_view(void);
/* Four epochs, no schedule, the last epoch selected, checkpoints in the folder. */
avcl_trainer_options small_run_options(const small_run *r);

#endif
