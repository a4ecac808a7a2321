/* test_plan.c - memory plans of random programs never let two live values share bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/philox.h"
#include "graph/plan.h"

enum { N_NODES = 60, N_TRIALS = 200, MAX_IN = 3 };

static const avcl_op pointwise = {.name = "p", .overwrites = AVCL_OVERWRITES(0, 0)};
static const avcl_op alias = {.name = "a", .flags = AVCL_OP_ALIAS};
static const avcl_op opaque = {.name = "o"};

typedef struct trial {
    avcl_ir ir;
    uint64_t bytes[N_NODES + 1];
    uint64_t scratch[N_NODES];
    void *fixed[N_NODES + 1];
    uint32_t last[N_NODES + 1];
} trial;

static uint32_t draw(uint64_t seed, uint32_t i, uint32_t n)
{
    return avcl_philox_below(seed, i, 0, AVCL_STREAM_FILL, n);
}

/* One output per node; inputs from earlier nodes; all values of one of three shapes. */
static void make(trial *t, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    for (uint32_t n = 0; n < N_NODES; n++) {
        avcl_node in[MAX_IN];
        uint32_t kind = draw(seed, 4 * n, 4);
        avcl_ir_node node = {.op = &opaque, .n_out = 1};
        avcl_tinfo info = {.dtype = AVCL_F32, .ndim = 1};
        info.shape[0] = 16 << draw(seed, 4 * n + 1, 3);
        if (n > 0) node.n_in = 1 + draw(seed, 4 * n + 2, MAX_IN);
        for (uint32_t i = 0; i < node.n_in; i++)
            in[i] = 1 + draw(seed, 1000 + MAX_IN * n + i, n);
        if (n > 0 && kind == 1) node.op = &pointwise;
        if (n > 0 && kind == 2) node.op = &alias;
        if (node.op != &opaque) info = t->ir.values[in[0]].info;
        if (node.op == &alias) node.n_in = 1;
        avcl_node v = avcl__ir_add(&t->ir, &node, in, &info);
        assert_int_equal(v, n + 1);
        t->bytes[v] = avcl__tinfo_bytes(&info);
        if (draw(seed, 5000 + n, 5) == 0) t->scratch[n] = 100;
        if (draw(seed, 6000 + n, 9) == 0 && node.op != &alias) t->fixed[v] = &t->fixed[v];
    }
    for (uint32_t n = 0; n < N_NODES; n++) {
        t->last[n + 1] = n;
        for (uint32_t i = 0; i < t->ir.nodes[n].n_in; i++)
            t->last[t->ir.nodes[n].inputs[i]] = n;
    }
}

/* Simulates the program on the planned bytes: every read must find what was written. */
static void run(const trial *t, const avcl_plan *plan)
{
    unsigned char *arena = calloc(1, plan->arena_bytes + 1);
    unsigned char outside[N_NODES + 1] = {0};
    unsigned char expect[N_NODES + 1] = {0};
    for (uint32_t n = 0; n < N_NODES; n++) {
        const avcl_ir_node *node = &t->ir.nodes[n];
        avcl_node v = node->first;
        for (uint32_t i = 0; i < node->n_in; i++) {
            avcl_node u = node->inputs[i];
            const avcl_place *at = &plan->values[u];
            for (uint64_t b = 0; b < t->bytes[u]; b++) {
                unsigned char got = at->fixed ? outside[(void **)at->fixed - t->fixed]
                                              : arena[at->offset + b];
                assert_int_equal(got, expect[u]);
            }
        }
        if (t->scratch[n]) memset(arena + plan->scratch[n], 255, t->scratch[n]);
        /* Inputs must have survived the scratch too, unless output overwrites one. */
        expect[v] = node->op == &alias ? expect[node->inputs[0]] : (unsigned char)(n + 1);
        const avcl_place *to = &plan->values[v];
        if (node->op == &alias) continue;
        if (to->fixed)
            outside[(void **)to->fixed - t->fixed] = expect[v];
        else
            memset(arena + to->offset, expect[v], t->bytes[v]);
    }
    free(arena);
}

static void test_plan__live_values_keep_their_bytes(void **state)
{
    (void)state;
    static trial t;
    for (uint64_t seed = 0; seed < N_TRIALS; seed++) {
        avcl_plan plan;
        avcl_error err = {0};
        make(&t, seed);
        avcl_plan_request q = {&t.ir, t.bytes, t.scratch, t.fixed};
        assert_int_equal(avcl__plan_memory(&q, &plan, &err), AVCL_OK);
        run(&t, &plan);
        avcl__plan_release(&plan);
        avcl__ir_release(&t.ir);
    }
}

/* A chain of pointwise ops needs one buffer, however long it is. */
static void test_plan__a_pointwise_chain_needs_one_buffer(void **state)
{
    (void)state;
    enum { LENGTH = 30, BYTES = 4096 };
    avcl_ir ir = {0};
    avcl_tinfo info = {.dtype = AVCL_F32, .ndim = 1, .shape = {BYTES / 4}};
    uint64_t bytes[LENGTH + 1];
    uint64_t scratch[LENGTH] = {0};
    void *fixed[LENGTH + 1] = {0};
    avcl_plan plan;
    avcl_error err = {0};
    for (uint32_t n = 0; n < LENGTH; n++) {
        avcl_node in = n;
        avcl_ir_node node = {.op = n ? &pointwise : &opaque, .n_in = n > 0, .n_out = 1};
        bytes[avcl__ir_add(&ir, &node, &in, &info)] = BYTES;
    }
    avcl_plan_request q = {&ir, bytes, scratch, fixed};
    assert_int_equal(avcl__plan_memory(&q, &plan, &err), AVCL_OK);
    assert_int_equal(plan.arena_bytes, BYTES);
    avcl__plan_release(&plan);
    avcl__ir_release(&ir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__live_values_keep_their_bytes),
        cmocka_unit_test(test_plan__a_pointwise_chain_needs_one_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
