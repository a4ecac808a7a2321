/*
 * layout.c - which layouts ops want: from a convolution to the pooled vector and
 * back nothing should be reordered, everything else is row-major.
 */
#include <string.h>

#include "conv/blocking.h"

static int64_t blocks_of(const avcl_device *device, const avcl_tinfo *info)
{
    return (info->shape[1] + device->isa->block - 1) / device->isa->block;
}

int64_t avcl__cpu_elements(avcl_device *device, uint32_t tag, const avcl_tinfo *info)
{
    if (tag != AVCL_CPU_BLOCKED) return avcl__count(info);
    return info->shape[0] * blocks_of(device, info) * device->isa->block *
           avcl__extent(info, 2, info->ndim);
}

int avcl__cpu_is_winograd(uint32_t tag)
{
    return tag >= AVCL_CPU_WINOGRAD && tag < AVCL_CPU_FIRST_PACKED;
}

int avcl__cpu_is_flipped(uint32_t tag)
{
    return avcl__cpu_is_winograd(tag) &&
           ((tag - AVCL_CPU_WINOGRAD) & AVCL_CPU_WINOGRAD_FLIPPED);
}

int avcl__cpu_is_centre(uint32_t tag)
{
    return avcl__cpu_is_winograd(tag) &&
           ((tag - AVCL_CPU_WINOGRAD) & AVCL_CPU_WINOGRAD_CENTRE);
}

uint64_t avcl__cpu_bytes(avcl_device *device, uint32_t tag, const avcl_tinfo *info)
{
    if (avcl__cpu_is_winograd(tag))
        return avcl__wino_weight_bytes(device, info, avcl__cpu_is_centre(tag));
    if (tag >= AVCL_CPU_FIRST_PACKED) return avcl__library_bytes(device, tag);
    return (uint64_t)avcl__cpu_elements(device, tag, info) *
           avcl__dtype_size(info->dtype);
}

static int same_shape(const avcl_tinfo *a, const avcl_tinfo *b)
{
    return a->ndim == b->ndim &&
           !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

int32_t avcl__cpu_alike(const avcl_kernel_spec *spec)
{
    const avcl_tinfo *first = NULL;
    for (uint32_t i = 0; i < spec->n_in + spec->n_out; i++) {
        const avcl_tinfo *info =
            i < spec->n_in ? &spec->in_info[i] : &spec->out_info[i - spec->n_in];
        if (info->ndim != 5) continue;
        if (first && (first->dtype != info->dtype || !same_shape(first, info))) return 0;
        first = info;
    }
    return 1;
}

int32_t avcl__cpu_pointwise(const avcl_kernel_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_in; i++)
        if (spec->in_info[i].ndim != 5) return 0;
    return avcl__cpu_alike(spec);
}

int32_t avcl__cpu_always(const avcl_kernel_spec *spec)
{
    (void)spec;
    return 1;
}

void avcl__cpu_layout_plain(avcl_device *device, const avcl_kernel_spec *spec,
                            uint32_t *want, uint32_t *out)
{
    (void)device;
    for (uint32_t i = 0; i < spec->n_in; i++)
        want[i] = AVCL_TAG_PLAIN;
    for (uint32_t i = 0; i < spec->n_out; i++)
        out[i] = AVCL_TAG_PLAIN;
}

void avcl__cpu_layout_keep(avcl_device *device, const avcl_kernel_spec *spec,
                           uint32_t *want, uint32_t *out)
{
    avcl__cpu_layout_plain(device, spec, want, out);
    want[0] = out[0] = spec->in_tag[0];
}

/* Of the first n inputs, does one lie in blocks? */
static int any_blocked(const avcl_kernel_spec *spec, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < spec->n_in; i++)
        if (spec->in_tag[i] == AVCL_CPU_BLOCKED) return 1;
    return 0;
}

static void block(uint32_t *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        tags[i] = AVCL_CPU_BLOCKED;
}

void avcl__cpu_layout_pointwise(avcl_device *device, const avcl_kernel_spec *spec,
                                uint32_t *want, uint32_t *out)
{
    avcl__cpu_layout_plain(device, spec, want, out);
    for (uint32_t i = 0; i < spec->n_in; i++)
        if (!same_shape(&spec->in_info[i], &spec->out_info[0])) return;
    if (!any_blocked(spec, spec->n_in)) return;
    block(want, spec->n_in);
    block(out, spec->n_out);
}

