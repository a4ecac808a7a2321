/*
 * load.c - dlopen, entry constant, descriptors, init; each step may refuse with a reason.
 *
 * A library that came in stays mapped for good (RTLD_NODELETE): threads, vtables and
 * string constants of it may be anywhere.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "avcl/store.h"
#include "base/call.h"
#include "plugin/host_impl.h"

enum { MAX_MODULES = 256 };

/* ---- the floating-point mode
 * ------------------------------------------------------------- */
/* Control bits only: the six sticky flags change in any load. */
static unsigned float_mode(void)
{
#if defined(__SSE__)
    return _mm_getcsr() & ~0x3fU;
#else
    return 0;
#endif
}

static void set_float_mode(unsigned mode)
{
#if defined(__SSE__)
    _mm_setcsr(mode | (_mm_getcsr() & 0x3fU));
#else
    (void)mode;
#endif
}

static void add_reason(avcl_host *host, avcl_host_file *file, const char *text)
{
    const char *before = file->reason;
    file->reason = before ? avcl__arena_format(&host->arena, "%s; %s", before, text)
                          : avcl__arena_copy(&host->arena, text);
}

/* Flushing subnormals in the whole process would change every later result. */
static void restore_float_mode(avcl_host *host, avcl_host_file *file, unsigned before)
{
    unsigned after = float_mode();
    if (after == before) return;
    set_float_mode(before);
    char text[160];
    snprintf(text, sizeof text,
             "it changed the floating-point mode (MXCSR 0x%x to 0x%x, as "
             "code linked with -ffast-math does); restored",
             before, after);
    add_reason(host, file, text);
    char line[PATH_MAX + 192];
    snprintf(line, sizeof line, "plugin %s: %s", file->path, text);
    avcl__host_log(host, AVCL_LOG_WARN, line);
}

/* ---- descriptors
 * --------------------------------------------------------------------------- */
static int same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static avcl_status read_plugin(const avcl_host_file *file, const avcl_plugin *theirs,
                               avcl_plugin *out, avcl_error *err)
{
    avcl_status rc = avcl__struct_read(theirs, theirs->struct_size, out, sizeof *out,
                                       "struct avcl_plugin", err);
    if (rc) return rc;
    if (out->struct_size < offsetof(avcl_plugin, init))
        return avcl_error_set(err, AVCL_E_ABI,
                              "struct avcl_plugin has %u bytes, at least %zu "
                              "are needed",
                              out->struct_size, offsetof(avcl_plugin, init));
    if (out->abi_major != AVCL_ABI_MAJOR || out->abi_minor != AVCL_ABI_MINOR ||
        !same_text(out->id, file->id) || !same_text(out->version, file->version) ||
        !same_text(out->manifest, file->manifest))
        return avcl_error_set(err, AVCL_E_ABI,
                              "its manifest says '%s', its descriptor "
                              "abi=%u.%u id=%s version=%s: a stale object is linked in",
                              file->manifest, out->abi_major, out->abi_minor,
                              out->id ? out->id : "?", out->version ? out->version : "?");
    if (!out->license || !*out->license || !out->summary || !*out->summary)
        return avcl_error_set(err, AVCL_E_ABI, "it has no license or no summary");
    if (out->n_modules == 0 || out->n_modules > MAX_MODULES || !out->modules)
        return avcl_error_set(err, AVCL_E_ABI, "it has %u modules, 1..%d are possible",
                              out->n_modules, MAX_MODULES);
    return AVCL_OK;
}

static int is_taken(const avcl_host_module *first, const char *name)
{
    for (; first; first = first->next)
        if (strcmp(first->module.name, name) == 0) return 1;
    return 0;
}

/* A module of a kind we do not know stays hidden; the reason tells. */
static void hide(avcl_host *host, avcl_host_file *file, const avcl_module *m)
{
    char text[256];
    snprintf(text, sizeof text, "module '%s' is hidden: kind '%s' is not known here",
             m->name, m->kind);
    add_reason(host, file, text);
}

