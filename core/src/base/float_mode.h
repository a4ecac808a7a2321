/*
 * float_mode.h - the processor's floating-point control bits, to notice who changes them.
 *
 * The six sticky flags change in any load and are left out. Rounding is among the bits.
 */
#ifndef AVCL_FLOAT_MODE_H
#define AVCL_FLOAT_MODE_H

#if defined(__SSE__)
#include <xmmintrin.h>

static inline unsigned avcl__float_mode(void)
{
    return _mm_getcsr() & ~0x3fU;
}

static inline void avcl__float_mode_set(unsigned mode)
{
    _mm_setcsr(mode | (_mm_getcsr() & 0x3fU));
}
#else
static inline unsigned avcl__float_mode(void)
{
    return 0;
}

static inline void avcl__float_mode_set(unsigned mode)
{
    (void)mode;
}
#endif

#endif
