/* matmul.c - products of matrices by OpenBLAS. */
#include <cblas.h>
#include <string.h>

#include "cpu.h"

static avcl_status matmul(const cpu_call *c)
{
    const avcl_matmul_attrs *a = c->attrs;
    const avcl_tinfo *info = c->kernel->in_info;
    const avcl_tinfo *y = &c->kernel->out_info[0];
    int32_t d = info[0].ndim - 2;
    int64_t m = y->shape[d];
    int64_t n = y->shape[d + 1];
    int64_t k = info[0].shape[a->transpose_a ? d : d + 1];
    int64_t n_batches = d ? info[0].shape[0] : 1;
    int saved = avcl__cpu_threads_enter(c->device);
    for (int64_t i = 0; i < n_batches; i++)
        cblas_sgemm(CblasRowMajor, a->transpose_a ? CblasTrans : CblasNoTrans,
                    a->transpose_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1,
                    (const float *)c->in[0] + i * m * k, (int)(a->transpose_a ? m : k),
                    (const float *)c->in[1] + i * k * n, (int)(a->transpose_b ? k : n), 0,
                    (float *)c->out[0] + i * m * n, (int)n);
    avcl__cpu_threads_leave(saved);
    return AVCL_OK;
}

static avcl_status linear(const cpu_call *c)
{
    const avcl_tinfo *x = &c->kernel->in_info[0];
    int64_t rows = x->shape[0];
    int64_t n_in = x->shape[1];
    int64_t n_out = c->kernel->in_info[1].shape[0];
    float *y = c->out[0];
    int has_bias = c->kernel->n_in > 2;
    for (int64_t r = 0; has_bias && r < rows; r++)
        memcpy(y + r * n_out, c->in[2], (size_t)n_out * sizeof *y);
    int saved = avcl__cpu_threads_enter(c->device);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)n_out, (int)n_in,
                1, c->in[0], (int)n_in, c->in[1], (int)n_in, has_bias ? 1 : 0, y,
                (int)n_out);
    avcl__cpu_threads_leave(saved);
    return AVCL_OK;
}

const cpu_op avcl__cpu_matmul[] = {
    {.name = "matmul", sizeof(avcl_matmul_attrs), .run = matmul},
    {.name = "linear", .run = linear},
    {.name = NULL},
};
