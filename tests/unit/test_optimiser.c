/* test_optimiser.c - steps of SGD, AdamW and LARS, against PyTorch's numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"

enum { N_STEPS = 4, N_NUMBERS = 6 };

static const avcl_optim_scope SCOPES[] = {{"video", 0.01, 0.1}};

/* What tests/support/optim_golden.py prints: w [2, 2], bias [2] after four steps. */
static const struct golden {
    const char *name;
    avcl_optim optim;
    uint32_t accumulate; /* 0: the gradients of the last run */
    double want[N_NUMBERS];
} GOLDEN[] = {
    {"sgd",
     {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01},
     0,
     {0.22419499235006243, -1.790153133268781, -0.15827828452185935, 1.144377594325125,
      -0.03608340445686874, 0.11737724228811247}},
    {"nesterov",
     {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .nesterov = 1},
     0,
     {0.05333715405272069, -2.9346946595660075, -0.03139249919054948, 0.8643884552045289,
      -0.0825105809517121, 0.22565590640565414}},
    {"undecayed biases",
     {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1, .exclude_1d = 1},
     0,
     {0.19695728812500002, -1.7530453940625002, -0.15850233421875, 1.07735517,
      -0.03573500000000002, 0.11671500000000001}},
    {"scopes",
     {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .n_scopes = 1, .scopes = SCOPES},
     0,
     {0.8124994679009999, -0.6938441075504999, 0.08786485092525, 1.8002400719520002,
      -0.03608340445686874, 0.11737724228811247}},
    {"clipped",
     {.lr = 0.05, .momentum = 0.9, .clip_norm = 0.75},
     0,
     {0.8374048053449866, -0.6771835633208962, 0.10120473068129178, 1.8350287108186145,
      0.06917410633086468, -0.1280729147720176}},
    {"accumulated",
     {.lr = 0.05, .momentum = 0.9},
     3,
     {-0.05062500000000001, -2.7234, -0.12419999999999999, 0.7916625000000002,
      -0.03573500000000002, 0.11671500000000001}},
    {"accumulated, clipped",
     {.lr = 0.05, .momentum = 0.9, .clip_norm = 0.75},
     3,
     {0.8337363956565074, -0.681453905417525, 0.09809370934421847, 1.8312631110093827,
      0.08142476038253763, -0.1566577742259211}},
    {"adamw",
     {.kind = AVCL_ADAMW,
      .lr = 0.05,
      .beta1 = 0.9,
      .beta2 = 0.99,
      .eps = 1e-8,
      .weight_decay = 0.1},
     0,
     {0.7863880404809348, -0.6802226833825391, 0.04788728718389873, 1.7671904106279661,
      -0.1004900370706671, 0.0024750907892144014}},
    {"adamw, clipped",
     {.kind = AVCL_ADAMW,
      .lr = 0.05,
      .beta1 = 0.9,
      .beta2 = 0.99,
      .eps = 1e-8,
      .weight_decay = 0.1,
      .clip_norm = 0.75},
     0,
     {0.7816639215337469, -0.6889219988935662, 0.051164183746006946, 1.7615718422973523,
      -0.08545250588485483, -0.012562431061701414}},
    {"lars",
     {.kind = AVCL_LARS,
      .lr = 0.5,
      .momentum = 0.9,
      .weight_decay = 0.01,
      .trust = 0.02,
      .eps = 1e-8,
      .exclude_1d = 1},
     0,
     {0.8971972634899226, -0.6073567609515447, 0.15303044188875614, 1.8956384944217932,
      -1.2573500000000002, 2.96715}},
    {"lars of everything",
     {.kind = AVCL_LARS,
      .lr = 0.5,
      .momentum = 0.9,
      .weight_decay = 0.01,
      .trust = 0.02,
      .eps = 1e-8},
     0,
     {0.8971972634899226, -0.6073567609515447, 0.15303044188875614, 1.8956384944217932,
      0.09214727224393174, -0.18168566483468462}},
    {"lars, clipped rate",
     {.kind = AVCL_LARS,
      .lr = 0.05,
      .momentum = 0.9,
      .weight_decay = 0.01,
      .trust = 0.2,
      .eps = 1e-8,
      .exclude_1d = 1,
      .clip_rate = 1},
     0,
     {0.2430179968279153, -1.719573060198512, -0.16938695323223252, 1.1702925360333294,
      -0.03573500000000002, 0.11671500000000001}},
};

