/*
 * ops_impl.h - what the op families share: the list of ops, checks, gradient
 * pieces, and short spellings for descriptors and test cases.
 *
 * A check reports through b and returns a code; chain them with `if (!st) st = …`.
 */
#ifndef AVCL_OPS_IMPL_H
#define AVCL_OPS_IMPL_H

#include "avcl/build.h"
#include "graph/ops.h"

/* In the order of core/doc/ops.md. */
/* clang-format off */
#define AVCL_CORE_OPS(X)                                                                 \
    X(relu) X(relu_backward) X(sigmoid) X(tanh) X(exp) X(sqrt) X(elu) X(elu_backward)    \
    X(log) X(neg) X(square) X(abs) X(sign) X(affine)                                     \
    X(add) X(sub) X(mul) X(div) X(maximum) X(greater_equal) X(equal)                     \
    X(sum) X(mean) X(max) X(variance) X(logsumexp) X(argmax) X(broadcast_to) X(sum_to)   \
    X(constant) X(eye) X(one_hot) X(cast)                                                \
    X(matmul) X(linear)                                                                  \
    X(conv3d) X(conv3d_backward_data) X(conv3d_backward_data_add)                        \
    X(conv3d_backward_weight)                                                            \
    X(batch_norm) X(batch_norm_eval) X(batch_norm_backward)                              \
    X(batch_norm_relu) X(batch_norm_eval_relu) X(normalise_relu)                         \
    X(batch_norm_relu_backward) X(batch_norm_add_relu_backward)                          \
    X(max_pool3d) X(max_pool3d_backward) X(avg_pool3d) X(avg_pool3d_backward)            \
    X(global_avg_pool) X(global_avg_pool_backward) X(global_max_pool)                    \
    X(concat) X(slice) X(pad_zero) X(reshape) X(transpose) X(gather) X(scatter_add)      \
    X(dropout) X(random_index) X(l2_normalise)                                           \
    X(cross_entropy) X(cross_entropy_backward)                                           \
    X(identity) X(stop_gradient) X(all_gather) X(all_reduce)                             \
    X(sgd) X(adamw) X(square_sum)
/* clang-format on */

#define AVCL_EXTERN(op) extern const avcl_op avcl__op_##op;
AVCL_CORE_OPS(AVCL_EXTERN)
#undef AVCL_EXTERN

/* ---- descriptors ------------------------------------------------------------- */
#define AVCL_COUNT(a)         ((uint32_t)(sizeof(a) / sizeof *(a)))
#define AVCL_OP(op)           .struct_size = sizeof(avcl_op), .name = #op, .numerics = 1
#define AVCL_ARITY(lo, hi, n) .min_in = (lo), .max_in = (hi), .n_out = (n)
#define AVCL_ATTRS(rows, type)                                                           \
    .attrs = (rows), .n_attrs = AVCL_COUNT(rows), .attrs_size = sizeof(type)
#define AVCL_CASES(list) .cases = (list), .n_cases = AVCL_COUNT(list)

/* ---- cases ------------------------------------------------------------------- */
#define AVCL_RANK(...) ((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#define AVCL_DIMS(...)                                                                   \
    {                                                                                    \
        AVCL_RANK(__VA_ARGS__), 0,                                                       \
        {                                                                                \
            __VA_ARGS__                                                                  \
        }                                                                                \
    }
/* A real input in [lo, hi] with |x| >= gap and these dims. */
#define AVCL_REAL(lo, hi, gap, ...)                                                      \
    {                                                                                    \
        AVCL_F32, AVCL_RANK(__VA_ARGS__), {__VA_ARGS__}, (lo), (hi), (gap)               \
    }
#define AVCL_REAL0(lo, hi, gap)                                                          \
    {                                                                                    \
        AVCL_F32, 0, {0}, (lo), (hi), (gap)                                              \
    }
#define AVCL_X(...) AVCL_REAL(-1.5, 1.5, 0, __VA_ARGS__)
#define AVCL_OF(dtype, lo, hi, ...)                                                      \
    {                                                                                    \
        (dtype), AVCL_RANK(__VA_ARGS__), {__VA_ARGS__}, (lo), (hi), 0                    \
    }
#define AVCL_TAKES(...)                                                                  \
    .n_in = sizeof((const avcl_case_input[]){__VA_ARGS__}) / sizeof(avcl_case_input),    \
    .inputs = (const avcl_case_input[])                                                  \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }
#define AVCL_WITH(...)                                                                   \
    .n_attrs = sizeof((const avcl_attr[]){__VA_ARGS__}) / sizeof(avcl_attr),             \
    .attrs = (const avcl_attr[])                                                         \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }
