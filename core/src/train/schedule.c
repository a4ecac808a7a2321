/* schedule.c - one pure step per epoch. */
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
        state->lr =
            o->min_lr + (initial_lr - o->min_lr) * (1 + cos(PI * t / n_epochs)) / 2;
        break;
    default:
        break;
    }
}
