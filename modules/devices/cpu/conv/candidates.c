/* candidates.c - the rows that a kernel plan may hold for a convolution: what to time. */
#include <string.h>

#include "rows.h"

/* Blockings for Winograd, from what fits a core's own cache to one block for all. */
static const conv_choice blockings[] = {
    {1, 8, 2, 0},  {1, 14, 2, 0}, {1, 14, 4, 0}, {1, 28, 2, 0},
    {1, 28, 4, 0}, {1, 49, 4, 1}, {1, 64, 4, 1}, {1, 98, 4, 1},
};
enum { N_BLOCKINGS = sizeof blockings / sizeof *blockings };

static int is_convolution(const char *op)
{
    return !strncmp(op, "conv3d", 6);
}

int32_t avcl__conv_candidate(avcl_device *device, const avcl_kernel_spec *spec,
                             uint32_t i, char *row, uint64_t size)
{
    if (!is_convolution(spec->op)) return 0;
    conv_choice direct = {0};
    conv_shape s = avcl__conv_shape(spec->op, spec->attrs, spec->in_info, spec->out_info);
    conv_choice chosen = avcl__conv_choose(device, &s);
    int has_winograd = device->isa->winograd && avcl__conv_has_winograd(&s);
    if (i > 0 && (!has_winograd || i > 1 + N_BLOCKINGS)) return 0;
    const conv_choice *choice = i == 0 ? &chosen : i == 1 ? &direct : &blockings[i - 2];
    avcl__conv_print_row(device, &s, choice, row, size);
    return 1;
}
