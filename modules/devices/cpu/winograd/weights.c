/*
 * weights.c - row-major weights to points, U = G w Gᵀ, and gradients back.
 *
 * U is [point][tap][group of output channels][input channel][channel of the group]; the
 * last group may be one vector wide. Channels that pad a block are 0.
 */
#include "../kernels/transpose.h"
#include "winograd.h"

#include "transform.h"

enum { AREA = 9 };

/* A vector of output channels at one input channel; point (i, j) is stride apart. */
static float *u_at(const wino_weights *w, float *u, int64_t out_block, int64_t in)
{
    int64_t group = out_block / VECS;
    int64_t left = w->out_blocks - group * VECS;
    int64_t vecs = left < VECS ? left : VECS;
    return u + (group * GROUP * w->in_blocks + in * vecs + out_block % VECS) * LANES;
}

static inline int64_t tap_stride(const wino_weights *w)
{
    return wino_tap_stride(w->in_blocks, w->out_blocks, LANES);
}

/* Squares that cover n weights: the last one overlaps the one before it. */
static inline int64_t square_at(int64_t q, int64_t n)
{
    return q + LANES <= n ? q : n - LANES;
}

/* `n` weights of each of LANES output channels, rows `stride` apart, to
 * [weight][channel]; step is 1, or -1 from the last one backwards. Channels beyond n_out
 * are left alone. */
static void turn(const float *from, int64_t stride, int64_t step, int64_t n,
                 int64_t n_out, float *to)
{
    if (n < LANES) {
        for (int64_t l = 0; l < n_out; l++)
            for (int64_t q = 0; q < n; q++)
                to[q * LANES + l] = from[l * stride + q * step];
        return;
    }
    for (int64_t next = 0; next < n; next += LANES) {
        int64_t q = square_at(next, n);
        int64_t first = step > 0 ? q : -(q + LANES - 1);
        vec rows[LANES] = {{0}};
        for (int64_t l = 0; l < n_out; l++)
            rows[l] = *(const vec_any *)(from + l * stride + first);
        transpose(rows);
        for (int64_t i = 0; i < LANES; i++)
            *(vec *)(to + (step > 0 ? q + i : q + LANES - 1 - i) * LANES) = rows[i];
    }
}

/* The 3×3×taps weights of one vector of output channels, [tap][3×3][channel]. */
static void gather(const wino_weights *w, int64_t out, int64_t in, float *to)
{
    int64_t n = w->kernel * AREA;
    int64_t first = w->first_tap * AREA;
    int64_t n_kept = w->n_taps * AREA;
    int64_t n_out = w->out - out < LANES ? w->out - out : LANES;
    memset(to, 0, (size_t)(n_kept * LANES) * sizeof *to);
    if (in >= w->in) return;
    if (w->flipped)
        turn(w->w + (in * w->out + out) * n + n - 1 - first, n, -1, n_kept, n_out, to);
    else
        turn(w->w + (out * w->in + in) * n + first, w->in * n, 1, n_kept, n_out, to);
}

static void to_u(const float *area, float *u, int64_t stride)
{
    vec half[PATCH][3]; /* [point][column] */
    for (int c = 0; c < 3; c++) {
        vec d[3];
        vec o[PATCH];
        for (int r = 0; r < 3; r++)
            d[r] = *(const vec *)(area + (3 * r + c) * LANES);
        weights_to_points(d, o);
        for (int i = 0; i < PATCH; i++)
            half[i][c] = o[i];
    }
    for (int i = 0; i < PATCH; i++) {
        vec o[PATCH];
        weights_to_points(half[i], o);
        for (int j = 0; j < PATCH; j++)
            *(vec *)(u + (PATCH * i + j) * stride) = o[j];
    }
}

/* Items are (output, input) channel blocks. */
static void pack(void *arg, int64_t begin, int64_t end)
{
    const wino_weights *w = arg;
    _Alignas(64) float local[MAX_TAPS * AREA * LANES];
    for (int64_t item = begin; item < end; item++) {
        int64_t out_block = item / w->in_blocks;
        int64_t first = item % w->in_blocks * LANES;
        for (int64_t in = first; in < first + LANES; in++) {
            float *u = u_at(w, w->u, out_block, in);
            gather(w, out_block * LANES, in, local);
            for (int64_t tap = 0; tap < w->n_taps; tap++)
                to_u(local + tap * AREA * LANES, u + tap * tap_stride(w),
                     w->n_taps * tap_stride(w));
        }
    }
}

