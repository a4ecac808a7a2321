/*
 * store.h - documents that cannot be torn, and the run folder made of them.
 *
 * A document is a YAML tree that ends with `# crc32c: xxxxxxxx` and `...`; a
 * tail without both is ignored and reported, never half-read. Every file has one
 * writer; publishing is temp file, fsync, link or rename, fsync of the folder.
 * Layout and identity: core/doc/store.md.
 */
#ifndef AVCL_STORE_H
#define AVCL_STORE_H

#include "avcl/error.h"

/* ---- document trees --------------------------------------------------------------- */
typedef struct avcl_doc avcl_doc; /* a tree; nodes are int32 handles, root first added */
typedef int32_t avcl_doc_kind;
enum {
    AVCL_DOC_NULL = 1,
    AVCL_DOC_BOOL,
    AVCL_DOC_INT,
    AVCL_DOC_FLOAT,
    AVCL_DOC_STR,
    AVCL_DOC_MAP,
    AVCL_DOC_LIST,
};
AVCL_EXPORT avcl_doc *avcl_doc_new(void); /* [owned] NULL = out of memory */
AVCL_EXPORT void avcl_doc_free(avcl_doc *doc);
/* Adds below `parent` (-1 = the root itself), under `key` in a map (NULL in a list); map
 * keys keep insertion order. Returns the node, or -1 (out of memory, duplicate key). */
AVCL_EXPORT int32_t avcl_doc_add(avcl_doc *doc, int32_t parent, const char *key,
                                 avcl_doc_kind kind);
AVCL_EXPORT void avcl_doc_set_bool(avcl_doc *doc, int32_t node, int32_t value);
AVCL_EXPORT void avcl_doc_set_int(avcl_doc *doc, int32_t node, int64_t value);
AVCL_EXPORT void avcl_doc_set_float(avcl_doc *doc, int32_t node, double value);
AVCL_EXPORT int32_t avcl_doc_set_str(avcl_doc *doc, int32_t node, const char *value);
AVCL_EXPORT avcl_doc_kind avcl_doc_get_kind(const avcl_doc *doc, int32_t node);
AVCL_EXPORT int32_t avcl_doc_root(const avcl_doc *doc); /* -1 = empty */
AVCL_EXPORT int32_t avcl_doc_n_children(const avcl_doc *doc, int32_t node);
AVCL_EXPORT int32_t avcl_doc_child(const avcl_doc *doc, int32_t node, int32_t index);
AVCL_EXPORT int32_t avcl_doc_find(const avcl_doc *doc, int32_t node, const char *key);
AVCL_EXPORT const char *avcl_doc_key(const avcl_doc *doc, int32_t node);
AVCL_EXPORT int32_t avcl_doc_get_bool(const avcl_doc *doc, int32_t node);
AVCL_EXPORT int64_t avcl_doc_get_int(const avcl_doc *doc, int32_t node);
AVCL_EXPORT double avcl_doc_get_float(const avcl_doc *doc, int32_t node); /* INT too */
AVCL_EXPORT const char *avcl_doc_get_str(const avcl_doc *doc,
                                         int32_t node); /* NULL unless STR */
/* Reads one YAML document (1.2 core schema, so `no` is a string). */
AVCL_EXPORT avcl_doc *avcl_doc_parse(const char *text, uint64_t n, avcl_error *err);
/* YAML text of the tree, without markers. Short maps and lists of scalars in flow style.
 * Free with avcl_text_free. */
AVCL_EXPORT char *avcl_doc_text(const avcl_doc *doc, avcl_error *err);
/* JSON text, keys in order or sorted (canonical, for hashes). */
AVCL_EXPORT char *avcl_doc_json(const avcl_doc *doc, int32_t canonical, avcl_error *err);
/* Shortest text that reads back as the same double: "1.0e-03", ".inf", "6.12345e+01". */
AVCL_EXPORT void avcl_float_text(double value, char out[32]);

/* ---- files ------------------------------------------------------------------------- */
/* Whole-file publication of text + checksum. `replace` 0: AVCL_E_EXISTS if it is there.
 */
AVCL_EXPORT avcl_status avcl_store_publish(const char *path, const avcl_doc *doc,
                                           int32_t replace, avcl_error *err);
/* The same for plain bytes without a checksum line. */
AVCL_EXPORT avcl_status avcl_file_publish(const char *path, const void *data, uint64_t n,
                                          int32_t replace, avcl_error *err);
/* One more document at the end, one write(2), fdatasync. Single writer. */
AVCL_EXPORT avcl_status avcl_store_append(const char *path, const avcl_doc *doc,
                                          avcl_error *err);
