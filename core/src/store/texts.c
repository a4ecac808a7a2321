/* texts.c - texts by number: one pool of bytes, one hash table over it. */
#include <stdlib.h>
#include <string.h>

#include "store/runs.h"

static uint32_t hash_text(const char *text)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        h = (h ^ *p) * 16777619u;
    return h;
}

const char *avcl__texts_get(const avcl__texts *texts, uint32_t index)
{
    return index < texts->n ? texts->bytes + texts->begins[index] : "";
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t find_slot(const avcl__texts *texts, const char *text)
{
    uint32_t i = hash_text(text) & (texts->n_slots - 1);
    while (texts->slots[i] &&
           strcmp(avcl__texts_get(texts, texts->slots[i] - 1), text) != 0)
        i = (i + 1) & (texts->n_slots - 1);
    return i;
}

int avcl__texts_index(avcl__texts *texts)
{
    if (texts->n * 2 < texts->n_slots) return 1;
    uint32_t n_slots = texts->n_slots ? texts->n_slots : 64;
    while (texts->n * 2 >= n_slots)
        n_slots *= 2;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots) return 0;
    free(texts->slots);
    texts->slots = slots;
    texts->n_slots = n_slots;
    for (uint32_t i = 0; i < texts->n; i++)
        slots[find_slot(texts, avcl__texts_get(texts, i))] = i + 1;
    return 1;
}

uint32_t avcl__texts_find(const avcl__texts *texts, const char *text)
{
    return texts->n_slots ? texts->slots[find_slot(texts, text)] - 1 : UINT32_MAX;
}

static int make_room(avcl__texts *texts, size_t n)
{
    if (texts->n == texts->room) {
        uint32_t room = texts->room ? texts->room * 2 : 64;
        uint32_t *begins = realloc(texts->begins, room * sizeof *begins);
        if (!begins) return 0;
        texts->begins = begins;
        texts->room = room;
    }
    if (texts->n_bytes + n <= texts->room_bytes) return 1;
    uint64_t room = (texts->n_bytes + n) * 2 + 1024;
    if (texts->n_bytes + n > UINT32_MAX) return 0;
    char *bytes = realloc(texts->bytes, room);
    if (!bytes) return 0;
    texts->bytes = bytes;
    texts->room_bytes = room;
    return 1;
}

uint32_t avcl__texts_add(avcl__texts *texts, const char *text)
{
    size_t n = strlen(text) + 1;
    if (!avcl__texts_index(texts)) return UINT32_MAX;
    uint32_t slot = find_slot(texts, text);
    if (texts->slots[slot]) return texts->slots[slot] - 1;
    if (!make_room(texts, n)) return UINT32_MAX;
    memcpy(texts->bytes + texts->n_bytes, text, n);
    texts->begins[texts->n] = (uint32_t)texts->n_bytes;
    texts->n_bytes += n;
    texts->slots[slot] = ++texts->n;
    return texts->n - 1;
}

void avcl__texts_release(avcl__texts *texts)
{
    free(texts->bytes);
    free(texts->begins);
    free(texts->slots);
    *texts = (avcl__texts){0};
}
