/*
 * graph_impl.h - the declared graph as the compiler and the session see it.
 *
 * An IR plus what only a declaration has: variables by name, state versions,
 * module instances, scopes and roots. Owned by avcl_graph; [build].
 */
#ifndef AVCL_GRAPH_IMPL_H
#define AVCL_GRAPH_IMPL_H

#include "avcl/graph.h"
#include "base/call.h"
#include "graph/ir.h"

/* How a variable's first value is made. */
typedef int32_t avcl_init_rule;
enum {
    AVCL_INIT_FILL = 0,    /* arg everywhere */
    AVCL_INIT_UNIFORM = 1, /* (-arg, arg) */
    AVCL_INIT_NORMAL = 2,  /* (0, arg) */
    AVCL_INIT_COPY = 3,    /* of another variable */
};

typedef struct avcl_graph_variable {
    const char *name;
    avcl_tinfo info;
    avcl_node node; /* the source's handle */
    avcl_node_source source;
    avcl_init_rule init;
    double arg;
    uint32_t copy_of;  /* INIT_COPY: index of that variable */
    avcl_node current; /* states: the latest FORWARD version, = node at first */
    avcl_node update;  /* states: what UPDATE assigns; 0 = nothing */
    uint32_t owner;    /* instance that declared it; 0 = none */
} avcl_graph_variable;

typedef struct avcl_graph_rows { /* assign_rows */
    uint32_t variable;
    avcl_node index;
    avcl_node rows;
} avcl_graph_rows;

typedef struct avcl_graph_member {
    const avcl_module *module;
    const void *params;
    const char *scope;
    uint32_t
        ema_source; /* instance whose weights this one follows; 0 = an ordinary one */
    avcl_node momentum;
    uint32_t n_applied;
} avcl_graph_member;

typedef struct avcl_graph_root {
    const char *name; /* logs and keeps */
    avcl_node value;
    double weight; /* terms */
} avcl_graph_root;

/* A growing table; item() casts. Kept tiny on purpose: nine tables share it. */
typedef struct avcl_table {
    void *data;
    uint32_t n;
    uint32_t cap;
} avcl_table;
void *avcl__table_add(avcl_table *table, size_t size,
                      const void *row); /* NULL = no memory */

struct avcl_graph {
    avcl_ir ir;
    avcl_error err; /* the first error; sticky */
    avcl_call call;
    avcl_build build;
    avcl_host *host;
    const char *where;
    char scope[512];
    uint32_t scope_depth;
    uint32_t applying; /* instance being applied; 0 = none */
    int32_t frozen;    /* what is declared now is not trained */
    int64_t salt;
    avcl_node rng;
    avcl_table
        variables;      /* avcl_graph_variable: weights and states, registration order */
    avcl_table inputs;  /* avcl_graph_variable */
    avcl_table scalars; /* avcl_graph_variable; arg = initial value */
    avcl_table instances; /* avcl_graph_member; handle = index + 1 */
    avcl_table terms;     /* avcl_graph_root */
    avcl_table logs;
    avcl_table keeps;
    avcl_table rows; /* avcl_graph_rows */
};

extern const avcl_graph_api
    avcl__graph_api; /* const table; callbacks get it in avcl_build */

static inline avcl_graph_variable *avcl__graph_variable(const avcl_graph *g, uint32_t i)
{
    return (avcl_graph_variable *)g->variables.data + i;
}

static inline avcl_graph_root *avcl__graph_roots(const avcl_table *table)
{
    return table->data;
}

/* "scope/name" in the graph's arena; NULL = out of memory, reported. */
const char *avcl__graph_path(avcl_graph *g, const char *name);
/* Reports into the graph's error with place and path in front. Returns code. */
avcl_status avcl__graph_report(avcl_graph *g, avcl_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "where: node 'path': " before an error that arose since `had` was looked at. */
void avcl__graph_place_error(avcl_graph *g, avcl_status had, const char *what);
/* Variable behind a source handle, or NULL. */
avcl_graph_variable *avcl__graph_variable_of(const avcl_graph *g, avcl_node node);
avcl_graph_variable *avcl__graph_find_variable(const avcl_graph *g, const char *path);
/* Weight or state in the current scope; follows instance re-use and EMA. */
avcl_node avcl__graph_declare(avcl_graph *g, avcl_node_source source, const char *name,
                              const int64_t *shape, int32_t ndim, const char *init,
                              double arg);

#endif
