/*
 * draw.h - several bounded integers in a row from one Philox stream.
 *
 * The first equals avcl_philox_below; later ones take the words that follow.
 */
#ifndef AVCL_DRAW_H
#define AVCL_DRAW_H

#include "avcl/philox.h"

typedef struct avcl_draw {
    uint64_t seed;
    uint64_t key; /* of the sample */
    uint32_t epoch;
    uint32_t stream;
    uint32_t word; /* next: draw word / 4, part word % 4 */
} avcl_draw;

/* Uniform in [0, n), n > 0: multiply-high with rejection (Lemire). */
static inline uint32_t avcl__draw_below(avcl_draw *draw, uint32_t n)
{
    uint32_t reject = (uint32_t)(0u - n) % n;
    for (;;) {
        uint32_t word = draw->word++;
        avcl_philox r =
            avcl_philox_at(draw->seed, draw->key, draw->epoch, draw->stream, word / 4);
        uint64_t m = (uint64_t)r.x[word % 4] * n;
        if ((uint32_t)m >= reject) return (uint32_t)(m >> 32);
    }
}

#endif
