/* runs_table.c - rows and columns of runs; a row's cells lie at one index of all columns.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/runs.h"

static const avcl_cell MISSING = {.text = {0, AVCL_CELL_MISSING}};

/* ---- rows by id ------------------------------------------------------------------- */
const char *avcl__runs_id(const avcl_runs *runs, uint32_t row)
{
    return avcl__texts_get(&runs->texts,
                           runs->columns[AVCL_RUNS_ID].cells[row].text.index);
}

/* Ids are hashes; texts are numbered, so the number of the id's text is spread instead.
 */
static uint32_t spread(uint32_t text)
{
    return text * 2654435761u;
}

static uint32_t find_slot(const avcl_runs *runs, uint32_t text)
{
    const avcl_cell *ids = runs->columns[AVCL_RUNS_ID].cells;
    uint32_t i = spread(text) & (runs->n_slots - 1);
    while (runs->rows_by_id[i] && ids[runs->rows_by_id[i] - 1].text.index != text)
        i = (i + 1) & (runs->n_slots - 1);
    return i;
}

int avcl__runs_index(avcl_runs *runs)
{
    uint32_t n_slots = 64;
    while (runs->n_rows * 2 + 2 > n_slots)
        n_slots *= 2;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots) return 0;
    free(runs->rows_by_id);
    runs->rows_by_id = slots;
    runs->n_slots = n_slots;
    const avcl_cell *ids = runs->columns[AVCL_RUNS_ID].cells;
    for (uint32_t row = 0; row < runs->n_rows; row++)
        slots[find_slot(runs, ids[row].text.index)] = row + 1;
    return 1;
}

int64_t avcl__runs_row(const avcl_runs *runs, const char *run)
{
    uint32_t text = avcl__texts_find(&runs->texts, run);
    if (text == UINT32_MAX || !runs->n_slots) return -1;
    return (int64_t)runs->rows_by_id[find_slot(runs, text)] - 1;
}

/* ---- columns -------------------------------------------------------------------------
 */
static int grow(void *array, size_t size, uint32_t room)
{
    void **at = array;
    void *larger = realloc(*at, size * room);
    if (!larger) return 0;
    *at = larger;
    return 1;
}

int avcl__runs_reserve(avcl_runs *runs, uint32_t n_rows)
{
    if (n_rows <= runs->room_rows) return 1;
    uint32_t room = runs->room_rows ? runs->room_rows : 64;
    while (room < n_rows)
        room *= 2;
    for (uint32_t i = 0; i < runs->n_columns; i++) {
        if (!grow(&runs->columns[i].cells, sizeof(avcl_cell), room)) return 0;
    }
    if (!grow(&runs->is_seen, sizeof *runs->is_seen, room)) return 0;
    if (!grow(&runs->changed_ns, sizeof *runs->changed_ns, room)) return 0;
    runs->room_rows = room;
    return 1;
}

static int32_t find_column(const avcl_runs *runs, uint32_t name)
{
    for (uint32_t i = 0; i < runs->n_columns; i++)
        if (runs->columns[i].name == name) return (int32_t)i;
    return -1;
}

int32_t avcl_runs_find_column(const avcl_runs *runs, const char *name)
{
    uint32_t text = avcl__texts_find(&runs->texts, name);
    return text == UINT32_MAX ? -1 : find_column(runs, text);
}

/* The column of a name, made when new; -1 = out of memory. Runs of one study have the
 * same columns in the same order, so `guess` is mostly right. */
static int32_t get_column(avcl_runs *runs, const char *name, uint32_t guess)
{
    uint32_t text = avcl__texts_add(&runs->texts, name);
    if (text == UINT32_MAX) return -1;
    if (guess < runs->n_columns && runs->columns[guess].name == text)
        return (int32_t)guess;
    int32_t found = find_column(runs, text);
    if (found >= 0) return found;
    if (!grow(&runs->columns, sizeof(avcl__column), runs->n_columns + 1)) return -1;
    uint32_t room = runs->room_rows ? runs->room_rows : 1;
    avcl_cell *cells = malloc(room * sizeof *cells);
    if (!cells) return -1;
    for (uint32_t i = 0; i < runs->n_rows; i++)
        cells[i] = MISSING;
    runs->columns[runs->n_columns] = (avcl__column){text, cells};
    return (int32_t)runs->n_columns++;
}

