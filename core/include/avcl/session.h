/*
 * session.h - a compiled graph on a device: its programs, memory and numbers.
 *
 * Compilation derives two programs that share weights and states: TRAIN (loss,
 * gradients, commits) and EVAL (BatchNorm reads its state, dropout is the
 * identity). All memory is planned and allocated here; a step allocates none.
 *
 *     avcl_session *s = avcl_session_new(g, &options, &err);
 *     avcl_session_write(s, "x", data, nbytes, &err);
 *     avcl_session_run(s, AVCL_TRAIN, &err);      // computes, commits nothing
 *     avcl_session_commit(s, &err);               // FORWARD assignments
 *     avcl_session_read(s, "loss", &value, sizeof value, &err);
 *
 * The graph must outlive the session. One session, one thread. [run]
 */
#ifndef AVCL_SESSION_H
#define AVCL_SESSION_H

#include "avcl/graph.h"

typedef struct avcl_session avcl_session;

typedef int32_t avcl_program;
enum { AVCL_TRAIN = 0, AVCL_EVAL = 1 };

typedef struct avcl_session_options {
    const char *device;   /* "cpu" (default when NULL), "reference", full names too */
    avcl_dtype precision; /* AVCL_F32 (default when 0), AVCL_F64, or AVCL_BF16: mixed */
    uint32_t flags;       /* AVCL_SESSION_* */
    uint64_t seed;        /* of initial weights and of dropout */
    const char *conv;     /* "auto" (default when NULL), "direct", "winograd" [call] */
    const char *kernel_plan; /* text of a plan file, or NULL [call] */
} avcl_session_options;
enum {
    AVCL_SESSION_NO_GRADIENT = 1, /* TRAIN without gradients: forward only */
    AVCL_SESSION_INPUT_GRADS = 2, /* gradients of real inputs too, as "grad/NAME" */
    AVCL_SESSION_NO_FUSION = 4,   /* every op as declared: to compare with */
    AVCL_SESSION_ALL_BF16 = 8, /* bf16 wherever there is a kernel for it, not just around
                                  convolutions: to test those kernels */
};

AVCL_EXPORT avcl_session *avcl_session_new(avcl_graph *g,
                                           const avcl_session_options *options,
                                           avcl_error *err); /* [owned] */
AVCL_EXPORT void avcl_session_free(avcl_session *s);
/* The graph it was made from. [borrowed] */
AVCL_EXPORT avcl_graph *avcl_session_graph(const avcl_session *s);

/* Names: inputs, scalars, weights and states by path; "loss"; kept and logged values by
 * their names; "grad/<weight>" after a TRAIN run. Data is contiguous row-major in the
 * value's own dtype; reals are f64 in a f64 session and f32 in any other. */
AVCL_EXPORT avcl_status avcl_session_describe(avcl_session *s, const char *name,
                                              avcl_tinfo *out, avcl_error *err);
AVCL_EXPORT avcl_status avcl_session_write(avcl_session *s, const char *name,
                                           const void *data, uint64_t nbytes,
                                           avcl_error *err);
AVCL_EXPORT avcl_status avcl_session_read(avcl_session *s, const char *name, void *data,
                                          uint64_t nbytes, avcl_error *err);

/* The random key of the next run: dropout masks depend on it and on nothing else. */
AVCL_EXPORT void avcl_session_set_rng(avcl_session *s, uint64_t seed, uint64_t step,
                                      uint64_t first_row);
AVCL_EXPORT avcl_status avcl_session_run(avcl_session *s, avcl_program program,
                                         avcl_error *err);
/* Runs like avcl_session_run and looks at every value: the first non-finite one is
 * AVCL_E_NUMERIC, naming its node path, op and script line. Slow. */
AVCL_EXPORT avcl_status avcl_session_run_checked(avcl_session *s, avcl_program program,
                                                 avcl_error *err);
/* Commits the FORWARD assignments of the last TRAIN run. */
AVCL_EXPORT avcl_status avcl_session_commit(avcl_session *s, avcl_error *err);
/* Evaluates and commits the UPDATE assignments, on the weights as they are now. */
AVCL_EXPORT avcl_status avcl_session_update(avcl_session *s, avcl_error *err);

/* The flat buffers, n elements of the session's real type each, in weight order. The last
 * two exist once an optimiser or avcl_session_accumulate made them. */
enum {
    AVCL_FLAT_WEIGHTS = 0,
    AVCL_FLAT_GRADIENTS = 1,
    AVCL_FLAT_MOMENTUM = 2, /* SGD, LARS: v; AdamW: the first moment */
    AVCL_FLAT_SECOND = 3,   /* AdamW: the second moment */
    AVCL_FLAT_SUM = 4,      /* accumulated gradients */
    AVCL_N_FLATS = 5,
};
AVCL_EXPORT uint64_t avcl_session_n_weights(const avcl_session *s);
/* Where a weight lies in the flat buffers; weights start at multiples of 64 bytes. */
AVCL_EXPORT avcl_status avcl_session_weight_range(const avcl_session *s, const char *name,
                                                  uint64_t *first, uint64_t *n,
                                                  avcl_error *err);

