/*
 * test_trainer_methods.c - trainings of every method: scheduled numbers, and the same
 * bits after a stop at any step, with queues, memories and networks that follow.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/ir.h"
#include "small_run.h"
#include "train/train_impl.h"

static const char ROWS[] = "a_short.mp4,c0,train\nb_short.mp4,c1,train\n"
                           "c_short.mp4,c2,train\nd_short.mp4,c0,train\n"
                           "e_short.mp4,c1,train\nf_short.mp4,c2,train\n"
                           "h.mp4,c0,val\ni.mp4,c1,val\n";
enum { N_STEPS = 3, EPOCHS = 3, WIDTH = 4, CAP = 1 << 16 };

static avcl_attr integer(const char *name, int64_t i)
{
    return avcl_attr_int(name, i);
}

/* ---- a method on linear features ------------------------------------------------- */
typedef struct method_case {
    const char *name;
    avcl_attr params[4];
    uint32_t n_params;
} method_case;

static avcl_node linear(small_run *r, avcl_node x, avcl_node w)
{
    avcl_node in[2] = {x, w};
    return avcl_graph_op(r->g, "linear", in, 2, NULL, 0);
}

static avcl_node shifted(small_run *r, avcl_node x)
{
    avcl_attr by = avcl_attr_float("shift", 0.5);
    return avcl_graph_op(r->g, "affine", &x, 1, &by, 1);
}

/* What a method may ask for, by the name of its port. */
static avcl_node port_value(small_run *r, const char *port, avcl_node x,
                            const avcl_node w[2])
{
    static const int64_t rows[1] = {SMALL_BATCH};
    int is_audio = strstr(port, "audio") != NULL;
    if (strcmp(port, "sample_index") == 0)
        return avcl_graph_input(r->g, port, AVCL_I32, rows, 1);
    if (strcmp(port, "negative") == 0) return linear(r, shifted(r, x), w[0]);
    if (strncmp(port, "target", 6) != 0) return linear(r, x, w[is_audio]);
    avcl_node momentum = avcl_graph_scalar(r->g, "momentum", 0);
    return linear(r, x, avcl_graph_follow(r->g, port, w[is_audio], momentum));
}

static void build(small_run *r, const method_case *k, uint64_t seed)
{
    static const int64_t shape[2] = {WIDTH, SMALL_INPUTS};
    avcl_node in[8];
    avcl_node out[3] = {0};
    small_run_begin(r);
    avcl_node x = small_run_pixels(r);
    avcl_node w[2] = {avcl_graph_weight(r->g, "video/weight", shape, 2, "normal", 0.3),
                      avcl_graph_weight(r->g, "audio/weight", shape, 2, "normal", 0.3)};
    avcl_instance m = avcl_graph_instance(r->g, AVCL_KIND_METHOD, k->name, k->params,
                                          k->n_params, "method");
    const avcl_method *method = avcl_graph_instance_module(r->g, m)->iface;
    for (uint32_t i = 0; i < method->n_in; i++)
        in[i] = port_value(r, method->inputs[i].name, x, w);
    avcl_graph_apply(r->g, m, in, method->n_in, out, 3);
    avcl_graph_minimize(r->g, 1, out[0]);
    small_run_compile(r, seed);
}

static avcl_trainer *start(small_run *r, uint32_t accumulate)
{
    avcl_error err = {0};
    avcl_trainer_options o = small_run_options(r);
    o.epochs = EPOCHS;
    o.accumulate = accumulate;
    o.has_labels = 0;
    o.val_split = "val";
    o.select = "min val/loss";
    avcl_trainer *t = avcl_trainer_new(r->s, r->d, &o, &err);
    if (!t) fail_msg("%s", err.message);
    return t;
}

/* Steps until `until` of them are done or all epochs are; losses as they come. */
static int go_on(avcl_trainer *t, int until, double *losses, int n)
{
    avcl_event event;
    avcl_error err = {0};
    avcl_status rc = AVCL_OK;
    while (n < until && (rc = avcl_trainer_step(t, &event, &err)) == AVCL_OK)
        losses[n++] = event.loss;
    if (rc != AVCL_OK && rc != AVCL_END) fail_msg("%s", err.message);
    return n;
}

static size_t read_all(avcl_session *s, unsigned char *out)
{
    avcl_variable v;
    size_t used = 0;
    for (uint32_t i = 0; !avcl_graph_get_variable(avcl_session_graph(s), i, &v); i++) {
        uint64_t n = avcl__tinfo_bytes(&v.info);
        assert_true(used + n <= CAP);
        assert_int_equal(avcl_session_read(s, v.name, out + used, n, NULL), AVCL_OK);
        used += n;
    }
    return used;
}

