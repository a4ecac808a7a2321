/* descriptor.c - the entry constant and its modules, read like growing structs. */
#include <dlfcn.h>
#include <string.h>

#include "plugin/descriptor.h"

enum { MAX_MODULES = 256 };

static int same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static avcl_status check_manifest(const avcl_plugin *p, const avcl_plugin_manifest *m,
                                  avcl_error *err)
{
    if (p->abi_major == m->abi_major && p->abi_minor == m->abi_minor &&
        same_text(p->id, m->id) && same_text(p->version, m->version) &&
        same_text(p->manifest, m->text))
        return AVCL_OK;
    return avcl_error_set(err, AVCL_E_ABI,
                          "its manifest says '%s', its descriptor abi=%u.%u id=%s "
                          "version=%s: a stale object is linked in",
                          m->text, p->abi_major, p->abi_minor, p->id ? p->id : "?",
                          p->version ? p->version : "?");
}

static avcl_status read_plugin(const avcl_plugin *theirs,
                               const avcl_plugin_manifest *manifest, avcl_plugin *out,
                               avcl_error *err)
{
    avcl_status rc = avcl__struct_read(theirs, theirs->struct_size, out, sizeof *out,
                                       "struct avcl_plugin", err);
    if (rc) return rc;
    if (out->struct_size < offsetof(avcl_plugin, init))
        return avcl_error_set(err, AVCL_E_ABI,
                              "struct avcl_plugin has %u bytes, at least %zu "
                              "are needed",
                              out->struct_size, offsetof(avcl_plugin, init));
    rc = check_manifest(out, manifest, err);
    if (rc) return rc;
    if (!out->license || !*out->license || !out->summary || !*out->summary)
        return avcl_error_set(err, AVCL_E_ABI, "it has no license or no summary");
    if (out->n_modules == 0 || out->n_modules > MAX_MODULES || !out->modules)
        return avcl_error_set(err, AVCL_E_ABI, "it has %u modules, 1..%d are possible",
                              out->n_modules, MAX_MODULES);
    return AVCL_OK;
}

static avcl_status check_name(const avcl_described *modules, uint32_t index,
                              avcl_error *err)
{
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(modules[i].module.name, modules[index].module.name) == 0)
            return avcl_error_set(err, AVCL_E_ABI, "module '%s' stands twice",
                                  modules[index].module.name);
    return AVCL_OK;
}

avcl_status avcl__descriptor_read(void *library, const avcl_plugin_manifest *manifest,
                                  avcl_arena *arena, avcl_descriptor *out,
                                  avcl_error *err)
{
    const avcl_plugin *theirs = dlsym(library, AVCL_ENTRY_SYMBOL);
    if (!theirs)
        return avcl_error_set(err, AVCL_E_ABI,
                              "has a manifest but does not export " AVCL_ENTRY_SYMBOL
                              " (visibility hidden and no declaration from "
                              "avcl/plugin.h?)");
    avcl_status rc = read_plugin(theirs, manifest, &out->plugin, err);
    if (rc) return rc;
    out->modules = avcl__arena_alloc(arena, out->plugin.n_modules * sizeof *out->modules);
    if (!out->modules)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for its modules");
    for (uint32_t i = 0; i < out->plugin.n_modules && !rc; i++) {
        rc = avcl__module_copy(arena, out->plugin.modules[i], &out->modules[i], err);
        if (!rc) rc = check_name(out->modules, i, err);
    }
    return rc;
}
