/* isa.c - the kernels of one instruction set, gathered. */
#include "kernels.h"

static const cpu_op *const families[] = {
    AVCL_ISA_NAME(avcl__cpu_pointwise),
    AVCL_ISA_NAME(avcl__cpu_binary),
    AVCL_ISA_NAME(avcl__cpu_reduce),
    AVCL_ISA_NAME(avcl__cpu_line),
    AVCL_ISA_NAME(avcl__cpu_shape),
    AVCL_ISA_NAME(avcl__cpu_reorder),
    AVCL_ISA_NAME(avcl__cpu_norm),
    AVCL_ISA_NAME(avcl__cpu_norm_scale),
    AVCL_ISA_NAME(avcl__cpu_norm_grad),
    AVCL_ISA_NAME(avcl__cpu_point),
    AVCL_ISA_NAME(avcl__cpu_pool),
    AVCL_ISA_NAME(avcl__cpu_global),
    AVCL_ISA_NAME(avcl__cpu_loss),
    AVCL_ISA_NAME(avcl__cpu_random),
    AVCL_ISA_NAME(avcl__cpu_optim),
    AVCL_ISA_NAME(avcl__cpu_source),
    NULL,
};

/* Without vector registers there is nothing to gain. */
#ifdef AVCL_BASE
#define WINOGRAD NULL
#define NATIVE   NULL
#else
#define WINOGRAD AVCL_ISA_NAME(avcl__cpu_winograd)
#define NATIVE   AVCL_ISA_NAME(avcl__cpu_native)
#endif

extern const cpu_isa AVCL_ISA_NAME(avcl__cpu_isa);
const cpu_isa AVCL_ISA_NAME(avcl__cpu_isa) = {
    AVCL_STR(AVCL_ISA), LANES, families, AVCL_ISA_NAME(avcl__cpu_ceiling),
    WINOGRAD,           NATIVE};
