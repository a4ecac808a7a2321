/* transpose.h - LANES vectors as rows of a square, turned into its columns in registers.
 */
#ifndef AVCL_CPU_TRANSPOSE_H
#define AVCL_CPU_TRANSPOSE_H

#include "kernels.h"

/* Blocks of 1, 2, 4, … elements change places across the diagonal. */
#if AVCL_LANES == 16
#define SWAP(n, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af)          \
    static inline __attribute__((always_inline)) void swap_##n(vec *r)                   \
    {                                                                                    \
        for (int i = 0; i < LANES; i++) {                                                \
            if (i & n) continue;                                                         \
            vec low = r[i];                                                              \
            vec high = r[i + n];                                                         \
            r[i] = __builtin_shufflevector(low, high, a0, a1, a2, a3, a4, a5, a6, a7,    \
                                           a8, a9, aa, ab, ac, ad, ae, af);              \
            r[i + n] = __builtin_shufflevector(                                          \
                low, high, a0 + n, a1 + n, a2 + n, a3 + n, a4 + n, a5 + n, a6 + n,       \
                a7 + n, a8 + n, a9 + n, aa + n, ab + n, ac + n, ad + n, ae + n, af + n); \
        }                                                                                \
    }
SWAP(1, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
SWAP(2, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
SWAP(4, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
SWAP(8, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#else
#define SWAP(n, a0, a1, a2, a3, a4, a5, a6, a7)                                          \
    static inline __attribute__((always_inline)) void swap_##n(vec *r)                   \
    {                                                                                    \
        for (int i = 0; i < LANES; i++) {                                                \
            if (i & n) continue;                                                         \
            vec low = r[i];                                                              \
            vec high = r[i + n];                                                         \
            r[i] = __builtin_shufflevector(low, high, a0, a1, a2, a3, a4, a5, a6, a7);   \
            r[i + n] = __builtin_shufflevector(low, high, a0 + n, a1 + n, a2 + n,        \
                                               a3 + n, a4 + n, a5 + n, a6 + n, a7 + n);  \
        }                                                                                \
    }
SWAP(1, 0, 8, 2, 10, 4, 12, 6, 14)
SWAP(2, 0, 1, 8, 9, 4, 5, 12, 13)
SWAP(4, 0, 1, 2, 3, 8, 9, 10, 11)
#endif
#undef SWAP

static inline __attribute__((always_inline)) void transpose(vec *rows)
{
    swap_1(rows);
    swap_2(rows);
    swap_4(rows);
#if AVCL_LANES == 16
    swap_8(rows);
#endif
}

#endif
