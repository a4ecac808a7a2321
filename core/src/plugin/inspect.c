/* inspect.c - registry entries, old or fresh from avcl-scan, become offers and states. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/elf.h"
#include "plugin/host_impl.h"
#include "plugin/scan.h"

static const double seconds_a_file = 10;

/* ---- offers ------------------------------------------------------------------------ */
avcl_host_module *avcl__host_offer(avcl_host *host, avcl_host_file *file,
                                   const char *kind, const char *name)
{
    avcl_host_module **end = &host->modules;
    for (; *end; end = &(*end)->next)
        if ((*end)->file == file && strcmp((*end)->name, name) == 0 &&
            strcmp((*end)->kind, kind) == 0)
            return *end;
    avcl_host_module *m = avcl__arena_alloc(&host->arena, sizeof *m);
    if (!m) return NULL;
    m->file = file;
    m->summary = "";
    m->kind = avcl__arena_copy(&host->arena, kind);
    m->name = avcl__arena_copy(&host->arena, name);
    m->full_name = avcl__arena_format(&host->arena, "%s/%s", file->id, name);
    if (!m->kind || !m->name || !m->full_name) return NULL;
    *end = m;
    return m;
}

void avcl__host_note(avcl_host *host, avcl_host_file *file, const char *text)
{
    const char *before = file->reason;
    if (before && strstr(before, text)) return;
    file->reason = before ? avcl__arena_format(&host->arena, "%s; %s", before, text)
                          : avcl__arena_copy(&host->arena, text);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void add_offer(avcl_host *host, avcl_host_file *file, const json_t *row)
{
    avcl_host_module *m =
        avcl__host_offer(host, file, text_of(row, "kind"), text_of(row, "name"));
    if (!m) return;
    const char *summary = avcl__arena_copy(&host->arena, text_of(row, "summary"));
    m->summary = summary ? summary : "";
    m->numerics = (uint32_t)json_integer_value(json_object_get(row, "numerics"));
    m->hidden = !json_is_true(json_object_get(row, "known"));
    if (!m->hidden) return;
    char text[256];
    snprintf(text, sizeof text, "module '%s' is hidden: kind '%s' is not known here",
             m->name, m->kind);
    avcl__host_note(host, file, text);
}

/* ---- libraries that must not come in twice -------------------------------------------
 */
typedef struct needing {
    avcl_host *host;
    avcl_host_file *file;
} needing;

/* Two OpenMP runtimes crash or deadlock; a second cuDNN mixes its parts with the first.
 */
static void look_at_library(void *arg, const char *name)
{
    static const char *const forbidden[] = {
        "libgomp", "libomp",  "libiomp5", "libopenblas", "libblas",
        "libmkl",  "libdnnl", "libcudnn", "libcublas",   "libavcl"};
    needing *n = arg;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (strncmp(name, forbidden[i], strlen(forbidden[i])) != 0) continue;
        char text[400];
        snprintf(text, sizeof text,
                 "it links %s, which must not come in twice: use parallel_for and the "
                 "core's ops",
                 name);
        avcl__host_note(n->host, n->file, text);
    }
}

static void look_at_libraries(avcl_host *host, avcl_host_file *file)
{
    for (const avcl_host_module *m = host->modules; m; m = m->next)
        if (m->file == file && strcmp(m->kind, AVCL_KIND_DEVICE) == 0) return;
    needing n = {host, file};
    avcl__elf_needed(file->path, look_at_library, &n, NULL);
}

/* ---- entries ----------------------------------------------------------------------- */
static avcl_plugin_state state_of(const char *word)
{
    if (strcmp(word, "ok") == 0) return AVCL_PLUGIN_OK;
    if (strcmp(word, "quarantined") == 0) return AVCL_PLUGIN_QUARANTINED;
    return strcmp(word, "refused") == 0 ? AVCL_PLUGIN_REFUSED : AVCL_PLUGIN_UNLOADABLE;
}

