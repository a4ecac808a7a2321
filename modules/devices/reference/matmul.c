/* matmul.c - products of matrices, by the definition. */
#include "reference.h"

static void multiply(const ref_call *c, int64_t batch)
{
    const avcl_matmul_attrs *attrs = c->attrs;
    const avcl_tinfo *info = c->in_info;
    int32_t d = info[0].ndim - 2;
    int64_t m = c->out_info[0].shape[d];
    int64_t n = c->out_info[0].shape[d + 1];
    int64_t k = attrs->transpose_a ? info[0].shape[d] : info[0].shape[d + 1];
    const double *a = (const double *)c->in[0] + batch * m * k;
    const double *b = (const double *)c->in[1] + batch * k * n;
    double *y = (double *)c->out[0] + batch * m * n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double total = 0;
            for (int64_t p = 0; p < k; p++)
                total += a[attrs->transpose_a ? p * m + i : i * k + p] *
                         b[attrs->transpose_b ? j * k + p : p * n + j];
            y[i * n + j] = total;
        }
}

static avcl_status matmul(const ref_call *c)
{
    int64_t n = c->in_info[0].ndim == 3 ? c->in_info[0].shape[0] : 1;
    for (int64_t batch = 0; batch < n; batch++)
        multiply(c, batch);
    return AVCL_OK;
}

static avcl_status linear(const ref_call *c)
{
    const double *x = c->in[0];
    const double *w = c->in[1];
    const double *bias = c->n_in > 2 ? c->in[2] : NULL;
    double *y = c->out[0];
    int64_t n_rows = c->in_info[0].shape[0];
    int64_t n_in = c->in_info[0].shape[1];
    int64_t n_out = c->in_info[1].shape[0];
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t o = 0; o < n_out; o++) {
            double total = bias ? bias[o] : 0;
            for (int64_t i = 0; i < n_in; i++)
                total += x[r * n_in + i] * w[o * n_in + i];
            y[r * n_out + o] = total;
        }
    return AVCL_OK;
}

const ref_op avcl__ref_matmul[] = {
    {.name = "matmul", sizeof(avcl_matmul_attrs), .run = matmul},
    {.name = "linear", .run = linear},
    {.name = NULL},
};
