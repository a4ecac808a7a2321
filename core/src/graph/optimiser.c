/*
 * optimiser.c - the kernels of a step, their rates, and the norms they depend on.
 *
 * A step: norms where clipping or LARS asks for them, rates of every group from those,
 * one upload, then one pass per group.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/ops.h"
#include "graph/optimiser.h"

enum { N_RATES = 4 };                                   /* at most, of a kernel */
enum { OF_GRADIENTS = 0, OF_WEIGHTS = 1, N_NORMS = 2 }; /* sums of squares */

static const double CLIP_EPS = 1e-6; /* of PyTorch's clip_grad_norm_ */

typedef struct shared_kernel { /* groups of equal size and op have one kernel */
    avcl_kernel *kernel;
    uint64_t n;
    int32_t is_norm;
} shared_kernel;

struct avcl_optimiser {
    avcl_optim optim; /* without its scopes: they are in the groups */
    avcl_optim_group *groups;
    uint32_t n_groups;
    avcl_table kernels; /* shared_kernel */
    avcl_storage rates; /* [n_groups, N_RATES] */
    avcl_storage norms; /* [n_groups, N_NORMS] */
    double *host_rates; /* the same in doubles */
    double *host_norms;
    void *wire; /* either, as the device has it */
    void *scratch;
    uint64_t scratch_bytes;
};

void avcl__optimiser_free(avcl_session *s)
{
    avcl_optimiser *o = s->optimiser;
    if (!o) return;
    const shared_kernel *kernels = o->kernels.data;
    for (uint32_t i = 0; i < o->kernels.n; i++)
        s->api->release(s->device, kernels[i].kernel);
    free(o->kernels.data);
    free(o->groups);
    free(o->host_rates);
    free(o->host_norms);
    free(o->wire);
    free(o);
    s->optimiser = NULL;
}

/* ---- kernels ------------------------------------------------------------------------
 */

static avcl_status prepare(avcl_session *s, uint64_t n, int32_t is_norm,
                           avcl_kernel **out, uint64_t *scratch, avcl_error *err)
{
    const avcl_optim *o = &s->optimiser->optim;
    avcl_sgd_attrs sgd = {.momentum = o->momentum, .nesterov = o->nesterov};
    avcl_adamw_attrs adamw = {o->beta1, o->beta2, o->eps};
    avcl_tinfo flat = {.dtype = s->real, .ndim = 1, .shape = {(int64_t)n}};
    avcl_tinfo one = {.dtype = s->real};
    avcl_tinfo rate = {.dtype = s->real, .ndim = 1, .shape = {3}};
    uint32_t tags[5] = {0};
    if (is_norm) {
        avcl_kernel_spec spec = {"square_sum", NULL, 1, 1, &flat, &one, tags, tags};
        return s->api->prepare(s->device, &spec, out, scratch, err);
    }
    avcl_tinfo result[3] = {flat, flat, flat};
    if (o->kind == AVCL_ADAMW) {
        rate.shape[0] = 4;
        avcl_tinfo in[5] = {flat, flat, flat, flat, rate};
        avcl_kernel_spec spec = {"adamw", &adamw, 5, 3, in, result, tags, tags};
        return s->api->prepare(s->device, &spec, out, scratch, err);
    }
    avcl_tinfo in[4] = {flat, flat, flat, rate};
    avcl_kernel_spec spec = {"sgd", &sgd, 4, 2, in, result, tags, tags};
    return s->api->prepare(s->device, &spec, out, scratch, err);
}

static avcl_kernel *find(const avcl_optimiser *o, uint64_t n, int32_t is_norm)
{
    const shared_kernel *kernels = o->kernels.data;
    for (uint32_t i = 0; i < o->kernels.n; i++)
        if (kernels[i].n == n && kernels[i].is_norm == is_norm) return kernels[i].kernel;
    return NULL;
}

static avcl_status need_kernel(avcl_session *s, uint64_t n, int32_t is_norm,
                               avcl_error *err)
{
    avcl_optimiser *o = s->optimiser;
    shared_kernel row = {.n = n, .is_norm = is_norm};
    uint64_t scratch = 0;
    if (find(o, n, is_norm)) return AVCL_OK;
    avcl_status rc = prepare(s, n, is_norm, &row.kernel, &scratch, err);
    if (rc) return rc;
    if (scratch > o->scratch_bytes) o->scratch_bytes = scratch;
    if (avcl__table_add(&o->kernels, sizeof row, &row)) return AVCL_OK;
    s->api->release(s->device, row.kernel);
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for an optimiser");
}

