/* device_pair.c - every layout and thread count of the cpu against the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "device_pair.h"

int pair_open(void **state)
{
    pair *d = calloc(1, sizeof *d);
    if (!d) return -1;
    rig_open(&d->cpu, "cpu", AVCL_F32, 2);
    rig_open(&d->one, "cpu", AVCL_F32, 1);
    rig_open(&d->f64, "reference", AVCL_F64, 2);
    rig_open(&d->f32, "reference", AVCL_F32, 2);
    *state = d;
    return 0;
}

int pair_close(void **state)
{
    pair *d = *state;
    rig_close(&d->cpu);
    rig_close(&d->one);
    rig_close(&d->f64);
    rig_close(&d->f32);
    free(d);
    return 0;
}

static rig_node copy_node(const rig_node *node)
{
    rig_node copy = *node;
    for (uint32_t i = 0; i < node->n_in; i++)
        copy.in[i] = rig_copy(&node->in[i]);
    for (uint32_t i = 0; i < node->n_out; i++)
        copy.out[i] = rig_copy(&node->out[i]);
    return copy;
}

static void compare(const rig_node *got, const rig_node *expected, double tolerance)
{
    for (uint32_t i = 0; i < expected->n_out; i++) {
        double error = rig_error(&got->out[i], &expected->out[i]);
        if (!(error <= tolerance))
            fail_msg("op '%s'%s: output %u is off by %g, more than %g", got->op,
                     got->blocked     ? ", blocked"
                     : got->all_plain ? ", all plain"
                                      : "",
                     i, error, tolerance);
    }
}

/* The cpu in each layout and thread count against the oracle. Frees the node. */
void pair_check(pair *d, rig_node node, double tolerance)
{
    rig_node oracle = copy_node(&node);
    rig_run(&d->f64, &oracle);
    for (int layout = 0; layout < 3; layout++) {
        rig_node two = copy_node(&node);
        rig_node again = copy_node(&node);
        rig_node one = copy_node(&node);
        two.blocked = again.blocked = one.blocked = layout == 1;
        two.all_plain = again.all_plain = one.all_plain = layout == 2;
        rig_run(&d->cpu, &two);
        rig_run(&d->cpu, &again);
        rig_run(&d->one, &one);
        compare(&two, &oracle, tolerance);
        compare(&one, &oracle, tolerance);
        for (uint32_t i = 0; i < node.n_out; i++)
            if (!rig_equal(&two.out[i], &again.out[i]))
                fail_msg("op '%s': output %u differs between two runs", node.op, i);
        rig_free(&two);
        rig_free(&again);
        rig_free(&one);
    }
    rig_free(&oracle);
    rig_free(&node);
}

rig_value pair_real(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e)
{
    static const uint64_t seed = 7;
    uint64_t shape = (uint64_t)(a + 31 * b + 101 * c + 1009 * d + 10007 * e);
    return rig_uniform(rig_shape(AVCL_F32, a, b, c, d, e), -1, 1, seed + shape);
}

rig_value pair_like(const rig_value *v)
{
    const int64_t *s = v->info.shape;
    return pair_real(s[0], s[1], s[2], s[3], s[4]);
}
