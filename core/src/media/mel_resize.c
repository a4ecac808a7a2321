/* mel_resize.c - triangle resize along time. Shrinking widens the triangle to the scale,
 * so every frame counts; growing interpolates linearly. Weights sum to one at the borders
 * too. */
#include <math.h>
#include <stdlib.h>

#include "media/mel_impl.h"

/* Weights of output column `column`: which inputs [first, first + count) it sees. */
static int64_t column_weights(int64_t column, double scale, int64_t from, double *weights,
                              int64_t *first)
{
    double support = scale > 1.0 ? scale : 1.0;
    double centre = ((double)column + 0.5) * scale;
    int64_t low = (int64_t)floor(centre - support + 0.5);
    int64_t high = (int64_t)floor(centre + support + 0.5);
    if (low < 0) low = 0;
    if (high > from) high = from;
    double sum = 0.0;
    for (int64_t i = low; i < high; i++) {
        double w = 1.0 - fabs(((double)i + 0.5 - centre) / support);
        weights[i - low] = w > 0.0 ? w : 0.0;
        sum += weights[i - low];
    }
    for (int64_t i = low; i < high; i++)
        weights[i - low] /= sum;
    *first = low;
    return high - low;
}

avcl_status avcl__mel_resize(const float *in, int64_t rows, int64_t from, float *out,
                             int64_t to, avcl_error *err)
{
    double scale = (double)from / (double)to;
    size_t most = (size_t)(2.0 * (scale > 1.0 ? scale : 1.0)) + 3;
    double *weights = calloc(most, sizeof *weights);
    if (!weights)
        return avcl_error_set(err, AVCL_E_NOMEM,
                              "no memory to resize %lld columns to %lld", (long long)from,
                              (long long)to);
    for (int64_t column = 0; column < to; column++) {
        int64_t first = 0;
        int64_t count = column_weights(column, scale, from, weights, &first);
        for (int64_t r = 0; r < rows; r++) {
            const float *x = in + r * from + first;
            double sum = 0.0;
            for (int64_t i = 0; i < count; i++)
                sum += weights[i] * (double)x[i];
            out[r * to + column] = (float)sum;
        }
    }
    free(weights);
    return AVCL_OK;
}