/* Builds the list aside, so that a refused plugin leaves no module behind. */
static avcl_status read_modules(avcl_host *host, avcl_host_file *file,
                                const avcl_plugin *p, avcl_host_module **first,
                                avcl_error *err)
{
    avcl_host_module **end = first;
    for (uint32_t i = 0; i < p->n_modules; i++) {
        avcl_host_module *m = avcl__arena_alloc(&host->arena, sizeof *m);
        if (!m) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a module");
        int known = 0;
        avcl_status rc =
            avcl__module_copy(&host->arena, p->modules[i], &m->module, &known, err);
        if (rc) return rc;
        if (is_taken(*first, m->module.name))
            return avcl_error_set(err, AVCL_E_ABI, "module '%s' stands twice",
                                  m->module.name);
        m->file = file;
        m->hidden = !known;
        m->full_name =
            avcl__arena_format(&host->arena, "%s/%s", file->id, m->module.name);
        if (!m->full_name)
            return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a module");
        if (!known) hide(host, file, &m->module);
        *end = m;
        end = &m->next;
    }
    return AVCL_OK;
}

static void register_modules(avcl_host *host, avcl_host_file *file,
                             avcl_host_module *first)
{
    avcl_host_module **end = &host->modules;
    while (*end)
        end = &(*end)->next;
    for (avcl_host_module *m = first; m; m = first) {
        first = m->next;
        m->next = NULL;
        if (m->hidden) continue;
        *end = m;
        end = &m->next;
        file->n_modules++;
        host->n_modules++;
    }
}

/* ---- the file
 * --------------------------------------------------------------------------------- */
static avcl_status start(avcl_host *host, const avcl_plugin *p, avcl_error *err)
{
    if (!p->init) return AVCL_OK;
    avcl_error own = {0};
    avcl_call call = {.err = &own, .host = host};
    avcl_status rc = p->init(&host->api, &call);
    if (!rc && own.code == AVCL_OK) return AVCL_OK;
    return avcl_error_set(err, own.code ? own.code : AVCL_E_ABI, "its init failed: %s",
                          own.code ? own.message : "no reason given");
}

static avcl_status bring_in(avcl_host *host, avcl_host_file *file, void *library,
                            avcl_error *err)
{
    const avcl_plugin *theirs = dlsym(library, AVCL_ENTRY_SYMBOL);
    if (!theirs)
        return avcl_error_set(err, AVCL_E_ABI,
                              "has a manifest but does not export " AVCL_ENTRY_SYMBOL
                              " (visibility hidden and no declaration from "
                              "avcl/plugin.h?)");
    avcl_plugin p;
    avcl_host_module *first = NULL;
    avcl_status rc = read_plugin(file, theirs, &p, err);
    if (!rc) rc = read_modules(host, file, &p, &first, err);
    if (!rc) rc = start(host, &p, err);
    if (!rc) register_modules(host, file, first);
    return rc;
}

/* Again at the last moment: permissions, and the very bytes that are about to run. */
static avcl_status check_again(avcl_host *host, avcl_host_file *file, avcl_error *err)
{
    char hex[65];
    avcl_status rc = AVCL_OK;
    if (!(host->options.flags & AVCL_HOST_INSECURE_PLUGINS))
        rc = avcl__plugin_check_owner(file->path, err);
    if (!rc) rc = avcl_sha256_file(file->path, hex, err);
    if (rc) return rc;
    file->sha256 = avcl__arena_copy(&host->arena, hex);
    struct stat st;
    if (!stat(file->path, &st) && (st.st_mode & S_IWGRP)) {
        char line[PATH_MAX + 64];
        snprintf(line, sizeof line, "plugin %s is writable by its group", file->path);
        avcl__host_log(host, AVCL_LOG_INFO, line);
    }
    return AVCL_OK;
}

void avcl__host_load_file(avcl_host *host, avcl_host_file *file)
{
    if (file->state != AVCL_PLUGIN_OK && file->state != AVCL_PLUGIN_UNLOADABLE) return;
    avcl_error why = {0};
    if (check_again(host, file, &why)) {
        avcl__host_refuse(host, file, AVCL_PLUGIN_REFUSED, why.message);
        return;
    }
    unsigned mode = float_mode();
    file->reason = NULL;
    void *library = dlopen(file->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        const char *text = dlerror();
        avcl__host_refuse(host, file, AVCL_PLUGIN_UNLOADABLE,
                          text ? text : "dlopen failed");
    } else if (bring_in(host, file, library, &why)) {
        avcl__host_refuse(host, file, AVCL_PLUGIN_REFUSED, why.message);
    } else {
        file->state = AVCL_PLUGIN_LOADED;
    }
    restore_float_mode(host, file, mode);
}