typedef struct model {
    avcl_host *host;
    avcl_graph *g;
    avcl_session *s;
} model;

static avcl_node op2(avcl_graph *g, const char *name, avcl_node a, avcl_node b)
{
    avcl_node in[2] = {a, b};
    return avcl_graph_op(g, name, in, 2, NULL, 0);
}

static avcl_node sum(avcl_graph *g, avcl_node x)
{
    return avcl_graph_op(g, "sum", &x, 1, NULL, 0);
}

/* sum(w w x) i + sum(bias y) */
static model make(const char *device, avcl_dtype precision)
{
    static const int64_t shape[2] = {2, 2};
    avcl_error err = {0};
    model m = {.host = avcl_host_new(NULL, &err)};
    m.g = avcl_graph_new(m.host, &err);
    avcl_node w = avcl_graph_weight(m.g, "video/w", shape, 2, "fill", 1);
    avcl_node bias = avcl_graph_weight(m.g, "audio/bias", shape, 1, "fill", 0);
    avcl_node x = avcl_graph_input(m.g, "x", AVCL_F32, shape, 2);
    avcl_node y = avcl_graph_input(m.g, "y", AVCL_F32, shape, 1);
    avcl_node i = avcl_graph_input(m.g, "i", AVCL_F32, NULL, 0);
    avcl_node of_w =
        op2(m.g, "mul", sum(m.g, op2(m.g, "mul", op2(m.g, "mul", w, w), x)), i);
    avcl_graph_minimize(m.g, 1,
                        op2(m.g, "add", of_w, sum(m.g, op2(m.g, "mul", bias, y))));
    avcl_session_options options = {.device = device, .precision = precision};
    m.s = avcl_session_new(m.g, &options, &err);
    if (!m.s) fail_msg("%s", err.message);
    return m;
}

static void release(model *m)
{
    avcl_session_free(m->s);
    avcl_graph_free(m->g);
    avcl_host_free(m->host);
}

static void put(model *m, const char *name, int n, const double *values)
{
    float narrow[4];
    avcl_tinfo info;
    assert_int_equal(avcl_session_describe(m->s, name, &info, NULL), AVCL_OK);
    for (int k = 0; k < n; k++)
        narrow[k] = (float)values[k];
    int wide = info.dtype == AVCL_F64;
    assert_int_equal(avcl_session_write(m->s, name, wide ? (const void *)values : narrow,
                                        (uint64_t)n * (wide ? 8 : 4), NULL),
                     AVCL_OK);
}

static void get(model *m, const char *name, int n, double *values)
{
    float narrow[4];
    avcl_tinfo info;
    assert_int_equal(avcl_session_describe(m->s, name, &info, NULL), AVCL_OK);
    int wide = info.dtype == AVCL_F64;
    assert_int_equal(avcl_session_read(m->s, name, wide ? (void *)values : narrow,
                                       (uint64_t)n * (wide ? 8 : 4), NULL),
                     AVCL_OK);
    for (int k = 0; !wide && k < n; k++)
        values[k] = (double)narrow[k];
}

static void start(model *m)
{
    static const double w[] = {1, -0.5, 0.25, 2};
    static const double bias[] = {0.1, -0.2};
    static const double x[] = {0.5, -1, 2, 0.25};
    static const double y[] = {0.3, -0.7};
    put(m, "video/w", 4, w);
    put(m, "audio/bias", 2, bias);
    put(m, "x", 4, x);
    put(m, "y", 2, y);
}

static void run(model *m, double i)
{
    put(m, "i", 1, &i);
    assert_int_equal(avcl_session_run(m->s, AVCL_TRAIN, NULL), AVCL_OK);
}

static void step(model *m, const struct golden *g, uint64_t i)
{
    avcl_error err = {0};
    avcl_optim_step now = {.lr = g->optim.lr, .step = i, .n_summed = g->accumulate};
    if (!g->accumulate) run(m, (double)i);
    for (uint32_t k = 0; k < g->accumulate; k++) {
        run(m, (double)(i + k));
        assert_int_equal(avcl_session_accumulate(m->s, k == 0, &err), AVCL_OK);
    }
    if (avcl_session_optimise(m->s, &g->optim, &now, &err))
        fail_msg("%s: %s", g->name, err.message);
}