static int needs_norms(const avcl_optim *o)
{
    return o->clip_norm > 0 || o->kind == AVCL_LARS;
}

static avcl_status make_kernels(avcl_session *s, avcl_error *err)
{
    avcl_optimiser *o = s->optimiser;
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < o->n_groups; i++) {
        rc = need_kernel(s, o->groups[i].n, 0, err);
        if (!rc && needs_norms(&o->optim)) rc = need_kernel(s, o->groups[i].n, 1, err);
    }
    return rc ? rc : avcl__session_scratch(s, o->scratch_bytes, &o->scratch, err);
}

static avcl_status make_buffers(avcl_session *s, avcl_error *err)
{
    avcl_optimiser *o = s->optimiser;
    avcl_tinfo rates = {.dtype = s->real, .ndim = 2, .shape = {o->n_groups + 1, N_RATES}};
    size_t n = (size_t)o->n_groups + 1;
    o->host_rates = calloc(n * N_RATES, sizeof *o->host_rates);
    o->host_norms = calloc(n * N_NORMS, sizeof *o->host_norms);
    o->wire = calloc(n * N_RATES, sizeof(double));
    if (!o->host_rates || !o->host_norms || !o->wire)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for an optimiser");
    avcl_status rc = avcl__session_alloc(s, &rates, &s->io_bytes, &o->rates, err);
    if (!rc) rc = avcl__session_alloc(s, &rates, &s->io_bytes, &o->norms, err);
    if (!rc) rc = avcl__session_need_flat(s, AVCL_FLAT_MOMENTUM, err);
    if (!rc && o->optim.kind == AVCL_ADAMW)
        rc = avcl__session_need_flat(s, AVCL_FLAT_SECOND, err);
    return rc;
}

/* ---- the same optimiser as last time? ------------------------------------------------
 */

static int same_groups(const avcl_optimiser *o, const avcl_optim_group *groups,
                       uint32_t n)
{
    if (o->n_groups != n) return 0;
    for (uint32_t i = 0; i < n; i++) {
        const avcl_optim_group *a = &o->groups[i];
        if (a->first != groups[i].first || a->n != groups[i].n ||
            a->lr_ratio != groups[i].lr_ratio || a->is_adapted != groups[i].is_adapted ||
            a->weight_decay != groups[i].weight_decay)
            return 0;
    }
    return 1;
}

static int same_options(const avcl_optim *a, const avcl_optim *b)
{
    return a->kind == b->kind && a->nesterov == b->nesterov &&
           a->momentum == b->momentum && a->beta1 == b->beta1 && a->beta2 == b->beta2 &&
           a->eps == b->eps && needs_norms(a) == needs_norms(b);
}

static avcl_status check(const avcl_session *s, const avcl_optim *o, avcl_error *err)
{
    if (!s->flat[AVCL_FLAT_GRADIENTS] && s->n_flat)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "an optimiser step of a session without gradients");
    if (o->kind < AVCL_SGD || o->kind > AVCL_LARS)
        return avcl_error_set(err, AVCL_E_INVALID, "there is no optimiser %d", o->kind);
    if (!(o->lr > 0))
        return avcl_error_set(err, AVCL_E_INVALID, "lr = %g is not above 0", o->lr);
    return AVCL_OK;
}

avcl_status avcl_session_prepare_optimiser(avcl_session *s, const avcl_optim *optim,
                                           avcl_error *err)
{
    avcl_optim_group *groups = NULL;
    uint32_t n = 0;
    avcl_status rc = check(s, optim, err);
    if (!rc) rc = avcl__optim_groups(s, optim, &groups, &n, err);
    if (rc) return rc;
    avcl_optimiser *o = s->optimiser;
    if (o && same_options(&o->optim, optim) && same_groups(o, groups, n)) {
        o->optim = *optim;
        free(groups);
        return AVCL_OK;
    }
    avcl__optimiser_free(s);
    o = s->optimiser = calloc(1, sizeof *o);
    if (!o) {
        free(groups);
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for an optimiser");
    }
    o->optim = *optim;
    o->optim.scopes = NULL;
    o->groups = groups;
    o->n_groups = n;
    rc = make_buffers(s, err);
    if (!rc) rc = make_kernels(s, err);
    if (rc) avcl__optimiser_free(s);
    return rc;
}

/* ---- accumulation --------------------------------------------------------------------
 */