static void from_u(const float *u, int64_t stride, float *area)
{
    vec half[3][PATCH]; /* [row][point] */
    for (int j = 0; j < PATCH; j++) {
        vec d[PATCH];
        vec o[3];
        for (int i = 0; i < PATCH; i++)
            d[i] = *(const vec *)(u + (PATCH * i + j) * stride);
        to_gw(d, o);
        for (int r = 0; r < 3; r++)
            half[r][j] = o[r];
    }
    for (int r = 0; r < 3; r++) {
        vec o[3];
        to_gw(half[r], o);
        for (int c = 0; c < 3; c++)
            *(vec *)(area + (3 * r + c) * LANES) = o[c];
    }
}

static void scatter_squares(const wino_weights *w, int64_t out, int64_t in,
                            const float *from)
{
    int64_t n = w->kernel * AREA;
    for (int64_t next = 0; next < n; next += LANES) {
        int64_t q = square_at(next, n);
        vec rows[LANES];
        for (int64_t i = 0; i < LANES; i++)
            rows[i] = *(const vec *)(from + (q + i) * LANES);
        transpose(rows);
        for (int64_t l = 0; l < LANES && out + l < w->out; l++)
            *(vec_any *)(w->gw + ((out + l) * w->in + in) * n + q) = rows[l];
    }
}

/* The inverse of gather; taps that were left out have no gradient. */
static void scatter(const wino_weights *w, int64_t out, int64_t in, const float *from)
{
    int64_t n = w->kernel * AREA;
    int64_t first = w->first_tap * AREA;
    if (w->n_taps == w->kernel && n >= LANES) {
        scatter_squares(w, out, in, from);
        return;
    }
    for (int64_t l = 0; l < LANES && out + l < w->out; l++) {
        float *to = w->gw + ((out + l) * w->in + in) * n;
        for (int64_t q = 0; q < n; q++)
            to[q] = q >= first && q < first + w->n_taps * AREA
                        ? from[(q - first) * LANES + l]
                        : 0;
    }
}

static void unpack(void *arg, int64_t begin, int64_t end)
{
    const wino_weights *w = arg;
    _Alignas(64) float local[MAX_TAPS * AREA * LANES];
    for (int64_t item = begin; item < end; item++) {
        int64_t out_block = item / w->in_blocks;
        int64_t first = item % w->in_blocks * LANES;
        for (int64_t in = first; in < first + LANES && in < w->in; in++) {
            const float *u = u_at(w, w->u, out_block, in);
            for (int64_t tap = 0; tap < w->n_taps; tap++)
                from_u(u + tap * tap_stride(w), w->n_taps * tap_stride(w),
                       local + tap * AREA * LANES);
            scatter(w, out_block * LANES, in, local);
        }
    }
}

void AVCL_ISA_NAME(avcl__wino_pack)(const avcl_device *device, wino_weights *w)
{
    avcl__cpu_for(device, w->out_blocks * w->in_blocks, 1, pack, w);
}

void AVCL_ISA_NAME(avcl__wino_unpack)(const avcl_device *device, wino_weights *w)
{
    avcl__cpu_for(device, w->out_blocks * w->in_blocks, 1, unpack, w);
}

static int64_t blocks(int64_t channels)
{
    return (channels + LANES - 1) / LANES;
}

wino_weights AVCL_ISA_NAME(avcl__wino_weights_of)(const avcl_tinfo *info, int flipped,
                                                  int is_centre)
{
    wino_weights w = {.flipped = flipped, .kernel = info->shape[2]};
    w.out = info->shape[flipped ? 1 : 0];
    w.in = info->shape[flipped ? 0 : 1];
    w.out_blocks = blocks(w.out);
    w.in_blocks = blocks(w.in);
    w.n_taps = is_centre ? 1 : w.kernel;
    w.first_tap = is_centre ? w.kernel / 2 : 0;
    return w;
}

/* The reorder from row-major masters. */
avcl_status AVCL_ISA_NAME(avcl__wino_reorder)(const cpu_call *c)
{
    uint32_t tag = c->kernel->out_tag[0];
    wino_weights w = AVCL_ISA_NAME(avcl__wino_weights_of)(
        &c->kernel->in_info[0], avcl__cpu_is_flipped(tag), avcl__cpu_is_centre(tag));
    w.w = c->in[0];
    w.u = c->out[0];
    AVCL_ISA_NAME(avcl__wino_pack)(c->device, &w);
    return AVCL_OK;
}