/* ---- optimisers: PyTorch's SGD and AdamW; LARS as in solo-learn (You et al. 2017) -----
 */
typedef int32_t avcl_optim_kind;
enum { AVCL_SGD = 0, AVCL_ADAMW = 1, AVCL_LARS = 2 };
/* Other values for the weights under a scope ("video", "video/conv1"); the deepest scope
 * that holds a weight counts. */
typedef struct avcl_optim_scope {
    const char *scope; /* [call] */
    double lr;         /* in the ratio to avcl_optim.lr that it has at the start */
    double weight_decay;
} avcl_optim_scope;
typedef struct avcl_optim {
    avcl_optim_kind kind;
    int32_t nesterov; /* SGD, LARS */
    double lr;
    double weight_decay;
    double momentum; /* SGD, LARS */
    double beta1;    /* AdamW */
    double beta2;
    double eps; /* AdamW; LARS: added to the norms below */
    double trust; /* LARS: d = trust ‖w‖ / (‖g‖ + decay ‖w‖ + eps) (g + decay w) */
    double clip_norm; /* gradients are scaled down to this global norm; 0 = as they are */
    int32_t clip_rate;  /* LARS: never beyond the rate of SGD */
    int32_t exclude_1d; /* biases and norms neither decay nor (LARS) adapt */
    uint32_t n_scopes;
    uint32_t reserved;
    const avcl_optim_scope *scopes; /* [call] */
} avcl_optim;
/* Prepares what steps with `optim` need, buffers included: a scope without weights is
 * AVCL_E_NOT_FOUND. Optional: the first step does it too. Keeps nothing of `optim`. */
AVCL_EXPORT avcl_status avcl_session_prepare_optimiser(avcl_session *s,
                                                       const avcl_optim *optim,
                                                       avcl_error *err);
/* Adds the gradients of the last TRAIN run to AVCL_FLAT_SUM, or starts the sum with them.
 */
AVCL_EXPORT avcl_status avcl_session_accumulate(avcl_session *s, int32_t is_first,
                                                avcl_error *err);
typedef struct avcl_optim_step {
    double lr;         /* now: what schedule and warm-up make of avcl_optim.lr */
    uint64_t step;     /* 1-based: bias correction of AdamW */
    uint32_t n_summed; /* 0: the last gradients; n: the mean of n accumulated ones */
    uint32_t reserved;
} avcl_optim_step;
/* One step of all weights. AVCL_E_NUMERIC, and nothing done, when clipping or LARS meets
 * a gradient that is not finite. */
AVCL_EXPORT avcl_status avcl_session_optimise(avcl_session *s, const avcl_optim *optim,
                                              const avcl_optim_step *step,
                                              avcl_error *err);
AVCL_EXPORT avcl_status avcl_session_read_flat(avcl_session *s, int32_t which, void *data,
                                               uint64_t nbytes, avcl_error *err);
AVCL_EXPORT avcl_status avcl_session_write_flat(avcl_session *s, int32_t which,
                                                const void *data, uint64_t nbytes,
                                                avcl_error *err);

typedef struct avcl_session_stats {
    uint64_t weight_bytes;  /* weights, gradients, momentum, states */
    uint64_t arena_bytes;   /* activations and scratch, the larger program's peak */
    uint64_t io_bytes;      /* inputs and kept values */
    uint64_t planned_bytes; /* all of the above */
    uint32_t n_kernels[2];  /* per program */
    uint32_t n_reorders[2]; /* of those, layout changes */
} avcl_session_stats;
AVCL_EXPORT void avcl_session_get_stats(const avcl_session *s, avcl_session_stats *out);
/* Device, libraries and precision that compute, for records. [session's life] */
AVCL_EXPORT const char *avcl_session_device_text(const avcl_session *s);
/* What the numbers are really computed in. Asked for bf16 it is f32 when the graph has no
 * convolution, or this machine no bf16 instructions. Weights, gradients, statistics and
 * losses are f32 either way. */
AVCL_EXPORT avcl_dtype avcl_session_precision(const avcl_session *s);
/* The program after a pass ("lower", "dead", "gradient", "precision", "fuse",
 * "recompute", "layout"), one node a line; what `avcl graph --after PASS` prints. Free
 * with avcl_text_free. [owned] */
AVCL_EXPORT char *avcl_graph_print_after(avcl_graph *g,
                                         const avcl_session_options *options,
                                         avcl_program program, const char *pass,
                                         avcl_error *err);

#endif
