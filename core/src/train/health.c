/* health.c - rank, alignment, uniformity and gates of a batch of features. */
#include "train/health.h"

#include <math.h>
#include <stdlib.h>

static double dot(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++)
        sum += a[k] * b[k];
    return sum;
}

/* ---- rank -------------------------------------------------------------------------- */

/* One sweep of Jacobi rotations over a symmetric [n, n]; returns what is left outside the
 * diagonal. */
static double rotate_all(double *m, int64_t n)
{
    double off = 0;
    for (int64_t p = 0; p < n; p++)
        for (int64_t q = p + 1; q < n; q++) {
            double pq = m[p * n + q];
            off += pq * pq;
            if (pq == 0) continue;
            double theta = (m[q * n + q] - m[p * n + p]) / (2 * pq);
            double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
            double c = 1 / sqrt(t * t + 1);
            double s = t * c;
            for (int64_t k = 0; k < n; k++) {
                double kp = m[k * n + p];
                double kq = m[k * n + q];
                m[k * n + p] = c * kp - s * kq;
                m[k * n + q] = s * kp + c * kq;
            }
            for (int64_t k = 0; k < n; k++) {
                double pk = m[p * n + k];
                double qk = m[q * n + k];
                m[p * n + k] = c * pk - s * qk;
                m[q * n + k] = s * pk + c * qk;
            }
        }
    return off;
}

/* Products of centred rows, [n, n]: its eigenvalues are squared singular values. */
static double *centred_gram(const double *x, int64_t n, int64_t d)
{
    double *g = calloc((size_t)(n * n), sizeof *g);
    for (int64_t k = 0; g && k < d; k++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++)
            mean += x[i * d + k] / (double)n;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                g[i * n + j] += (x[i * d + k] - mean) * (x[j * d + k] - mean);
    }
    return g;
}

double avcl__effective_rank(const double *x, int64_t n, int64_t d)
{
    enum { MAX_SWEEPS = 30 };
    static const double rounding = 1e-24; /* of squares, beside the trace's */
    double *g = centred_gram(x, n, d);
    double trace = 0;
    double sum = 0;
    double entropy = 0;
    if (!g) return NAN;
    for (int64_t i = 0; i < n; i++)
        trace += g[i * n + i];
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++)
        if (rotate_all(g, n) <= rounding * trace * trace) break;
    /* An eigenvalue of 1e-12 of the trace is rounding; its root would count as 1e-6. */
    for (int64_t i = 0; i < n; i++) {
        double square = g[i * n + i] > 1e-12 * trace ? g[i * n + i] : 0;
        g[i * n + i] = sqrt(square);
        sum += g[i * n + i];
    }
    for (int64_t i = 0; i < n && sum > 0; i++) {
        double share = g[i * n + i] / sum;
        if (share > 0) entropy -= share * log(share);
    }
    free(g);
    return sum > 0 ? exp(entropy) : 0;
}

/* ---- pairs ------------------------------------------------------------------------- */

double avcl__mean_diagonal(const double *video, const double *audio, int64_t n, int64_t d)
{
    double total = 0;
    for (int64_t k = 0; k < d; k++) {
        double mv = 0;
        double ma = 0;
        double vv = 0;
        double aa = 0;
        double va = 0;
        for (int64_t i = 0; i < n; i++) {
            mv += video[i * d + k] / (double)n;
            ma += audio[i * d + k] / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            double v = video[i * d + k] - mv;
            double a = audio[i * d + k] - ma;
            vv += v * v;
            aa += a * a;
            va += v * a;
        }
        if (vv > 0 && aa > 0) total += va / sqrt(vv * aa);
    }
    return d ? total / (double)d : 0;
}

/* |x / |x| - y / |y||^2; a zero row stays zero. */
static double square_distance(const double *x, const double *y, int64_t d)
{
    double xx = dot(x, x, d);
    double yy = dot(y, y, d);
    double cosine = xx > 0 && yy > 0 ? dot(x, y, d) / sqrt(xx * yy) : 0;
    return (xx > 0) + (yy > 0) - 2 * cosine;
}

double avcl__alignment(const double *video, const double *audio, int64_t n, int64_t d)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += square_distance(video + i * d, audio + i * d, d);
    return sum / (double)n;
}

double avcl__uniformity(const double *x, int64_t n, int64_t d)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            sum += exp(-2 * square_distance(x + i * d, x + j * d, d));
    return n > 1 ? log(sum / (0.5 * (double)n * (double)(n - 1))) : 0;
}

double avcl__mean_gate(const double *fused, const double *raw, int64_t n, int64_t d)
{
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n * d; i++) {
        if (raw[i] == 0) continue;
        sum += fused[i] / raw[i];
        count++;
    }
    return count ? sum / (double)count : 0;
}
