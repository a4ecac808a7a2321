/*
 * plugin.h - the whole contract between avcl and a shared-object module.
 *
 * With the headers it includes (types.h, param.h, custom.h, samples.h), this is the ABI;
 * nothing else is. A plugin is one .c file that exports one constant:
 *
 *     cc -shared -fPIC -fvisibility=hidden -I.../include my.c -o my.avcl.so
 *
 * Rules: fixed-width fields, no enum or bit-field members, no structs by value,
 * no varargs. Descriptor data is static const: a plugin is never unloaded.
 * Structs that may grow start with struct_size = sizeof as the writer saw it;
 * a reader zeroes its own copy, copies the smaller of the two, and refuses a
 * non-zero byte past its own end. Fields are appended, never moved.
 * Threads: [build] one thread per graph, several graphs at once; [any] any.
 */
#ifndef AVCL_PLUGIN_H
#define AVCL_PLUGIN_H

#include "avcl/param.h"
#include "avcl/types.h"

#define AVCL_ABI_MAJOR  1 /* frozen: nothing but appending, ever */
#define AVCL_ABI_NEWEST 0 /* the newest minor that these headers describe */
#ifndef AVCL_ABI_MINOR
#define AVCL_ABI_MINOR 0 /* the least that a plugin needs; more by -DAVCL_ABI_MINOR=N */
#endif

/* One call into a plugin: its error slot and its place in the graph. Never kept. */
typedef struct avcl_call avcl_call;
/* An instance of a module: made once, applied any number of times; 0 = poisoned. */
typedef uint32_t avcl_instance;

enum { AVCL_LOG_DEBUG = 0, AVCL_LOG_INFO = 1, AVCL_LOG_WARN = 2, AVCL_LOG_ERROR = 3 };

/* What the host offers; valid for the life of the process. [any] */
typedef struct avcl_host_api {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t n_threads; /* how many threads parallel_for uses */
    const char *version;
    void (*log)(avcl_call *, int32_t level, const char *text);
    /* Keeps the first error of this call; returns `code`. The text is copied. */
    avcl_status (*report)(avcl_call *, avcl_status code, const char *text);
    /* Runs body over [0, n) in pieces of at least `grain`; returns when all are done.
     * Pieces depend on n, grain and n_threads only. The body must not throw or fail. */
    void (*parallel_for)(const struct avcl_host_api *host, int64_t n, int64_t grain,
                         void (*body)(void *arg, int64_t begin, int64_t end), void *arg);
    const void *(*extension)(const char *id); /* NULL = absent */
    /* Numbers first … first + n - 1 of this call's own stream, in [0, 1): a function of
     * (seed, epoch, sample, module, index). In transforms only. [any] */
    avcl_status (*random_fill)(avcl_call *, uint64_t first, uint64_t n, double *out);
} avcl_host_api;

enum { AVCL_FORWARD = 1, AVCL_UPDATE = 2 };

/* Graph functions. [build] A poisoned (0) argument gives 0: check status() once, last. */
typedef struct avcl_graph_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* First output of a new op node. */
    avcl_node (*op)(avcl_call *, const char *name, const avcl_node *inputs, uint32_t n_in,
                    const avcl_attr *attrs, uint32_t n_attrs);
    /* The index-th output of the node whose first output is `first`. */
    avcl_node (*result)(avcl_call *, avcl_node first, uint32_t index);
    /* Trained and saved. init: "uniform" (-arg, arg), "normal" (0, arg), "fill" arg. */
    avcl_node (*weight)(avcl_call *, const char *name, const int64_t *shape, int32_t ndim,
                        const char *init, double arg);
    /* Saved, not trained. Used as an input it means its latest version in declaration
     * order; the last version is committed once per training step. */
    avcl_node (*state)(avcl_call *, const char *name, const int64_t *shape, int32_t ndim,
                       const char *init, double arg);
    /* FORWARD: a value of this step. UPDATE: evaluated after the optimiser. */
    void (*assign)(avcl_call *, avcl_node state, avcl_node value, int32_t when);
    /* In-place rows: state[index[i]] = rows[i], at commit. */
    void (*assign_rows)(avcl_call *, avcl_node state, avcl_node index, avcl_node rows);
    avcl_node (*constant)(avcl_call *, double value); /* a 0-d real */
    avcl_node (*scalar)(avcl_call *, const char *name,
                        double initial); /* per-step number */
    /* Module "name" of `kind` ("avcl.backbone/1"); its weights live under `scope`. */
    avcl_instance (*instance)(avcl_call *, const char *kind, const char *name,
                              const avcl_attr *params, uint32_t n_params,
                              const char *scope);
    /* Outputs in port order; an optional port that is not built gives 0. */
    avcl_status (*apply)(avcl_call *, avcl_instance, const avcl_node *inputs,
                         uint32_t n_in, avcl_node *outputs, uint32_t n_out);
    /* The same module on states that follow its weights: s = m s + (1 - m) w, on UPDATE.
     */
    avcl_instance (*ema_of)(avcl_call *, avcl_instance, avcl_node momentum);
    /* Number of dims, or < 0; fills up to cap of them. */
    int32_t (*shape)(avcl_call *, avcl_node, int64_t *dims, int32_t cap);
    void (*push)(avcl_call *, const char *scope);
    void (*pop)(avcl_call *);
    void (*log)(avcl_call *, const char *name,
                avcl_node scalar_value); /* per-epoch mean */
    avcl_status (*status)(avcl_call *);
    /* The built-in per-step random key [3] of i64: seed, step, first global row. */
    avcl_node (*rng)(avcl_call *);
    /* A number that differs for every caller in this graph: salts of random ops. */
    int64_t (*next_salt)(avcl_call *);
    /* A state that starts as a copy of `weight` and follows it: s = m s + (1 - m) w, on
     * UPDATE. What ema_of does for a whole module, for a weight of this one. */
    avcl_node (*follow)(avcl_call *, const char *name, avcl_node weight,
                        avcl_node momentum);
} avcl_graph_api;