void avcl__cpu_layout_whole(avcl_device *device, const avcl_kernel_spec *spec,
                            uint32_t *want, uint32_t *out)
{
    const avcl_tinfo *y = &spec->out_info[0];
    if (y->ndim == 5 && y->shape[1] % device->isa->block == 0)
        avcl__cpu_layout_pointwise(device, spec, want, out);
    else
        avcl__cpu_layout_plain(device, spec, want, out);
}

void avcl__cpu_layout_affine(avcl_device *device, const avcl_kernel_spec *spec,
                             uint32_t *want, uint32_t *out)
{
    const avcl_affine_attrs *a = spec->attrs;
    if (a->shift != 0)
        avcl__cpu_layout_whole(device, spec, want, out);
    else
        avcl__cpu_layout_pointwise(device, spec, want, out);
}

/* Batch normalisation: what is per channel stays row-major. */
void avcl__cpu_layout_norm(avcl_device *device, const avcl_kernel_spec *spec,
                           uint32_t *want, uint32_t *out)
{
    const avcl_tinfo *x = &spec->in_info[0];
    int blocked = 0;
    avcl__cpu_layout_plain(device, spec, want, out);
    for (uint32_t i = 0; i < spec->n_in; i++)
        if (same_shape(&spec->in_info[i], x))
            blocked |= spec->in_tag[i] == AVCL_CPU_BLOCKED;
    for (uint32_t i = 0; blocked && i < spec->n_in; i++)
        if (same_shape(&spec->in_info[i], x)) block(want + i, 1);
    for (uint32_t i = 0; blocked && i < spec->n_out; i++)
        if (same_shape(&spec->out_info[i], x)) block(out + i, 1);
}

void avcl__cpu_layout_pool(avcl_device *device, const avcl_kernel_spec *spec,
                           uint32_t *want, uint32_t *out)
{
    avcl__cpu_layout_plain(device, spec, want, out);
    if (!any_blocked(spec, 1)) return;
    block(want, 1);
    block(out, spec->n_out);
}

void avcl__cpu_layout_pool_grad(avcl_device *device, const avcl_kernel_spec *spec,
                                uint32_t *want, uint32_t *out)
{
    avcl__cpu_layout_plain(device, spec, want, out);
    if (!any_blocked(spec, spec->n_in)) return;
    block(want, spec->n_in);
    block(out, 1);
}

void avcl__cpu_layout_global(avcl_device *device, const avcl_kernel_spec *spec,
                             uint32_t *want, uint32_t *out)
{
    avcl__cpu_layout_plain(device, spec, want, out);
    if (any_blocked(spec, 1)) block(want, 1);
}

/* What was pooled globally came out of a convolution, in all likelihood. */
void avcl__cpu_layout_global_grad(avcl_device *device, const avcl_kernel_spec *spec,
                                  uint32_t *want, uint32_t *out)
{
    const avcl_tinfo *y = &spec->out_info[0];
    avcl__cpu_layout_plain(device, spec, want, out);
    if (avcl__library_blocks() && y->ndim == 5 && y->shape[1] >= device->isa->block)
        block(out, 1);
}

/* Bias gradients: over all axes but the channels. */
void avcl__cpu_layout_sum(avcl_device *device, const avcl_kernel_spec *spec,
                          uint32_t *want, uint32_t *out)
{
    const avcl_axes_attrs *a = spec->attrs;
    avcl__cpu_layout_plain(device, spec, want, out);
    if (!any_blocked(spec, 1) || a->axes.n != 4) return;
    if (a->axes.v[0] == 0 && a->axes.v[1] == 2) block(want, 1);
}

/* A kernel takes row-major everywhere, or a set of tags that layouts() leaves alone. */
int avcl__cpu_tags_fit(avcl_device *device, const avcl_kernel_spec *spec,
                       const cpu_op *op)
{
    uint32_t want[AVCL_KERNEL_MAX_IN] = {0};
    uint32_t out[AVCL_KERNEL_MAX_OUT] = {0};
    uint32_t all = 0;
    for (uint32_t i = 0; i < spec->n_in; i++)
        all |= spec->in_tag[i];
    for (uint32_t i = 0; i < spec->n_out; i++)
        all |= spec->out_tag[i];
    if (all == AVCL_TAG_PLAIN) return 1;
    if (!op->layouts) return 0;
    op->layouts(device, spec, want, out);
    return !memcmp(want, spec->in_tag, spec->n_in * sizeof *want) &&
           !memcmp(out, spec->out_tag, spec->n_out * sizeof *out);
}
