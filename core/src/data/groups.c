/*
 * groups.c - the balanced sampler: the classes of an epoch in a random round, each giving
 * its samples in an order of its own, round and round.
 *
 * A class is met every n_classes groups; it then gives its next samples. So in an epoch
 * no class is ahead of another by more than one group, and no sample of a class comes
 * again before all of it came.
 */
#include <stdlib.h>

#include "data/loader_impl.h"

#include "avcl/philox.h"

typedef struct group_class {
    int64_t first; /* in by_label */
    int64_t n;
} group_class;

struct avcl_groups {
    const avcl_loader *l;
    group_class *classes; /* labelled ones */
    int64_t n;
    int64_t *round;  /* [n] classes in the epoch's order */
    int64_t *places; /* per class, its rows in the epoch's order */
    avcl_order_item *scratch;
    uint64_t *keys;
    uint32_t epoch;
    int known;
};

void avcl__groups_free(struct avcl_groups *g)
{
    if (!g) return;
    free(g->classes);
    free(g->round);
    free(g->places);
    free(g->scratch);
    free(g->keys);
    free(g);
}

static void find_classes(struct avcl_groups *g)
{
    const avcl_loader *l = g->l;
    for (int64_t i = 0; i < l->split->n; i++) {
        int32_t label = l->d->rows[l->by_label[i]].label;
        if (label < 0) continue;
        if (g->n && l->d->rows[l->by_label[g->classes[g->n - 1].first]].label == label)
            g->classes[g->n - 1].n++;
        else
            g->classes[g->n++] = (group_class){i, 1};
    }
}

avcl_status avcl__groups_new(const avcl_loader *l, struct avcl_groups **out,
                             avcl_error *err)
{
    size_t n = (size_t)l->split->n;
    struct avcl_groups *g = calloc(1, sizeof *g);
    *out = g;
    if (!g) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the loader");
    g->l = l;
    g->classes = calloc(n, sizeof *g->classes);
    g->round = calloc(n, sizeof *g->round);
    g->places = calloc(n, sizeof *g->places);
    g->scratch = calloc(n, sizeof *g->scratch);
    g->keys = calloc(n, sizeof *g->keys);
    if (!g->classes || !g->round || !g->places || !g->scratch || !g->keys)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the loader");
    find_classes(g);
    if (g->n >= l->options.batch / l->options.group) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID,
                          "split '%s' has %lld classes with labels, a batch of %u in "
                          "groups of %u needs %u",
                          l->split->name, (long long)g->n, l->options.batch,
                          l->options.group, l->options.batch / l->options.group);
}

static void make_epoch(struct avcl_groups *g, uint64_t seed, uint32_t epoch)
{
    if (g->known && g->epoch == epoch) return;
    for (int64_t c = 0; c < g->n; c++) {
        const group_class *k = &g->classes[c];
        for (int64_t i = 0; i < k->n; i++)
            g->keys[i] = g->l->d->rows[g->l->by_label[k->first + i]].key;
        avcl__order_fill(g->scratch, g->keys, k->n, seed, epoch, g->places + k->first);
    }
    for (int64_t c = 0; c < g->n; c++) {
        int32_t label = g->l->d->rows[g->l->by_label[g->classes[c].first]].label;
        g->keys[c] = avcl__sample_key(g->l->d->classes[label]);
    }
    avcl__order_fill(g->scratch, g->keys, g->n, seed, epoch, g->round);
    g->epoch = epoch;
    g->known = 1;
}

int64_t avcl__groups_row(struct avcl_groups *g, uint64_t seed, uint32_t epoch,
                         int64_t item, uint32_t group)
{
    make_epoch(g, seed, epoch);
    int64_t turn = item / group;
    const group_class *k = &g->classes[g->round[turn % g->n]];
    int64_t given = turn / g->n * group + item % group;
    return g->l->by_label[k->first + g->places[k->first + given % k->n]];
}
