/*
 * registry.h - what is known of plugin files from earlier inspections, kept in
 * $XDG_CACHE_HOME/avcl/registry.json.
 *
 * An entry belongs to a path and to the file that stood there: device, inode, size and
 * times. Entries are JSON objects: {"manifest", "state", "reason", "note", "modules"}.
 * Losing the cache costs time only. [main]
 */
#ifndef AVCL_PLUGIN_REGISTRY_H
#define AVCL_PLUGIN_REGISTRY_H

#include <jansson.h>
#include <sys/stat.h>

typedef struct avcl_registry {
    json_t *files; /* path -> entry with its stamp; NULL = out of memory: no cache */
    char *folder;  /* NULL = nowhere to keep it */
    int is_changed;
} avcl_registry;

void avcl__registry_open(avcl_registry *r);
/* The entry of the very file that `st` describes, or NULL. [borrowed] */
json_t *avcl__registry_get(const avcl_registry *r, const char *path,
                           const struct stat *st);
/* Takes the entry over. */
void avcl__registry_put(avcl_registry *r, const char *path, const struct stat *st,
                        json_t *entry);
void avcl__registry_forget(avcl_registry *r, const char *path);
/* Writes what changed; silent when it cannot. */
void avcl__registry_save(avcl_registry *r);
void avcl__registry_close(avcl_registry *r);

#endif
