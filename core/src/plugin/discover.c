/*
 * discover.c - which files are candidates, in search order, and what each says it is.
 *
 * Order: the given path, AVCL_PLUGIN_PATH, the user's folder, the folder beside libavcl;
 * never the current directory. The first file of an id wins. No plugin code runs here.
 */
#define _GNU_SOURCE /* dladdr, secure_getenv */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/store.h"
#include "plugin/host_impl.h"
#include "plugin/manifest.h"

#define SUFFIX ".avcl.so"
#define BUNDLE ".avclplugin"
#define FOLDER "avcl/plugins-" AVCL_STR(AVCL_ABI_MAJOR)

/* ---- one file ------------------------------------------------------------------------
 */
void avcl__host_refuse(avcl_host *host, avcl_host_file *file, avcl_plugin_state state,
                       const char *reason)
{
    const char *copy = avcl__arena_copy(&host->arena, reason);
    file->state = state;
    file->reason = copy ? copy : "out of memory";
}

/* The file that holds this id: usable, or in use, or known to crash. */
static avcl_host_file *find_holder(avcl_host *host, const char *id,
                                   const avcl_host_file *other)
{
    for (avcl_host_file *f = host->files; f; f = f->next)
        if (f != other && f->state != AVCL_PLUGIN_REFUSED && strcmp(f->id, id) == 0)
            return f;
    return NULL;
}

/* Equal copies of one plugin on two paths are nobody's concern. */
static int same_content(const avcl_host_file *a, const avcl_host_file *b)
{
    char one[65];
    char two[65];
    return !avcl_sha256_file(a->path, one, NULL) &&
           !avcl_sha256_file(b->path, two, NULL) && strcmp(one, two) == 0;
}

static void shadow(avcl_host *host, avcl_host_file *loser, avcl_host_file *winner)
{
    char reason[PATH_MAX + 256];
    snprintf(reason, sizeof reason, "shadowed: %s has the same id '%s' and comes first",
             winner->path, winner->id);
    avcl__host_refuse(host, loser, AVCL_PLUGIN_REFUSED, reason);
    loser->winner = winner;
    if (same_content(loser, winner)) return;
    char line[2 * PATH_MAX + 256];
    snprintf(line, sizeof line, "plugin %s is %s", loser->path, reason);
    avcl__host_log(host, AVCL_LOG_WARN, line);
}

static avcl_status read_manifest(avcl_host *host, const avcl_host_file *file,
                                 avcl_plugin_manifest *m, avcl_error *err)
{
    const json_t *known = avcl__registry_get(&host->registry, file->path, &file->stat);
    const char *text = json_string_value(json_object_get(known, "manifest"));
    return text ? avcl__manifest_parse(text, m, err)
                : avcl__plugin_manifest_read(file->path, m, err);
}

static avcl_status judge(avcl_host *host, avcl_host_file *file, avcl_error *err)
{
    avcl_plugin_manifest m;
    avcl_status rc = AVCL_OK;
    if (!(host->options.flags & AVCL_HOST_INSECURE_PLUGINS))
        rc = avcl__plugin_check_owner(file->path, err);
    if (!rc) rc = read_manifest(host, file, &m, err);
    if (rc) return rc;
    file->id = avcl__arena_copy(&host->arena, m.id);
    file->version = avcl__arena_copy(&host->arena, m.version);
    file->manifest = avcl__arena_copy(&host->arena, m.text);
    if (!file->id || !file->version || !file->manifest) {
        file->id = file->version = file->manifest = "";
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    }
    return avcl__abi_accept(m.abi_major, m.abi_minor, err);
}

static avcl_host_file *append(avcl_host *host, const char *path)
{
    avcl_host_file *file = avcl__arena_alloc(&host->arena, sizeof *file);
    if (!file) return NULL;
    *file =
        (avcl_host_file){.index = host->n_files, .id = "", .version = "", .manifest = ""};
    file->path = avcl__arena_copy(&host->arena, path);
    if (!file->path) return NULL;
    if (stat(path, &file->stat)) memset(&file->stat, 0, sizeof file->stat);
    file->stamp = avcl__arena_format(
        &host->arena, "%llu %lld %lld.%09ld", (unsigned long long)file->stat.st_ino,
        (long long)file->stat.st_size, (long long)file->stat.st_mtim.tv_sec,
        file->stat.st_mtim.tv_nsec);
    if (!file->stamp) return NULL;
    avcl_host_file **end = &host->files;
    while (*end)
        end = &(*end)->next;
    *end = file;
    host->n_files++;
    return file;
}

static avcl_host_file *find_path(avcl_host *host, const char *path)
{
    for (avcl_host_file *f = host->files; f; f = f->next)
        if (strcmp(f->path, path) == 0) return f;
    return NULL;
}

static avcl_host_file *see(avcl_host *host, const char *path)
{
    avcl_host_file *file = find_path(host, path);
    if (file) return file;
    file = append(host, path);
    if (!file) return NULL;
    avcl_error why = {0};
    if (judge(host, file, &why))
        avcl__host_refuse(host, file, AVCL_PLUGIN_REFUSED, why.message);
    return file;
}

/* One file per id: the first seen, unless this one was asked for and may still come in.
 */
