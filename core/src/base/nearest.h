/*
 * nearest.h - "did you mean": the candidate at the smallest edit distance.
 *
 * Pure; no allocation. [any thread]
 */
#ifndef AVCL_NEAREST_H
#define AVCL_NEAREST_H

#include <stdint.h>

/* Insertions, deletions, substitutions and swaps of neighbours; case does not count.
 * Words are compared by their first 64 bytes. */
uint32_t avcl__edit_distance(const char *a, const char *b);

/* Index of the candidate that is near enough to be meant, the first among equals; or -1.
 * NULL candidates are skipped. */
int32_t avcl__nearest(const char *word, const char *const *candidates, uint32_t n);

#endif
