/*
 * arena.h - memory that dies together: nodes, names, shapes, parsed parameters.
 *
 * Owns every block it grew; nothing is freed singly. Allocations are zeroed and
 * 16-byte aligned. NULL = out of memory; the arena stays usable.
 *
 *     avcl_arena arena = {0};
 *     char *name = avcl__arena_copy(&arena, "conv1");
 *     avcl__arena_release(&arena);
 */
#ifndef AVCL_ARENA_H
#define AVCL_ARENA_H

#include <stddef.h>

typedef struct avcl_arena {
    struct avcl_arena_block *head;
    size_t total; /* bytes handed out */
} avcl_arena;

void *avcl__arena_alloc(avcl_arena *arena, size_t bytes);
char *avcl__arena_copy(avcl_arena *arena, const char *text);
void *avcl__arena_dup(avcl_arena *arena, const void *data, size_t bytes);
/* printf into the arena. */
char *avcl__arena_format(avcl_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void avcl__arena_release(avcl_arena *arena);

#endif
