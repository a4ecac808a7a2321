/* bad.c - which samples could not be read, in the order a single worker would meet them.
 */
#include <stdlib.h>
#include <string.h>

#include "data/loader_impl.h"

static avcl_status append(avcl_bad_list *list, const avcl_bad *bad)
{
    if (list->n == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 8;
        avcl_bad *items = realloc(list->items, (size_t)capacity * sizeof *items);
        if (!items) return AVCL_E_NOMEM;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = *bad;
    return AVCL_OK;
}

avcl_status avcl__bad_add(avcl_bad_list *list, const avcl_bad *bad)
{
    avcl_bad copy = *bad;
    copy.reason = strdup(bad->reason);
    if (!copy.reason) return AVCL_E_NOMEM;
    if (append(list, &copy) == AVCL_OK) return AVCL_OK;
    free(copy.reason);
    return AVCL_E_NOMEM;
}

static int compare_bad(const void *a, const void *b)
{
    const avcl_bad *x = a;
    const avcl_bad *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int is_listed(const avcl_bad_list *list, int64_t sample)
{
    for (int64_t i = 0; i < list->n; i++)
        if (list->items[i].sample == sample) return 1;
    return 0;
}

void avcl__bad_merge(avcl_bad_list *list, avcl_bad_list *found)
{
    if (found->n)
        qsort(found->items, (size_t)found->n, sizeof *found->items, compare_bad);
    for (int64_t i = 0; i < found->n; i++)
        if (is_listed(list, found->items[i].sample) || append(list, &found->items[i]))
            free(found->items[i].reason);
    found->n = 0;
}

void avcl__bad_release(avcl_bad_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        free(list->items[i].reason);
    free(list->items);
    *list = (avcl_bad_list){0};
}
