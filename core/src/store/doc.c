/* doc.c - building and reading a document tree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/doc.h"

avcl_doc *avcl_doc_new(void)
{
    return calloc(1, sizeof(avcl_doc));
}

void avcl_doc_free(avcl_doc *doc)
{
    if (!doc) return;
    for (int32_t i = 0; i < doc->n_nodes; i++)
        free(doc->nodes[i].children);
    free(doc->nodes);
    free(doc->slots);
    avcl__arena_release(&doc->arena);
    free(doc);
}

static const avcl__doc_node *look(const avcl_doc *doc, int32_t node)
{
    return doc && node >= 0 && node < doc->n_nodes ? &doc->nodes[node] : NULL;
}

/* ---- keys ------------------------------------------------------------------------ */
/* FNV-1a over the parent's number and the key. */
static uint32_t hash_key(int32_t parent, const char *key)
{
    uint32_t h = 2166136261u ^ (uint32_t)parent;
    h *= 16777619u;
    for (const unsigned char *p = (const unsigned char *)key; *p; p++)
        h = (h ^ *p) * 16777619u;
    return h;
}

/* The slot that holds the entry, or the free one where it belongs. */
static uint32_t find_slot(const avcl_doc *doc, int32_t parent, const char *key)
{
    uint32_t i = hash_key(parent, key) & (doc->n_slots - 1);
    for (; doc->slots[i]; i = (i + 1) & (doc->n_slots - 1)) {
        const avcl__doc_node *node = &doc->nodes[doc->slots[i] - 1];
        if (node->parent == parent && strcmp(node->key, key) == 0) break;
    }
    return i;
}

static int grow_slots(avcl_doc *doc)
{
    if (doc->n_keys * 2 < doc->n_slots) return 1;
    uint32_t n = doc->n_slots ? doc->n_slots * 2 : 64;
    int32_t *slots = calloc(n, sizeof *slots);
    if (!slots) return 0;
    free(doc->slots);
    doc->slots = slots;
    doc->n_slots = n;
    for (int32_t i = 0; i < doc->n_nodes; i++) {
        const avcl__doc_node *node = &doc->nodes[i];
        if (node->key) slots[find_slot(doc, node->parent, node->key)] = i + 1;
    }
    return 1;
}

int32_t avcl_doc_find(const avcl_doc *doc, int32_t node, const char *key)
{
    const avcl__doc_node *map = look(doc, node);
    if (!map || map->kind != AVCL_DOC_MAP || !key || !doc->n_slots) return -1;
    return doc->slots[find_slot(doc, node, key)] - 1;
}

/* ---- building -------------------------------------------------------------------- */
static int fail(avcl_doc *doc)
{
    doc->failed = 1;
    return -1;
}

/* Where a node may stand: keys in maps alone, one root, a bounded depth. */
static int has_place(const avcl_doc *doc, int32_t parent, const char *key)
{
    if (parent == -1) return doc->n_nodes == 0 && !key;
    const avcl__doc_node *above = look(doc, parent);
    if (!above || above->depth >= AVCL_DOC_MAX_DEPTH) return 0;
    if (above->kind == AVCL_DOC_MAP) return key && avcl_doc_find(doc, parent, key) < 0;
    return above->kind == AVCL_DOC_LIST && !key;
}

static int make_room(avcl_doc *doc, int32_t parent)
{
    if (doc->n_nodes == doc->room) {
        int32_t room = doc->room ? doc->room * 2 : 32;
        avcl__doc_node *nodes = realloc(doc->nodes, (size_t)room * sizeof *nodes);
        if (!nodes) return 0;
        doc->nodes = nodes;
        doc->room = room;
    }
    if (parent < 0) return 1;
    avcl__doc_node *above = &doc->nodes[parent];
    if (above->n_children < above->room) return 1;
    int32_t room = above->room ? above->room * 2 : 8;
    int32_t *children = realloc(above->children, (size_t)room * sizeof *children);
    if (!children) return 0;
    above->children = children;
    above->room = room;
    return 1;
}

