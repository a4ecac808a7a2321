/* arena.c - a list of growing blocks, bump-allocated. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct avcl_arena_block {
    struct avcl_arena_block *next;
    size_t used;
    size_t size;
    size_t reserved; /* keeps data[] 16-byte aligned */
    unsigned char data[];
};

enum { FIRST_BLOCK = 4096, ALIGN = 16 };

static struct avcl_arena_block *grow(avcl_arena *arena, size_t bytes)
{
    size_t size = arena->head ? arena->head->size * 2 : FIRST_BLOCK;
    if (size < bytes) size = bytes;
    struct avcl_arena_block *block = calloc(1, sizeof *block + size);
    if (!block) return NULL;
    block->size = size;
    block->next = arena->head;
    arena->head = block;
    return block;
}

void *avcl__arena_alloc(avcl_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct avcl_arena_block *block = arena->head;
    if (!block || block->size - block->used < bytes) block = grow(arena, bytes);
    if (!block) return NULL;
    void *p = block->data + block->used;
    block->used += bytes;
    arena->total += bytes;
    return p;
}

void *avcl__arena_dup(avcl_arena *arena, const void *data, size_t bytes)
{
    void *p = avcl__arena_alloc(arena, bytes);
    if (p && bytes) memcpy(p, data, bytes);
    return p;
}

char *avcl__arena_copy(avcl_arena *arena, const char *text)
{
    return avcl__arena_dup(arena, text, strlen(text) + 1);
}

char *avcl__arena_format(avcl_arena *arena, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *text = n < 0 ? NULL : avcl__arena_alloc(arena, (size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return text;
}

void avcl__arena_release(avcl_arena *arena)
{
    while (arena->head) {
        struct avcl_arena_block *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
    arena->total = 0;
}