#define AVCL_A_INT(key, v)                                                               \
    {                                                                                    \
        (key),                                                                           \
        {                                                                                \
            AVCL_INT, 1, (v), 0, NULL, NULL                                              \
        }                                                                                \
    }
#define AVCL_A_BOOL(key, v)                                                              \
    {                                                                                    \
        (key),                                                                           \
        {                                                                                \
            AVCL_BOOL, 1, (v), 0, NULL, NULL                                             \
        }                                                                                \
    }
#define AVCL_A_FLOAT(key, v)                                                             \
    {                                                                                    \
        (key),                                                                           \
        {                                                                                \
            AVCL_FLOAT, 1, 0, (v), NULL, NULL                                            \
        }                                                                                \
    }
#define AVCL_A_INTS(key, ...)                                                            \
    {                                                                                    \
        (key),                                                                           \
        {                                                                                \
            AVCL_INTS, (uint32_t)AVCL_RANK(__VA_ARGS__), 0, 0, NULL, (const int64_t[])   \
            {                                                                            \
                __VA_ARGS__                                                              \
            }                                                                            \
        }                                                                                \
    }

/* ---- texts and checks -------------------------------------------------------- */
typedef struct avcl_text {
    char s[192];
} avcl_text;

avcl_text avcl__dims_text(const int64_t *dims, int32_t n); /* "[8,512,7,7]" */
avcl_text avcl__info_text(const avcl_tinfo *info);         /* "real 4-d [8,512,7,7]" */
avcl_status avcl__op_misfit(const avcl_build *b, avcl_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Input `i`, called `what` in messages, must be of this type and of lo..hi dims. */
avcl_status avcl__want(const avcl_build *b, const avcl_op_view *node, uint32_t i,
                       const char *what, avcl_dtype dtype, int32_t lo, int32_t hi);
/* Input `i` must be real, of any rank. */
avcl_status avcl__want_real(const avcl_build *b, const avcl_op_view *node, uint32_t i,
                            const char *what);
/* Input `i` must be real and have exactly these dims. */
avcl_status avcl__want_dims(const avcl_build *b, const avcl_op_view *node, uint32_t i,
                            const char *what, const int64_t *dims, int32_t ndim);
avcl_status avcl__want_axis(const avcl_build *b, int64_t axis, const avcl_tinfo *x);
avcl_status avcl__want_ints(const avcl_build *b, const avcl_ints *v, const char *name,
                            int32_t n, int64_t least);
/* A gradient may arrive at output 0 only. */
avcl_status avcl__want_first(const avcl_build *b, const avcl_op_view *node,
                             const avcl_node *out_grad);

/* ---- shapes ------------------------------------------------------------------ */
avcl_tinfo avcl__real(const int64_t *dims, int32_t ndim);
int32_t avcl__same_shape(const avcl_tinfo *x, const avcl_tinfo *y);
int64_t avcl__numel(const avcl_tinfo *x);
/* NumPy's common shape of x and y; 0 when there is none. */
int32_t avcl__broadcast(const avcl_tinfo *x, const avcl_tinfo *y, avcl_tinfo *out);
/* One number stands for three; none for `fallback`, if there is one. */
void avcl__triple(avcl_ints *v, const avcl_ints *fallback);

/* ---- common infer and gradient pieces ---------------------------------------- */
/* Output 0 is like real input 0; all inputs are real and shaped like it. */
avcl_status avcl__infer_same(const avcl_build *b, const avcl_op_view *node,
                             avcl_tinfo *out_info);
/* Output 0 is input 0 whatever it is. */
avcl_status avcl__infer_alias(const avcl_build *b, const avcl_op_view *node,
                              avcl_tinfo *out_info);
/* The gradient of input 0 is that of output 0. */
avcl_status avcl__grad_pass(const avcl_build *b, const avcl_op_view *node,
                            const avcl_node *out_grad, avcl_node *in_grad);
/* Undoes broadcasting: g, shaped `from`, summed to the shape `to`. */
avcl_node avcl__sum_to(const avcl_build *b, avcl_node g, const avcl_tinfo *from,
                       const avcl_tinfo *to);
/* g with the attributes "shape" only: broadcast_to, sum_to, ... */
avcl_node avcl__shaped(const avcl_build *b, const char *op, avcl_node g,
                       const int64_t *dims, int32_t ndim);
/* dx of y = max(x) over axes; y and g have (or broadcast from) the dims `kept`. */
avcl_node avcl__max_grad(const avcl_build *b, avcl_node x, avcl_node y, avcl_node g,
                         const avcl_ints *axes, const int64_t *kept, int32_t ndim);

#endif