avcl_status avcl_session_accumulate(avcl_session *s, int32_t is_first, avcl_error *err)
{
    if (s->n_flat == 0) return AVCL_OK;
    if (!s->flat[AVCL_FLAT_GRADIENTS])
        return avcl_error_set(err, AVCL_E_INVALID,
                              "gradients of a session without gradients");
    avcl_status rc = avcl__session_need_flat(s, AVCL_FLAT_SUM, err);
    avcl_tinfo flat = {.dtype = s->real, .ndim = 1, .shape = {(int64_t)s->n_flat}};
    avcl_tinfo in_info[2] = {flat, flat};
    uint32_t tags[2] = {0};
    avcl_kernel_spec copy = {"reorder", NULL, 1, 1, in_info, &flat, tags, tags};
    avcl_kernel_spec add = {"add", NULL, 2, 1, in_info, &flat, tags, tags};
    avcl_kernel *kernel = NULL;
    void *scratch = NULL;
    uint64_t scratch_bytes = 0;
    if (!rc)
        rc = s->api->prepare(s->device, is_first ? &copy : &add, &kernel, &scratch_bytes,
                             err);
    if (rc) return rc;
    const void *in[2] = {s->flat[AVCL_FLAT_GRADIENTS], s->flat[AVCL_FLAT_SUM]};
    rc = avcl__session_scratch(s, scratch_bytes, &scratch, err);
    if (!rc)
        rc = s->api->run(s->device, kernel, in, &s->flat[AVCL_FLAT_SUM], scratch, err);
    s->api->release(s->device, kernel);
    return rc;
}

/* ---- one step ------------------------------------------------------------------------
 */

static char *at(const avcl_session *s, void *base, uint64_t i)
{
    return (char *)base + i * avcl__dtype_bytes(s->real);
}

static void upload_rates(avcl_session *s)
{
    avcl_optimiser *o = s->optimiser;
    uint64_t n = (uint64_t)o->n_groups * N_RATES;
    for (uint64_t i = 0; i < n; i++)
        if (s->real == AVCL_F64)
            ((double *)o->wire)[i] = o->host_rates[i];
        else
            ((float *)o->wire)[i] = (float)o->host_rates[i];
    s->api->upload(s->device, o->rates.data, o->wire, n * avcl__dtype_bytes(s->real));
}

static void download_norms(avcl_session *s)
{
    avcl_optimiser *o = s->optimiser;
    uint64_t n = (uint64_t)o->n_groups * N_NORMS;
    s->api->download(s->device, o->wire, o->norms.data, n * avcl__dtype_bytes(s->real));
    for (uint64_t i = 0; i < n; i++)
        o->host_norms[i] =
            s->real == AVCL_F64 ? ((double *)o->wire)[i] : (double)((float *)o->wire)[i];
}

static avcl_status square_sum(avcl_session *s, uint32_t group, void *of, uint32_t column,
                              avcl_error *err)
{
    avcl_optimiser *o = s->optimiser;
    const avcl_optim_group *g = &o->groups[group];
    const void *in = at(s, of, g->first);
    void *out = at(s, o->norms.data, (uint64_t)group * N_NORMS + column);
    return s->api->run(s->device, find(o, g->n, 1), &in, &out, o->scratch, err);
}

/* Squared norms of g, and of w where LARS adapts, of every group. */
static avcl_status measure(avcl_session *s, void *gradients, avcl_error *err)
{
    avcl_optimiser *o = s->optimiser;
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < o->n_groups; i++) {
        rc = square_sum(s, i, gradients, OF_GRADIENTS, err);
        if (!rc && o->groups[i].is_adapted)
            rc = square_sum(s, i, s->flat[AVCL_FLAT_WEIGHTS], OF_WEIGHTS, err);
    }
    if (!rc) download_norms(s);
    return rc;
}

/* What the summed gradients are multiplied with: 1/n, and less where they are clipped. */
static avcl_status scale_of(const avcl_optimiser *o, const avcl_optim_step *step,
                            double *out, avcl_error *err)
{
    double scale = step->n_summed ? 1.0 / step->n_summed : 1;
    double squares = 0;
    for (uint32_t i = 0; needs_norms(&o->optim) && i < o->n_groups; i++)
        squares += o->host_norms[i * N_NORMS + OF_GRADIENTS];
    double norm = scale * sqrt(squares);
    if (!isfinite(norm))
        return avcl_error_set(err, AVCL_E_NUMERIC, "the norm of the gradients is %g",
                              norm);
    if (o->optim.clip_norm > 0 && norm + CLIP_EPS > o->optim.clip_norm)
        scale *= o->optim.clip_norm / (norm + CLIP_EPS);
    *out = scale;
    return AVCL_OK;
}

