/*
 * host_impl.h - the host's insides: candidate files, their states, loaded modules.
 *
 * Candidates are found by discover.c, judged by manifest.c, brought in by load.c,
 * and named by find.c. Everything lives in the host's arena. [main]
 */
#ifndef AVCL_HOST_IMPL_H
#define AVCL_HOST_IMPL_H

#include "avcl/host.h"
#include "base/arena.h"

/* A plugin file, from the moment it is seen; rows never move or go. */
typedef struct avcl_host_file {
    struct avcl_host_file *next;
    struct avcl_host_file *winner; /* the file of the same id that shadows this one */
    avcl_plugin_state state;
    uint32_t index;
    uint32_t n_modules;
    const char *path; /* real path */
    const char *id;   /* from the manifest; "" when there is none */
    const char *version;
    const char *manifest; /* its whole text */
    const char *reason;
    const char *sha256;
} avcl_host_file;

typedef struct avcl_host_module {
    struct avcl_host_module *next;
    avcl_host_file *file;
    const char *full_name; /* "avcl.r3d/r3d" */
    int hidden;            /* of a kind not known here; never registered */
    avcl_module module;    /* our own copy, as large as we know it */
} avcl_host_module;

struct avcl_host {
    avcl_host_api api; /* first and never moved: modules keep a pointer to it */
    avcl_host_options options;
    avcl_arena arena;
    avcl_host_file *files; /* in search order, then files named explicitly */
    avcl_host_module *modules;
    uint32_t n_files;
    uint32_t n_modules;
};

/* ---- host.c -------------------------------------------------------------------------
 */
/* Passes a line to the log sink, if its level is wanted. */
void avcl__host_log(const avcl_host *host, int32_t level, const char *text);

/* ---- discover.c ---------------------------------------------------------------------
 */
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

/* ---- load.c --------------------------------------------------------------------------
 */
/* Brings a file from OK to LOADED, or to another state with its reason. A file that would
 * not link is tried anew each time. */
void avcl__host_load_file(avcl_host *host, avcl_host_file *file);

/* ---- describe.c
 * ------------------------------------------------------------------------ */
/* Our copy of a growing struct. A shorter one is completed with zeros; a non-zero byte
 * that we do not know is an error naming `what`. */
avcl_status avcl__struct_read(const void *theirs, uint32_t their_size, void *ours,
                              uint32_t our_size, const char *what, avcl_error *err);
/* Copies a module's descriptor with all its tables, checking every rule of plugin.h.
 * `*known` = 0 when its kind is not known here: such a module is hidden, not refused. */
avcl_status avcl__module_copy(avcl_arena *arena, const avcl_module *theirs,
                              avcl_module *out, int *known, avcl_error *err);

#endif
