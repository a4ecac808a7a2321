/* optim_groups.c - which weights an optimiser treats alike. */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "graph/optimiser.h"

/* Length of `scope` when `name` lies under it, else -1. */
static int64_t depth_under(const char *scope, const char *name)
{
    size_t n = strlen(scope);
    int is_under = strncmp(name, scope, n) == 0 && (name[n] == '/' || name[n] == '\0');
    return is_under ? (int64_t)n : -1;
}

static const avcl_optim_scope *scope_of(const avcl_optim *o, const char *name)
{
    const avcl_optim_scope *best = NULL;
    int64_t deepest = -1;
    for (uint32_t i = 0; i < o->n_scopes; i++) {
        int64_t depth = depth_under(o->scopes[i].scope, name);
        if (depth <= deepest) continue;
        deepest = depth;
        best = &o->scopes[i];
    }
    return best;
}

static avcl_optim_group group_of(const avcl_session *s, uint32_t variable,
                                 const avcl_optim *o)
{
    const avcl_graph_variable *v = avcl__graph_variable(s->g, variable);
    const avcl_optim_scope *scope = scope_of(o, v->name);
    int is_excluded = o->exclude_1d && v->info.ndim <= 1;
    avcl_optim_group group = {
        .first = s->flat_first[variable],
        .n = avcl__tinfo_count(&v->info),
        .lr_ratio = scope ? scope->lr / o->lr : 1,
        .weight_decay = scope ? scope->weight_decay : o->weight_decay,
        .is_adapted = o->kind == AVCL_LARS && !is_excluded,
    };
    if (is_excluded) group.weight_decay = 0;
    return group;
}

static int is_alike(const avcl_optim_group *a, const avcl_optim_group *b)
{
    return !a->is_adapted && !b->is_adapted && a->lr_ratio == b->lr_ratio &&
           a->weight_decay == b->weight_decay;
}

static avcl_status check_scopes(const avcl_session *s, const avcl_optim *o,
                                avcl_error *err)
{
    for (uint32_t k = 0; k < o->n_scopes; k++) {
        int is_there = 0;
        for (uint32_t i = 0; !is_there && i < s->g->variables.n; i++) {
            const avcl_graph_variable *v = avcl__graph_variable(s->g, i);
            is_there = v->source == AVCL_SOURCE_WEIGHT &&
                       depth_under(o->scopes[k].scope, v->name) >= 0;
        }
        if (!is_there)
            return avcl_error_set(err, AVCL_E_NOT_FOUND,
                                  "the optimiser's scope '%s' holds no weight that is "
                                  "trained",
                                  o->scopes[k].scope);
    }
    return AVCL_OK;
}

avcl_status avcl__optim_groups(const avcl_session *s, const avcl_optim *optim,
                               avcl_optim_group **groups, uint32_t *n_groups,
                               avcl_error *err)
{
    avcl_status rc = check_scopes(s, optim, err);
    if (rc) return rc;
    avcl_optim_group *list = calloc(s->g->variables.n + 1, sizeof *list);
    uint32_t n = 0;
    if (!list) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for an optimiser");
    for (uint32_t i = 0; i < s->g->variables.n; i++) {
        if (avcl__graph_variable(s->g, i)->source != AVCL_SOURCE_WEIGHT) continue;
        avcl_optim_group group = group_of(s, i, optim);
        if (n && is_alike(&list[n - 1], &group))
            list[n - 1].n = group.first + group.n - list[n - 1].first;
        else
            list[n++] = group;
    }
    *groups = list;
    *n_groups = n;
    return AVCL_OK;
}
