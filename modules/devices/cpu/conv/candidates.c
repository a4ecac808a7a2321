/* candidates.c - the rows that a kernel plan may hold for a convolution: what to time. */
#include <string.h>

#include "rows.h"

/* Blockings for Winograd, from what fits a core's own cache to one block for all. */
static const conv_choice blockings[] = {
    {KERNEL_WINOGRAD, 8, 2, 0},  {KERNEL_WINOGRAD, 14, 2, 0}, {KERNEL_WINOGRAD, 14, 4, 0},
    {KERNEL_WINOGRAD, 28, 2, 0}, {KERNEL_WINOGRAD, 28, 4, 0}, {KERNEL_WINOGRAD, 49, 4, 1},
    {KERNEL_WINOGRAD, 64, 4, 1}, {KERNEL_WINOGRAD, 98, 4, 1}};
enum { N_BLOCKINGS = sizeof blockings / sizeof *blockings };

/* conv3d_backward_data_add and the like have one kernel each. */
static int has_choice(const char *op)
{
    return !strcmp(op, "conv3d") || !strcmp(op, "conv3d_backward_data") ||
           !strcmp(op, "conv3d_backward_weight");
}

int32_t avcl__conv_candidate(avcl_device *device, const avcl_kernel_spec *spec,
                             uint32_t i, char *row, uint64_t size)
{
    if (!has_choice(spec->op)) return 0;
    static const conv_choice direct = {KERNEL_DIRECT, 0, 0, 0};
    static const conv_choice native = {KERNEL_NATIVE, 0, 0, 0};
    conv_shape s = avcl__conv_shape(spec->op, spec->attrs, spec->in_info, spec->out_info);
    conv_choice chosen = avcl__conv_choose(device, &s);
    int has_native = device->isa->native && avcl__conv_has_native(&s);
    int has_winograd = device->isa->winograd && avcl__conv_has_winograd(&s);
    const conv_choice *choices[3 + N_BLOCKINGS] = {&chosen};
    uint32_t n = 1;
    if (has_native || has_winograd) choices[n++] = &direct;
    if (has_native) choices[n++] = &native;
    for (uint32_t k = 0; has_winograd && k < N_BLOCKINGS; k++)
        choices[n++] = &blockings[k];
    if (i >= n) return 0;
    avcl__conv_print_row(device, &s, choices[i], row, size);
    return 1;
}
