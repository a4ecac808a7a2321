/*
 * choice.c - which kernel a convolution gets: the plan's row, else a rule.
 *
 * The rule: Winograd where enough of a tile is output and there are enough tiles for what
 * its weights cost: 36 points are 4 times as much as 9 taps, and have to be made first.
 */
#include "rows.h"

enum {
    OWN_FLOATS = 3 << 17, /* of V and M: a thread has a block to itself up to this size */
    OWN_ROWS = 28,        /* tiles and frames of such a block */
    OWN_FRAMES = 2,
    SHARED_ROWS = 256, /* and of one that threads share */
    SHARED_FRAMES = 4,
    FEW_ROWS = 96,          /* of a whole batch: fewer are not worth weights at points */
    FEW_GRADIENT_ROWS = 32, /* nor a gradient of w, whose direct kernels are slower */
};

static int64_t n_tiles(const conv_shape *s, const int64_t *out)
{
    return s->batch * ((out[1] + TILE - 1) / TILE) * ((out[2] + TILE - 1) / TILE);
}

static conv_choice block_of(int64_t rows, int64_t frames, int64_t n_frames, int shares)
{
    if (frames > n_frames) frames = n_frames;
    return (conv_choice){KERNEL_WINOGRAD, rows / frames, frames, shares};
}

/* Threads take blocks of their own while V and M of one are small. */
static conv_choice blocking(const conv_shape *s, int64_t n_frames)
{
    conv_choice c = block_of(OWN_ROWS, OWN_FRAMES, n_frames, 0);
    int64_t floats =
        POINTS * c.tiles * ((c.frames + s->kernel[0] - 1) * s->in + c.frames * s->out);
    if (s->direction != CONV_BACKWARD_WEIGHT && floats <= OWN_FLOATS) return c;
    return block_of(SHARED_ROWS, SHARED_FRAMES, n_frames, 1);
}

static const int64_t *output_of(const conv_shape *s)
{
    return s->direction == CONV_BACKWARD_DATA ? s->x : s->y;
}

static int winograd_pays(const avcl_device *device, const conv_shape *s)
{
    const int64_t *out = output_of(s);
    int64_t tiles = n_tiles(s, out);
    int64_t few = s->direction == CONV_BACKWARD_WEIGHT ? FEW_GRADIENT_ROWS : FEW_ROWS;
    if (!avcl__library_blocks() || s->in < device->isa->block ||
        s->out < device->isa->block)
        return 0;
    if (2 * s->batch * out[1] * out[2] < tiles * TILE * TILE) return 0; /* mostly waste */
    return tiles * out[0] >= few;
}

static int can(const avcl_device *device, const conv_shape *s, int kernel)
{
    switch (kernel) {
    case KERNEL_WINOGRAD:
        return device->isa->winograd && avcl__conv_has_winograd(s);
    case KERNEL_NATIVE:
        return device->isa->native && avcl__conv_has_native(s);
    default:
        return 1;
    }
}

/* Of a picture our own kernel takes (channel, tap) pairs by halves of a block: do they
 * fill three quarters of them? */
static int fills_blocks(const avcl_device *device, const conv_shape *s)
{
    int64_t half = device->isa->block / 2;
    int64_t columns = s->in * s->kernel[2];
    return s->in > AVCL_CPU_FEW_CHANNELS ||
           4 * columns >= 3 * ((columns + half - 1) / half * half);
}

/* Without Winograd: where activations come in blocks anyway, our own kernel does not
 * wait for every thread at barriers as the library's does. */
static conv_choice plain_choice(const avcl_device *device, const conv_shape *s)
{
    int own = avcl__library_blocks() && can(device, s, KERNEL_NATIVE) &&
              fills_blocks(device, s);
    return (conv_choice){.kernel = own ? KERNEL_NATIVE : KERNEL_DIRECT};
}

conv_choice avcl__conv_choose(const avcl_device *device, const conv_shape *s)
{
    if (device->conv == AVCL_CPU_CONV_DIRECT) return plain_choice(device, s);
    const conv_row *row = avcl__conv_find_row(device, s);
    if (row && !can(device, s, row->choice.kernel)) row = NULL;
    int is_winograd =
        row ? row->choice.kernel == KERNEL_WINOGRAD : winograd_pays(device, s);
    if (device->conv == AVCL_CPU_CONV_WINOGRAD) is_winograd = 1;
    if (!is_winograd || !can(device, s, KERNEL_WINOGRAD))
        return row ? row->choice : plain_choice(device, s);
    return row && row->choice.kernel == KERNEL_WINOGRAD ? row->choice
                                                        : blocking(s, output_of(s)[0]);
}
