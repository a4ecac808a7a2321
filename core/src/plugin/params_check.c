/* params_check.c - is a schema itself sound? Defaults go through the same door as values.
 */
#include <string.h>

#include "plugin/params_impl.h"

static int is_name(const char *text)
{
    if (!text || *text < 'a' || *text > 'z') return 0;
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static uint64_t size_of(uint32_t type)
{
    switch (type) {
    case AVCL_INT:
        return sizeof(int64_t);
    case AVCL_FLOAT:
        return sizeof(double);
    case AVCL_BOOL:
    case AVCL_ENUM:
        return sizeof(int32_t);
    case AVCL_STR:
        return sizeof(const char *);
    case AVCL_INTS:
        return sizeof(avcl_ints);
    default:
        return 0;
    }
}

static uint32_t count_choices(const avcl_param *row)
{
    uint32_t n = 0;
    while (row->choices && row->choices[n])
        n++;
    return n;
}

static avcl_status check_row(const avcl_param *row, uint32_t params_size, avcl_error *err)
{
    uint64_t size = size_of(row->type);
    if (!row->doc || !*row->doc)
        return avcl_error_set(err, AVCL_E_ABI, "it has no doc sentence");
    if (!size)
        return avcl_error_set(err, AVCL_E_ABI, "its type %u is unknown", row->type);
    if (row->offset > params_size || params_size - row->offset < size)
        return avcl_error_set(err, AVCL_E_ABI,
                              "its offset %llu is outside the %u bytes of params",
                              (unsigned long long)row->offset, params_size);
    if (row->type == AVCL_ENUM && count_choices(row) == 0)
        return avcl_error_set(err, AVCL_E_ABI, "it has no choices");
    int64_t top = row->type == AVCL_ENUM ? (int64_t)count_choices(row) - 1 : 1;
    if ((row->type == AVCL_ENUM || row->type == AVCL_BOOL) &&
        (row->def_int < 0 || row->def_int > top))
        return avcl_error_set(err, AVCL_E_ABI, "its default %lld is not in 0..%lld",
                              (long long)row->def_int, (long long)top);
    if (row->type == AVCL_INTS && (row->def_ints.n < 0 || row->def_ints.n > 8))
        return avcl_error_set(err, AVCL_E_ABI, "its default has %d values, more than 8",
                              (int)row->def_ints.n);
    return AVCL_OK;
}

/* The default must be a value that a script could have given. */
static avcl_status check_default(const avcl_param *row, avcl_error *err)
{
    avcl_value v = {.type = row->type,
                    .count = (uint32_t)row->def_ints.n,
                    .i = row->def_int,
                    .f = row->def_float,
                    .iv = row->def_ints.v};
    if (row->flags & AVCL_P_REQUIRED) return AVCL_OK;
    if (row->type != AVCL_INT && row->type != AVCL_FLOAT && row->type != AVCL_INTS)
        return AVCL_OK;
    avcl_ints room;
    avcl_param here = *row;
    here.offset = 0;
    avcl_error own = {0};
    avcl_status rc = avcl__param_put(&here, &v, NULL, &room, &own);
    return rc ? avcl_error_set(err, AVCL_E_ABI, "its default: %s", own.message) : AVCL_OK;
}

static avcl_status check_overlap(const avcl_param *rows, uint32_t row_size,
                                 uint32_t index, avcl_error *err)
{
    avcl_param row = avcl__param_row(rows, row_size, index);
    for (uint32_t i = 0; i < index; i++) {
        avcl_param other = avcl__param_row(rows, row_size, i);
        if (strcmp(row.name, other.name) == 0)
            return avcl_error_set(err, AVCL_E_ABI, "it stands twice");
        if (row.offset < other.offset + size_of(other.type) &&
            other.offset < row.offset + size_of(row.type))
            return avcl_error_set(err, AVCL_E_ABI,
                                  "it overlaps '%s' in the params struct", other.name);
    }
    return AVCL_OK;
}

avcl_status avcl__params_check(const avcl_param *rows, uint32_t row_size, uint32_t n_rows,
                               uint32_t params_size, avcl_error *err)
{
    if (n_rows && (!rows || row_size == 0))
        return avcl_error_set(err, AVCL_E_ABI, "%u parameters, but no table", n_rows);
    for (uint32_t i = 0; i < n_rows; i++) {
        avcl_param row = avcl__param_row(rows, row_size, i);
        if (!is_name(row.name))
            return avcl_error_set(err, AVCL_E_ABI,
                                  "parameter %u: '%s' is not a name "
                                  "([a-z][a-z0-9_]*)",
                                  i, row.name ? row.name : "");
        avcl_error own = {0};
        avcl_status rc = check_row(&row, params_size, &own);
        if (!rc) rc = check_default(&row, &own);
        if (!rc) rc = check_overlap(rows, row_size, i, &own);
        if (rc)
            return avcl_error_set(err, rc, "parameter '%s': %s", row.name, own.message);
    }
    return AVCL_OK;
}