int avcl__runs_start(avcl_runs *runs)
{
    return get_column(runs, "run", 0) == AVCL_RUNS_ID &&
           get_column(runs, "state", 1) == AVCL_RUNS_STATE;
}

int avcl__runs_is_done(const avcl_runs *runs, uint32_t row)
{
    const avcl_cell *cell = &runs->columns[AVCL_RUNS_STATE].cells[row];
    return cell->text.tag == AVCL_CELL_TEXT &&
           strcmp(avcl__texts_get(&runs->texts, cell->text.index), "done") == 0;
}

/* ---- changes
 * --------------------------------------------------------------------------- */
static int64_t add_row(avcl_runs *runs, const char *run)
{
    uint32_t text = avcl__texts_add(&runs->texts, run);
    uint32_t row = runs->n_rows;
    if (text == UINT32_MAX || !avcl__runs_reserve(runs, row + 1)) return -1;
    for (uint32_t i = 0; i < runs->n_columns; i++)
        runs->columns[i].cells[row] = MISSING;
    runs->columns[AVCL_RUNS_ID].cells[row] = (avcl_cell){.text = {text, AVCL_CELL_TEXT}};
    runs->is_seen[row] = 0;
    runs->n_rows++;
    if (runs->n_rows * 2 + 2 > runs->n_slots) {
        if (!avcl__runs_index(runs)) return -1;
    } else {
        runs->rows_by_id[find_slot(runs, text)] = row + 1;
    }
    return row;
}

/* The column it went to; -1 = out of memory. */
static int32_t put_value(avcl_runs *runs, uint32_t row, const avcl__value *value,
                         uint32_t guess)
{
    int32_t column = get_column(runs, value->name, guess);
    avcl_cell cell = value->cell;
    if (column < 0) return -1;
    if (value->text) {
        uint32_t text = avcl__texts_add(&runs->texts, value->text);
        if (text == UINT32_MAX) return -1;
        cell = (avcl_cell){.text = {text, AVCL_CELL_TEXT}};
    }
    runs->columns[column].cells[row] = cell;
    return column;
}

avcl_status avcl__runs_put(avcl_runs *runs, const char *run, const avcl__record *record,
                           int64_t changed_ns, avcl_error *err)
{
    int64_t row = avcl__runs_row(runs, run);
    if (row < 0) row = add_row(runs, run);
    if (row < 0) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
    for (uint32_t i = 1; i < runs->n_columns; i++)
        runs->columns[i].cells[row] = MISSING;
    int32_t column = 0;
    for (uint32_t i = 0; i < record->n && column >= 0; i++)
        column = put_value(runs, (uint32_t)row, &record->values[i], (uint32_t)column + 1);
    if (column < 0) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
    runs->changed_ns[row] = changed_ns;
    runs->is_seen[row] = 1;
    runs->n_changed++;
    return AVCL_OK;
}

/* The last row takes its place; who removes many rows indexes again afterwards. */
void avcl__runs_remove(avcl_runs *runs, uint32_t row)
{
    uint32_t last = --runs->n_rows;
    for (uint32_t i = 0; i < runs->n_columns; i++)
        runs->columns[i].cells[row] = runs->columns[i].cells[last];
    runs->is_seen[row] = runs->is_seen[last];
    runs->changed_ns[row] = runs->changed_ns[last];
    runs->n_changed++;
}

void avcl__runs_clear(avcl_runs *runs)
{
    for (uint32_t i = 0; i < runs->n_columns; i++)
        free(runs->columns[i].cells);
    free(runs->columns);
    free(runs->rows_by_id);
    free(runs->is_seen);
    free(runs->changed_ns);
    free(runs->shards);
    free(runs->logs);
    avcl__texts_release(&runs->texts);
    *runs = (avcl_runs){.root = runs->root, .cache = runs->cache};
}
