/*
 * test_backbones.c - R3D, R(2+1)D and C3D against numbers worked out elsewhere (methods
 * page, A, K.1, K.2): sizes, names, and what constant weights make of an input of ones.
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

#include "avcl/build.h"
#include "avcl/session.h"
#include "golden.h"

/* Two f64 routes to one number, of a few thousand operations each. */
static const double F64_ROUTES = 1e-11;
/* 20 convolutions in f32: each output sums thousands of equal terms, whose rounding
 * errors all point the same way. */
static const double F32_DEEP = 1e-4;

enum { CONV1, CONV3 = 2, CONV5 = 4, POOL, N_TAPS };

typedef struct network {
    const char *name;
    int64_t n_weights; /* RGB, 3 channels */
    int64_t n_one_channel;
    int64_t n_other_stem; /* weights more than n_weights with the stem below */
    int64_t other_stem;
    uint32_t n_tensors; /* trained */
    int64_t n_states;   /* elements */
    int64_t conv1[3];   /* T, H, W out of 16 x 112 x 112 */
    int64_t c3;         /* channels of conv3: 8 x 28 x 28 */
    double ones_16;     /* every output, of 16 frames */
    double ones_1;
} network;

/* C3D of one frame: PyTorch 1.13 in f64, pools no deeper than their input. A 3x3
 * stem of R(2+1)D has 23 channels between: 9 * 3 * 23 + 2 * 23 + 3 * 23 * 64 = 5,083. */
static const network networks[] = {
    {"r3d",
     14361792,
     14342976,
     -64 * 3 * 3 * (49 - 9),
     3,
     36,
     5760,
     {16, 56, 56},
     128,
     7.624251959380377,
     0.43668287326026534},
    {"r2plus1d",
     14365303,
     14346477,
     5083 - 28303,
     3,
     72,
     14350,
     {16, 56, 56},
     128,
     7.624013799386452,
     0.4366731037994874},
    {"c3d",
     27661440,
     27657984,
     64 * 3 * 3 * (49 - 9),
     7,
     32,
     5504,
     {16, 112, 112},
     256,
     0.2519255933731706,
     0.00010240877779397075},
};
#define EACH(n)                                                                          \
    for (const network *n = networks; n < networks + sizeof networks / sizeof *networks; \
         n++)

static avcl_graph *declare(avcl_host *host, const char *name, const int64_t shape[5],
                           const avcl_attr *params, uint32_t n_params,
                           avcl_node taps[N_TAPS])
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_instance m =
        avcl_graph_instance(g, AVCL_KIND_BACKBONE, name, params, n_params, "net");
    avcl_graph_apply(g, m, &x, 1, taps, N_TAPS);
    avcl_graph_keep(g, "pool", taps[POOL]);
    golden_check(avcl_graph_status(g, &err), &err);
    return g;
}

/* Elements and tensors of the weights, or of the states. */
static int64_t count(const avcl_graph *g, int states, uint32_t *n_tensors)
{
    int64_t n = 0;
    avcl_variable v;
    *n_tensors = 0;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        int64_t size = 1;
        for (int32_t k = 0; k < v.info.ndim; k++)
            size *= v.info.shape[k];
        if (v.is_state != states) continue;
        n += size;
        *n_tensors += 1;
    }
    return n;
}

static void assert_shape(const avcl_graph *g, avcl_node node, int64_t c,
                         const int64_t thw[3])
{
    avcl_tinfo info = {0};
    assert_int_equal(avcl_graph_info(g, node, &info), AVCL_OK);
    assert_int_equal(info.ndim, thw ? 5 : 2);
    assert_int_equal(info.shape[1], c);
    for (int i = 0; thw && i < 3; i++)
        assert_int_equal(info.shape[2 + i], thw[i]);
}

