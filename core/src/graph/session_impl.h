/*
 * session_impl.h - what a session is made of, for the files that implement it.
 */
#ifndef AVCL_SESSION_IMPL_H
#define AVCL_SESSION_IMPL_H

#include "avcl/session.h"
#include "graph/compile.h"
#include "graph/plan.h"

typedef struct avcl_storage { /* one named tensor outside the arena */
    void *data;
    avcl_tinfo info;
    uint64_t bytes;
} avcl_storage;

typedef struct avcl_step {           /* one kernel, its pointers resolved */
    avcl_kernel *kernel;             /* the device's, or … */
    struct avcl_custom_step *custom; /* … a plugin's */
    const void *inputs[AVCL_KERNEL_MAX_IN];
    void *outputs[AVCL_KERNEL_MAX_OUT];
    void *scratch;
    uint32_t node; /* in the draft's IR */
} avcl_step;

typedef struct avcl_compiled {
    avcl_draft draft; /* after all passes */
    avcl_plan plan;
    avcl_step *steps;
    double *seconds; /* per step, summed over runs; NULL = not profiled */
    uint64_t n_timed;
    uint32_t n_steps;
    uint32_t n_reorders;
    int is_ready;
} avcl_compiled;

typedef struct avcl_commit { /* pending -> state */
    avcl_kernel *kernel;
    const void *from;
    void *to;
    void *scratch;
    int32_t program; /* AVCL_TRAIN: FORWARD, AVCL_PROGRAM_UPDATE: UPDATE */
} avcl_commit;

typedef struct avcl_optimiser avcl_optimiser; /* optimiser.h */

struct avcl_session {
    avcl_graph *g;
    const avcl_device_api *api;
    avcl_device *device;
    avcl_dtype real; /* of everything that has a name: f32 or f64 */
    int is_mixed;    /* bf16 was asked for */
    uint32_t n_low;  /* nodes that got it, over all programs */
    char device_text[256];
    uint32_t flags;
    uint64_t seed;

    avcl_table owned;        /* avcl_storage: every allocation, for freeing */
    avcl_storage *variables; /* per graph variable; weights lie in `flat` */
    avcl_storage *inputs;
    avcl_storage *input_grads; /* data NULL when not asked for */
    avcl_storage *scalars;
    avcl_storage *logs;
    avcl_storage *keeps;
    avcl_storage *pending; /* per variable: a state's next version */
    avcl_storage *rows;    /* per assign_rows: index, value */
    avcl_storage loss;
    avcl_storage rng;
    avcl_storage arena;
    void *flat[AVCL_N_FLATS]; /* those beyond the gradients come with the first step */
    uint64_t n_flat;
    uint64_t *flat_first; /* per variable */

    avcl_compiled programs[AVCL_N_PROGRAMS];
    avcl_table commits;
    avcl_optimiser *optimiser; /* NULL before the first step */
    int32_t ran;               /* last program that ran, -1 = none */
    uint64_t io_bytes;
    uint64_t weight_bytes;
};

/* Device memory for `info` (real widened to the session's), remembered for freeing. */
avcl_status avcl__session_alloc(avcl_session *s, const avcl_tinfo *info,
                                uint64_t *counter, avcl_storage *out, avcl_error *err);
/* A flat buffer, of zeros when it is new. */
avcl_status avcl__session_need_flat(avcl_session *s, int32_t which, avcl_error *err);
/* Memory for a kernel that runs between programs, when the arena lies idle: the arena's
 * own bytes where they suffice. NULL and no error for 0 bytes. */
avcl_status avcl__session_scratch(avcl_session *s, uint64_t bytes, void **out,
                                  avcl_error *err);
/* All storage that does not depend on the programs; initial weights and states. */
avcl_status avcl__session_make_storage(avcl_session *s, avcl_error *err);
avcl_status avcl__session_init_variables(avcl_session *s, avcl_error *err);
/* Runs the passes and plans; kernels are prepared, pointers not yet resolved. */
avcl_status avcl__session_compile(avcl_session *s, int32_t program, avcl_error *err);
/* Runs the passes up to and including `pass` (NULL = all) into an empty draft. */
avcl_status avcl__session_passes(avcl_session *s, int32_t program, const char *pass,
                                 avcl_draft *out, avcl_error *err);
/* Resolves every step's pointers once the arena exists. */
void avcl__session_resolve(avcl_session *s, avcl_compiled *program);
/* The storage that a root writes to. */
avcl_storage *avcl__session_root_storage(avcl_session *s, const avcl_draft_root *root,
                                         int32_t program);
avcl_status avcl__session_run_step(avcl_session *s, const avcl_compiled *program,
                                   const avcl_step *step, avcl_error *err);
/* Runs all steps and adds up the time of each. */
avcl_status avcl__session_run_timed(avcl_session *s, avcl_compiled *program,
                                    avcl_error *err);
void avcl__compiled_release(avcl_session *s, avcl_compiled *program);
/* Finds a named tensor; also reports unknown names with the nearest known one. */
avcl_storage *avcl__session_find(avcl_session *s, const char *name, avcl_storage *scratch,
                                 avcl_error *err);

#endif
