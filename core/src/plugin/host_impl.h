/*
 * host_impl.h - the host's insides: candidate files, their states, what they offer.
 *
 * Candidates are found by discover.c, judged by their manifests, inspected in a child
 * process by inspect.c, named by find.c and brought in by load.c, only then. Everything
 * lives in the host's arena. [main]
 */
#ifndef AVCL_HOST_IMPL_H
#define AVCL_HOST_IMPL_H

#include "avcl/host.h"
#include "base/arena.h"
#include "base/crumb.h"
#include "plugin/descriptor.h"
#include "plugin/registry.h"

/* A plugin file, from the moment it is seen; rows never move or go. */
typedef struct avcl_host_file {
    struct avcl_host_file *next;
    struct avcl_host_file *winner; /* the file of the same id that shadows this one */
    avcl_plugin_state state;
    uint32_t index;
    uint32_t n_modules;
    int is_builtin;   /* it lies beside libavcl: it holds its short names */
    int is_inspected; /* `modules` of the host tell what is in it */
    uint32_t n_crashes;
    struct stat stat;  /* as it was seen */
    const char *stamp; /* the same as text: tells it from a later file of this path */
    const char *path;  /* real path */
    const char *id;    /* from the manifest; "" when there is none */
    const char *version;
    const char *manifest; /* its whole text */
    const char *reason;
    const char *sha256;
} avcl_host_file;

/* A module as its plugin offers it; known before anything is loaded. */
typedef struct avcl_host_module {
    struct avcl_host_module *next;
    avcl_host_file *file;
    const char *full_name; /* "avcl.r3d/r3d" */
    const char *kind;
    const char *name;
    const char *summary;
    uint32_t numerics;
    int hidden;                /* of a kind not known here */
    const avcl_module *module; /* once its plugin is loaded; our own copy */
} avcl_host_module;

struct avcl_host {
    avcl_host_api api; /* first and never moved: modules keep a pointer to it */
    avcl_host_options options;
    avcl_arena arena;
    avcl_host_file *files; /* in search order, then files named explicitly */
    avcl_host_module *modules;
    uint32_t n_files;
    avcl_registry registry;
    struct avcl_custom *customs; /* plugins' ops in use; graph/custom.h */
};

/* ---- host.c -------------------------------------------------------------------------
 */
/* Passes a line to the log sink, if its level is wanted. */
void avcl__host_log(const avcl_host *host, int32_t level, const char *text);

/* ---- find.c -------------------------------------------------------------------------
 */
/* The offer behind a loaded module; NULL = none of this host's. */
const avcl_host_module *avcl__host_module_of(const avcl_host *host, const avcl_module *m);
/* What a crash in this module is called. */
avcl_crumb avcl__host_crumb(const avcl_host_module *m, const char *doing);

/* ---- discover.c ---------------------------------------------------------------------
 */
/* Where libavcl (or a program that contains it) lies, without the last slash. */
int avcl__library_folder(char folder[4096]);
/* Fills host->files from the search path. Runs no plugin code. */
avcl_status avcl__host_discover(avcl_host *host, const char *plugin_path,
                                avcl_error *err);
/* Adds one file, whatever its name, and judges it. Of two files with one id the earlier
 * wins, unless this one is named explicitly and the other not yet loaded. An equal copy
 * gives the file it is a copy of. NULL only when there is no such file or no memory. */
avcl_host_file *avcl__host_add_file(avcl_host *host, const char *path, int is_explicit,
                                    avcl_error *err);
/* Puts a file into a state for good; the first reason stays. */
void avcl__host_refuse(avcl_host *host, avcl_host_file *file, avcl_plugin_state state,
                       const char *reason);

/* ---- permissions.c ------------------------------------------------------------------
 */
/* Refuses what another user could have written: the file and every folder above it. */
avcl_status avcl__plugin_check_owner(const char *path, avcl_error *err);

/* ---- inspect.c ----------------------------------------------------------------------
 */
/* Learns what is in candidate files that were not looked into yet: from the registry,
 * else by avcl-scan. `wanted` chooses (NULL = all). */
void avcl__host_inspect(avcl_host *host,
                        int (*wanted)(const avcl_host_file *file, const void *arg),
                        const void *arg);
/* Looks into a file again, whatever is remembered of it. */
void avcl__host_reinspect(avcl_host *host, avcl_host_file *file);
/* The offer of that name in a file, added if it is new. NULL = out of memory. */
avcl_host_module *avcl__host_offer(avcl_host *host, avcl_host_file *file,
                                   const char *kind, const char *name);
/* Puts a further sentence behind a file's reason. */
void avcl__host_note(avcl_host *host, avcl_host_file *file, const char *text);

/* ---- crashes.c ----------------------------------------------------------------------
 */
/* Quarantines what earlier processes crashed in too often. */
void avcl__host_count_crashes(avcl_host *host);
/* Forgets a file's crashes. */
void avcl__host_forgive(avcl_host *host, avcl_host_file *file);
/* From now on a crash in a plugin leaves a marker. */
void avcl__host_expect_crashes(avcl_host *host);

/* ---- load.c --------------------------------------------------------------------------
 */
/* Brings a file from OK to LOADED, or to another state with its reason. A file that would
 * not link is tried anew each time. */
void avcl__host_load_file(avcl_host *host, avcl_host_file *file);
/* A loaded file that is another one on disk now gets a note: what runs is what was. */
void avcl__host_notice_replaced(avcl_host *host, avcl_host_file *file);

#endif