static void test_backbones__sizes_of_a_clip(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    avcl_node taps[N_TAPS] = {0};
    uint32_t n;
    EACH(net)
    {
        avcl_graph *g =
            declare(host, net->name, (int64_t[5]){1, 3, 16, 112, 112}, NULL, 0, taps);
        assert_int_equal(count(g, 0, &n), net->n_weights);
        assert_int_equal(n, net->n_tensors);
        assert_int_equal(count(g, 1, &n), net->n_states);
        assert_shape(g, taps[CONV1], 64, net->conv1);
        assert_shape(g, taps[CONV5], 512, (int64_t[3]){2, 7, 7});
        assert_shape(g, taps[POOL], 512, NULL);
        assert_shape(g, taps[CONV3], net->c3, (int64_t[3]){8, 28, 28});
        avcl_graph_free(g);
    }
    avcl_host_free(host);
}

static void test_backbones__sizes_of_a_spectrogram(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    avcl_node taps[N_TAPS] = {0};
    uint32_t n;
    EACH(net)
    {
        avcl_graph *g =
            declare(host, net->name, (int64_t[5]){2, 1, 1, 112, 112}, NULL, 0, taps);
        assert_int_equal(count(g, 0, &n), net->n_one_channel);
        assert_shape(g, taps[CONV5], 512, (int64_t[3]){1, 7, 7});
        avcl_graph_free(g);
    }
    avcl_host_free(host);
}

static void test_backbones__the_other_stem(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    avcl_node taps[N_TAPS] = {0};
    uint32_t n;
    EACH(net)
    {
        avcl_attr stem = avcl_attr_int("stem", net->other_stem);
        avcl_graph *g =
            declare(host, net->name, (int64_t[5]){1, 3, 16, 112, 112}, &stem, 1, taps);
        assert_int_equal(count(g, 0, &n), net->n_weights + net->n_other_stem);
        assert_shape(g, taps[CONV1], 64, net->conv1);
        avcl_graph_free(g);
    }
    avcl_host_free(host);
}

static void test_backbones__refuse_a_stem_of_5(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = golden_host();
    EACH(net)
    {
        avcl_graph *g = avcl_graph_new(host, &err);
        avcl_node x =
            avcl_graph_input(g, "x", AVCL_F32, (int64_t[5]){1, 3, 4, 32, 32}, 5);
        avcl_attr stem = avcl_attr_int("stem", 5);
        avcl_node taps[N_TAPS];
        avcl_instance m =
            avcl_graph_instance(g, AVCL_KIND_BACKBONE, net->name, &stem, 1, "net");
        assert_int_not_equal(avcl_graph_apply(g, m, &x, 1, taps, N_TAPS), AVCL_OK);
        assert_int_equal(avcl_graph_status(g, &err), AVCL_E_INVALID);
        assert_non_null(strstr(err.message, "stem = 5 is neither 3 nor 7"));
        avcl_graph_free(g);
    }
    avcl_host_free(host);
}

/* ---- names ------------------------------------------------------------------- */
static void assert_names(avcl_host *host, const char *name, const char *const *names)
{
    avcl_node taps[N_TAPS] = {0};
    avcl_graph *g = declare(host, name, (int64_t[5]){1, 3, 8, 32, 32}, NULL, 0, taps);
    avcl_variable v;
    for (uint32_t i = 0; *names; i++) {
        assert_int_equal(avcl_graph_get_variable(g, i, &v), AVCL_OK);
        if (!v.is_state) assert_string_equal(v.name, *names++);
    }
    avcl_graph_free(g);
}

static void test_backbones__names_in_registration_order(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    assert_names(host, "r3d",
                 (const char *const[]){
                     "net/conv1/weight",
                     "net/bn1/weight",
                     "net/bn1/bias",
                     "net/conv2/block1/conv1/weight",
                     "net/conv2/block1/bn1/weight",
                     "net/conv2/block1/bn1/bias",
                     "net/conv2/block1/conv2/weight",
                     "net/conv2/block1/bn2/weight",
                     "net/conv2/block1/bn2/bias",
                     "net/conv3/block1/downsample/conv/weight",
                     "net/conv3/block1/downsample/bn/weight",
                     "net/conv3/block1/downsample/bn/bias",
                     "net/conv3/block1/conv1/weight",
                     NULL,
                 });
    assert_names(host, "r2plus1d",
                 (const char *const[]){
                     "net/conv1/spatial/weight",
                     "net/conv1/bn/weight",
                     "net/conv1/bn/bias",
                     "net/conv1/temporal/weight",
                     "net/bn1/weight",
                     "net/bn1/bias",
                     "net/conv2/block1/conv1/spatial/weight",
                     NULL,
                 });
    assert_names(host, "c3d",
                 (const char *const[]){
                     "net/conv1/weight",
                     "net/conv1/bias",
                     "net/bn1/weight",
                     "net/bn1/bias",
                     "net/conv2/weight",
                     "net/conv2/bias",
                     "net/bn2/weight",
                     "net/bn2/bias",
                     "net/conv3a/weight",
                     NULL,
                 });
    avcl_host_free(host);
}

