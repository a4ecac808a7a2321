/*
 * optim_bench.c - optimiser steps against a copy of as many bytes, side by side.
 *
 *     build/release/bin/optim_bench [millions of weights = 30] [rounds = 7]
 *
 * The best of the rounds counts; the two are measured in turn, so noise hits both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "avcl/build.h"
#include "avcl/session.h"
#include "base/parallel.h"

enum { N_LAYERS = 60 }; /* weights of a ResNet: LARS has a group for each */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static avcl_graph *declare(avcl_host *host, int64_t n)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[2] = {n / N_LAYERS / 64, 64};
    avcl_node total = 0;
    for (int i = 0; i < N_LAYERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d", i);
        avcl_node w = avcl_graph_weight(g, name, shape, 2, "normal", 0.1);
        avcl_node in[2] = {total, avcl_graph_op(g, "mean", &w, 1, NULL, 0)};
        total = i ? avcl_graph_op(g, "add", in, 2, NULL, 0) : in[1];
    }
    avcl_graph_minimize(g, 1, total);
    return g;
}

typedef struct copy_job {
    char *to;
    const char *from;
} copy_job;

static void copy(void *arg, int64_t begin, int64_t end)
{
    const copy_job *j = arg;
    memcpy(j->to + begin, j->from + begin, (size_t)(end - begin));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        avcl_optim optim;
        double bytes; /* a weight */
    } cases[] = {
        {"sgd", {.lr = 1e-3, .momentum = 0.9, .weight_decay = 5e-4}, 20},
        {"sgd, clipped", {.lr = 1e-3, .momentum = 0.9, .clip_norm = 1}, 24},
        {"adamw",
         {.kind = AVCL_ADAMW, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
         28},
        {"lars",
         {.kind = AVCL_LARS, .lr = 1, .momentum = 0.9, .trust = 1e-3, .eps = 1e-8},
         28},
    };
    int64_t n = (int64_t)((argc > 1 ? atof(argv[1]) : 30) * 1e6);
    int rounds = argc > 2 ? atoi(argv[2]) : 7;
    avcl_error err = {0};
    avcl_host *host = avcl_host_new(NULL, &err);
    avcl_graph *g = declare(host, n);
    avcl_session *s = avcl_session_new(g, NULL, &err);
    if (!s || avcl_session_run(s, AVCL_TRAIN, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    n = (int64_t)avcl_session_n_weights(s);
    printf("%.1f M weights; %s\n", (double)n / 1e6, avcl_session_device_text(s));
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t half = (size_t)((double)n * cases[c].bytes / 2);
        copy_job job = {calloc(half, 1), calloc(half, 1)};
        double step_s = 1e9;
        double copy_s = 1e9;
        for (int r = 0; job.to && job.from && r < rounds; r++) {
            avcl_optim_step step = {.lr = cases[c].optim.lr, .step = (uint64_t)r + 1};
            double t0 = now_s();
            if (avcl_session_optimise(s, &cases[c].optim, &step, &err))
                fprintf(stderr, "%s\n", err.message);
            double t1 = now_s();
            avcl__parallel_for(avcl_host_n_threads(host), (int64_t)half, 1 << 16, copy,
                               &job);
            double t2 = now_s();
            if (t1 - t0 < step_s) step_s = t1 - t0;
            if (t2 - t1 < copy_s) copy_s = t2 - t1;
        }
        printf(
            "%-14s %6.2f ms, %5.1f GB/s; a copy of as many bytes %6.2f ms: %.2f of it\n",
            cases[c].name, 1e3 * step_s, (double)n * cases[c].bytes / step_s / 1e9,
            1e3 * copy_s, step_s / copy_s);
        free(job.to);
        free((char *)job.from);
    }
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
    return 0;
}
