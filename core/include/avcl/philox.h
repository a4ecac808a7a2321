/*
 * philox.h - Philox4x32-10 (Salmon et al. 2011) and the table of its streams.
 *
 * Every random number of avcl is a pure function of (seed, what, when, stream,
 * draw): nothing depends on threads, workers or what was drawn before.
 * Key = run seed; counter = (64-bit sample key or element index, step or epoch,
 * stream << 24 | draw). Helpers are source, not ABI.
 */
#ifndef AVCL_PHILOX_H
#define AVCL_PHILOX_H

#include <stdint.h>

enum {
    AVCL_STREAM_TIME = 0, /* clip start */
    AVCL_STREAM_CROP = 1, /* crop position */
    AVCL_STREAM_FLIP = 2,
    AVCL_STREAM_AUDIO = 3, /* mel crop */
    AVCL_STREAM_NEGATIVE = 4,
    AVCL_STREAM_DROPOUT = 5,
    AVCL_STREAM_REPLACE = 6, /* stand-in for a bad sample */
    AVCL_STREAM_ORDER = 7,   /* epoch permutation */
    AVCL_STREAM_INIT = 8,    /* weights */
    AVCL_STREAM_SYNTH = 9,   /* the synthetic set */
    AVCL_STREAM_PAIR = 10,   /* shuffled-pairs control */
    AVCL_STREAM_FILL = 11,   /* tests and benchmarks */
    AVCL_STREAM_SPEED = 12,  /* of a clip: transform.h, as are the next */
    AVCL_STREAM_JITTER = 13,
    AVCL_STREAM_AREA = 14,
    AVCL_STREAM_COLOUR = 15,
    AVCL_STREAM_GAIN = 16,
    AVCL_STREAM_NOISE = 17,
    AVCL_STREAM_SHIFT = 18,
    AVCL_STREAM_MASK = 19,   /* SpecAugment */
    AVCL_STREAM_PLUGIN = 20, /* transforms of plugins; the key tells them apart */
};

typedef struct avcl_philox {
    uint32_t x[4];
} avcl_philox;

static inline avcl_philox avcl_philox4x32(const uint32_t counter[4], uint32_t key0,
                                          uint32_t key1)
{
    avcl_philox s = {{counter[0], counter[1], counter[2], counter[3]}};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * s.x[0];
        uint64_t p1 = (uint64_t)0xCD9E8D57u * s.x[2];
        avcl_philox t = {{(uint32_t)(p1 >> 32) ^ s.x[1] ^ key0, (uint32_t)p1,
                          (uint32_t)(p0 >> 32) ^ s.x[3] ^ key1, (uint32_t)p0}};
        s = t;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return s;
}

/* Four words for (seed; index, when, stream, draw). */
static inline avcl_philox avcl_philox_at(uint64_t seed, uint64_t index, uint32_t when,
                                         uint32_t stream, uint32_t draw)
{
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), when,
                           stream << 24 | (draw & 0xFFFFFFu)};
    return avcl_philox4x32(counter, (uint32_t)seed, (uint32_t)(seed >> 32));
}

/* [0, 1) with 24 bits, exact in f32. */
static inline float avcl_philox_unit(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/* Uniform integer in [0, n) without bias: multiply-high with rejection (Lemire). */
static inline uint32_t avcl_philox_below(uint64_t seed, uint64_t index, uint32_t when,
                                         uint32_t stream, uint32_t n)
{
    uint32_t reject = (uint32_t)(0u - n) % n;
    for (uint32_t draw = 0;; draw++) {
        avcl_philox r = avcl_philox_at(seed, index, when, stream, draw);
        for (int i = 0; i < 4; i++) {
            uint64_t m = (uint64_t)r.x[i] * n;
            if ((uint32_t)m >= reject) return (uint32_t)(m >> 32);
        }
    }
}

#endif
