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

static inline float avcl__half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t size = half & 0x7FFFu;
    uint32_t bits;
    float value;
    if (size >= 0x7C00u) { /* infinity, NaN */
        bits = sign | 0x7F800000u | (size & 0x3FFu) << 13;
    } else if (size >= 0x400u) {
        bits = sign | ((size << 13) + 0x38000000u);
    } else { /* below 2^-14: in steps of 2^-24 */
        value = (float)size * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
