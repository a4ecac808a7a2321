/* resample.c - separable triangle filter. */
#include <math.h>

#include "data/resample.h"

int32_t avcl__taps_room(double length, int32_t side)
{
    double half = fmax(length / side, 1.0);
    return (int32_t)ceil(2.0 * half) + 2;
}

void avcl__taps_make(double begin, double length, int32_t n, int32_t side, avcl_taps *out,
                     float *weights)
{
    double step = length / side;
    double half = fmax(step, 1.0);
    int32_t room = avcl__taps_room(length, side);
    for (int32_t i = 0; i < side; i++, weights += room) {
        double centre = begin + (i + 0.5) * step - 0.5; /* on pixel centres */
        int32_t first = (int32_t)fmax(ceil(centre - half), 0.0);
        int32_t last = (int32_t)fmin(floor(centre + half), n - 1.0);
        double sum = 0;
        if (first > n - 1) first = n - 1;
        if (last < first) last = first;
        for (int32_t k = first; k <= last; k++)
            sum += fmax(1.0 - fabs(k - centre) / half, 0.0);
        for (int32_t k = first; k <= last; k++)
            weights[k - first] =
                (float)(sum > 0 ? fmax(1.0 - fabs(k - centre) / half, 0.0) / sum
                                : 1.0 / (last - first + 1));
        out[i] = (avcl_taps){first, last - first + 1, weights};
    }
}

void avcl__resample(const uint8_t *plane, int32_t rows, int32_t columns,
                    const avcl_taps *along_y, const avcl_taps *along_x, int32_t side,
                    float *scratch, uint8_t *out)
{
    for (int32_t y = 0; y < rows; y++)
        for (int32_t x = 0; x < side; x++) {
            const avcl_taps *t = &along_x[x];
            const uint8_t *from = plane + (size_t)y * (size_t)columns + t->first;
            float sum = 0;
            for (int32_t k = 0; k < t->n; k++)
                sum += t->weight[k] * (float)from[k];
            scratch[(size_t)y * (size_t)side + (size_t)x] = sum;
        }
    for (int32_t y = 0; y < side; y++)
        for (int32_t x = 0; x < side; x++) {
            const avcl_taps *t = &along_y[y];
            const float *from = scratch + (size_t)t->first * (size_t)side + x;
            float sum = 0;
            for (int32_t k = 0; k < t->n; k++)
                sum += t->weight[k] * from[(size_t)k * (size_t)side];
            out[(size_t)y * (size_t)side + (size_t)x] = (uint8_t)(sum + 0.5f);
        }
}
