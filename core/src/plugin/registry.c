/* registry.c - one JSON file, read whole and replaced whole. */
#define _GNU_SOURCE /* secure_getenv */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/store.h"
#include "base/text.h"
#include "plugin/registry.h"

#define SCHEMA "avcl.registry/1"

/* ---- where ------------------------------------------------------------------------- */
static char *folder_of(const char *base, const char *tail)
{
    avcl__text path = {0};
    if (!base || *base != '/') return NULL;
    avcl__text_format(&path, "%s%s/avcl", base, tail);
    return avcl__text_take(&path);
}

static char *find_folder(void)
{
    char *folder = folder_of(secure_getenv("XDG_CACHE_HOME"), "");
    return folder ? folder : folder_of(secure_getenv("HOME"), "/.cache");
}

static char *file_of(const avcl_registry *r)
{
    avcl__text path = {0};
    if (!r->folder) return NULL;
    avcl__text_format(&path, "%s/registry.json", r->folder);
    return avcl__text_take(&path);
}

/* ---- in and out -------------------------------------------------------------------- */
static int is_text(const json_t *object, const char *key, const char *text)
{
    const char *found = json_string_value(json_object_get(object, key));
    return found && strcmp(found, text) == 0;
}

/* Entries of another build are of no use: what it refused, we may take. */
static json_t *read_files(const char *path)
{
    json_t *root = path ? json_load_file(path, 0, NULL) : NULL;
    json_t *files = NULL;
    if (is_text(root, "schema", SCHEMA) && is_text(root, "build", AVCL_BUILD_ID))
        files = json_incref(json_object_get(root, "files"));
    json_decref(root);
    if (json_is_object(files)) return files;
    json_decref(files);
    return json_object();
}

void avcl__registry_open(avcl_registry *r)
{
    *r = (avcl_registry){.folder = find_folder()};
    char *path = file_of(r);
    r->files = read_files(path);
    free(path);
}

void avcl__registry_save(avcl_registry *r)
{
    if (!r->is_changed || !r->folder || !r->files) return;
    r->is_changed = 0;
    json_t *root = json_pack("{s:s, s:s, s:O}", "schema", SCHEMA, "build", AVCL_BUILD_ID,
                             "files", r->files);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    char *path = file_of(r);
    if (text && path && !avcl_store_mkdirs(r->folder, NULL))
        avcl_file_publish(path, text, strlen(text), 1, NULL);
    free(path);
    free(text);
    json_decref(root);
}

void avcl__registry_close(avcl_registry *r)
{
    avcl__registry_save(r);
    json_decref(r->files);
    free(r->folder);
    *r = (avcl_registry){0};
}

/* ---- entries ----------------------------------------------------------------------- */
static json_int_t nanoseconds(struct timespec t)
{
    return (json_int_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static json_t *stamp(const struct stat *st)
{
    return json_pack("[I, I, I, I, I]", (json_int_t)st->st_dev, (json_int_t)st->st_ino,
                     (json_int_t)st->st_size, nanoseconds(st->st_mtim),
                     nanoseconds(st->st_ctim));
}

json_t *avcl__registry_get(const avcl_registry *r, const char *path,
                           const struct stat *st)
{
    json_t *entry = json_object_get(r->files, path);
    json_t *now = entry ? stamp(st) : NULL;
    int is_same = now && json_equal(now, json_object_get(entry, "stamp"));
    json_decref(now);
    return is_same ? entry : NULL;
}

void avcl__registry_put(avcl_registry *r, const char *path, const struct stat *st,
                        json_t *entry)
{
    json_object_set_new(entry, "stamp", stamp(st));
    if (json_object_set_new(r->files, path, entry) == 0) r->is_changed = 1;
}

void avcl__registry_forget(avcl_registry *r, const char *path)
{
    if (r->files && json_object_del(r->files, path) == 0) r->is_changed = 1;
}
