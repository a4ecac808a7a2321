/* schedule.c - one pure step per epoch, and what a step makes of it. */
#include <math.h>

#include "train/schedule.h"

static const double PI = 3.14159265358979323846;

void avcl__schedule_start(avcl_schedule_state *state, const avcl_schedule *schedule,
                          double lr)
{
    (void)schedule;
    *state = (avcl_schedule_state){.lr = lr, .best = INFINITY};
}

static void plateau(avcl_schedule_state *state, const avcl_schedule *o, double loss)
{
    double threshold = o->threshold > 0 ? o->threshold : 1e-4;
    double factor = o->factor > 0 ? o->factor : 0.1;
    uint32_t patience = o->patience > 0 ? (uint32_t)o->patience : 50;
    if (loss < state->best * (1 - threshold) || (isinf(state->best) && isfinite(loss))) {
        state->best = loss;
        state->n_bad = 0;
    } else {
        state->n_bad++;
    }
    if (state->n_bad <= patience) return;
    state->n_bad = 0;
    double lr = fmax(state->lr * factor, o->min_lr);
    /* As PyTorch: a change under 1e-8 is none. */
    if (state->lr - lr > 1e-8) state->lr = lr;
}

/* Half a wave from the end of warm-up to the end of all; t in epochs. */
static double cosine(const avcl_schedule *o, double initial_lr, double n_epochs, double t)
{
    double length = n_epochs - o->warmup_epochs;
    double u = length > 0 ? (t - o->warmup_epochs) / length : 1;
    u = fmin(fmax(u, 0), 1);
    return o->min_lr + (initial_lr - o->min_lr) * (1 + cos(PI * u)) / 2;
}

static uint32_t n_passed(const avcl_schedule *o, double t)
{
    uint32_t n = 0;
    while (n < o->n_milestones && o->milestones[n] <= t)
        n++;
    return n;
}

void avcl__schedule_step(avcl_schedule_state *state, const avcl_schedule *o,
                         double initial_lr, uint32_t n_epochs, double loss)
{
    double factor = o->factor > 0 ? o->factor : 0.1;
    double t = ++state->epoch;
    switch (o->kind) {
    case AVCL_LR_PLATEAU:
        plateau(state, o, loss);
        break;
    case AVCL_LR_STEP:
        state->lr = initial_lr *
                    pow(factor, floor(t / (o->step_epochs > 0 ? o->step_epochs : 1)));
        break;
    case AVCL_LR_COSINE:
        state->lr = cosine(o, initial_lr, n_epochs, t);
        break;
    case AVCL_LR_MULTISTEP:
        state->lr = initial_lr * pow(factor, n_passed(o, t));
        break;
    default:
        break;
    }
}

double avcl__schedule_rate(const avcl_schedule_state *state, const avcl_schedule *o,
                           double initial_lr, const avcl_moment *at)
{
    double done = at->step + (double)at->epoch * at->n_steps;
    double warm = o->warmup_epochs * at->n_steps;
    double lr = state->lr;
    if (o->kind == AVCL_LR_COSINE && o->per_step)
        lr = cosine(o, initial_lr, at->n_epochs, done / at->n_steps);
    return done + 1 < warm ? lr * (done + 1) / warm : lr;
}