int32_t avcl_doc_add(avcl_doc *doc, int32_t parent, const char *key, avcl_doc_kind kind)
{
    if (!doc || doc->failed || kind < AVCL_DOC_NULL || kind > AVCL_DOC_LIST) return -1;
    if (!has_place(doc, parent, key) || doc->n_nodes == INT32_MAX / 2) return -1;
    char *name = key ? avcl__arena_copy(&doc->arena, key) : NULL;
    if ((key && !name) || !make_room(doc, parent) || (key && !grow_slots(doc)))
        return fail(doc);
    int32_t node = doc->n_nodes++;
    int32_t depth = parent < 0 ? 0 : doc->nodes[parent].depth + 1;
    doc->nodes[node] = (avcl__doc_node){
        .key = name, .text = "", .parent = parent, .depth = depth, .kind = kind};
    if (parent >= 0) {
        avcl__doc_node *above = &doc->nodes[parent];
        above->children[above->n_children++] = node;
    }
    if (key) {
        doc->slots[find_slot(doc, parent, name)] = node + 1;
        doc->n_keys++;
    }
    if (kind == AVCL_DOC_NULL) doc->nodes[node].text = "null";
    if (kind == AVCL_DOC_BOOL) avcl_doc_set_bool(doc, node, 0);
    if (kind == AVCL_DOC_INT) avcl_doc_set_int(doc, node, 0);
    if (kind == AVCL_DOC_FLOAT) avcl_doc_set_float(doc, node, 0);
    return doc->failed ? -1 : node;
}

/* A setter also changes the kind of a scalar, so a value may be decided late. */
static avcl__doc_node *scalar(avcl_doc *doc, int32_t node, avcl_doc_kind kind)
{
    if (!look(doc, node) || !avcl__doc_is_scalar(doc, node)) return NULL;
    doc->nodes[node].kind = kind;
    return &doc->nodes[node];
}

static int set_text(avcl_doc *doc, avcl__doc_node *node, const char *text)
{
    const char *copy = avcl__arena_copy(&doc->arena, text);
    if (!copy) return fail(doc);
    node->text = copy;
    return 0;
}

void avcl_doc_set_bool(avcl_doc *doc, int32_t node, int32_t value)
{
    avcl__doc_node *n = scalar(doc, node, AVCL_DOC_BOOL);
    if (!n) return;
    n->integer = value != 0;
    n->text = value ? "true" : "false";
}

void avcl_doc_set_int(avcl_doc *doc, int32_t node, int64_t value)
{
    avcl__doc_node *n = scalar(doc, node, AVCL_DOC_INT);
    if (!n) return;
    n->integer = value;
    n->text = "";
}

void avcl_doc_set_float(avcl_doc *doc, int32_t node, double value)
{
    avcl__doc_node *n = scalar(doc, node, AVCL_DOC_FLOAT);
    if (!n) return;
    n->real = value;
    n->text = "";
}

int32_t avcl_doc_set_str(avcl_doc *doc, int32_t node, const char *value)
{
    avcl__doc_node *n = value ? scalar(doc, node, AVCL_DOC_STR) : NULL;
    return n ? set_text(doc, n, value) : -1;
}

/* ---- reading --------------------------------------------------------------------- */
avcl_doc_kind avcl_doc_get_kind(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    return n ? n->kind : 0;
}

int32_t avcl_doc_root(const avcl_doc *doc)
{
    return doc && doc->n_nodes ? 0 : -1;
}

int32_t avcl_doc_n_children(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    return n ? n->n_children : 0;
}

int32_t avcl_doc_child(const avcl_doc *doc, int32_t node, int32_t index)
{
    const avcl__doc_node *n = look(doc, node);
    return n && index >= 0 && index < n->n_children ? n->children[index] : -1;
}

const char *avcl_doc_key(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    return n ? n->key : NULL;
}

int32_t avcl_doc_get_bool(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    return n && n->kind == AVCL_DOC_BOOL && n->integer;
}

int64_t avcl_doc_get_int(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    return n && n->kind == AVCL_DOC_INT ? n->integer : 0;
}

double avcl_doc_get_float(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    if (!n) return 0;
    if (n->kind == AVCL_DOC_INT) return (double)n->integer;
    return n->kind == AVCL_DOC_FLOAT ? n->real : 0;
}

const char *avcl_doc_get_str(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = look(doc, node);
    return n && n->kind == AVCL_DOC_STR ? n->text : NULL;
}

const char *avcl__doc_scalar_text(const avcl__doc_node *node, char room[32])
{
    if (node->kind == AVCL_DOC_FLOAT)
        avcl_float_text(node->real, room);
    else if (node->kind == AVCL_DOC_INT)
        snprintf(room, 32, "%" PRId64, node->integer);
    else
        return node->text;
    return room;
}
