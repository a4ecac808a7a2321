/* library.c - engine, stream and the table of interned layouts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

avcl_status avcl__library_open(avcl_device *device, avcl_error *err)
{
    cpu_library *lib = calloc(1, sizeof *lib);
    if (!lib) return avcl__fail(err, AVCL_E_NOMEM, "no memory for the device");
    device->library = lib;
    dnnl_status_t s = dnnl_engine_create(&lib->engine, dnnl_cpu, 0);
    if (!s) s = dnnl_stream_create(&lib->stream, lib->engine, dnnl_stream_default_flags);
    if (!s) s = dnnl_primitive_attr_create(&lib->attr);
    if (!s)
        s = dnnl_primitive_attr_set_scratchpad_mode(lib->attr, dnnl_scratchpad_mode_user);
    return s ? avcl__library_fail(err, s, "starting it") : AVCL_OK;
}

void avcl__library_close(avcl_device *device)
{
    cpu_library *lib = device->library;
    if (!lib) return;
    if (lib->attr) dnnl_primitive_attr_destroy(lib->attr);
    if (lib->stream) dnnl_stream_destroy(lib->stream);
    if (lib->engine) dnnl_engine_destroy(lib->engine);
    free(lib->packed);
    free(lib);
}

avcl_status avcl__library_fail(avcl_error *err, dnnl_status_t status, const char *what)
{
    return avcl__fail(err,
                      status == dnnl_out_of_memory ? AVCL_E_NOMEM : AVCL_E_UNSUPPORTED,
                      "oneDNN refused %s with status %d", what, (int)status);
}

static const char *isa_name(dnnl_cpu_isa_t isa)
{
    switch (isa) {
    case dnnl_cpu_isa_sse41:
        return "sse41";
    case dnnl_cpu_isa_avx:
        return "avx";
    case dnnl_cpu_isa_avx2:
        return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
        return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
        return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
        return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
        return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
        return "avx512_core_amx";
    default:
        return "generic";
    }
}

void avcl__library_describe(char *text, size_t size)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, size, "oneDNN %d.%d.%d (%s)", v->major, v->minor, v->patch,
             isa_name(dnnl_get_effective_cpu_isa()));
}

int avcl__library_allows_avx512(void)
{
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

int32_t avcl__library_takes_bf16(const avcl_kernel_spec *spec)
{
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    (void)spec;
    return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

int avcl__library_allows_avx2(void)
{
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2;
}

int avcl__library_blocks(void)
{
    return 1;
}

const cpu_packed *avcl__library_packed(const avcl_device *device, uint32_t tag)
{
    uint32_t i = tag - AVCL_CPU_FIRST_PACKED;
    if (tag < AVCL_CPU_FIRST_PACKED || i >= device->library->n_packed) return NULL;
    return &device->library->packed[i];
}

uint64_t avcl__library_bytes(avcl_device *device, uint32_t tag)
{
    const cpu_packed *p = avcl__library_packed(device, tag);
    return p ? dnnl_memory_desc_get_size(&p->md) : 0;
}

static dnnl_data_type_t type_of(avcl_dtype dtype)
{
    switch (dtype) {
    case AVCL_F32:
        return dnnl_f32;
    case AVCL_BF16:
        return dnnl_bf16;
    case AVCL_I32:
        return dnnl_s32;
    default:
        return dnnl_data_type_undef;
    }
}

static dnnl_memory_desc_t describe(const avcl_tinfo *info, dnnl_format_tag_t format)
{
    dnnl_memory_desc_t md = {0};
    dnnl_dims_t dims = {0};
    memcpy(dims, info->shape, sizeof info->shape);
    dnnl_memory_desc_init_by_tag(&md, info->ndim, dims, type_of(info->dtype), format);
    return md;
}

static dnnl_memory_desc_t plain(const avcl_tinfo *info)
{
    static const dnnl_format_tag_t formats[] = {
        dnnl_format_tag_undef, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
    return describe(info, formats[info->ndim <= 5 ? info->ndim : 0]);
}

static dnnl_memory_desc_t blocked(const avcl_device *device, const avcl_tinfo *info)
{
    return describe(info, device->isa->block == 16 ? dnnl_nCdhw16c : dnnl_nCdhw8c);
}

avcl_status avcl__library_md(const avcl_device *device, uint32_t tag,
                             const avcl_tinfo *info, dnnl_memory_desc_t *out)
{
    const cpu_packed *p = avcl__library_packed(device, tag);
    if (p) {
        *out = p->md;
        return AVCL_OK;
    }
    if (tag > AVCL_CPU_BLOCKED) return AVCL_E_INVALID;
    *out = tag == AVCL_TAG_PLAIN ? plain(info) : blocked(device, info);
    return out->ndims ? AVCL_OK : AVCL_E_UNSUPPORTED;
}

dnnl_memory_desc_t avcl__library_md_any(const int64_t *dims, int n_dims, avcl_dtype dtype)
{
    dnnl_memory_desc_t md = {0};
    dnnl_memory_desc_init_by_tag(&md, n_dims, dims, type_of(dtype), dnnl_format_tag_any);
    return md;
}

static int same_cut(const cpu_packed *p, const cpu_taps *cut)
{
    if (!cut) return !p->is_cut;
    return p->is_cut && !memcmp(&p->taps, cut, sizeof *cut);
}

uint32_t avcl__library_intern(avcl_device *device, const avcl_tinfo *info,
                              const dnnl_memory_desc_t *md, const cpu_taps *cut)
{
    cpu_library *lib = device->library;
    dnnl_memory_desc_t row_major = plain(info);
    dnnl_memory_desc_t blocks = blocked(device, info);
    if (!cut && dnnl_memory_desc_equal(md, &row_major)) return AVCL_TAG_PLAIN;
    if (!cut && dnnl_memory_desc_equal(md, &blocks)) return AVCL_CPU_BLOCKED;
    for (uint32_t i = 0; i < lib->n_packed; i++)
        if (same_cut(&lib->packed[i], cut) &&
            dnnl_memory_desc_equal(md, &lib->packed[i].md))
            return AVCL_CPU_FIRST_PACKED + i;
    cpu_packed *grown = realloc(lib->packed, (lib->n_packed + 1) * sizeof *grown);
    if (!grown) return AVCL_TAG_PLAIN;
    lib->packed = grown;
    grown[lib->n_packed] = (cpu_packed){.md = *md, .is_cut = cut != NULL};
    if (cut) grown[lib->n_packed].taps = *cut;
    return AVCL_CPU_FIRST_PACKED + lib->n_packed++;
}
