/* half.h - f32 to IEEE 754 binary16, to nearest, ties to even; for spectrogram slabs. */
#ifndef AVCL_HALF_H
#define AVCL_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint16_t avcl__half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t size = bits & 0x7FFFFFFFu;
    if (size > 0x7F800000u) return (uint16_t)(sign | 0x7E00u);  /* NaN */
    if (size >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u); /* from 65520: infinity */
    if (size <
        0x38800000u) { /* below 2^-14: adding 0.5 leaves value * 2^24 in the low bits */
        float shifted;
        memcpy(&shifted, &size, sizeof shifted);
        shifted += 0.5f;
        memcpy(&size, &shifted, sizeof size);
        return (uint16_t)(sign | (size - 0x3F000000u));
    }
    size += 0xFFFu + (size >> 13 & 1u);
    return (uint16_t)(sign | (size - 0x38000000u) >> 13);
}

#endif
