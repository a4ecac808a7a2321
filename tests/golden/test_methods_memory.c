/*
 * test_methods_memory.c - methods that remember: MoCo's queue and IIC's memories, and
 * their losses at the closed forms of the methods page (F).
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

#include "method_rig.h"

enum { N = METHOD_N, D = METHOD_D };

/* ---- MoCo
 * ------------------------------------------------------------------------------ */
static void moco_equal_logits(int64_t k)
{
    method_rig r;
    avcl_attr at[3] = {avcl_attr_int("queue", k), avcl_attr_int("out", 2),
                       avcl_attr_str("head", "linear")};
    static const char *const weights[] = {"m/video/query/fc1/", "m/video/key/fc1/",
                                          "m/audio/query/fc1/", "m/audio/key/fc1/"};
    char name[64];
    method_open(&r, "moco", at, 3);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%sweight", weights[i]);
        method_fill(&r, name, 0);
        snprintf(name, sizeof name, "%sbias", weights[i]);
        method_fill(&r, name, 1); /* every query and key: (1, 1) / sqrt(2) */
    }
    method_fill(&r, "m/queue_video", sqrt(0.5));
    method_fill(&r, "m/queue_audio", sqrt(0.5));
    golden_near(method_run(&r), 2 * log(1 + (double)k), METHOD_SUMS);
    method_close(&r);
}

static void test_moco__closed_forms(void **state)
{
    (void)state;
    golden_near(log(1 + 65536.0), 11.0904, 1e-5);
    golden_near(log(1 + 4096.0), 8.3180, 1e-5);
    moco_equal_logits(4096);
    moco_equal_logits(65536);
}

/* Heads are the identity, so keys are the targets' features at unit length. */
static void open_queue(method_rig *r, int64_t k)
{
    avcl_attr at[3] = {avcl_attr_int("queue", k), avcl_attr_int("out", D),
                       avcl_attr_str("head", "linear")};
    method_open(r, "moco", at, 3);
    method_identity(r, "m/video/key/fc1/weight", D, 1);
    method_identity(r, "m/audio/key/fc1/weight", D, 1);
    method_fill(r, "m/video/key/fc1/bias", 0);
    method_fill(r, "m/audio/key/fc1/bias", 0);
    golden_check(
        avcl_session_write(r->s, "momentum", &(double){1}, sizeof(double), &r->err),
        &r->err);
}

/* What a loss with queue rows as they are must be, one direction. */
static double info_nce(const double *q, const double *keys, const double *queue,
                       int64_t k, double tau)
{
    double sum = 0;
    for (int64_t i = 0; i < N; i++) {
        double right = exp(method_cosine(q + i * D, keys + i * D, D) / tau);
        double all = right;
        for (int64_t j = 0; j < k; j++) {
            double dot = 0;
            for (int64_t c = 0; c < D; c++)
                dot += q[i * D + c] * queue[j * D + c];
            all += exp(dot / tau);
        }
        sum -= log(right / all);
    }
    return sum / N;
}

static void test_moco__queue_is_first_in_first_out(void **state)
{
    (void)state;
    enum { K = 2 * N + 1 };
    method_rig r;
    int64_t n;
    double keys[5][2][N * D];
    open_queue(&r, K);
    double *before[2] = {method_get(&r, "m/queue_video", &n),
                         method_get(&r, "m/queue_audio", &n)};
    static const char *const names[2][2] = {{"target_video", "m/queue_video"},
                                            {"target_audio", "m/queue_audio"}};
    for (int t = 0; t < 5; t++) {
        method_scatter(&r, "video", (uint64_t)(100 + t));
        method_scatter(&r, "audio", (uint64_t)(200 + t));
        for (int m = 0; m < 2; m++) {
            method_numbers(keys[t][m], (int64_t)N * D, (uint64_t)(10 * t + m));
            method_put(&r, names[m][0], keys[t][m], (int64_t)N * D);
            method_unit_rows(keys[t][m], N, D);
        }
        double loss = method_step(&r);
        double *q[2] = {method_get(&r, "z_video", &n), method_get(&r, "z_audio", &n)};
        /* Negatives are of earlier steps: this step's keys are not among them. */
        golden_near(loss,
                    info_nce(q[0], keys[t][1], before[1], K, 0.07) +
                        info_nce(q[1], keys[t][0], before[0], K, 0.07),
                    METHOD_ROUTES);
        for (int m = 0; m < 2; m++) {
            double *now = method_get(&r, names[m][1], &n);
            for (int64_t i = 0; i < K * D; i++)
                golden_near(now[i],
                            i < N * D ? keys[t][m][i] : before[m][i - (int64_t)N * D],
                            METHOD_ROUTES);
            free(before[m]);
            before[m] = now;
            free(q[m]);
        }
    }
    free(before[0]);
    free(before[1]);
    method_close(&r);
}

/* ---- IIC
 * ------------------------------------------------------------------------------- */
static const char *const memories[] = {"m/memory_video", "m/memory_audio",
                                       "m/memory_negative"};
static const char *const features[] = {"video", "audio", "negative"};

static void test_iic__closed_form(void **state)
{
    (void)state;
    method_rig r;
    method_open(&r, "iic", NULL, 0);
    golden_near(log(2 * 1025.0), 7.6256, 1e-5);
    for (int i = 0; i < 3; i++) {
        method_fill(&r, memories[i], 1 / sqrt(D));
        method_fill(&r, features[i], 0.4);
    }
    golden_check(avcl_session_write(r.s, "sample_index", (int32_t[N]){5, 9, 0, 1023},
                                    N * sizeof(int32_t), &r.err),
                 &r.err);
    golden_near(method_run(&r), 2 * log(2 * 1025.0), METHOD_SUMS);
    method_close(&r);
}

/* m[y] = unit(m[y] / 2 + x / 2), after the loss; other rows stay as they are. */
static void test_iic__remembers_the_clips_it_saw(void **state)
{
    (void)state;
    enum { ROWS = 16 };
    static const int32_t own[N] = {5, 9, 0, 15};
    method_rig r;
    int64_t n;
    avcl_attr at[2] = {avcl_attr_int("samples", ROWS), avcl_attr_int("negatives", 3)};
    method_open(&r, "iic", at, 2);
    double *before[3];
    for (int i = 0; i < 3; i++) {
        before[i] = method_get(&r, memories[i], &n);
        method_scatter(&r, features[i], (uint64_t)(20 + i));
    }
    golden_check(avcl_session_write(r.s, "sample_index", own, sizeof own, &r.err),
                 &r.err);
    method_step(&r);
    for (int i = 0; i < 3; i++) {
        double x[N * D];
        double *now = method_get(&r, memories[i], &n);
        method_numbers(x, (int64_t)N * D, (uint64_t)(20 + i));
        method_unit_rows(x, N, D);
        for (int row = 0; row < N; row++) {
            double *m = before[i] + own[row] * D;
            for (int c = 0; c < D; c++)
                m[c] = 0.5 * m[c] + 0.5 * x[row * D + c];
            method_unit_rows(m, 1, D);
        }
        for (int64_t k = 0; k < ROWS * D; k++)
            golden_near(now[k], before[i][k], METHOD_ROUTES);
        free(now);
        free(before[i]);
    }
    method_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moco__closed_forms),
        cmocka_unit_test(test_moco__queue_is_first_in_first_out),
        cmocka_unit_test(test_iic__closed_form),
        cmocka_unit_test(test_iic__remembers_the_clips_it_saw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
