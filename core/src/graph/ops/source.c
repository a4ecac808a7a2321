/* source.c - where reals come from: constants, identity matrices, integers. */
#include "graph/ops/ops_impl.h"

static avcl_status constant_infer(const avcl_build *b, const avcl_op_view *n,
                                  avcl_tinfo *out)
{
    const avcl_shape_attrs *a = n->attrs;
    avcl_status st = avcl__want_ints(b, &a->shape, "shape", a->shape.n, 1);
    if (!st) out[0] = avcl__real(a->shape.v, a->shape.n);
    return st;
}

static avcl_status eye_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    (void)b;
    const avcl_count_attrs *a = n->attrs;
    out[0] = avcl__real((int64_t[]){a->n, a->n}, 2);
    return AVCL_OK;
}

static avcl_status one_hot_infer(const avcl_build *b, const avcl_op_view *n,
                                 avcl_tinfo *out)
{
    const avcl_count_attrs *a = n->attrs;
    avcl_status st = avcl__want(b, n, 0, "index", AVCL_I32, 1, 1);
    if (!st) out[0] = avcl__real((int64_t[]){n->in_info[0].shape[0], a->n}, 2);
    return st;
}

static avcl_status cast_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    const avcl_cast_attrs *a = n->attrs;
    const avcl_tinfo *x = &n->in_info[0];
    if (a->dtype != AVCL_F32)
        return avcl__op_misfit(b, AVCL_E_DTYPE,
                               "dtype %lld cannot be made, only real (%d) can",
                               (long long)a->dtype, AVCL_F32);
    if (x->dtype != AVCL_F32 && x->dtype != AVCL_U8 && x->dtype != AVCL_F16 &&
        x->dtype != AVCL_I32)
        return avcl__op_misfit(b, AVCL_E_DTYPE, "expected u8, f16, i32 or real x, got %s",
                               avcl__info_text(x).s);
    out[0] = *x;
    out[0].dtype = AVCL_F32;
    return AVCL_OK;
}

static avcl_status cast_grad(const avcl_build *b, const avcl_op_view *n,
                             const avcl_node *g, avcl_node *in)
{
    in[0] = n->in_info[0].dtype == AVCL_F32 ? g[0] : 0;
    return avcl_b_status(b);
}

/* ---- tables ------------------------------------------------------------------ */
static const avcl_param constant_rows[] = {
    {.name = "shape",
     .doc = "Shape; none = a scalar.",
     .type = AVCL_INTS,
     .flags = AVCL_P_MIN,
     .min = 1,
     .offset = offsetof(avcl_shape_attrs, shape)},
    {.name = "value",
     .doc = "What to fill with.",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_REQUIRED,
     .offset = offsetof(avcl_shape_attrs, value)},
};
#define SIZE(text)                                                                       \
    {                                                                                    \
        .name = "n", .doc = text, .type = AVCL_INT,                                      \
        .flags = AVCL_P_REQUIRED | AVCL_P_MIN, .min = 1,                                 \
        .offset = offsetof(avcl_count_attrs, n)                                          \
    }
static const avcl_param eye_rows[] = {
    SIZE("Rows and columns."),
    {.name = "scale",
     .doc = "Value on the diagonal.",
     .type = AVCL_FLOAT,
     .def_float = 1,
     .offset = offsetof(avcl_count_attrs, scale)},
};
static const avcl_param one_hot_rows[] = {SIZE("Columns: how many classes there are.")};
static const avcl_param cast_rows[] = {
    {.name = "dtype",
     .doc = "Type to make: 1 = the session's real.",
     .type = AVCL_INT,
     .def_int = AVCL_F32,
     .offset = offsetof(avcl_cast_attrs, dtype)},
};

static const avcl_op_case constant_cases[] = {
    {.label = "scalar", AVCL_WITH(AVCL_A_FLOAT("value", 0.125))},
    {.label = "matrix",
     AVCL_WITH(AVCL_A_FLOAT("value", -3.5), AVCL_A_INTS("shape", 3, 5))},
};
static const avcl_op_case eye_cases[] = {
    {.label = "one", AVCL_WITH(AVCL_A_INT("n", 1))},
    {.label = "scaled", AVCL_WITH(AVCL_A_INT("n", 7), AVCL_A_FLOAT("scale", -1e3))},
};
static const avcl_op_case one_hot_cases[] = {
    {.label = "with gaps",
     AVCL_TAKES(AVCL_OF(AVCL_I32, -1, 4, 13)),
     AVCL_WITH(AVCL_A_INT("n", 5))},
    {.label = "one class",
     AVCL_TAKES(AVCL_OF(AVCL_I32, 0, 0, 3)),
     AVCL_WITH(AVCL_A_INT("n", 1))},
};
static const avcl_op_case cast_cases[] = {
    {.label = "bytes", AVCL_TAKES(AVCL_OF(AVCL_U8, 0, 255, 2, 3, 1, 5, 7))},
    {.label = "integers", AVCL_TAKES(AVCL_OF(AVCL_I32, -1000, 1000, 11))},
    {.label = "halves", AVCL_TAKES(AVCL_OF(AVCL_F16, -2, 2, 3, 17))},
    {.label = "real", AVCL_TAKES(AVCL_X(4, 5))},
};

const avcl_op avcl__op_constant = {
    AVCL_OP(constant),
    .doc = "A real filled with one value.",
    .flags = AVCL_OP_NOGRAD,
    AVCL_ARITY(0, 0, 1),
    AVCL_ATTRS(constant_rows, avcl_shape_attrs),
    AVCL_CASES(constant_cases),
    .infer = constant_infer,
};
const avcl_op avcl__op_eye = {
    AVCL_OP(eye),
    .doc = "scale times the identity matrix [n,n].",
    .flags = AVCL_OP_NOGRAD,
    AVCL_ARITY(0, 0, 1),
    AVCL_ATTRS(eye_rows, avcl_count_attrs),
    AVCL_CASES(eye_cases),
    .infer = eye_infer,
};
const avcl_op avcl__op_one_hot = {
    AVCL_OP(one_hot),
    .doc = "(index i32 [N]): [N,n] with 1 at index; < 0 gives a zero row.",
    .flags = AVCL_OP_NOGRAD,
    AVCL_ARITY(1, 1, 1),
    AVCL_ATTRS(one_hot_rows, avcl_count_attrs),
    AVCL_CASES(one_hot_cases),
    .infer = one_hot_infer,
};
const avcl_op avcl__op_cast = {
    AVCL_OP(cast),          .doc = "x (u8, f16, i32, real) as real.",
    AVCL_ARITY(1, 1, 1),    AVCL_ATTRS(cast_rows, avcl_cast_attrs),
    AVCL_CASES(cast_cases), .infer = cast_infer,
    .grad = cast_grad,
};
