/*
 * doc_json.c - a tree as JSON text, in order or canonical (keys sorted by bytes).
 *
 * Floats keep their shortest text, which is JSON too; .inf and .nan, which JSON cannot
 * say, become strings.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/doc.h"

static void put_string(avcl__text *out, const char *text)
{
    avcl__text_put(out, "\"", 1);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            avcl__text_format(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            avcl__text_format(out, "\\u%04x", c);
        else
            avcl__text_put(out, p, 1);
    }
    avcl__text_put(out, "\"", 1);
}

static int compare_keys(const void *a, const void *b)
{
    const avcl__doc_node *const *x = a;
    const avcl__doc_node *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static void put_node(avcl__text *out, const avcl_doc *doc, const avcl__doc_node *n,
                     int canonical);

static void put_children(avcl__text *out, const avcl_doc *doc, const avcl__doc_node *n,
                         int canonical)
{
    size_t count = (size_t)n->n_children;
    const avcl__doc_node **order = calloc(count + 1, sizeof *order);
    if (!order) {
        out->failed = 1;
        return;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = &doc->nodes[n->children[i]];
    if (canonical && n->kind == AVCL_DOC_MAP)
        qsort(order, count, sizeof *order, compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (i) avcl__text_put(out, ",", 1);
        if (order[i]->key) {
            put_string(out, order[i]->key);
            avcl__text_put(out, ":", 1);
        }
        put_node(out, doc, order[i], canonical);
    }
    free(order);
}

static void put_node(avcl__text *out, const avcl_doc *doc, const avcl__doc_node *n,
                     int canonical)
{
    char room[32];
    if (n->kind >= AVCL_DOC_MAP) {
        int map = n->kind == AVCL_DOC_MAP;
        avcl__text_put(out, map ? "{" : "[", 1);
        put_children(out, doc, n, canonical);
        avcl__text_put(out, map ? "}" : "]", 1);
    } else if (n->kind == AVCL_DOC_STR ||
               (n->kind == AVCL_DOC_FLOAT && !isfinite(n->real))) {
        put_string(out, avcl__doc_scalar_text(n, room));
    } else {
        avcl__text_add(out, avcl__doc_scalar_text(n, room));
    }
}

char *avcl_doc_json(const avcl_doc *doc, int32_t canonical, avcl_error *err)
{
    if (avcl__doc_check(doc, err)) return NULL;
    avcl__text out = {0};
    put_node(&out, doc, &doc->nodes[0], canonical);
    char *text = avcl__text_take(&out);
    if (!text) avcl_error_set(err, AVCL_E_NOMEM, "out of memory while writing JSON");
    return text;
}
