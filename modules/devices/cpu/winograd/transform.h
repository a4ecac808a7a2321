/*
 * transform.h - the one-dimensional transforms of F(4, 3), on vectors.
 *
 * Interpolation points 0, ±5/8, ±3/2 and ∞. Against the usual 0, ±1, ±2, ∞ they cut the
 * error to a third; all products of them used here are exact in f32.
 */
#ifndef AVCL_CPU_WINOGRAD_TRANSFORM_H
#define AVCL_CPU_WINOGRAD_TRANSFORM_H

#define P1 0.625F
#define P2 1.5F
#define Q1 (P1 * P1)
#define Q2 (P2 * P2)
/* Products of a point's distances to the other points. */
#define N0 (Q1 * Q2)
#define N1 (2 * Q1 * (Q1 - Q2))
#define N2 (2 * Q2 * (Q2 - Q1))

/* Bᵀ: six inputs to six points. */
static inline void to_points(const vec *d, vec *v)
{
    vec even1 = d[4] - Q2 * d[2];
    vec odd1 = d[3] - Q2 * d[1];
    vec even2 = d[4] - Q1 * d[2];
    vec odd2 = d[3] - Q1 * d[1];
    v[0] = d[4] - (Q1 + Q2) * d[2] + N0 * d[0];
    v[1] = even1 + P1 * odd1;
    v[2] = even1 - P1 * odd1;
    v[3] = even2 + P2 * odd2;
    v[4] = even2 - P2 * odd2;
    v[5] = d[5] - (Q1 + Q2) * d[3] + N0 * d[1];
}

/* Aᵀ: six points to four outputs. */
static inline void to_outputs(const vec *m, vec *y)
{
    vec sum1 = m[1] + m[2];
    vec sum2 = m[3] + m[4];
    vec dif1 = m[1] - m[2];
    vec dif2 = m[3] - m[4];
    y[0] = m[0] + sum1 + sum2;
    y[1] = P1 * dif1 + P2 * dif2;
    y[2] = Q1 * sum1 + Q2 * sum2;
    y[3] = m[5] + P1 * Q1 * dif1 + P2 * Q2 * dif2;
}

/* A: four gradients of outputs to six points. */
static inline void gy_to_points(const vec *g, vec *z)
{
    vec even1 = g[0] + Q1 * g[2];
    vec odd1 = P1 * g[1] + P1 * Q1 * g[3];
    vec even2 = g[0] + Q2 * g[2];
    vec odd2 = P2 * g[1] + P2 * Q2 * g[3];
    z[0] = g[0];
    z[1] = even1 + odd1;
    z[2] = even1 - odd1;
    z[3] = even2 + odd2;
    z[4] = even2 - odd2;
    z[5] = g[3];
}

/* G: three weights to six points. */
static inline void weights_to_points(const vec *w, vec *u)
{
    vec even1 = (1 / N1) * w[0] + (Q1 / N1) * w[2];
    vec odd1 = (P1 / N1) * w[1];
    vec even2 = (1 / N2) * w[0] + (Q2 / N2) * w[2];
    vec odd2 = (P2 / N2) * w[1];
    u[0] = (1 / N0) * w[0];
    u[1] = even1 + odd1;
    u[2] = even1 - odd1;
    u[3] = even2 + odd2;
    u[4] = even2 - odd2;
    u[5] = w[2];
}

/* Gᵀ: six points to the gradients of three weights. */
static inline void to_gw(const vec *u, vec *w)
{
    vec sum1 = (1 / N1) * (u[1] + u[2]);
    vec sum2 = (1 / N2) * (u[3] + u[4]);
    w[0] = (1 / N0) * u[0] + sum1 + sum2;
    w[1] = (P1 / N1) * (u[1] - u[2]) + (P2 / N2) * (u[3] - u[4]);
    w[2] = u[5] + Q1 * sum1 + Q2 * sum2;
}

#endif
