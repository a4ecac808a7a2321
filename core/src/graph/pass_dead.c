/* pass_dead.c - removes nodes that no root reaches. Sources go too: storage is the
 * session's. */
#include <stdlib.h>

#include "graph/compile.h"

static unsigned char *reach(const avcl_draft *d)
{
    unsigned char *live = calloc(d->ir.n_nodes + 1, 1);
    if (!live) return NULL;
    for (uint32_t i = 0; i < d->roots.n; i++)
        live[d->ir.values[avcl__draft_roots(d)[i].value].node] = 1;
    for (uint32_t n = d->ir.n_nodes; n-- > 0;)
        for (uint32_t i = 0; live[n] && i < d->ir.nodes[n].n_in; i++)
            live[d->ir.values[d->ir.nodes[n].inputs[i]].node] = 1;
    return live;
}

avcl_status avcl__pass_dead(avcl_draft *draft, avcl_error *err)
{
    avcl_ir to = {0};
    unsigned char *live = reach(draft);
    avcl_node *map = avcl__draft_map_new(&draft->ir, err);
    if (!live || !map) goto no_memory;
    for (uint32_t n = 0; n < draft->ir.n_nodes; n++) {
        if (live[n] && !avcl__draft_copy_node(&to, &draft->ir, n, map)) goto no_memory;
    }
    avcl__draft_replace(draft, &to, map);
    free(live);
    return AVCL_OK;

no_memory:
    free(live);
    free(map);
    avcl__ir_release(&to);
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while removing dead nodes");
}
