/*
 * initial.c - the first values of weights and states, drawn on all threads.
 *
 * Element i of a variable depends on the seed, its name and i alone: not on what was
 * declared before it, nor on threads. Drawn in blocks, whose loops the compiler
 * vectorises: tens of millions of weights stand between a user and the first step.
 */
#include <math.h>
#include <stdlib.h>

#include "avcl/philox.h"
#include "graph/session_impl.h"

enum {
    BLOCK = 16,
    GRAIN = 4096, /* elements worth a thread */
};

/* 32 bits of the name. */
static uint32_t name_hash(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

/* x[0] and x[1] of avcl_philox_at for `first` and the BLOCK - 1 indices after it. */
static void draw_block(uint64_t seed, uint64_t first, uint32_t when,
                       uint32_t out[2][BLOCK])
{
    uint32_t x[4][BLOCK];
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int l = 0; l < BLOCK; l++) {
        x[0][l] = (uint32_t)(first + (uint64_t)l);
        x[1][l] = (uint32_t)((first + (uint64_t)l) >> 32);
        x[2][l] = when;
        x[3][l] = (uint32_t)AVCL_STREAM_INIT << 24;
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < BLOCK; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * x[0][l];
            uint64_t p1 = (uint64_t)0xCD9E8D57u * x[2][l];
            x[0][l] = (uint32_t)(p1 >> 32) ^ x[1][l] ^ key[0];
            x[1][l] = (uint32_t)p1;
            x[2][l] = (uint32_t)(p0 >> 32) ^ x[3][l] ^ key[1];
            x[3][l] = (uint32_t)p0;
        }
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    for (int l = 0; l < BLOCK; l++) {
        out[0][l] = x[0][l];
        out[1][l] = x[1][l];
    }
}

typedef struct filling {
    const avcl_graph_variable *v;
    uint64_t seed;
    uint32_t name;
    int is_f64;
    void *out;
} filling;

/* Rounded to f32 in both precisions, so that they start from equal weights. */
static void put(const filling *f, int64_t i, double value)
{
    float x = (float)value;
    if (f->is_f64)
        ((double *)f->out)[i] = x;
    else
        ((float *)f->out)[i] = x;
}

static double value_of(const avcl_graph_variable *v, uint32_t a, uint32_t b)
{
    double u = avcl_philox_unit(a);
    if (v->init == AVCL_INIT_UNIFORM) return v->arg * (2 * u - 1);
    double w = avcl_philox_unit(b);
    return v->arg * sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * w);
}

static void fill_some(void *arg, int64_t begin, int64_t end)
{
    const filling *f = arg;
    for (int64_t i = begin; i < end; i += BLOCK) {
        uint32_t word[2][BLOCK];
        int64_t n = end - i < BLOCK ? end - i : BLOCK;
        if (f->v->init != AVCL_INIT_FILL) draw_block(f->seed, (uint64_t)i, f->name, word);
        for (int64_t l = 0; l < n; l++)
            put(f, i + l,
                f->v->init == AVCL_INIT_FILL ? f->v->arg
                                             : value_of(f->v, word[0][l], word[1][l]));
    }
}

static uint64_t largest(const avcl_session *s)
{
    uint64_t most = 1;
    for (uint32_t i = 0; i < s->g->variables.n; i++)
        if (s->variables[i].bytes > most) most = s->variables[i].bytes;
    return most;
}

avcl_status avcl__session_init_variables(avcl_session *s, avcl_error *err)
{
    const avcl_host_api *host = avcl_host_get_api(s->g->host);
    void *values = malloc(largest(s));
    if (!values)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for initial weights");
    for (uint32_t i = 0; i < s->g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(s->g, i);
        if (v->init == AVCL_INIT_COPY) v = avcl__graph_variable(s->g, v->copy_of);
        filling f = {v, s->seed, name_hash(v->name), s->real == AVCL_F64, values};
        host->parallel_for(host, (int64_t)avcl__tinfo_count(&v->info), GRAIN, fill_some,
                           &f);
        s->api->upload(s->device, s->variables[i].data, values, s->variables[i].bytes);
    }
    free(values);
    return AVCL_OK;
}
