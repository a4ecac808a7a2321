/* test_device_optim.c - steps of optimisers on the cpu device against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device_pair.h"

static void test_sgd__momentum_decay_nesterov(void **state)
{
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        avcl_sgd_attrs a = {0.9, nesterov, 0};
        rig_node node = rig_op("sgd", &a, 4, 2);
        for (int i = 0; i < 3; i++)
            node.in[i] = rig_uniform(pair_real(1003, 0, 0, 0, 0), -1, 1, (uint64_t)i);
        node.in[3] = rig_uniform(pair_real(3, 0, 0, 0, 0), 0.1, 0.9, 3);
        node.out[0] = pair_real(1003, 0, 0, 0, 0);
        node.out[1] = pair_real(1003, 0, 0, 0, 0);
        pair_check(*state, node, PAIR_TOLERANCE_MAP);
    }
}

static void test_adamw__moments_and_decay(void **state)
{
    avcl_adamw_attrs a = {0.9, 0.99, 1e-3};
    rig_node node = rig_op("adamw", &a, 5, 3);
    for (int i = 0; i < 4; i++)
        node.in[i] =
            rig_uniform(pair_real(1003, 0, 0, 0, 0), i == 3 ? 0 : -1, 1, (uint64_t)i);
    node.in[4] = rig_uniform(pair_real(4, 0, 0, 0, 0), 0.1, 0.9, 4);
    for (int i = 0; i < 3; i++)
        node.out[i] = pair_real(1003, 0, 0, 0, 0);
    pair_check(*state, node, PAIR_TOLERANCE_MAP);
}

/* Blocks, a part of one, and more than one thread's worth. */
static void test_square_sum__of_any_length(void **state)
{
    static const int64_t lengths[] = {1, 15, 1024, 1029, 100003};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        rig_node node = rig_op("square_sum", NULL, 1, 1);
        node.in[0] = rig_uniform(pair_real(lengths[i], 0, 0, 0, 0), -1, 1, i);
        node.out[0] = pair_real(0, 0, 0, 0, 0);
        pair_check(*state, node, PAIR_TOLERANCE_SUM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd__momentum_decay_nesterov),
        cmocka_unit_test(test_adamw__moments_and_decay),
        cmocka_unit_test(test_square_sum__of_any_length),
    };
    return cmocka_run_group_tests(tests, pair_open, pair_close);
}
