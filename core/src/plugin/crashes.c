/*
 * crashes.c - markers that earlier processes left: who crashed, how often, doing what.
 *
 * One crash while loading, or three of any kind, and a plugin stays out until its file
 * changes or somebody names it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avcl/store.h"
#include "base/crumb.h"
#include "base/file.h"
#include "plugin/host_impl.h"

enum { ENOUGH = 3 };

typedef struct marker {
    char *line[5]; /* path, stamp, who, doing, signal; "" where cut short */
    char *text;
    char file[4096];
} marker;

static int marker_folder(const avcl_host *host, char folder[4096])
{
    if (!host->registry.folder) return 0;
    return snprintf(folder, 4096, "%s/crashed", host->registry.folder) < 3900;
}

static int marker_read(marker *m, const char *folder, const char *name)
{
    uint64_t n = 0;
    if (snprintf(m->file, sizeof m->file, "%s/%s", folder, name) >= (int)sizeof m->file)
        return 0;
    if (avcl__file_read(m->file, &m->text, &n, NULL)) return 0;
    char *at = m->text;
    for (int i = 0; i < 5; i++) {
        m->line[i] = at;
        at += strcspn(at, "\n");
        if (*at) *at++ = '\0';
    }
    return 1;
}

static void count(avcl_host *host, avcl_host_file *f, const marker *m)
{
    if (strcmp(f->path, m->line[0]) != 0) return;
    if (strcmp(f->stamp, m->line[1]) != 0) {
        unlink(m->file); /* another file by now */
        return;
    }
    f->n_crashes++;
    int at_load = strcmp(m->line[3], "init") == 0 || strcmp(m->line[3], "load") == 0;
    if (f->state != AVCL_PLUGIN_OK || (f->n_crashes < ENOUGH && !at_load)) return;
    char reason[600];
    snprintf(reason, sizeof reason, "it crashed %u time%s, the last time in %s %s (%s)",
             f->n_crashes, f->n_crashes == 1 ? "" : "s", m->line[2], m->line[3],
             m->line[4]);
    avcl__host_refuse(host, f, AVCL_PLUGIN_QUARANTINED, reason);
}

/* Calls `each` for every marker. */
static void for_markers(avcl_host *host, avcl_host_file *file,
                        void (*each)(avcl_host *host, avcl_host_file *f, const marker *m))
{
    char folder[4096];
    if (!marker_folder(host, folder)) return;
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        marker m = {.text = NULL};
        if (entry->d_name[0] == '.' || !marker_read(&m, folder, entry->d_name)) continue;
        for (avcl_host_file *f = file ? file : host->files; f; f = file ? NULL : f->next)
            each(host, f, &m);
        free(m.text);
    }
    if (dir) closedir(dir);
}

void avcl__host_count_crashes(avcl_host *host)
{
    for_markers(host, NULL, count);
}

static void drop(avcl_host *host, avcl_host_file *f, const marker *m)
{
    (void)host;
    if (strcmp(f->path, m->line[0]) == 0) unlink(m->file);
}

void avcl__host_forgive(avcl_host *host, avcl_host_file *file)
{
    for_markers(host, file, drop);
    file->n_crashes = 0;
}

void avcl__host_expect_crashes(avcl_host *host)
{
    char folder[4096];
    if (host->options.flags & AVCL_HOST_FORGET_CRASHES)
        avcl__crumb_mark_in(NULL);
    else if (marker_folder(host, folder) && !avcl_store_mkdirs(folder, NULL))
        avcl__crumb_mark_in(folder);
}