/* LARS: the factor of (g + decay w), or 1 where it does not adapt; and the decay. */
static double adapt(const avcl_optim *o, const avcl_optim_group *g, const double *squares,
                    double scale, double lr, double *decay)
{
    *decay = g->weight_decay;
    if (!g->is_adapted) return 1;
    double of_g = scale * sqrt(squares[OF_GRADIENTS]);
    double of_w = sqrt(squares[OF_WEIGHTS]);
    if (of_g == 0 || of_w == 0) {
        *decay = 0;
        return 1;
    }
    double trust = o->trust * of_w / (of_g + g->weight_decay * of_w + o->eps);
    return o->clip_rate ? fmin(trust / lr, 1) : trust;
}

static void sgd_rates(const avcl_optim *o, const avcl_optim_group *g,
                      const double *squares, double scale, double lr, double *rate)
{
    double decay;
    double factor = adapt(o, g, squares, scale, lr, &decay);
    rate[0] = lr;
    rate[1] = scale * factor;
    rate[2] = decay * factor;
}

static void adamw_rates(const avcl_optim *o, const avcl_optim_group *g, double scale,
                        double lr, uint64_t step, double *rate)
{
    rate[0] = lr / (1 - pow(o->beta1, (double)step));
    rate[1] = scale;
    rate[2] = 1 - lr * g->weight_decay;
    rate[3] = 1 / sqrt(1 - pow(o->beta2, (double)step));
}

static void make_rates(avcl_optimiser *o, const avcl_optim_step *step, double scale)
{
    for (uint32_t i = 0; i < o->n_groups; i++) {
        const avcl_optim_group *g = &o->groups[i];
        double *rate = o->host_rates + (size_t)i * N_RATES;
        double lr = step->lr * g->lr_ratio;
        if (o->optim.kind == AVCL_ADAMW)
            adamw_rates(&o->optim, g, scale, lr, step->step, rate);
        else
            sgd_rates(&o->optim, g, o->host_norms + (size_t)i * N_NORMS, scale, lr, rate);
    }
}

static avcl_status run_group(avcl_session *s, uint32_t group, void *gradients,
                             avcl_error *err)
{
    avcl_optimiser *o = s->optimiser;
    const avcl_optim_group *g = &o->groups[group];
    void *w = at(s, s->flat[AVCL_FLAT_WEIGHTS], g->first);
    void *m = at(s, s->flat[AVCL_FLAT_MOMENTUM], g->first);
    const void *rate = at(s, o->rates.data, (uint64_t)group * N_RATES);
    const void *gradient = at(s, gradients, g->first);
    avcl_kernel *kernel = find(o, g->n, 0);
    if (o->optim.kind != AVCL_ADAMW) {
        const void *in[4] = {w, gradient, m, rate};
        void *out[2] = {w, m};
        return s->api->run(s->device, kernel, in, out, o->scratch, err);
    }
    void *v = at(s, s->flat[AVCL_FLAT_SECOND], g->first);
    const void *in[5] = {w, gradient, m, v, rate};
    void *out[3] = {w, m, v};
    return s->api->run(s->device, kernel, in, out, o->scratch, err);
}

avcl_status avcl_session_optimise(avcl_session *s, const avcl_optim *optim,
                                  const avcl_optim_step *step, avcl_error *err)
{
    if (s->n_flat == 0) return AVCL_OK;
    avcl_status rc = avcl_session_prepare_optimiser(s, optim, err);
    if (rc) return rc;
    avcl_optimiser *o = s->optimiser;
    void *gradients = s->flat[step->n_summed ? AVCL_FLAT_SUM : AVCL_FLAT_GRADIENTS];
    if (!gradients)
        return avcl_error_set(err, AVCL_E_INVALID, "no gradients were accumulated");
    double scale = 1;
    if (needs_norms(optim)) rc = measure(s, gradients, err);
    if (!rc) rc = scale_of(o, step, &scale, err);
    if (rc) return rc;
    make_rates(o, step, scale);
    upload_rates(s);
    for (uint32_t i = 0; !rc && i < o->n_groups; i++)
        rc = run_group(s, i, gradients, err);
    return rc;
}
