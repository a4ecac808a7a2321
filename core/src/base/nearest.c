/* nearest.c - restricted Damerau-Levenshtein distance on three rolling rows. */
#include <ctype.h>
#include <string.h>

#include "avcl/host.h"
#include "base/nearest.h"

enum { LONGEST = 64 };

static uint32_t least(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

uint32_t avcl__edit_distance(const char *a, const char *b)
{
    uint32_t na = (uint32_t)strnlen(a, LONGEST);
    uint32_t nb = (uint32_t)strnlen(b, LONGEST);
    uint32_t rows[3][LONGEST + 1];
    for (uint32_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= na; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *up = rows[(i + 2) % 3];
        const uint32_t *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= nb; j++) {
            uint32_t change = up[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(up[j] + 1, row[j - 1] + 1, change);
            int swapped =
                i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
            if (swapped && up2[j - 2] + 1 < row[j]) row[j] = up2[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

/* Edits that a typist plausibly makes: one in three letters, never the whole word. */
static uint32_t limit(const char *word, const char *candidate)
{
    size_t a = strlen(word);
    size_t b = strlen(candidate);
    size_t shorter = a < b ? a : b;
    if (shorter < 2) return 0;
    return shorter < 6 ? 1 : (uint32_t)(shorter / 3);
}

int32_t avcl__nearest(const char *word, const char *const *candidates, uint32_t n)
{
    int32_t best = -1;
    uint32_t best_distance = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (!candidates[i]) continue;
        uint32_t d = avcl__edit_distance(word, candidates[i]);
        if (d > limit(word, candidates[i]) || d >= best_distance) continue;
        best = (int32_t)i;
        best_distance = d;
    }
    return best;
}

int32_t avcl_nearest(const char *word, const char *const *candidates, uint32_t n)
{
    return avcl__nearest(word, candidates, n);
}
