/* pack.c - rows of blocked activations to words, side by side with what meets them. */
#include "native.h"

/* Positions first, first + step, … of a row, `n` of them; those outside it are zeros. */
typedef struct line {
    const void *row; /* of a channel block */
    int64_t width;
    int64_t first;
    int64_t step;
    int64_t n;
} line;

/* The channels of position i, f32 or bf16, as bits in words. */
static inline words position(const line *l, int64_t i, int is_bf16)
{
    int64_t at = l->first + i * l->step;
    if (at < 0 || at >= l->width || i >= l->n) return (words){0};
    if (!is_bf16) return *(const words *)((const float *)l->row + at * LANES);
    const half_vec *h = (const half_vec *)((const uint16_t *)l->row + at * LANES);
    return __builtin_convertvector(*h, words);
}

/* Word k of the line: one position or two. */
static inline words word_at(const line *l, int64_t k, int is_bf16)
{
    if (!is_bf16) return position(l, k, 0);
    return position(l, 2 * k, 1) | position(l, 2 * k + 1, 1) << 16;
}

/* Words [0, n) of the line, `stride` apart; the middle ones lie within the row. */
static inline __attribute__((always_inline)) void
pack_words(const line *l, int64_t n, const int is_bf16, word *to, int64_t stride)
{
    int64_t per_word = is_bf16 ? 2 : 1;
    int64_t end = l->first < l->width ? (l->width - 1 - l->first) / l->step + 1 : 0;
    if (end > l->n) end = l->n;
    end /= per_word;
    int64_t k = 0;
    for (; k < n && l->first + per_word * k * l->step < 0; k++, to += stride)
        *(words *)to = word_at(l, k, is_bf16);
    int64_t at = (l->first + per_word * k * l->step) * LANES;
    const float *f = (const float *)l->row + at;
    const uint16_t *h = (const uint16_t *)l->row + at;
    for (; k < end; k++, to += stride) {
        if (is_bf16) {
            half_vec low = *(const half_vec *)h;
            half_vec high = *(const half_vec *)(h + l->step * LANES);
            *(words *)to = __builtin_convertvector(low, words) |
                           __builtin_convertvector(high, words) << 16;
        } else {
            *(words *)to = *(const words *)f;
        }
        f += l->step * LANES;
        h += 2 * l->step * LANES;
    }
    for (; k < n; k++, to += stride)
        *(words *)to = word_at(l, k, is_bf16);
}

static void pack_line(const native_plan *p, const line *l, word *to, int64_t stride)
{
    if (p->is_bf16)
        pack_words(l, p->row_words, 1, to, stride);
    else
        pack_words(l, p->row_words, 0, to, stride);
}

static const void *row_at(const void *base, int64_t row, int64_t width, int is_bf16)
{
    int64_t elements = row * width * LANES;
    return is_bf16 ? (const void *)((const uint16_t *)base + elements)
                   : (const void *)((const float *)base + elements);
}

void AVCL_ISA_NAME(avcl__native_pack_gy)(const native_chunk *c, const void *gy,
                                         int64_t part, word *to)
{
    const native_plan *p = c->plan;
    const int64_t *y = p->s.y;
    int64_t plane = y[0] * y[1]; /* rows of a channel block */
    int64_t first = part * PART * VECS;
    int64_t last =
        first + PART * VECS < p->out_blocks ? first + PART * VECS : p->out_blocks;
    for (int64_t block = first; block < last; block++) {
        int64_t b = block - first;
        int64_t stride = native_vecs(p, part, b / VECS) * LANES;
        word *at = to + b / VECS * native_chunk_words(p) * GROUP + b % VECS * LANES;
        for (int64_t row = c->begin; row < c->end; row++) {
            int64_t from = (row / plane * p->out_blocks + block) * plane + row % plane;
            line l = {row_at(gy, from, y[2], p->is_bf16), y[2], 0, 1, y[2]};
            pack_line(p, &l, at, stride);
            at += p->row_words * stride;
        }
    }
}

static void pack_taps(const native_plan *p, const void *row, word *to)
{
    const conv_shape *s = &p->s;
    int64_t tap = native_chunk_words(p) * LANES;
    for (int64_t k = 0; k < s->kernel[2]; k++) {
        line l = {row, s->x[2], k - s->pad[2], s->stride[2], s->y[2]};
        pack_line(p, &l, to + k * tap, LANES);
    }
}

int64_t AVCL_ISA_NAME(avcl__native_pack_x)(const native_chunk *c, const void *x,
                                           int64_t block, int64_t tap_row, word *to,
                                           native_run *runs)
{
    const native_plan *p = c->plan;
    const conv_shape *s = &p->s;
    int64_t n_runs = 0;
    for (int64_t row = c->begin; row < c->end; row++) {
        int64_t in_block = native_meets(s, row, tap_row);
        if (in_block < 0) continue;
        int64_t image = row / (s->y[0] * s->y[1]);
        int64_t from = (image * p->in_blocks + block) * s->x[0] * s->x[1] + in_block;
        int64_t begin = (row - c->begin) * p->row_words;
        pack_taps(p, row_at(x, from, s->x[2], p->is_bf16), to + begin * LANES);
        if (n_runs == 0 || runs[n_runs - 1].end != begin)
            runs[n_runs++] = (native_run){begin, begin, 0};
        runs[n_runs - 1].end += p->row_words;
    }
    return n_runs;
}
