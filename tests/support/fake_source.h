/*
 * fake_source.h - files that are not there: their content follows from their path,
 * and so do their faults, by what the name contains.
 *
 *     bad      opening always fails
 *     flaky    opening fails the first time
 *     torn     the last 4 frames cannot be decoded
 *     short    5 frames; others have 40
 *     mute     no audio track
 */
#ifndef AVCL_TEST_FAKE_SOURCE_H
#define AVCL_TEST_FAKE_SOURCE_H

#include <stdatomic.h>

#include "data/source.h"

enum { FAKE_FRAMES = 40, FAKE_SHORT = 5, FAKE_TORN = 4 };

typedef struct fake_state {
    atomic_int n_opens;
    atomic_int flaky_failed;
    int delay_us; /* of every open, spread by path */
} fake_state;

avcl_source fake_source(fake_state *state);
/* Channel c of pixel (y, x) of frame t of the file whose key is `key`. */
uint8_t fake_pixel(uint64_t key, int64_t t, int32_t y, int32_t x, int32_t c);

#endif
