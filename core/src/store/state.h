/*
 * state.h - a run's state, and the files that it was read from.
 *
 * Who wants more of a run than its state gets what was read for it: each file is read
 * once.
 */
#ifndef AVCL_STATE_H
#define AVCL_STATE_H

#include "store/documents.h"

typedef struct avcl__run_files {
    avcl__documents result;  /* not loaded when there is none */
    avcl__documents attempt; /* the last one */
} avcl__run_files;

/* `*files` is zeroed before and released afterwards, after a failure too: it holds what
 * was read by then. `*attempt` is the last one, 0 = none. */
avcl_status avcl__state_look(const char *root, const char *run, avcl_run_state *state,
                             int32_t *attempt, avcl__run_files *files, avcl_error *err);
void avcl__run_files_release(avcl__run_files *files);

#endif
