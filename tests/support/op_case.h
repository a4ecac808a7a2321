/*
 * op_case.h - one case of an op's table, declared as a graph and run on a device.
 *
 * Inputs are "x0", "x1"…, outputs stay readable as "y0", "y1"…. Where output 0 is real
 * and has a gradient, the loss is sum(y0 * c) with a random constant "c", so that
 * "grad/x0" is the op's gradient along a random direction.
 */
#ifndef OP_CASE_H
#define OP_CASE_H

#include "avcl/session.h"

enum { OP_CASE_MAX_IN = 32, OP_CASE_MAX_OUT = 8 };

typedef struct op_case {
    const avcl_op *op;
    const avcl_op_case *row;
    avcl_graph *graph;
    avcl_session *session;
    uint32_t n_in; /* with "c", which comes last */
    int32_t has_loss;
    avcl_tinfo in[OP_CASE_MAX_IN];
    avcl_tinfo out[OP_CASE_MAX_OUT];
    double *value[OP_CASE_MAX_IN]; /* what was drawn; [owned] */
} op_case;

/* Declares and compiles; on failure `err` says why and op_case_close is still due. */
avcl_status op_case_open(op_case *t, avcl_host *host, const avcl_op *op,
                         const avcl_op_case *row, const char *device, avcl_dtype real,
                         avcl_error *err);
/* The same on a device as `options` says; flags are set here. */
avcl_status op_case_open_with(op_case *t, avcl_host *host, const avcl_op *op,
                              const avcl_op_case *row,
                              const avcl_session_options *options, avcl_error *err);
void op_case_close(op_case *t);

/* Draws all inputs from a seed: exact in f32, so that every precision sees the same. */
void op_case_draw(op_case *t, uint64_t seed);
/* A seed of op and case names: a new case does not change another's numbers. */
uint64_t op_case_seed(const avcl_op *op, const avcl_op_case *row);
/* Writes the drawn values of input i, converted to its type. */
avcl_status op_case_write(op_case *t, uint32_t i, avcl_error *err);
/* Draw, write all, run TRAIN. */
avcl_status op_case_run(op_case *t, uint64_t seed, avcl_error *err);
/* A tensor by name as doubles [owned, free()]; NULL and err when there is none. */
double *op_case_read(op_case *t, const char *name, int64_t *n, avcl_error *err);
/* Whether input i is differentiated: real, and no constant to the op's gradient. */
int op_case_differentiates(const op_case *t, uint32_t i);

int64_t op_case_numel(const avcl_tinfo *info);

#endif