/* ---- resume ---------------------------------------------------------------------- */
enum { N_EVENTS = EPOCHS * (N_STEPS + 1) };

static void stop_and_resume(const method_case *k, int after, const double *want_losses,
                            const unsigned char *want, size_t size)
{
    static unsigned char got[CAP];
    double losses[N_EVENTS + 1];
    avcl_event event;
    avcl_error err = {0};
    small_run r;
    small_run_open(&r, ROWS);
    build(&r, k, 1);
    avcl_trainer *t = start(&r, 1);
    int n = go_on(t, after, losses, 0);
    avcl_trainer_stop(t);
    assert_int_equal(avcl_trainer_step(t, &event, &err), AVCL_E_INTERRUPTED);
    avcl_trainer_free(t);
    small_run_drop_model(&r);
    build(&r, k, 99); /* all that matters has to come from the file */
    t = start(&r, 1);
    if (avcl_trainer_resume(t, &err)) fail_msg("%s", err.message);
    n = go_on(t, N_EVENTS + 1, losses, n);
    assert_int_equal(n, N_EVENTS);
    if (memcmp(losses, want_losses, sizeof(double) * N_EVENTS) != 0)
        fail_msg("%s: other losses after a stop behind step %d", k->name, after);
    assert_int_equal(read_all(r.s, got), size);
    if (memcmp(got, want, size) != 0)
        fail_msg("%s: other bits after a stop behind step %d", k->name, after);
    avcl_trainer_free(t);
    small_run_close(&r);
}

static void check_resume(const method_case *k)
{
    static unsigned char want[CAP];
    double losses[N_EVENTS + 1];
    small_run r;
    small_run_open(&r, ROWS);
    build(&r, k, 1);
    avcl_trainer *t = start(&r, 1);
    assert_int_equal(go_on(t, N_EVENTS + 1, losses, 0), N_EVENTS);
    size_t size = read_all(r.s, want);
    avcl_trainer_free(t);
    small_run_close(&r);
    stop_and_resume(k, 1, losses, want, size);           /* within the first epoch */
    stop_and_resume(k, N_STEPS, losses, want, size);     /* validation is still to come */
    stop_and_resume(k, N_STEPS + 3, losses, want, size); /* within the second */
}

static void test_methods__same_bits_after_a_stop(void **state)
{
    (void)state;
    const method_case cases[] = {
        {"simclr", {integer("hidden", 5), integer("out", 3)}, 2},
        {"moco", {integer("queue", 4), integer("hidden", 5), integer("out", 3)}, 3},
        {"byol", {integer("hidden", 5), integer("out", 3)}, 2},
        {"simsiam", {integer("out", 3), integer("predictor", 2)}, 2},
        {"barlow_twins", {integer("width", 5)}, 1},
        {"iic", {integer("samples", 16), integer("negatives", 5)}, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_resume(&cases[i]);
}

/* ---- schedules ------------------------------------------------------------------- */
/* Each step of the optimiser is trained with what the schedule says of it, however many
 * batches it takes. */
static void check_momentum(uint32_t accumulate)
{
    const method_case byol = {"byol", {integer("hidden", 5), integer("out", 3)}, 2};
    const double pi = 3.14159265358979323846;
    double losses[N_EVENTS + 1];
    small_run r;
    small_run_open(&r, ROWS);
    build(&r, &byol, 1);
    avcl_trainer *t = start(&r, accumulate);
    int n = 0;
    int per_epoch = (N_STEPS + (int)accumulate - 1) / (int)accumulate;
    for (int batch = 0; batch < EPOCHS * N_STEPS; batch++) {
        float momentum;
        n = go_on(t, n + 1, losses, n);
        if (batch % N_STEPS == 0 && batch > 0) n = go_on(t, n + 1, losses, n);
        assert_int_equal(
            avcl_session_read(r.s, "momentum", &momentum, sizeof momentum, NULL),
            AVCL_OK);
        int step = batch / N_STEPS * per_epoch + batch % N_STEPS / (int)accumulate;
        double want = 1 - 0.01 * (cos(pi * step / (EPOCHS * per_epoch)) + 1) / 2;
        assert_true(fabs(momentum - want) < 1e-7); /* an f32 */
    }
    avcl_trainer_free(t);
    small_run_close(&r);
}

static void test_methods__momentum_is_that_of_the_step(void **state)
{
    (void)state;
    check_momentum(1);
    check_momentum(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods__same_bits_after_a_stop),
        cmocka_unit_test(test_methods__momentum_is_that_of_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
