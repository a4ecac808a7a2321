/*
 * yaml_parse.c - one YAML document into a tree, from libyaml's events.
 *
 * Refused, because a second reader could see another value: anchors, aliases, tags,
 * directives, merge keys, keys given twice, keys that are no scalars.
 */
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "store/doc.h"

typedef struct reader {
    avcl_doc *doc;
    char *key;    /* waits for its value; malloc'd */
    int32_t open; /* the map or list being filled, -1 at the root */
    uint32_t documents;
    yaml_event_t *event;
    avcl_error *err;
} reader;

static avcl_status refuse(const reader *r, const char *what, const char *value)
{
    return avcl_error_set(r->err, AVCL_E_INVALID, "line %zu: %s%s%.200s%s",
                          r->event->start_mark.line + 1, what, value ? " '" : "",
                          value ? value : "", value ? "'" : "");
}

static int wants_key(const reader *r)
{
    return r->open >= 0 && r->doc->nodes[r->open].kind == AVCL_DOC_MAP && !r->key;
}

static avcl_status add(reader *r, avcl_doc_kind kind, int32_t *node)
{
    if (r->open >= 0 && r->doc->nodes[r->open].depth >= AVCL_DOC_MAX_DEPTH)
        return refuse(r, "nested deeper than 100 levels", NULL);
    *node = avcl_doc_add(r->doc, r->open, r->key, kind);
    if (*node < 0) return avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory");
    free(r->key);
    r->key = NULL;
    return AVCL_OK;
}

static avcl_status take_key(reader *r, const char *text, int plain)
{
    if (plain && strcmp(text, "<<") == 0)
        return refuse(r, "merge keys are not accepted", NULL);
    if (avcl_doc_find(r->doc, r->open, text) >= 0)
        return refuse(r, "key given twice:", text);
    r->key = strdup(text);
    return r->key ? AVCL_OK : avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory");
}

static avcl_status take_scalar(reader *r)
{
    const char *text = (const char *)r->event->data.scalar.value;
    int plain = r->event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (r->event->data.scalar.anchor) return refuse(r, "anchors are not accepted", NULL);
    if (r->event->data.scalar.tag) return refuse(r, "tags are not accepted", NULL);
    if (strlen(text) != r->event->data.scalar.length)
        return refuse(r, "a text holds a NUL character", NULL);
    if (wants_key(r)) return take_key(r, text, plain);
    int32_t node = -1;
    avcl_status rc = add(r, AVCL_DOC_STR, &node);
    if (rc) return rc;
    int bad = plain ? avcl__doc_set_plain(r->doc, node, text)
                    : avcl_doc_set_str(r->doc, node, text);
    if (r->doc->failed) return avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory");
    return bad ? refuse(r, "integer outside of 64 bits (quote it):", text) : AVCL_OK;
}

static avcl_status open_node(reader *r, avcl_doc_kind kind, const void *anchor,
                             const void *tag)
{
    if (anchor) return refuse(r, "anchors are not accepted", NULL);
    if (tag) return refuse(r, "tags are not accepted", NULL);
    if (wants_key(r)) return refuse(r, "a map or list cannot be a key", NULL);
    int32_t node = -1;
    avcl_status rc = add(r, kind, &node);
    if (!rc) r->open = node;
    return rc;
}

static avcl_status start_document(reader *r)
{
    if (++r->documents > 1) return refuse(r, "more than one document", NULL);
    if (r->event->data.document_start.version_directive ||
        r->event->data.document_start.tag_directives.start !=
            r->event->data.document_start.tag_directives.end)
        return refuse(r, "directives are not accepted", NULL);
    return AVCL_OK;
}

static avcl_status take_event(reader *r)
{
    const yaml_event_t *e = r->event;
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return start_document(r);
    case YAML_ALIAS_EVENT:
        return refuse(r, "aliases are not accepted", NULL);
    case YAML_SCALAR_EVENT:
        return take_scalar(r);
    case YAML_MAPPING_START_EVENT:
        return open_node(r, AVCL_DOC_MAP, e->data.mapping_start.anchor,
                         e->data.mapping_start.tag);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(r, AVCL_DOC_LIST, e->data.sequence_start.anchor,
                         e->data.sequence_start.tag);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->open = r->doc->nodes[r->open].parent;
        return AVCL_OK;
    case YAML_STREAM_END_EVENT:
        return r->documents ? AVCL_OK : refuse(r, "no document", NULL);
    default:
        return AVCL_OK;
    }
}

static avcl_status tell_syntax(const yaml_parser_t *parser, avcl_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    return avcl_error_set(err, AVCL_E_INVALID, "line %zu: %s",
                          parser->problem_mark.line + 1,
                          parser->problem ? parser->problem : "not YAML");
}

static avcl_status read_events(yaml_parser_t *parser, reader *r)
{
    avcl_status rc = AVCL_OK;
    int more = 1;
    while (more && !rc) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return tell_syntax(parser, r->err);
        r->event = &event;
        rc = take_event(r);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return rc;
}

avcl_doc *avcl_doc_parse(const char *text, uint64_t n, avcl_error *err)
{
    const char *nul = n ? memchr(text, 0, n) : NULL;
    if (nul) {
        avcl_error_set(err, AVCL_E_INVALID, "NUL character at byte %td", nul - text);
        return NULL;
    }
    yaml_parser_t parser;
    reader r = {.doc = avcl_doc_new(), .open = -1, .err = err};
    avcl_status rc = AVCL_E_NOMEM;
    if (!r.doc || !yaml_parser_initialize(&parser)) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
        avcl_doc_free(r.doc);
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(n ? text : ""), n);
    rc = read_events(&parser, &r);
    yaml_parser_delete(&parser);
    free(r.key);
    if (!rc) return r.doc;
    avcl_doc_free(r.doc);
    return NULL;
}
