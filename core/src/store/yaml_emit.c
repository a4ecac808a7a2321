/*
 * yaml_emit.c - a tree as YAML text, through libyaml's emitter.
 *
 * Lines are never folded and no block scalars are used, so no line of the text begins
 * with `---`, `...` or `#`: what the reader of checksummed documents relies on.
 */
#include <string.h>

#include <yaml.h>

#include "base/text.h"
#include "store/doc.h"

enum { FLOW_COLUMNS = 72 }; /* a map or list of scalars up to this long stays on a line */

static int write_out(void *data, unsigned char *buffer, size_t n)
{
    avcl__text_put(data, buffer, n);
    return !((avcl__text *)data)->failed;
}

static int is_short(const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = &doc->nodes[node];
    size_t columns = 0;
    for (int32_t i = 0; i < n->n_children; i++) {
        const avcl__doc_node *child = &doc->nodes[n->children[i]];
        char room[32];
        if (child->kind >= AVCL_DOC_MAP) return 0;
        columns += strlen(avcl__doc_scalar_text(child, room)) +
                   (child->key ? strlen(child->key) + 2 : 0) + 2;
        if (columns > FLOW_COLUMNS) return 0;
    }
    return n->n_children == 0 || node != 0;
}

static int put_scalar(yaml_emitter_t *emitter, const char *text, int quoted)
{
    yaml_event_t event;
    yaml_scalar_style_t style =
        quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const unsigned char *)text,
                                        (int)strlen(text), 1, 1, style) &&
           yaml_emitter_emit(emitter, &event);
}

static int put_text(yaml_emitter_t *emitter, const char *text)
{
    return put_scalar(emitter, text, !avcl__doc_is_plain(text));
}

static int put_node(yaml_emitter_t *emitter, const avcl_doc *doc, int32_t node);

static int put_children(yaml_emitter_t *emitter, const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = &doc->nodes[node];
    for (int32_t i = 0; i < n->n_children; i++) {
        const char *key = doc->nodes[n->children[i]].key;
        if (key && !put_text(emitter, key)) return 0;
        if (!put_node(emitter, doc, n->children[i])) return 0;
    }
    return 1;
}

static int put_map(yaml_emitter_t *emitter, const avcl_doc *doc, int32_t node)
{
    yaml_event_t event;
    yaml_mapping_style_t style =
        is_short(doc, node) ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
    return yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) &&
           yaml_emitter_emit(emitter, &event) && put_children(emitter, doc, node) &&
           yaml_mapping_end_event_initialize(&event) &&
           yaml_emitter_emit(emitter, &event);
}

static int put_list(yaml_emitter_t *emitter, const avcl_doc *doc, int32_t node)
{
    yaml_event_t event;
    yaml_sequence_style_t style =
        is_short(doc, node) ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
    return yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) &&
           yaml_emitter_emit(emitter, &event) && put_children(emitter, doc, node) &&
           yaml_sequence_end_event_initialize(&event) &&
           yaml_emitter_emit(emitter, &event);
}

/* Depth is bounded by avcl_doc_add, so recursion is too. */
static int put_node(yaml_emitter_t *emitter, const avcl_doc *doc, int32_t node)
{
    const avcl__doc_node *n = &doc->nodes[node];
    char room[32];
    if (n->kind == AVCL_DOC_MAP) return put_map(emitter, doc, node);
    if (n->kind == AVCL_DOC_LIST) return put_list(emitter, doc, node);
    return n->kind == AVCL_DOC_STR
               ? put_text(emitter, n->text)
               : put_scalar(emitter, avcl__doc_scalar_text(n, room), 0);
}

static int put_stream(yaml_emitter_t *emitter, const avcl_doc *doc)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(emitter, &event) && put_node(emitter, doc, 0) &&
           yaml_document_end_event_initialize(&event, 1) &&
           yaml_emitter_emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

avcl_status avcl__doc_check(const avcl_doc *doc, avcl_error *err)
{
    if (!doc || doc->n_nodes == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "an empty document cannot be written");
    if (doc->failed)
        return avcl_error_set(err, AVCL_E_NOMEM,
                              "out of memory while building a document");
    for (int32_t i = 0; i < doc->n_nodes; i++) {
        const avcl__doc_node *n = &doc->nodes[i];
        if (!avcl__utf8_valid(n->text) || (n->key && !avcl__utf8_valid(n->key)))
            return avcl_error_set(err, AVCL_E_INVALID, "key or text of '%s' is not UTF-8",
                                  n->key && avcl__utf8_valid(n->key) ? n->key : "?");
    }
    return AVCL_OK;
}

char *avcl_doc_text(const avcl_doc *doc, avcl_error *err)
{
    if (avcl__doc_check(doc, err)) return NULL;
    avcl__text text = {0};
    yaml_emitter_t emitter;
    int ok = yaml_emitter_initialize(&emitter);
    if (ok) {
        yaml_emitter_set_output(&emitter, write_out, &text);
        yaml_emitter_set_unicode(&emitter, 1);
        yaml_emitter_set_width(&emitter, -1);
        ok = put_stream(&emitter, doc);
        yaml_emitter_delete(&emitter);
    }
    char *out = ok ? avcl__text_take(&text) : NULL;
    if (!out) {
        avcl__text_release(&text);
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory while writing a document");
    }
    return out;
}
