/*
 * choice.c - which kernel a convolution gets: the plan's row, else a rule.
 *
 * The rule: Winograd where enough of a tile is output and there are enough tiles for what
 * its weights cost. The 36 points of a weight are 4 times its 9 taps, so a product must
 * be repeated often before direct convolution, which reads the weights as they are,
 * loses.
 */
#include "rows.h"

enum {
    L2_FLOATS = 3 << 16, /* of V and M that stay in a core's own cache: 768 KiB */
    OWN_TILES = 14,      /* of a block that a thread has to itself */
    OWN_FRAMES = 2,
    SHARED_TILES = 64,
    SHARED_FRAMES = 4,
    FEW_ROWS = 96,      /* tiles and frames of a whole batch */
    FEW_WEIGHTS = 4096, /* products of channels */
};

static int64_t n_tiles(const conv_shape *s, const int64_t *out)
{
    return s->batch * ((out[1] + TILE - 1) / TILE) * ((out[2] + TILE - 1) / TILE);
}

/* Threads take blocks of their own while V and M of one fit their cache. */
static conv_choice blocking(const conv_shape *s)
{
    conv_choice c = {1, OWN_TILES, OWN_FRAMES, 0};
    int64_t v = (OWN_FRAMES + s->kernel[0] - 1) * s->in;
    int64_t m = OWN_FRAMES * s->out;
    if (s->direction != CONV_BACKWARD_WEIGHT &&
        POINTS * OWN_TILES * (v + m) <= 2 * L2_FLOATS)
        return c;
    return (conv_choice){1, SHARED_TILES, SHARED_FRAMES, 1};
}

static int pays(const avcl_device *device, const conv_shape *s)
{
    const int64_t *out = s->direction == CONV_BACKWARD_DATA ? s->x : s->y;
    int64_t tiles = n_tiles(s, out);
    int64_t used = s->batch * out[1] * out[2];
    if (!avcl__library_blocks() || s->in < device->isa->block ||
        s->out < device->isa->block)
        return 0;
    if (2 * used < tiles * TILE * TILE) return 0; /* more than half of it is wasted */
    return tiles * out[0] >= FEW_ROWS;
}

conv_choice avcl__conv_choose(const avcl_device *device, const conv_shape *s)
{
    conv_choice direct = {0};
    if (device->conv == AVCL_CPU_CONV_DIRECT || !device->isa->winograd ||
        !avcl__conv_has_winograd(s))
        return direct;
    const conv_row *row = avcl__conv_find_row(device, s);
    int is_winograd = row ? row->choice.is_winograd : pays(device, s);
    if (device->conv == AVCL_CPU_CONV_AUTO && !is_winograd) return direct;
    return row && row->choice.is_winograd ? row->choice : blocking(s);
}
