/*
 * graph.h - a computation graph: declared once, then compiled and run many times.
 *
 * A graph owns an arena; nodes, names, shapes and attributes live and die with
 * it. Declaring allocates no tensor data. Shapes are static. Errors are kept:
 * after the first, every call returns 0 and avcl_graph_status() tells it with
 * the node's path and the script line given by avcl_graph_at().
 *
 *     avcl_graph *g = avcl_graph_new(host, &err);
 *     avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 2);
 *     avcl_node y = avcl_graph_op(g, "relu", &x, 1, NULL, 0);
 *     avcl_graph_minimize(g, 1.0, avcl_graph_op(g, "mean", &y, 1, NULL, 0));
 *
 * Not thread-safe: one graph, one thread. [build]
 */
#ifndef AVCL_GRAPH_H
#define AVCL_GRAPH_H

#include "avcl/host.h"

typedef struct avcl_graph avcl_graph;

AVCL_EXPORT avcl_graph *avcl_graph_new(avcl_host *host, avcl_error *err); /* [owned] */
AVCL_EXPORT void avcl_graph_free(avcl_graph *g);

/* The script place of what follows: "table3.lua:14". Copied. */
AVCL_EXPORT void avcl_graph_at(avcl_graph *g, const char *where);
AVCL_EXPORT avcl_status avcl_graph_status(const avcl_graph *g, avcl_error *err);

/* ---- values ------------------------------------------------------------------ */
AVCL_EXPORT avcl_node avcl_graph_input(avcl_graph *g, const char *name, avcl_dtype dtype,
                                       const int64_t *shape, int32_t ndim);
AVCL_EXPORT avcl_node avcl_graph_weight(avcl_graph *g, const char *name,
                                        const int64_t *shape, int32_t ndim,
                                        const char *init, double arg);
AVCL_EXPORT avcl_node avcl_graph_state(avcl_graph *g, const char *name,
                                       const int64_t *shape, int32_t ndim,
                                       const char *init, double arg);
AVCL_EXPORT avcl_node avcl_graph_scalar(avcl_graph *g, const char *name, double initial);
AVCL_EXPORT avcl_node avcl_graph_constant(avcl_graph *g, double value);
AVCL_EXPORT avcl_node avcl_graph_op(avcl_graph *g, const char *op,
                                    const avcl_node *inputs, uint32_t n_in,
                                    const avcl_attr *attrs, uint32_t n_attrs);
AVCL_EXPORT avcl_node avcl_graph_result(avcl_graph *g, avcl_node first, uint32_t index);
/* A state that starts as `weight`, a weight, and follows it: s = m s + (1 - m) w, after
 * each step of the optimiser. */
AVCL_EXPORT avcl_node avcl_graph_follow(avcl_graph *g, const char *name, avcl_node weight,
                                        avcl_node momentum);
AVCL_EXPORT avcl_node avcl_graph_rng(avcl_graph *g);
AVCL_EXPORT int64_t avcl_graph_next_salt(avcl_graph *g);
AVCL_EXPORT void avcl_graph_assign(avcl_graph *g, avcl_node state, avcl_node value,
                                   int32_t when);
AVCL_EXPORT void avcl_graph_assign_rows(avcl_graph *g, avcl_node state, avcl_node index,
                                        avcl_node rows);
AVCL_EXPORT void avcl_graph_push(avcl_graph *g, const char *scope);
AVCL_EXPORT void avcl_graph_pop(avcl_graph *g);
/* While `on`, what is declared is not trained: weights become states (same names, so they
 * are loaded and saved alike) and ops compute in TRAIN what they do in EVAL (BatchNorm
 * reads its state and leaves it, dropout is the identity). */
AVCL_EXPORT void avcl_graph_freeze(avcl_graph *g, int32_t on);

/* ---- modules ----------------------------------------------------------------- */
AVCL_EXPORT avcl_instance avcl_graph_instance(avcl_graph *g, const char *kind,
                                              const char *name, const avcl_attr *params,
                                              uint32_t n_params, const char *scope);
AVCL_EXPORT avcl_status avcl_graph_apply(avcl_graph *g, avcl_instance instance,
                                         const avcl_node *inputs, uint32_t n_in,
                                         avcl_node *outputs, uint32_t n_out);
AVCL_EXPORT avcl_instance avcl_graph_ema_of(avcl_graph *g, avcl_instance instance,
                                            avcl_node momentum);
/* The module behind an instance; NULL when poisoned. [host's life] */
AVCL_EXPORT const avcl_module *avcl_graph_instance_module(const avcl_graph *g,
                                                          avcl_instance instance);

/* ---- roots ------------------------------------------------------------------- */
/* Adds weight * term to what training minimises. The term must be a real scalar. */
AVCL_EXPORT void avcl_graph_minimize(avcl_graph *g, double weight, avcl_node term);
/* A scalar recorded per epoch. */
AVCL_EXPORT void avcl_graph_log(avcl_graph *g, const char *name, avcl_node value);
/* A tensor that stays readable after a step, under `name`, in both programs. */
AVCL_EXPORT void avcl_graph_keep(avcl_graph *g, const char *name, avcl_node value);

/* ---- looking ----------------------------------------------------------------- */
AVCL_EXPORT avcl_status avcl_graph_info(const avcl_graph *g, avcl_node node,
                                        avcl_tinfo *out);
/* Weights and states in registration order. */
typedef struct avcl_variable {
    const char *name; /* "video/conv1/weight" [graph's life] */
    avcl_tinfo info;
    avcl_node node;
    int32_t is_state;
} avcl_variable;
AVCL_EXPORT uint32_t avcl_graph_n_variables(const avcl_graph *g);
AVCL_EXPORT avcl_status avcl_graph_get_variable(const avcl_graph *g, uint32_t index,
                                                avcl_variable *out);
/* One line of `avcl graph`: what node `index` is. */
typedef struct avcl_node_info {
    const char *op;    /* "input", "weight", "state", "scalar" or an op */
    const char *path;  /* "video/conv3/block1/bn2" [graph's life] */
    const char *where; /* "table3.lua:14", or "" */
    avcl_tinfo info;   /* of output 0 */
    uint32_t n_in;
    uint32_t n_out;
    avcl_node inputs[32];
    avcl_node first;       /* handle of output 0 */
    int64_t multiply_adds; /* forward, for conv3d, linear and matmul; else 0 */
} avcl_node_info;
AVCL_EXPORT uint32_t avcl_graph_n_nodes(const avcl_graph *g);
AVCL_EXPORT avcl_status avcl_graph_get_node(const avcl_graph *g, uint32_t index,
                                            avcl_node_info *out);
/* Canonical text of what the roots reach: ops, attributes, shapes, edges, names,
 * numerics; not lines or comments. A node a line. Free with avcl_text_free. */
AVCL_EXPORT char *avcl_graph_text(const avcl_graph *g, avcl_error *err);
/* SHA-256 of that text: 64 hex digits and a NUL. */
AVCL_EXPORT avcl_status avcl_graph_hash(const avcl_graph *g, char hex[65],
                                        avcl_error *err);

#endif
