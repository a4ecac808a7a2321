/* layout.c - the folders of a store and the paths in them (core/doc/store.md). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "store/layout.h"

static const char SCHEMA[] = "avcl.store/1";

/* A run's name becomes a path: nothing that could leave the store. */
static avcl_status check_run(const char *run, avcl_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-";
    size_t n = strlen(run);
    if (n >= 2 && n <= 64 && run[strspn(run, allowed)] == '\0') return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID,
                          "'%.80s' is no run id (2 to 64 letters, digits, '_' or '-')",
                          run);
}

static avcl_status join(const char *root, const char *area, const char *run,
                        const char *file, char *out, avcl_error *err)
{
    avcl_status rc = check_run(run, err);
    if (rc) return rc;
    char path[AVCL_PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s/%s/%.2s/%s%s%s", root, area, run, run,
                     file ? "/" : "", file ? file : "");
    if (n < 0 || n >= AVCL_PATH_ROOM)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "path of run %s is longer than %d bytes", run,
                              AVCL_PATH_ROOM - 1);
    memcpy(out, path, (size_t)n + 1);
    return AVCL_OK;
}

avcl_status avcl_store_run_path(const char *root, const char *run, const char *file,
                                char out[4096], avcl_error *err)
{
    return join(root, "runs", run, file, out, err);
}

avcl_status avcl_store_work_path(const char *root, const char *run, const char *file,
                                 char out[4096], avcl_error *err)
{
    return join(root, "work", run, file, out, err);
}

avcl_status avcl__claim_path(const char *root, const char *run, int32_t attempt,
                             char out[AVCL_PATH_ROOM], avcl_error *err)
{
    avcl_status rc = check_run(run, err);
    if (rc) return rc;
    if (attempt < 1)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "attempt %d of run %s: they count from 1", attempt, run);
    int n = snprintf(out, AVCL_PATH_ROOM, "%s/claims/%s.%d", root, run, attempt);
    if (n >= 0 && n < AVCL_PATH_ROOM) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "path of run %s is longer than %d bytes",
                          run, AVCL_PATH_ROOM - 1);
}

/* Random, version 4; empty when there is no randomness to be had. */
static void make_uuid(char out[37])
{
    unsigned char b[16];
    out[0] = '\0';
    if (RAND_bytes(b, sizeof b) != 1) return;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (int i = 0, at = 0; i < 16; i++) {
        const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        at += snprintf(out + at, 37 - (size_t)at, "%s%02x", dash, b[i]);
    }
}

static avcl_status write_description(const char *path, avcl_error *err)
{
    char uuid[37];
    make_uuid(uuid);
    if (!*uuid) return avcl_error_set(err, AVCL_E_IO, "no random numbers for %s", path);
    avcl_doc *doc = avcl_doc_new();
    int32_t root = avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    avcl_doc_set_str(doc, avcl_doc_add(doc, root, "schema", AVCL_DOC_STR), SCHEMA);
    avcl_doc_set_str(doc, avcl_doc_add(doc, root, "uuid", AVCL_DOC_STR), uuid);
    avcl_doc_set_str(doc, avcl_doc_add(doc, root, "hash", AVCL_DOC_STR), "sha256/128");
    avcl_error why = {0};
    avcl_status rc = avcl_store_publish(path, doc, 0, &why);
    avcl_doc_free(doc);
    if (rc == AVCL_OK || rc == AVCL_E_EXISTS) return AVCL_OK; /* somebody was faster */
    return avcl_error_set(err, rc, "%s", why.message);
}

static avcl_status check_description(const char *path, avcl_error *err)
{
    avcl_error why = {0};
    avcl_doc *doc = avcl_store_read(path, 0, NULL, &why);
    if (!doc)
        return avcl_error_set(err,
                              why.code == AVCL_E_NOT_FOUND ? AVCL_E_CORRUPT : why.code,
                              "%s", why.message);
    avcl_status rc = AVCL_OK;
    const char *schema = avcl_doc_get_str(doc, avcl_doc_find(doc, 0, "schema"));
    if (!schema || strcmp(schema, SCHEMA) != 0)
        rc = avcl_error_set(err, AVCL_E_UNSUPPORTED,
                            "%s has schema '%.80s', this is for '%s'", path,
                            schema ? schema : "none", SCHEMA);
    avcl_doc_free(doc);
    return rc;
}

avcl_status avcl_store_init(const char *root, avcl_error *err)
{
    static const char *const folders[] = {"runs",  "work",   "claims", "log",
                                          "blobs", "tables", "trash"};
    char path[AVCL_PATH_ROOM];
    if (strlen(root) > AVCL_PATH_ROOM - 256)
        return avcl_error_set(err, AVCL_E_INVALID, "the store's path is too long");
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        avcl_status rc = avcl_store_mkdirs(path, err);
        if (rc) return rc;
    }
    snprintf(path, sizeof path, "%s/store.yaml", root);
    avcl_status rc = access(path, F_OK) ? write_description(path, err) : AVCL_OK;
    return rc ? rc : check_description(path, err);
}
