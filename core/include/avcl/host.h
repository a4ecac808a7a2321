/*
 * host.h - the process object: threads, loaded plugins, the op registry.
 *
 * Everything hangs off one avcl_host; there is no global state. It owns what it
 * loads, and a plugin stays mapped until the process ends.
 *
 *     avcl_host *host = avcl_host_new(NULL, &err);
 *     ... graphs, sessions, data sets ...
 *     avcl_host_free(host);
 *
 * [main] for new, free and loading; look-ups are [any] afterwards.
 */
#ifndef AVCL_HOST_H
#define AVCL_HOST_H

#include "avcl/device.h"
#include "avcl/error.h"
#include "avcl/op.h"

typedef struct avcl_host avcl_host;

typedef struct avcl_host_options {
    const char *plugin_path; /* colon list searched first; NULL = environment only */
    uint32_t n_threads;      /* 0 = OMP_NUM_THREADS, else cores this process may use */
    uint32_t log_level;      /* the least that is passed on */
    /* Where warnings and plugins' log lines go; NULL = nowhere. [any thread] */
    void (*log)(void *arg, int32_t level, const char *text);
    void *log_arg;
    uint32_t flags; /* AVCL_HOST_* */
    uint32_t reserved;
    const char *lock; /* lines "ID SHA256": nothing else is loaded; NULL = no lock */
} avcl_host_options;
enum {
    AVCL_HOST_INSECURE_PLUGINS = 1, /* do not look at owners and permissions */
    AVCL_HOST_SAFE = 2,             /* only what comes with avcl */
    AVCL_HOST_FORGET_CRASHES = 4,   /* they do not count towards a quarantine */
};

/* `options` may be NULL. [owned] */
AVCL_EXPORT avcl_host *avcl_host_new(const avcl_host_options *options, avcl_error *err);
AVCL_EXPORT void avcl_host_free(avcl_host *host);
AVCL_EXPORT const avcl_host_api *avcl_host_get_api(const avcl_host *host);
AVCL_EXPORT uint32_t avcl_host_n_threads(const avcl_host *host);

/* ---- modules ---------------------------------------------------------------- */
typedef int32_t avcl_plugin_state;
enum {
    AVCL_PLUGIN_OK = 0,         /* manifest fits; loaded when first named */
    AVCL_PLUGIN_REFUSED = 1,    /* ABI, permissions, or a broken rule */
    AVCL_PLUGIN_UNLOADABLE = 2, /* dlopen said no; tried again every time */
    AVCL_PLUGIN_LOADED = 3,
    AVCL_PLUGIN_QUARANTINED = 4, /* it crashed or hung; until it changes or is named */
};

typedef struct avcl_plugin_info {
    avcl_plugin_state state;
    uint32_t n_modules; /* once looked into */
    const char *path;   /* [host's life], all of them */
    const char *id;
    const char *version;
    const char *reason;  /* why it was refused, or a warning on a loaded one; else NULL */
    const char *sha256;  /* hex, of the file that was loaded; NULL before */
    int32_t is_builtin;  /* comes with avcl */
    int32_t is_shadowed; /* another file of this id comes first */
} avcl_plugin_info;

AVCL_EXPORT uint32_t avcl_host_n_plugins(avcl_host *host);
AVCL_EXPORT avcl_status avcl_host_get_plugin(avcl_host *host, uint32_t index,
                                             avcl_plugin_info *out);
/* The linker's build id of a file in hex, "" = it has none. */
AVCL_EXPORT void avcl_plugin_build_id(const char *path, char hex[65]);
/* Loads a file named explicitly; its modules are then found by name. */
AVCL_EXPORT avcl_status avcl_host_load(avcl_host *host, const char *path,
                                       avcl_error *err);
/* Loads every candidate; failures stay in their plugin's `reason`. */
AVCL_EXPORT void avcl_host_load_all(avcl_host *host);

/* Learns what every candidate offers, in a child process; nothing is loaded here. */
AVCL_EXPORT void avcl_host_inspect(avcl_host *host);
/* A module as its plugin offers it. [host's life] */
typedef struct avcl_offer {
    uint32_t plugin; /* index of its file */
    uint32_t numerics;
    const char *kind;
    const char *name;
    const char *full_name;
    const char *summary;
} avcl_offer;
/* The index-th offer known so far; AVCL_E_NOT_FOUND past the last. */
AVCL_EXPORT avcl_status avcl_host_get_offer(avcl_host *host, uint32_t index,
                                            avcl_offer *out);

/* Finds a module by kind (NULL = any) and short or full name, loading what it must.
 * Unknown: the error lists similar names and files that were refused. [host's life] */
AVCL_EXPORT const avcl_module *avcl_host_find(avcl_host *host, const char *kind,
                                              const char *name, avcl_error *err);
AVCL_EXPORT uint32_t avcl_host_n_modules(avcl_host *host); /* of loaded plugins */
AVCL_EXPORT const avcl_module *avcl_host_get_module(avcl_host *host, uint32_t index,
                                                    uint32_t *plugin_index);

/* ---- ops -------------------------------------------------------------------- */
AVCL_EXPORT const avcl_op *avcl_host_find_op(avcl_host *host, const char *name);
AVCL_EXPORT uint32_t avcl_host_n_ops(avcl_host *host);
AVCL_EXPORT const avcl_op *avcl_host_get_op(avcl_host *host, uint32_t index);

/* ---- crashes ----------------------------------------------------------------- */
/* From now on a fatal signal says on stderr whose code was running before it takes its
 * course; a plugin's crash also counts towards its quarantine. For programs, once. */
AVCL_EXPORT void avcl_crash_watch(void);
/* The same sentence goes into this file too; NULL = no more. */
AVCL_EXPORT void avcl_crash_report_to(const char *path);

/* ---- names ------------------------------------------------------------------ */
/* The candidate that `word` most likely meant, for "did you mean"; -1 = none is near. */
AVCL_EXPORT int32_t avcl_nearest(const char *word, const char *const *candidates,
                                 uint32_t n);

#endif
