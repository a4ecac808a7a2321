/*
 * doc.h - the inside of a document tree, for the reader and the writers.
 *
 * Nodes are one array, texts live in an arena, and map keys are found through one
 * hash table over (parent, key), so long maps stay cheap to read and to build.
 */
#ifndef AVCL_DOC_H
#define AVCL_DOC_H

#include "avcl/store.h"
#include "base/arena.h"

enum { AVCL_DOC_MAX_DEPTH = 100 };

typedef struct avcl__doc_node {
    const char *key;  /* NULL in a list and at the root */
    const char *text; /* of a scalar; of a number it is made when it is written */
    int64_t integer;  /* INT, BOOL */
    double real;      /* FLOAT */
    int32_t *children;
    int32_t n_children;
    int32_t room;
    int32_t parent;
    int32_t depth;
    avcl_doc_kind kind;
} avcl__doc_node;

struct avcl_doc {
    avcl_arena arena;
    avcl__doc_node *nodes;
    int32_t n_nodes;
    int32_t room;
    int32_t *slots; /* node + 1 of each map entry, by hash; 0 = free */
    uint32_t n_slots;
    uint32_t n_keys;
    int failed; /* out of memory: the tree is incomplete and is not written */
};

static inline int avcl__doc_is_scalar(const avcl_doc *doc, int32_t node)
{
    return doc->nodes[node].kind < AVCL_DOC_MAP;
}

/* What stands for a scalar; a number's is made in `room`. */
const char *avcl__doc_scalar_text(const avcl__doc_node *node, char room[32]);
/* Sets a scalar's kind and text by the 1.2 core schema; -1 = not a value we can hold. */
int avcl__doc_set_plain(avcl_doc *doc, int32_t node, const char *text);
/* 1 when a reader of YAML 1.1 or 1.2 takes the unquoted text for this very string. */
int avcl__doc_is_plain(const char *text);
int avcl__utf8_valid(const char *text);
/* That a tree may be written: complete, not empty, UTF-8 throughout. */
avcl_status avcl__doc_check(const avcl_doc *doc, avcl_error *err);

#endif
