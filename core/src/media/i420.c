/* i420.c - RGB to 4:2:0 and back by JFIF's equations, the way back as fast as it gets:
 * a prepared cache does little else. */
#include "media/small.h"

size_t avcl__i420_bytes(int32_t width, int32_t height)
{
    size_t half = (size_t)((width + 1) / 2) * (size_t)((height + 1) / 2);
    return (size_t)width * (size_t)height + 2 * half;
}

static uint8_t clamp(int32_t x)
{
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

enum { SHIFT = 16, ROUND = 1 << (SHIFT - 1) };

/* Y = 0.299 R + 0.587 G + 0.114 B; the weights add up to 1 in 16 bits. */
static uint8_t luma(const uint8_t *p)
{
    return (uint8_t)((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + ROUND) >> SHIFT);
}

/* Sums of the pixels of one chroma sample, fewer at an odd edge. */
static int32_t sum_block(const uint8_t *rgb, int32_t width, int32_t height, int32_t by,
                         int32_t bx, int32_t sum[3])
{
    int32_t n = 0;
    sum[0] = sum[1] = sum[2] = 0;
    for (int32_t y = 2 * by; y < 2 * by + 2 && y < height; y++)
        for (int32_t x = 2 * bx; x < 2 * bx + 2 && x < width; x++, n++)
            for (int c = 0; c < 3; c++)
                sum[c] += rgb[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c];
    return n;
}

void avcl__i420_from_rgb(const uint8_t *rgb, int32_t width, int32_t height, uint8_t *yuv)
{
    size_t n = (size_t)width * (size_t)height;
    int32_t half_w = (width + 1) / 2;
    int32_t half_h = (height + 1) / 2;
    uint8_t *cb = yuv + n;
    uint8_t *cr = cb + (size_t)half_w * (size_t)half_h;
    for (size_t i = 0; i < n; i++)
        yuv[i] = luma(rgb + 3 * i);
    for (int32_t y = 0; y < half_h; y++)
        for (int32_t x = 0; x < half_w; x++) {
            int32_t s[3];
            int32_t m = sum_block(rgb, width, height, y, x, s);
            int64_t blue =
                -11059 * (int64_t)s[0] - 21709 * (int64_t)s[1] + 32768 * (int64_t)s[2];
            int64_t red =
                32768 * (int64_t)s[0] - 27439 * (int64_t)s[1] - 5329 * (int64_t)s[2];
            int64_t scale = (int64_t)m << SHIFT;
            int64_t middle = 128 * scale + scale / 2; /* both are positive from here on */
            *cb++ = clamp((int32_t)((blue + middle) / scale));
            *cr++ = clamp((int32_t)((red + middle) / scale));
        }
}

enum { STRIP = 1024 }; /* columns done at a time: what is added to luma stays in cache */

/* What chroma adds to the luma of columns x … x + n, a word each. */
typedef struct strip {
    int16_t red[STRIP];
    int16_t green[STRIP];
    int16_t blue[STRIP];
} strip;

static void add_of(const uint8_t *cb, const uint8_t *cr, int32_t n, strip *half)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t u = cb[i] - 128;
        int32_t v = cr[i] - 128;
        half->red[i] = (int16_t)((91881 * v + ROUND) >> SHIFT);
        half->green[i] = (int16_t)((-22554 * u - 46802 * v + ROUND) >> SHIFT);
        half->blue[i] = (int16_t)((116130 * u + ROUND) >> SHIFT);
    }
}

static void widen(const int16_t *half, int32_t odd, int32_t n, int16_t *full)
{
    if (odd) *full++ = *half++;
    n -= odd;
    for (int32_t i = 0; i < n / 2; i++) {
        full[2 * i] = half[i];
        full[2 * i + 1] = half[i];
    }
    if (n % 2) full[n - 1] = half[n / 2];
}

static void add_clamped(const uint8_t *y, const int16_t *add, int32_t n, uint8_t *out)
{
    for (int32_t i = 0; i < n; i++) {
        int16_t x = (int16_t)(y[i] + add[i]);
        x = x < 0 ? 0 : x;
        out[i] = (uint8_t)(x > 255 ? 255 : x);
    }
}

/* n <= STRIP columns of all rows of the area. */
static void cut_strip(const uint8_t *yuv, int32_t width, int32_t height,
                      const avcl_area *a, int32_t from, int32_t n, uint8_t *rgb,
                      size_t plane)
{
    strip half;
    strip full;
    int32_t half_w = (width + 1) / 2;
    int32_t x = a->x + from;
    const uint8_t *cb = yuv + (size_t)width * (size_t)height;
    const uint8_t *cr = cb + (size_t)half_w * (size_t)((height + 1) / 2);
    for (int32_t row = 0; row < a->rows; row++) {
        int32_t y = a->y + row;
        size_t at = (size_t)(y / 2) * (size_t)half_w + (size_t)(x / 2);
        uint8_t *out = rgb + (size_t)row * (size_t)a->columns + from;
        const uint8_t *bright = yuv + (size_t)y * (size_t)width + x;
        if (row == 0 || y % 2 == 0) {
            add_of(cb + at, cr + at, (x + n - 1) / 2 - x / 2 + 1, &half);
            widen(half.red, x % 2, n, full.red);
            widen(half.green, x % 2, n, full.green);
            widen(half.blue, x % 2, n, full.blue);
        }
        add_clamped(bright, full.red, n, out);
        add_clamped(bright, full.green, n, out + plane);
        add_clamped(bright, full.blue, n, out + 2 * plane);
    }
}

void avcl__i420_cut(const uint8_t *yuv, int32_t width, int32_t height,
                    const avcl_area *area, uint8_t *rgb, size_t plane)
{
    enum { COLUMNS = STRIP - 2 };
    for (int32_t from = 0; from < area->columns; from += COLUMNS) {
        int32_t n = area->columns - from < COLUMNS ? area->columns - from : COLUMNS;
        cut_strip(yuv, width, height, area, from, n, rgb, plane);
    }
}
