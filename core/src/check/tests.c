/* tests.c - the table: which tests there are, and for which kinds. */
#include <string.h>

#include "check/check.h"

const check_test check_tests[] = {
    {"load/file", FOR_FILE, check_file},
    {"load/exports", FOR_FILE, check_exports},
    {"load/constructors", FOR_FILE, check_constructors},
    {"load/libraries", FOR_FILE, check_libraries},
    {"load/process", FOR_FILE, check_process},
    {"descriptor/modules", FOR_FILE, check_descriptor},
    {"schema/dead parameters", FOR_PARAMS, check_dead_parameters},
    {"schema/corners", FOR_PARAMS, check_corners},
    {"poor host/table", FOR_BUILDER, check_poor_host},
    {"poor host/refused calls", FOR_BUILDER, check_refused_calls},
    {"build/same graph", FOR_GRAPH, check_same_graph},
    {"build/odd shapes", FOR_BUILDER, check_odd_shapes},
    {"shapes/outputs", FOR_GRAPH, check_shapes},
    {"numerics/finite", FOR_GRAPH, check_finite},
    {"numerics/rows", FOR_ROWS, check_rows},
    {"numerics/precision", FOR_GRAPH, check_precision},
    {"gradient/inputs", FOR_GRAPH, check_input_gradient},
    {"gradient/weights", FOR_BUILDER, check_weight_gradient},
    {"kernel/hygiene", FOR_OP, check_hygiene},
    {"determinism/twice", FOR_GRAPH, check_determinism},
    {"determinism/threads", FOR_OP, check_thread_count},
    {"threads/builds", FOR_GRAPH, check_concurrent_builds},
    {"threads/runs", FOR_GRAPH, check_concurrent_runs},
    {"leaks/sessions", FOR_GRAPH, check_leaks},
    {"loss/falls", FOR_LOSS, check_loss_falls},
    {"method/schedule", FOR_METHOD, check_schedule},
    {"dataset/opens", FOR_DATASET, check_opens},
    {"dataset/bounds", FOR_DATASET, check_bounds},
    {"determinism/order", FOR_DATASET, check_order},
    {"determinism/workers", FOR_DATASET, check_workers},
    {"threads/reads", FOR_DATASET, check_concurrent_reads},
    {"threads/processes", FOR_DATASET, check_forks},
    {"leaks/opens", FOR_DATASET, check_opens_leave_nothing},
    {"transform/bounds", FOR_TRANSFORM, check_matter},
    {"numerics/extremes", FOR_TRANSFORM, check_extremes},
    {"determinism/draws", FOR_TRANSFORM, check_draws},
    {"threads/applies", FOR_TRANSFORM, check_concurrent_applies},
    {"leaks/applies", FOR_TRANSFORM, check_applies_leave_nothing},
};
const uint32_t n_check_tests = sizeof check_tests / sizeof *check_tests;

unsigned check_kinds(const char *kind)
{
    static const struct {
        const char *kind;
        unsigned kinds;
    } table[] = {
        {AVCL_KIND_BACKBONE, FOR_BUILDER | FOR_ROWS},
        {AVCL_KIND_FUSION, FOR_BUILDER | FOR_ROWS},
        {AVCL_KIND_ALIGNMENT, FOR_BUILDER | FOR_LOSS},
        {AVCL_KIND_LOSS, FOR_BUILDER | FOR_LOSS},
        {AVCL_KIND_METHOD, FOR_BUILDER | FOR_LOSS | FOR_METHOD},
        {AVCL_KIND_OP, FOR_OP},
        {AVCL_KIND_DATASET, FOR_DATASET},
        {AVCL_KIND_TRANSFORM, FOR_TRANSFORM},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].kind, kind) == 0) return table[i].kinds;
    return 0;
}