static void apply(avcl_host *host, avcl_host_file *file, const json_t *entry)
{
    size_t i;
    json_t *row;
    file->is_inspected = 1;
    file->state = state_of(text_of(entry, "state"));
    file->reason = NULL;
    if (*text_of(entry, "reason"))
        file->reason = avcl__arena_copy(&host->arena, text_of(entry, "reason"));
    if (*text_of(entry, "note")) avcl__host_note(host, file, text_of(entry, "note"));
    file->n_modules = 0;
    json_array_foreach(json_object_get(entry, "modules"), i, row)
    {
        add_offer(host, file, row);
        file->n_modules += json_is_true(json_object_get(row, "known"));
    }
    if (file->state == AVCL_PLUGIN_OK) look_at_libraries(host, file);
}

typedef struct batch {
    avcl_host *host;
    avcl_host_file **files;
    uint32_t n;
} batch;

/* A missing library may come any minute: what would not link is not remembered. */
static void take_entry(void *arg, uint32_t index, json_t *entry)
{
    batch *b = arg;
    avcl_host_file *file = b->files[index];
    json_object_set_new(entry, "manifest", json_string(file->manifest));
    apply(b->host, file, entry);
    if (file->state == AVCL_PLUGIN_UNLOADABLE) {
        avcl__registry_forget(&b->host->registry, file->path);
        json_decref(entry);
        return;
    }
    avcl__registry_put(&b->host->registry, file->path, &file->stat, entry);
}

static int find_program(char path[4096 + 64])
{
    static const char *const places[] = {"avcl/avcl-scan", "../lib/avcl/avcl-scan"};
    char folder[4096];
    if (!avcl__library_folder(folder)) return 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, 4096 + 64, "%s/%s", folder, places[i]);
        if (access(path, X_OK) == 0) return 1;
    }
    return 0;
}

static void scan(batch *b)
{
    char program[4096 + 64];
    const char **paths = calloc(b->n, sizeof *paths);
    for (uint32_t i = 0; paths && i < b->n; i++)
        paths[i] = b->files[i]->path;
    if (paths && find_program(program)) {
        avcl_scan_request request = {.program = program,
                                     .files = paths,
                                     .n_files = b->n,
                                     .seconds = seconds_a_file,
                                     .done = take_entry,
                                     .arg = b};
        avcl__scan_files(&request);
        avcl__registry_save(&b->host->registry);
    } else {
        for (uint32_t i = 0; i < b->n; i++)
            avcl__host_refuse(b->host, b->files[i], AVCL_PLUGIN_UNLOADABLE,
                              "it could not be inspected: avcl-scan is not installed");
    }
    free(paths);
}

void avcl__host_inspect(avcl_host *host,
                        int (*wanted)(const avcl_host_file *file, const void *arg),
                        const void *arg)
{
    batch b = {.host = host, .files = calloc(host->n_files + 1, sizeof *b.files)};
    if (!b.files) return; /* then they are loaded without: no worse than before */
    for (avcl_host_file *f = host->files; f; f = f->next) {
        if (f->state != AVCL_PLUGIN_OK || f->is_inspected) continue;
        if (wanted && !wanted(f, arg)) continue;
        const json_t *known = avcl__registry_get(&host->registry, f->path, &f->stat);
        if (known)
            apply(host, f, known);
        else
            b.files[b.n++] = f;
    }
    if (b.n) scan(&b);
    free(b.files);
}

static int is_file(const avcl_host_file *file, const void *arg)
{
    return file == arg;
}

void avcl__host_reinspect(avcl_host *host, avcl_host_file *file)
{
    avcl__registry_forget(&host->registry, file->path);
    file->state = AVCL_PLUGIN_OK;
    file->is_inspected = 0;
    if (stat(file->path, &file->stat)) memset(&file->stat, 0, sizeof file->stat);
    avcl__host_inspect(host, is_file, file);
}