static void settle(avcl_host *host, avcl_host_file *file, int is_explicit)
{
    if (file->state != AVCL_PLUGIN_OK && !file->winner) return;
    avcl_host_file *holder = find_holder(host, file->id, file);
    if (holder && !(is_explicit && holder->state != AVCL_PLUGIN_LOADED)) {
        if (!file->winner) shadow(host, file, holder);
        return;
    }
    file->state = AVCL_PLUGIN_OK;
    file->reason = NULL;
    file->winner = NULL;
    if (holder) shadow(host, holder, file);
}

avcl_host_file *avcl__host_add_file(avcl_host *host, const char *path, int is_explicit,
                                    avcl_error *err)
{
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        avcl_error_set(err, errno == ENOENT ? AVCL_E_NOT_FOUND : AVCL_E_IO,
                       "plugin '%s': %s", path, strerror(errno));
        return NULL;
    }
    avcl_host_file *file = see(host, real);
    if (!file) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for plugin '%s'", path);
        return NULL;
    }
    settle(host, file, is_explicit);
    return file->winner && same_content(file, file->winner) ? file->winner : file;
}

/* ---- folders -------------------------------------------------------------------------
 */
static int ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text);
    size_t k = strlen(tail);
    return n > k && strcmp(text + n - k, tail) == 0;
}

static int wanted(const struct dirent *entry)
{
    if (entry->d_name[0] == '.') return 0;
    return ends_with(entry->d_name, SUFFIX) || ends_with(entry->d_name, BUNDLE);
}

/* By bytes: the order must not depend on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* One level, and one more inside bundles. A folder that is not there is no error. */
static avcl_status scan_folder(avcl_host *host, const char *folder, int in_bundle,
                               avcl_error *err)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, wanted, by_name);
    avcl_status rc = AVCL_OK;
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        int is_file = ends_with(entries[i]->d_name, SUFFIX);
        free(entries[i]);
        if (rc || length < 0 || (size_t)length >= sizeof path) continue;
        if (!is_file) {
            if (!in_bundle) rc = scan_folder(host, path, 1, err);
            continue;
        }
        avcl_error why = {0}; /* a dangling link is no candidate */
        if (!avcl__host_add_file(host, path, 0, &why) && why.code == AVCL_E_NOMEM)
            rc = avcl_error_set(err, why.code, "%s", why.message);
    }
    free(entries);
    return rc;
}

/* A colon list. An empty part would mean the current directory and is skipped; so is a
 * relative one in the environment, which outlives the folder it was meant for. */
static avcl_status scan_list(avcl_host *host, const char *list, int from_environment,
                             avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    while (list && *list && !rc) {
        size_t n = strcspn(list, ":");
        char folder[PATH_MAX];
        char line[PATH_MAX + 96];
        snprintf(folder, sizeof folder, "%.*s", (int)(n < PATH_MAX ? n : PATH_MAX - 1),
                 list);
        if (*folder && *folder != '/' && from_environment) {
            snprintf(line, sizeof line, "AVCL_PLUGIN_PATH: '%s' is skipped, not absolute",
                     folder);
            avcl__host_log(host, AVCL_LOG_WARN, line);
        } else if (*folder) {
            rc = scan_folder(host, folder, 0, err);
        }
        list += n + (list[n] == ':');
    }
    return rc;
}

static avcl_status scan_user(avcl_host *host, avcl_error *err)
{
    char folder[PATH_MAX];
    const char *data = secure_getenv("XDG_DATA_HOME");
    const char *home = secure_getenv("HOME");
    int n = 0;
    if (data && *data == '/')
        n = snprintf(folder, sizeof folder, "%s/" FOLDER, data);
    else if (home && *home == '/')
        n = snprintf(folder, sizeof folder, "%s/.local/share/" FOLDER, home);
    if (n <= 0 || (size_t)n >= sizeof folder) return AVCL_OK;
    return scan_folder(host, folder, 0, err);
}

int avcl__library_folder(char folder[4096])
{
    static const char here = 0;
    Dl_info info;
    char real[PATH_MAX];
    if (!dladdr(&here, &info) || !info.dli_fname || !realpath(info.dli_fname, real))
        return 0;
    char *slash = strrchr(real, '/');
    if (!slash) return 0;
    *slash = '\0';
    return snprintf(folder, 4096, "%s", real) < 4096;
}

/* What is installed with libavcl.so lies beside it, in the build tree too. */
static avcl_status scan_installed(avcl_host *host, avcl_error *err)
{
    char library[4096];
    char folder[4096 + 64];
    if (!avcl__library_folder(library)) return AVCL_OK;
    size_t n = (size_t)snprintf(folder, sizeof folder, "%s/" FOLDER, library);
    avcl_status rc = scan_folder(host, folder, 0, err);
    for (avcl_host_file *f = host->files; f; f = f->next)
        f->is_builtin = strncmp(f->path, folder, n) == 0 && f->path[n] == '/';
    return rc;
}

avcl_status avcl__host_discover(avcl_host *host, const char *plugin_path, avcl_error *err)
{
    const char *only = secure_getenv("AVCL_PLUGIN_PATH_ONLY");
    if (host->options.flags & AVCL_HOST_SAFE) return scan_installed(host, err);
    avcl_status rc = scan_list(host, plugin_path, 0, err);
    if (!rc) rc = scan_list(host, secure_getenv("AVCL_PLUGIN_PATH"), 1, err);
    if (only && strcmp(only, "1") == 0) return rc;
    if (!rc) rc = scan_user(host, err);
    if (!rc) rc = scan_installed(host, err);
    return rc;
}
