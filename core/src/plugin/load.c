/*
 * load.c - dlopen, entry constant, descriptors, init; each step may refuse with a reason.
 *
 * Only what a child process has brought in before comes in here. A library that came in
 * stays mapped for good (RTLD_NODELETE): threads, vtables and string constants of it may
 * be anywhere.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "avcl/store.h"
#include "base/call.h"
#include "base/crumb.h"
#include "base/float_mode.h"
#include "plugin/host_impl.h"

/* Flushing subnormals in the whole process would change every later result. */
static void restore_float_mode(avcl_host *host, avcl_host_file *file, unsigned before)
{
    unsigned after = avcl__float_mode();
    if (after == before) return;
    avcl__float_mode_set(before);
    char text[160];
    snprintf(text, sizeof text,
             "it changed the floating-point mode (MXCSR 0x%x to 0x%x, as "
             "code linked with -ffast-math does); restored",
             before, after);
    avcl__host_note(host, file, text);
    char line[PATH_MAX + 192];
    snprintf(line, sizeof line, "plugin %s: %s", file->path, text);
    avcl__host_log(host, AVCL_LOG_WARN, line);
}

/* ---- what it brings ---------------------------------------------------------------- */
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

/* Offers of an earlier look become modules; those that are not there any more do not. */
static avcl_status register_modules(avcl_host *host, avcl_host_file *file,
                                    const avcl_descriptor *d, avcl_error *err)
{
    file->n_modules = 0;
    for (uint32_t i = 0; i < d->plugin.n_modules; i++) {
        const avcl_module *m = &d->modules[i].module;
        avcl_host_module *offer = avcl__host_offer(host, file, m->kind, m->name);
        if (!offer) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for modules");
        offer->hidden = !d->modules[i].known;
        offer->summary = m->summary;
        offer->numerics = m->numerics;
        offer->module = offer->hidden ? NULL : m;
        file->n_modules += !offer->hidden;
    }
    return AVCL_OK;
}

static avcl_status bring_in(avcl_host *host, avcl_host_file *file, void *library,
                            avcl_error *err)
{
    avcl_plugin_manifest manifest;
    avcl_descriptor d;
    avcl_status rc = avcl__manifest_parse(file->manifest, &manifest, err);
    if (!rc) rc = avcl__descriptor_read(library, &manifest, &host->arena, &d, err);
    if (!rc) rc = start(host, &d.plugin, err);
    return rc ? rc : register_modules(host, file, &d, err);
}

/* ---- the file
 * --------------------------------------------------------------------------------- */
/* The lock has a line "ID SHA256" for each file that may come in. */
static avcl_status check_lock(const avcl_host *host, const avcl_host_file *file,
                              avcl_error *err)
{
    char line[256];
    if (!host->options.lock) return AVCL_OK;
    int n = snprintf(line, sizeof line, "%s %s\n", file->id, file->sha256);
    if (n > 0 && (size_t)n < sizeof line && strstr(host->options.lock, line))
        return AVCL_OK;
    return avcl_error_set(err, AVCL_E_ABI,
                          "it is not what the lock holds: %s with SHA-256 %.12s… is not "
                          "in it",
                          file->id, file->sha256);
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
    if (!file->sha256) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    rc = check_lock(host, file, err);
    if (rc) return rc;
    struct stat st;
    if (!stat(file->path, &st) && (st.st_mode & S_IWGRP)) {
        char line[PATH_MAX + 64];
        snprintf(line, sizeof line, "plugin %s is writable by its group", file->path);
        avcl__host_log(host, AVCL_LOG_INFO, line);
    }
    return AVCL_OK;
}

static int is_file(const avcl_host_file *file, const void *arg)
{
    return file == arg;
}

static void open_library(avcl_host *host, avcl_host_file *file)
{
    avcl_error why = {0};
    avcl_crumb crumb = {file->id, "load", file->is_builtin ? NULL : file->path,
                        file->stamp};
    const avcl_crumb *before = avcl__crumb_set(&crumb);
    unsigned mode = avcl__float_mode();
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
    avcl__crumb_set(before);
}

void avcl__host_load_file(avcl_host *host, avcl_host_file *file)
{
    if (file->state == AVCL_PLUGIN_UNLOADABLE) avcl__host_reinspect(host, file);
    avcl__host_inspect(host, is_file, file);
    if (file->state != AVCL_PLUGIN_OK) return;
    avcl__host_expect_crashes(host);
    avcl_error why = {0};
    if (check_again(host, file, &why))
        avcl__host_refuse(host, file, AVCL_PLUGIN_REFUSED, why.message);
    else
        open_library(host, file);
}

void avcl__host_notice_replaced(avcl_host *host, avcl_host_file *file)
{
    struct stat now;
    if (file->state != AVCL_PLUGIN_LOADED) return;
    if (stat(file->path, &now) == 0 && now.st_ino == file->stat.st_ino &&
        now.st_dev == file->stat.st_dev && now.st_size == file->stat.st_size &&
        now.st_mtim.tv_sec == file->stat.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == file->stat.st_mtim.tv_nsec)
        return;
    avcl__host_note(host, file,
                    "the file was replaced after it was loaded: the old code runs on");
}
