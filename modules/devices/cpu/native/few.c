/*
 * few.c - packs pictures: few channels, row-major.
 *
 * A block of channels would be mostly padding. So columns are (channel, tap along the
 * line), and a word of a column is what that tap meets at a position of gy. Frames are
 * packed once, as many as the kernel has taps in time: a line of x meets many taps.
 */
#include "../kernels/transpose.h"
#include "native.h"

/* A line of x as words, one a position, with zeros where it is padded; bf16 in the lower
 * half. */
static void unpack_line(const native_plan *p, const void *x, int64_t row, word *line)
{
    int64_t width = p->s.x[2];
    int64_t n = p->line_words - p->s.pad[2] < width ? p->line_words - p->s.pad[2] : width;
    memset(line, 0, (size_t)p->line_words * sizeof *line);
    line += p->s.pad[2];
    if (!p->is_bf16) {
        memcpy(line, (const float *)x + row * width, (size_t)n * sizeof *line);
        return;
    }
    const uint16_t *from = (const uint16_t *)x + row * width;
    for (int64_t i = 0; i < n; i++)
        line[i] = from[i];
}

/* Words 0, step, 2 step, … */
static inline words every(const word *line, int64_t step)
{
    words w = {0};
    for (int l = 0; l < LANES; l++)
        w[l] = line[l * step];
    return w;
}

/* LANES words, from the k-th on, of a block's columns. */
static inline __attribute__((always_inline)) void pack_square(const native_plan *p,
                                                              const word *lines,
                                                              int64_t block, int64_t k,
                                                              const int is_bf16, word *to)
{
    int64_t step = p->s.stride[2];
    int64_t per_word = is_bf16 ? 2 : 1;
    vec rows[LANES] = {{0}};
    for (int64_t l = 0; l < LANES && block * LANES + l < p->columns; l++) {
        int64_t column = block * LANES + l;
        const word *line = lines + column / p->s.kernel[2] * p->line_words +
                           column % p->s.kernel[2] + k * per_word * step;
        words w = every(line, per_word * step);
        if (is_bf16) w |= every(line + step, per_word * step) << 16;
        rows[l] = (vec)w;
    }
    transpose(rows);
    for (int64_t i = 0; i < LANES && k + i < p->row_words; i++)
        *(vec *)(to + (k + i) * LANES) = rows[i];
}

static void pack_frame(const native_frames *f, int64_t image, int64_t t, int64_t block)
{
    const native_plan *p = f->plan;
    const conv_shape *s = &p->s;
    word *to = f->packed + t % s->kernel[0] * native_frame_words(p);
    for (int64_t h = 0; h < s->x[1]; h++, to += p->row_words * LANES) {
        for (int64_t c = 0; c < s->in; c++)
            unpack_line(p, f->x, ((image * s->in + c) * s->x[0] + t) * s->x[1] + h,
                        f->line + c * p->line_words);
        for (int64_t k = 0; k < p->row_words; k += LANES)
            if (p->is_bf16)
                pack_square(p, f->line, block, k, 1, to);
            else
                pack_square(p, f->line, block, k, 0, to);
    }
}

void AVCL_ISA_NAME(avcl__native_pack_few)(native_frames *f, const native_chunk *c,
                                          int64_t block)
{
    const conv_shape *s = &f->plan->s;
    int64_t frame = c->begin / s->y[1];
    int64_t image = frame / s->y[0];
    int64_t begin = frame % s->y[0] * s->stride[0] - s->pad[0];
    int64_t end = begin + s->kernel[0] < s->x[0] ? begin + s->kernel[0] : s->x[0];
    if (begin < 0) begin = 0;
    if (f->image == image && begin < f->end) begin = f->end;
    for (int64_t t = begin; t < end; t++)
        pack_frame(f, image, t, block);
    f->image = image;
    f->end = end;
}

int64_t AVCL_ISA_NAME(avcl__native_find_few)(const native_chunk *c, int64_t tap_row,
                                             native_run *runs)
{
    const native_plan *p = c->plan;
    const conv_shape *s = &p->s;
    int64_t n_runs = 0;
    for (int64_t row = c->begin; row < c->end; row++) {
        int64_t in_channel = native_meets(s, row, tap_row);
        if (in_channel < 0) continue;
        int64_t t = in_channel / s->x[1];
        int64_t x = t % s->kernel[0] * s->x[1] + in_channel % s->x[1];
        int64_t begin = (row - c->begin) * p->row_words;
        runs[n_runs++] =
            (native_run){begin, begin + p->row_words, (x * p->row_words - begin) * LANES};
    }
    return n_runs;
}