/* ---- constant weights ---------------------------------------------------------- */
static void write_filled(avcl_session *s, const char *name, const avcl_tinfo *info,
                         double value)
{
    avcl_error err = {0};
    uint64_t n = 1;
    for (int32_t i = 0; i < info->ndim; i++)
        n *= (uint64_t)info->shape[i];
    int wide = info->dtype == AVCL_F64;
    void *data = malloc(n * 8);
    assert_non_null(data);
    for (uint64_t i = 0; i < n; i++) {
        if (wide)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    golden_check(avcl_session_write(s, name, data, n * (wide ? 8 : 4), &err), &err);
    free(data);
}

static int has_end(const char *text, const char *end)
{
    size_t n = strlen(text);
    return n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0;
}

/* Every convolution averages: weights 1 / fan_in, no bias. */
static void write_averages(avcl_graph *g, avcl_session *s)
{
    avcl_error err = {0};
    avcl_tinfo info;
    avcl_variable v;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        if (v.info.ndim != 5 && !has_end(v.name, "/bias")) continue;
        golden_check(avcl_session_describe(s, v.name, &info, &err), &err);
        double fan_in =
            (double)(info.shape[1] * info.shape[2] * info.shape[3] * info.shape[4]);
        write_filled(s, v.name, &info, v.info.ndim == 5 ? 1 / fan_in : 0);
    }
}

/* BN as it starts, an input of ones: the outputs do not depend on the width. */
static void run_averages(avcl_host *host, const network *net, int64_t width, int64_t t,
                         const char *device, avcl_dtype precision, double tolerance)
{
    avcl_error err = {0};
    avcl_node taps[N_TAPS] = {0};
    avcl_attr at = avcl_attr_int("width", width);
    avcl_graph *g =
        declare(host, net->name, (int64_t[5]){1, 3, t, 112, 112}, &at, 1, taps);
    avcl_session_options o = {
        .device = device, .precision = precision, .flags = AVCL_SESSION_NO_GRADIENT};
    avcl_session *s = avcl_session_new(g, &o, &err);
    golden_check(err.code, &err);
    write_averages(g, s);
    avcl_tinfo info;
    golden_check(avcl_session_describe(s, "x", &info, &err), &err);
    write_filled(s, "x", &info, 1);
    golden_check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    double wide[512];
    float narrow[512];
    int is_f64 = precision == AVCL_F64;
    void *to = is_f64 ? (void *)wide : (void *)narrow;
    uint64_t n = 8 * (uint64_t)width;
    golden_check(avcl_session_read(s, "pool", to, n * (is_f64 ? 8 : 4), &err), &err);
    double want = t == 1 ? net->ones_1 : net->ones_16;
    for (uint64_t i = 0; i < n; i++)
        golden_near((is_f64 ? wide[i] : (double)narrow[i]) / want, 1, tolerance);
    avcl_session_free(s);
    avcl_graph_free(g);
}

/* Plain loops over 16 frames of 112 x 112 take half a minute when every access is
 * checked; one frame runs through the same kernels. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LONGEST_CLIP = 1 };
#else
enum { LONGEST_CLIP = 16 };
#endif

static void test_backbones__constant_weights_on_reference(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    EACH(net)
    {
        run_averages(host, net, 2, 1, "reference", AVCL_F64, F64_ROUTES);
        if (LONGEST_CLIP < 16) continue;
        run_averages(host, net, 2, 16, "reference", AVCL_F64, F64_ROUTES);
    }
    avcl_host_free(host);
}

/* ---- depth 1 ------------------------------------------------------------------------
 */
