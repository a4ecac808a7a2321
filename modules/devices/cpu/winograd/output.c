/* output.c - points to tiles of blocked activations: y = Aᵀ M A + bias. */
#include "winograd.h"

#include "transform.h"

/* Writes the part of a tile that lies in the plane. */
static inline __attribute__((always_inline)) void
write_tile(const float *m, int64_t stride, vec bias, float *y, int64_t width,
           const int64_t rows, const int64_t cols)
{
    vec half[TILE][PATCH]; /* [row][column of points] */
    UNROLL(6)
    for (int j = 0; j < PATCH; j++) {
        vec d[PATCH];
        vec o[TILE];
        UNROLL(6)
        for (int i = 0; i < PATCH; i++)
            d[i] = *(const vec *)(m + (PATCH * i + j) * stride);
        to_outputs(d, o);
        UNROLL(4)
        for (int i = 0; i < TILE; i++)
            half[i][j] = o[i];
    }
    for (int64_t i = 0; i < rows; i++) {
        vec o[TILE];
        to_outputs(half[i], o);
        for (int64_t j = 0; j < cols; j++)
            *(vec *)(y + (i * width + j) * LANES) = o[j] + bias;
    }
}

static void write_block(const wino_block *b, const float *m, int64_t frame, int64_t c)
{
    const wino_plan *p = b->plan;
    vec bias = {0};
    if (b->bias) bias = *(const vec *)(b->bias + c * LANES);
    for (int64_t k = 0; k < b->n_tiles; k++) {
        wino_tile t = tile_at(p, b->tile + k);
        int64_t plane = (t.image * p->out_blocks + c) * p->out[0] + frame;
        int64_t at = (plane * p->out[1] + t.row) * p->out[2] + t.col;
        int64_t rows = p->out[1] - t.row;
        int64_t cols = p->out[2] - t.col;
        float *y = b->out + at * LANES;
        if (rows >= TILE && cols >= TILE)
            write_tile(m + k * LANES, p->m_point, bias, y, p->out[2], TILE, TILE);
        else
            write_tile(m + k * LANES, p->m_point, bias, y, p->out[2],
                       rows < TILE ? rows : TILE, cols < TILE ? cols : TILE);
    }
}

void AVCL_ISA_NAME(avcl__wino_outputs)(void *block, int64_t begin, int64_t end)
{
    const wino_block *b = block;
    const wino_plan *p = b->plan;
    for (int64_t item = begin; item < end; item++) {
        int64_t frame = item / p->out_blocks;
        int64_t c = item % p->out_blocks;
        write_block(b, b->m + frame * p->m_frame + c * p->tiles * LANES,
                    b->out_frame + frame, c);
    }
}
