/*
 * test_methods_torch.c - losses and gradients of the methods against PyTorch.
 *
 * The numbers are those of PyTorch 1.13 in f64 (F.batch_norm, F.cross_entropy,
 * F.cosine_similarity, autograd) on the same networks. Inputs and weights are drawn by
 * method_numbers from the FNV-1a hash of their names; a gradient is told by its product
 * with numbers of seed 77.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method_rig.h"

/* Two f64 codes whose sums run in other orders, through exponentials at tau 0.07. */
static const double OTHER_CODE = 1e-9;

typedef struct golden_case {
    const char *name;
    avcl_attr params[3];
    uint32_t n_params;
    double loss;
    double grad_video;
    double grad_audio;
} golden_case;

static uint64_t seed_of(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return h;
}

/* Everything but running statistics. */
static void draw_all(method_rig *r)
{
    static const char *const inputs[] = {"video", "audio", "target_video",
                                         "target_audio"};
    avcl_variable v;
    avcl_tinfo info;
    for (uint32_t i = 0; !avcl_graph_get_variable(r->g, i, &v); i++)
        if (!strstr(v.name, "running_")) method_scatter(r, v.name, seed_of(v.name));
    for (int i = 0; i < 4; i++)
        if (!avcl_session_describe(r->s, inputs[i], &info, NULL))
            method_scatter(r, inputs[i], seed_of(inputs[i]));
}

static double told(method_rig *r, const char *gradient)
{
    double weights[METHOD_N * METHOD_D];
    int64_t n;
    double sum = 0;
    double *g = method_get(r, gradient, &n);
    assert_int_equal(n, METHOD_N * METHOD_D);
    method_numbers(weights, n, 77);
    for (int64_t i = 0; i < n; i++)
        sum += g[i] * weights[i];
    free(g);
    return sum;
}

static void test_methods__are_what_pytorch_computes(void **state)
{
    (void)state;
    const avcl_attr out = avcl_attr_int("out", 3);
    const avcl_attr hidden = avcl_attr_int("hidden", 5);
    const golden_case cases[] = {
        {"simclr",
         {hidden, out},
         2,
         35.8985898268516,
         0.719268702688849,
         0.0374781020472184},
        {"byol", {hidden, out}, 2, 2.24877662277379, 1.08830840101285, 0.120340430993029},
        {"simsiam",
         {out, avcl_attr_int("predictor", 2)},
         2,
         0.077115796865857,
         -0.160471012710677,
         -0.00252803948558805},
        {"barlow_twins",
         {avcl_attr_int("width", 5)},
         1,
         5.94133832925992,
         0.063542806665561,
         10.3290601720594},
        {"moco",
         {hidden, out, avcl_attr_int("queue", 9)},
         3,
         25.56693305355,
         -1.83094104984469,
         -0.787375801073367},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const golden_case *k = &cases[i];
        method_rig r;
        method_open(&r, k->name, k->params, k->n_params);
        draw_all(&r);
        golden_near(method_run(&r), k->loss, OTHER_CODE);
        golden_near(told(&r, "grad/video"), k->grad_video, OTHER_CODE);
        golden_near(told(&r, "grad/audio"), k->grad_audio, OTHER_CODE);
        method_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods__are_what_pytorch_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