static void check_golden(const char *device, avcl_dtype precision, double tolerance)
{
    model m = make(device, precision);
    for (size_t c = 0; c < sizeof GOLDEN / sizeof *GOLDEN; c++) {
        double got[N_NUMBERS];
        double zeros[64] = {0};
        uint64_t bytes = avcl_session_n_weights(m.s) * (precision == AVCL_F64 ? 8 : 4);
        start(&m);
        assert_true(bytes <= sizeof zeros * 8);
        for (int32_t f = AVCL_FLAT_MOMENTUM; f <= AVCL_FLAT_SECOND; f++)
            assert_int_equal(avcl_session_write_flat(m.s, f, zeros, bytes, NULL),
                             AVCL_OK);
        for (uint64_t i = 1; i <= N_STEPS; i++)
            step(&m, &GOLDEN[c], i);
        get(&m, "video/w", 4, got);
        get(&m, "audio/bias", 2, got + 4);
        for (int k = 0; k < N_NUMBERS; k++)
            if (!(fabs(got[k] - GOLDEN[c].want[k]) <= tolerance))
                fail_msg("%s on %s: number %d is %.17g, PyTorch has %.17g",
                         GOLDEN[c].name, device, k, got[k], GOLDEN[c].want[k]);
    }
    release(&m);
}

/* w = 1, g = 0.5, lr 0.001, weight decay 0.0005, momentum 0.9: methods.md E */
static void test_optimiser__sgd_is_that_of_the_paper(void **state)
{
    (void)state;
    static const double want[3] = {0.9994995, 0.99854855025025, 0.9971921962011999};
    static const double ones[2] = {1, 1};
    static const double halves[2] = {0.5, 0.5};
    const double ROUNDING = 1e-15; /* a few units in the last place of 1 */
    avcl_optim o = {.lr = 0.001, .momentum = 0.9, .weight_decay = 0.0005};
    avcl_optim_step now = {.lr = o.lr};
    model m = make("reference", AVCL_F64);
    put(&m, "audio/bias", 2, ones);
    put(&m, "y", 2, halves);
    for (int i = 0; i < 3; i++) {
        double got[2];
        run(&m, 0);
        assert_int_equal(avcl_session_optimise(m.s, &o, &now, NULL), AVCL_OK);
        get(&m, "audio/bias", 2, got);
        assert_true(fabs(got[0] - want[i]) <= ROUNDING);
    }
    release(&m);
}

static void test_optimiser__equals_pytorch_in_f64(void **state)
{
    (void)state;
    const double ROUNDING = 1e-14; /* some tens of operations on numbers around 1 */
    check_golden("reference", AVCL_F64, ROUNDING);
}

static void test_optimiser__equals_pytorch_in_f32(void **state)
{
    (void)state;
    const double ROUNDING = 2e-6; /* the same, at 6e-8 each */
    check_golden("reference", AVCL_F32, ROUNDING);
    check_golden("cpu", AVCL_F32, ROUNDING);
}

static void test_optimiser__a_scope_without_weights_is_named(void **state)
{
    (void)state;
    static const avcl_optim_scope scopes[] = {{"vide", 0.1, 0}};
    avcl_optim o = {.lr = 0.1, .n_scopes = 1, .scopes = scopes};
    avcl_error err = {0};
    model m = make("reference", AVCL_F32);
    assert_int_equal(avcl_session_prepare_optimiser(m.s, &o, &err), AVCL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "'vide'"));
    release(&m);
}

/* Nothing moves: weights that are not finite come from gradients that are not. */
static void test_optimiser__clipping_stops_at_what_is_not_finite(void **state)
{
    (void)state;
    avcl_optim o = {.lr = 0.1, .clip_norm = 1};
    avcl_optim_step now = {.lr = 0.1, .step = 1};
    avcl_error err = {0};
    double before[4];
    double after[4];
    model m = make("cpu", AVCL_F32);
    start(&m);
    run(&m, INFINITY);
    get(&m, "video/w", 4, before);
    assert_int_equal(avcl_session_optimise(m.s, &o, &now, &err), AVCL_E_NUMERIC);
    get(&m, "video/w", 4, after);
    assert_memory_equal(before, after, sizeof before);
    release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimiser__sgd_is_that_of_the_paper),
        cmocka_unit_test(test_optimiser__equals_pytorch_in_f64),
        cmocka_unit_test(test_optimiser__equals_pytorch_in_f32),
        cmocka_unit_test(test_optimiser__a_scope_without_weights_is_named),
        cmocka_unit_test(test_optimiser__clipping_stops_at_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
