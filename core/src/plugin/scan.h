/*
 * scan.h - what is in plugin files, found out by a child process that may crash.
 *
 * Entries are JSON objects: {"state": "ok" | "refused" | "unloadable" | "quarantined",
 * "reason", "note", "modules": [{"kind", "name", "numerics", "known", "summary"}]}.
 * [any thread]
 */
#ifndef AVCL_PLUGIN_SCAN_H
#define AVCL_PLUGIN_SCAN_H

#include <jansson.h>
#include <stdint.h>

typedef struct avcl_scan_request {
    const char *program; /* avcl-scan */
    const char *const *files;
    uint32_t n_files;
    double seconds; /* that one file may take */
    /* Takes the entry over; called once for each file, in order. */
    void (*done)(void *arg, uint32_t file, json_t *entry);
    void *arg;
} avcl_scan_request;

void avcl__scan_files(const avcl_scan_request *request);

#endif