/* All but the middle temporal tap of every kernel that has three; how many have. */
static int zero_outer_taps(avcl_graph *g, avcl_session *s)
{
    avcl_error err = {0};
    avcl_variable v;
    int n_zeroed = 0;
    for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
        if (v.info.ndim != 5 || v.info.shape[2] != 3) continue;
        int64_t area = v.info.shape[3] * v.info.shape[4];
        int64_t n = v.info.shape[0] * v.info.shape[1] * 3 * area;
        uint64_t bytes = (uint64_t)n * sizeof(double);
        double *w = malloc(bytes);
        assert_non_null(w);
        golden_check(avcl_session_read(s, v.name, w, bytes, &err), &err);
        for (int64_t k = 0; k < n; k++)
            if (k / area % 3 != 1) w[k] = 0;
        golden_check(avcl_session_write(s, v.name, w, bytes, &err), &err);
        free(w);
        n_zeroed++;
    }
    return n_zeroed;
}

static void read_pool(avcl_session *s, double pool[16])
{
    avcl_error err = {0};
    golden_check(avcl_session_run(s, AVCL_EVAL, &err), &err);
    golden_check(avcl_session_read(s, "pool", pool, 16 * sizeof *pool, &err), &err);
}

/* Padding is all that the outer taps see of a spectrogram: they may as well be zero. */
static void test_backbones__one_frame_sees_the_middle_tap_alone(void **state)
{
    (void)state;
    enum { SIDE = 32, N = 3 * SIDE * SIDE };
    static double x[N];
    avcl_error err = {0};
    avcl_host *host = golden_host();
    for (int i = 0; i < N; i++)
        x[i] = sin(i);
    EACH(net)
    {
        avcl_node taps[N_TAPS] = {0};
        avcl_attr width = avcl_attr_int("width", 2);
        avcl_graph *g =
            declare(host, net->name, (int64_t[5]){1, 3, 1, SIDE, SIDE}, &width, 1, taps);
        avcl_session_options o = {.device = "reference",
                                  .precision = AVCL_F64,
                                  .seed = 3,
                                  .flags = AVCL_SESSION_NO_GRADIENT};
        avcl_session *s = avcl_session_new(g, &o, &err);
        golden_check(err.code, &err);
        double before[16];
        double after[16];
        double sum = 0;
        golden_check(avcl_session_write(s, "x", x, sizeof x, &err), &err);
        read_pool(s, before);
        assert_true(zero_outer_taps(g, s) >= 8);
        read_pool(s, after);
        for (int i = 0; i < 16; i++) {
            assert_true(before[i] == after[i]);
            sum += before[i];
        }
        assert_true(sum > 0);
        avcl_session_free(s);
        avcl_graph_free(g);
    }
    avcl_host_free(host);
}

static void test_backbones__constant_weights_on_cpu(void **state)
{
    (void)state;
    avcl_host *host = golden_host();
    if (!avcl_host_find(host, AVCL_KIND_DEVICE, "cpu", NULL)) {
        avcl_host_free(host);
        skip();
    }
    EACH(net)
    {
        run_averages(host, net, 64, 1, "cpu", AVCL_F32, F32_DEEP);
        run_averages(host, net, 64, 16, "cpu", AVCL_F32, F32_DEEP);
    }
    avcl_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backbones__sizes_of_a_clip),
        cmocka_unit_test(test_backbones__sizes_of_a_spectrogram),
        cmocka_unit_test(test_backbones__the_other_stem),
        cmocka_unit_test(test_backbones__refuse_a_stem_of_5),
        cmocka_unit_test(test_backbones__names_in_registration_order),
        cmocka_unit_test(test_backbones__constant_weights_on_reference),
        cmocka_unit_test(test_backbones__constant_weights_on_cpu),
        cmocka_unit_test(test_backbones__one_frame_sees_the_middle_tap_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
