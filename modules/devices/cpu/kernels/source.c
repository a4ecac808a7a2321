/* source.c - values out of nothing or out of another type. */
#include "kernels.h"

static avcl_status constant(const cpu_call *c)
{
    const avcl_shape_attrs *a = c->attrs;
    float *y = c->out[0];
    int64_t n = avcl__count(&c->kernel->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)a->value;
    return AVCL_OK;
}

static avcl_status eye(const cpu_call *c)
{
    const avcl_count_attrs *a = c->attrs;
    float *y = c->out[0];
    memset(y, 0, (size_t)(a->n * a->n) * sizeof *y);
    for (int64_t i = 0; i < a->n; i++)
        y[i * (a->n + 1)] = (float)a->scale;
    return AVCL_OK;
}

static avcl_status one_hot(const cpu_call *c)
{
    const avcl_count_attrs *a = c->attrs;
    const int32_t *label = c->in[0];
    float *y = c->out[0];
    int64_t rows = avcl__count(&c->kernel->in_info[0]);
    avcl_status status = avcl__check_labels(label, rows, a->n, c->err);
    if (status) return status;
    memset(y, 0, (size_t)(rows * a->n) * sizeof *y);
    for (int64_t i = 0; i < rows; i++)
        if (label[i] >= 0) y[i * a->n + label[i]] = 1;
    return AVCL_OK;
}

typedef struct cast_job {
    const void *x;
    void *y;
    avcl_dtype from;
} cast_job;

static void cast_u8(const uint8_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
}

static void cast_i32(const int32_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
}

static void cast_i64(const int64_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i];
}

/* Without branches, so that it vectorises: a half's bits, scaled up by 2^112. */
static void cast_f16(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        union {
            uint32_t u;
            float f;
        } v = {.u = (uint32_t)(x[i] & 0x7FFF) << 13};
        v.f *= 0x1p112f;
        v.u |= (x[i] & 0x7C00) == 0x7C00 ? 0x7F800000u : 0;
        v.u |= (uint32_t)(x[i] & 0x8000) << 16;
        y[i] = v.f;
    }
}

static void cast_bf16(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
}

static void cast_some(void *arg, int64_t begin, int64_t end)
{
    const cast_job *j = arg;
    float *y = (float *)j->y + begin;
    int64_t n = end - begin;
    switch (j->from) {
    case AVCL_U8:
        cast_u8((const uint8_t *)j->x + begin, y, n);
        break;
    case AVCL_F16:
        cast_f16((const uint16_t *)j->x + begin, y, n);
        break;
    case AVCL_BF16:
        cast_bf16((const uint16_t *)j->x + begin, y, n);
        break;
    case AVCL_I32:
        cast_i32((const int32_t *)j->x + begin, y, n);
        break;
    case AVCL_I64:
        cast_i64((const int64_t *)j->x + begin, y, n);
        break;
    default:
        memmove(y, (const float *)j->x + begin, (size_t)n * sizeof *y);
        break;
    }
}

static void narrow_some(void *arg, int64_t begin, int64_t end)
{
    const cast_job *j = arg;
    for (int64_t i = begin; i < end; i += LANES) {
        int64_t lanes = end - i < LANES ? end - i : LANES;
        store_real(j->y, i, load_real(j->x, i, lanes, 0), lanes, 1);
    }
}

static avcl_status cast(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    avcl_dtype from = k->in_info[0].dtype;
    avcl_dtype to = k->out_info[0].dtype;
    int narrows = from == AVCL_F32 && to == AVCL_BF16;
    cast_job j = {c->in[0], c->out[0], from};
    if (to != AVCL_F32 && !narrows)
        return avcl__fail(c->err, AVCL_E_UNSUPPORTED,
                          "cast makes reals only, not type %d of type %d", to, from);
    avcl__cpu_for(c->device,
                  avcl__cpu_elements(c->device, k->out_tag[0], &k->out_info[0]),
                  AVCL_CPU_GRAIN, narrows ? narrow_some : cast_some, &j);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_source)[] = {
    {.name = "constant", sizeof(avcl_shape_attrs), .run = constant},
    {.name = "eye", sizeof(avcl_count_attrs), .run = eye},
    {.name = "one_hot", sizeof(avcl_count_attrs), .run = one_hot},
    {.name = "cast",
     sizeof(avcl_cast_attrs),
     .run = cast,
     .layouts = avcl__cpu_layout_pointwise,
     .takes_bf16 = avcl__cpu_always},
    {.name = NULL},
};