/* What every build-time callback receives. Helpers over it: build.h. */
typedef struct avcl_build {
    avcl_call *call;
    const avcl_graph_api *graph;
    const avcl_host_api *host;
} avcl_build;

/* ---- modules -------------------------------------------------------------- */
/* avcl_builder; outputs are the named taps. */
#define AVCL_KIND_BACKBONE "avcl.backbone/1"
/* avcl_builder: video, audio -> video, audio. */
#define AVCL_KIND_FUSION "avcl.fusion/1"
/* avcl_builder: video, audio -> loss [, pair]. */
#define AVCL_KIND_ALIGNMENT "avcl.alignment/1"
/* avcl_builder: … -> loss, a real 0-d. */
#define AVCL_KIND_LOSS "avcl.loss/1"
/* avcl_method: views -> loss [, embeddings]. */
#define AVCL_KIND_METHOD "avcl.method/1"
/* avcl_custom_op and avcl_custom_kernel of custom.h. */
#define AVCL_KIND_OP     "avcl.op/1"
#define AVCL_KIND_KERNEL "avcl.kernel/1"
/* avcl_custom_dataset and avcl_custom_transform of samples.h. */
#define AVCL_KIND_DATASET   "avcl.dataset/1"
#define AVCL_KIND_TRANSFORM "avcl.transform/1"
/* avcl_device_api of device.h; exact build only. */
#define AVCL_KIND_DEVICE "avcl.device/0"

enum {
    AVCL_PORT_OPTIONAL = 1,
    AVCL_PORT_VARIADIC = 2, /* reserved */
    AVCL_PORT_NOGRAD = 4,   /* an input whose gradient stops, on purpose */
    AVCL_PORT_MASK = 8,     /* reserved */
};
/* The values a port takes, so that a tester can feed sane ones. */
enum {
    AVCL_DOMAIN_REAL = 0,
    AVCL_DOMAIN_PROBABILITY,
    AVCL_DOMAIN_CLASS,
    AVCL_DOMAIN_IMAGE
};

typedef struct avcl_port {
    const char *name;
    const char *layout; /* axis letters: "NCTHW", "NC", "N", "" for a scalar */
    const char *doc;
    uint32_t flags;
    avcl_dtype dtype; /* 0 = real */
    uint32_t domain;
    uint32_t reserved;
} avcl_port;

typedef struct avcl_builder {
    uint32_t struct_size;
    uint32_t n_in;
    uint32_t n_out;
    uint32_t port_size; /* sizeof(avcl_port) */
    const avcl_port *inputs;
    const avcl_port *outputs;
    /* Pure: from params and inputs to outputs[n_out]. Missing optional inputs are 0. */
    avcl_status (*build)(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs);
} avcl_builder;

/* A builder with numbers that change from step to step: b->graph->scalar(name). */
typedef struct avcl_method {
    uint32_t struct_size;
    uint32_t n_in;
    uint32_t n_out;
    uint32_t port_size;
    const avcl_port *inputs; /* the views, labels or row indices it wants */
    const avcl_port *outputs;
    avcl_status (*build)(const avcl_build *b, const void *params, const avcl_node *inputs,
                         avcl_node *outputs);
    const char *const *scalars; /* n_scalars names, as build declares them */
    uint32_t n_scalars;
    uint32_t reserved;
    /* Fills values[n_scalars] for `step` of `total`. Pure; tabulated before training. */
    void (*schedule)(const void *params, int64_t step, int64_t total, double *values);
} avcl_method;

typedef struct avcl_module {
    uint32_t struct_size;
    uint32_t param_size; /* sizeof(avcl_param) */
    uint32_t n_params;
    uint32_t params_size; /* sizeof the module's own params struct */
    uint32_t numerics;    /* raised when the mathematics change */
    uint32_t flags;
    const char *kind;
    const char *name; /* full name = plugin id "/" name */
    const char *summary;
    const char *cite; /* NULL = none */
    const avcl_param *params;
    const void *iface; /* by kind */
} avcl_module;

typedef struct avcl_plugin {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor; /* the least it needs */
    uint32_t n_modules;
    const char *id; /* reverse DNS, unique */
    const char *version;
    const char *license;
    const char *summary;
    const char *manifest; /* = avcl_manifest_: keeps the section through --gc-sections */
    const avcl_module *const *modules;
    avcl_status (*init)(const avcl_host_api *, avcl_call *); /* once; may be NULL */
} avcl_plugin;

#include "avcl/custom.h"
#include "avcl/samples.h"

#ifndef AVCL_CDEF
#ifdef __cplusplus
extern "C" {
#endif
__attribute__((visibility("default"))) extern const avcl_plugin avcl_plugin_v1;
#ifdef __cplusplus
}
#endif

#define AVCL_ENTRY_SYMBOL "avcl_plugin_v1"
#define AVCL_STR_(x)      #x
#define AVCL_STR(x)       AVCL_STR_(x)
/* Text the host reads from the file before dlopen: no code of a misfit ever runs. */
#define AVCL_PLUGIN_MANIFEST(id, version)                                                \
    __attribute__((used, section(".avcl_plugin"))) static const char avcl_manifest_[] =  \
        "AVCP abi=" AVCL_STR(AVCL_ABI_MAJOR) "." AVCL_STR(                               \
            AVCL_ABI_MINOR) " id=" id " version=" version
#endif

#endif
