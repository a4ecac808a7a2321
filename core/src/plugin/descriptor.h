/*
 * descriptor.h - what a loaded plugin says it is, copied and checked; no host needed.
 *
 * Used by the host, and by avcl-scan, which links nothing but this.
 */
#ifndef AVCL_PLUGIN_DESCRIPTOR_H
#define AVCL_PLUGIN_DESCRIPTOR_H

#include "avcl/plugin.h"
#include "base/arena.h"
#include "plugin/manifest.h"

typedef struct avcl_described {
    avcl_module module; /* our own copy, as large as we know it */
    int known;          /* 0: of a kind not known here; hidden, not refused */
} avcl_described;

typedef struct avcl_descriptor {
    avcl_plugin plugin;
    avcl_described *modules; /* plugin.n_modules of them */
} avcl_descriptor;

/* `library` is a dlopen handle. The file's manifest must be the descriptor's. */
avcl_status avcl__descriptor_read(void *library, const avcl_plugin_manifest *manifest,
                                  avcl_arena *arena, avcl_descriptor *out,
                                  avcl_error *err);

/* Our copy of a growing struct. A shorter one is completed with zeros; a non-zero byte
 * that we do not know is an error naming `what`. */
avcl_status avcl__struct_read(const void *theirs, uint32_t their_size, void *ours,
                              uint32_t our_size, const char *what, avcl_error *err);
/* Copies a module's descriptor with all its tables, checking every rule of plugin.h. */
avcl_status avcl__module_copy(avcl_arena *arena, const avcl_module *theirs,
                              avcl_described *out, avcl_error *err);

#endif