/* One line, "\n" added, one write(2). */
AVCL_EXPORT avcl_status avcl_store_append_line(const char *path, const char *line,
                                               avcl_error *err);
/* Sound documents of a file, in order. `*torn` = 1 when a tail had to be ignored.
 * Document `index` (negative: from the end) is returned; NULL and AVCL_E_NOT_FOUND when
 * absent. */
AVCL_EXPORT avcl_doc *avcl_store_read(const char *path, int32_t index, int32_t *torn,
                                      avcl_error *err);
/* Takes room on the disk ahead, so that a last document can be written when it is full:
 * remove the file, then write. An older reserve at `path` is kept. */
AVCL_EXPORT avcl_status avcl_store_reserve(const char *path, uint64_t n, avcl_error *err);
AVCL_EXPORT avcl_status avcl_store_mkdirs(const char *path, avcl_error *err);

/* ---- store ------------------------------------------------------------------------- */
/* Makes `root` a store (store.yaml, folders) unless it is one already. */
AVCL_EXPORT avcl_status avcl_store_init(const char *root, avcl_error *err);
/* runs/3f/3f9c…/FILE and work/3f/3f9c…/FILE below `root`; `file` NULL = the folder
 * itself. */
AVCL_EXPORT avcl_status avcl_store_run_path(const char *root, const char *run,
                                            const char *file, char out[4096],
                                            avcl_error *err);
AVCL_EXPORT avcl_status avcl_store_work_path(const char *root, const char *run,
                                             const char *file, char out[4096],
                                             avcl_error *err);
/* Claims attempt `attempt` of `run` by link(2): AVCL_OK = ours, AVCL_E_EXISTS =
 * another's. */
AVCL_EXPORT avcl_status avcl_store_claim(const char *root, const char *run,
                                         int32_t attempt, avcl_error *err);
/* Touches the claim; call every 30 s. */
AVCL_EXPORT avcl_status avcl_store_heartbeat(const char *root, const char *run,
                                             int32_t attempt, avcl_error *err);
typedef int32_t avcl_run_state;
enum {
    AVCL_RUN_PLANNED = 0, /* no claim */
    AVCL_RUN_RUNNING = 1,
    AVCL_RUN_LOST = 2,    /* claimed, and the owner is provably gone */
    AVCL_RUN_STOPPED = 3, /* last attempt says preempted or cancelled */
    AVCL_RUN_FAILED = 4,
    AVCL_RUN_DONE = 5,
};
/* From files alone; *attempt = the last claimed attempt, 0 when none. */
AVCL_EXPORT avcl_status avcl_store_state(const char *root, const char *run,
                                         avcl_run_state *state, int32_t *attempt,
                                         avcl_error *err);

/* ---- hashes and tensors --------------------------------------------------------------
 */
AVCL_EXPORT void avcl_sha256_hex(const void *data, uint64_t n, char hex[65]);
AVCL_EXPORT avcl_status avcl_sha256_file(const char *path, char hex[65], avcl_error *err);
AVCL_EXPORT uint32_t avcl_crc32c(uint32_t crc, const void *data,
                                 uint64_t n); /* start: 0 */

/* safetensors, written atomically; metadata values are strings. */
typedef struct avcl_safetensors avcl_safetensors;
AVCL_EXPORT avcl_safetensors *avcl_safetensors_new(void); /* [owned], for writing */
AVCL_EXPORT avcl_safetensors *avcl_safetensors_open(const char *path, avcl_error *err);
AVCL_EXPORT void avcl_safetensors_free(avcl_safetensors *st);
AVCL_EXPORT avcl_status avcl_safetensors_put(avcl_safetensors *st, const char *name,
                                             const avcl_tensor *tensor, avcl_error *err);
AVCL_EXPORT avcl_status avcl_safetensors_put_text(avcl_safetensors *st, const char *key,
                                                  const char *value, avcl_error *err);
AVCL_EXPORT avcl_status avcl_safetensors_save(avcl_safetensors *st, const char *path,
                                              avcl_error *err);
AVCL_EXPORT uint32_t avcl_safetensors_count(const avcl_safetensors *st);
AVCL_EXPORT const char *avcl_safetensors_name(const avcl_safetensors *st, uint32_t index);
/* Data borrowed for the object's life; checked against its CRC when the file has one. */
AVCL_EXPORT avcl_status avcl_safetensors_get(const avcl_safetensors *st, const char *name,
                                             avcl_tensor *out, avcl_error *err);
AVCL_EXPORT const char *avcl_safetensors_get_text(const avcl_safetensors *st,
                                                  const char *key);

#endif
