/* params.c - one value at a time: convert, check against its row, store at its offset. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "plugin/params_impl.h"

/* Room for a value or a row in a message; longer texts are cut. */
enum { TEXT = 256 };

avcl_param avcl__param_row(const avcl_param *rows, uint32_t row_size, uint32_t index)
{
    avcl_param row = {0};
    size_t n = row_size < sizeof row ? row_size : sizeof row;
    memcpy(&row, (const char *)rows + (size_t)row_size * index, n);
    return row;
}

/* ---- texts ------------------------------------------------------------------------ */
static const char *type_word(uint32_t type)
{
    static const char *const words[] = {"?",    "int",    "float",       "bool",
                                        "text", "choice", "list of ints"};
    return words[type <= AVCL_INTS ? type : 0];
}

static void append(char *text, const char *word)
{
    size_t n = strlen(text);
    snprintf(text + n, TEXT - n, "%s", word);
}

static void append_choices(char *text, const avcl_param *row)
{
    for (uint32_t i = 0; row->choices && row->choices[i]; i++) {
        if (i) append(text, ", ");
        append(text, row->choices[i]);
    }
}

static void append_range(char *text, const avcl_param *row)
{
    char part[64] = "";
    int has_min = (row->flags & AVCL_P_MIN) != 0;
    int has_max = (row->flags & AVCL_P_MAX) != 0;
    if (has_min && has_max)
        snprintf(part, sizeof part, ", %.15g..%.15g", row->min, row->max);
    else if (has_min)
        snprintf(part, sizeof part, ", >= %.15g", row->min);
    else if (has_max)
        snprintf(part, sizeof part, ", <= %.15g", row->max);
    append(text, part);
}

static void ints_text(char *text, const int64_t *v, uint32_t n)
{
    append(text, "{");
    for (uint32_t i = 0; i < n; i++) {
        char part[32];
        snprintf(part, sizeof part, i ? ", %lld" : "%lld", (long long)v[i]);
        append(text, part);
    }
    append(text, "}");
}

static void append_default(char *text, const avcl_param *row)
{
    if (row->flags & AVCL_P_REQUIRED) {
        append(text, ", required");
        return;
    }
    char part[96] = "";
    if (row->type == AVCL_INT)
        snprintf(part, sizeof part, ", default %lld", (long long)row->def_int);
    else if (row->type == AVCL_FLOAT)
        snprintf(part, sizeof part, ", default %.15g", row->def_float);
    else if (row->type == AVCL_BOOL)
        snprintf(part, sizeof part, ", default %s", row->def_int ? "true" : "false");
    else if (row->type == AVCL_STR && row->def_str)
        snprintf(part, sizeof part, ", default '%s'", row->def_str);
    else if (row->type == AVCL_ENUM && row->choices)
        snprintf(part, sizeof part, "; default %s", row->choices[row->def_int]);
    append(text, part);
    if (row->type != AVCL_INTS) return;
    append(text, ", default ");
    ints_text(text, row->def_ints.v, (uint32_t)row->def_ints.n);
}

/* "int, 8..512, default 64" */
static void row_text(char text[TEXT], const avcl_param *row)
{
    *text = '\0';
    if (row->type == AVCL_ENUM) {
        append(text, "one of ");
        append_choices(text, row);
    } else {
        append(text, type_word(row->type));
    }
    append_range(text, row);
    append_default(text, row);
}

static void value_text(char text[TEXT], const avcl_value *v)
{
    *text = '\0';
    if (v->type == AVCL_INT)
        snprintf(text, TEXT, "%lld", (long long)v->i);
    else if (v->type == AVCL_FLOAT)
        snprintf(text, TEXT, "%.15g", v->f);
    else if (v->type == AVCL_BOOL)
        snprintf(text, TEXT, "%s", v->i ? "true" : "false");
    else if (v->type == AVCL_INTS)
        ints_text(text, v->iv, v->iv ? v->count : 0);
    else
        snprintf(text, TEXT, "'%s'", v->s ? v->s : "");
}

/* "width = 4 is below 8 (int, 8..512, default 64)" */
static avcl_status refuse(const avcl_param *row, const avcl_value *v, const char *why,
                          avcl_error *err)
{
    char value[TEXT];
    char about[TEXT];
    value_text(value, v);
    row_text(about, row);
    return avcl_error_set(err, AVCL_E_INVALID, "%s = %s %s (%s)", row->name, value, why,
                          about);
}

static avcl_status refuse_type(const avcl_param *row, const avcl_value *v,
                               avcl_error *err)
{
    char why[48];
    snprintf(why, sizeof why, row->type == AVCL_INT ? "is not an %s" : "is not a %s",
             type_word(row->type));
    return refuse(row, v, why, err);
}

/* ---- checks ----------------------------------------------------------------------- */
static avcl_status check_range(const avcl_param *row, double x, const avcl_value *v,
                               avcl_error *err)
{
    char why[64];
    const char *each = v->type == AVCL_INTS ? "has a value " : "is ";
    if (isnan(x)) return refuse(row, v, "is not a number", err);
    if ((row->flags & AVCL_P_MIN) && x < row->min) {
        snprintf(why, sizeof why, "%sbelow %.15g", each, row->min);
        return refuse(row, v, why, err);
    }
    if ((row->flags & AVCL_P_MAX) && x > row->max) {
        snprintf(why, sizeof why, "%sabove %.15g", each, row->max);
        return refuse(row, v, why, err);
    }
    return AVCL_OK;
}

/* Scripts have one number type: 64.0 is a fine int, 64.5 is not. */
static int to_int(const avcl_value *v, int64_t *out)
{
    const double two63 = 9223372036854775808.0;
    if (v->type == AVCL_INT) {
        *out = v->i;
        return 1;
    }
    if (v->type != AVCL_FLOAT || !(v->f >= -two63 && v->f < two63) || v->f != floor(v->f))
        return 0;
    *out = (int64_t)v->f;
    return 1;
}

static avcl_status put_int(const avcl_param *row, const avcl_value *v, void *at,
                           avcl_error *err)
{
    int64_t i = 0;
    if (!to_int(v, &i)) return refuse_type(row, v, err);
    avcl_status rc = check_range(row, (double)i, v, err);
    if (!rc) memcpy(at, &i, sizeof i);
    return rc;
}

static avcl_status put_float(const avcl_param *row, const avcl_value *v, void *at,
                             avcl_error *err)
{
    if (v->type != AVCL_INT && v->type != AVCL_FLOAT) return refuse_type(row, v, err);
    double f = v->type == AVCL_INT ? (double)v->i : v->f;
    avcl_status rc = check_range(row, f, v, err);
    if (!rc) memcpy(at, &f, sizeof f);
    return rc;
}

static avcl_status put_bool(const avcl_param *row, const avcl_value *v, void *at,
                            avcl_error *err)
{
    int32_t on = v->i != 0;
    int is_bool =
        v->type == AVCL_BOOL || (v->type == AVCL_INT && (v->i == 0 || v->i == 1));
    if (!is_bool) return refuse_type(row, v, err);
    memcpy(at, &on, sizeof on);
    return AVCL_OK;
}

static avcl_status put_str(const avcl_param *row, const avcl_value *v, avcl_arena *arena,
                           void *at, avcl_error *err)
{
    if (v->type != AVCL_STR || !v->s) return refuse_type(row, v, err);
    const char *copy = avcl__arena_copy(arena, v->s);
    if (!copy)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", row->name);
    memcpy(at, &copy, sizeof copy);
    return AVCL_OK;
}

static avcl_status put_choice(const avcl_param *row, const avcl_value *v, void *at,
                              avcl_error *err)
{
    if (v->type != AVCL_STR || !v->s) return refuse_type(row, v, err);
    uint32_t n = 0;
    for (; row->choices[n]; n++) {
        if (strcmp(row->choices[n], v->s) != 0) continue;
        int32_t index = (int32_t)n;
        memcpy(at, &index, sizeof index);
        return AVCL_OK;
    }
    char all[TEXT] = "";
    append_choices(all, row);
    int32_t near = avcl__nearest(v->s, row->choices, n);
    const char *meant = near < 0 ? "" : row->choices[near];
    return avcl_error_set(err, AVCL_E_INVALID, "%s = '%s' is not one of %s%s%s%s",
                          row->name, v->s, all, near < 0 ? "" : " (did you mean '", meant,
                          near < 0 ? "" : "'?)");
}

/* A single number stands for a list of one. */
static avcl_status put_ints(const avcl_param *row, const avcl_value *v, void *at,
                            avcl_error *err)
{
    avcl_ints list = {0};
    if (v->type == AVCL_INTS) {
        if (v->count > 8 || (v->count && !v->iv))
            return refuse(row, v, "has more than 8 values", err);
        list.n = (int32_t)v->count;
        if (v->count) memcpy(list.v, v->iv, v->count * sizeof *list.v);
    } else if (to_int(v, &list.v[0])) {
        list.n = 1;
    } else {
        return refuse_type(row, v, err);
    }
    avcl_status rc = AVCL_OK;
    for (int32_t i = 0; i < list.n && !rc; i++)
        rc = check_range(row, (double)list.v[i], v, err);
    if (!rc) memcpy(at, &list, sizeof list);
    return rc;
}

avcl_status avcl__param_put(const avcl_param *row, const avcl_value *v, avcl_arena *arena,
                            void *out, avcl_error *err)
{
    void *at = (char *)out + row->offset;
    switch (row->type) {
    case AVCL_INT:
        return put_int(row, v, at, err);
    case AVCL_FLOAT:
        return put_float(row, v, at, err);
    case AVCL_BOOL:
        return put_bool(row, v, at, err);
    case AVCL_STR:
        return put_str(row, v, arena, at, err);
    case AVCL_ENUM:
        return put_choice(row, v, at, err);
    case AVCL_INTS:
        return put_ints(row, v, at, err);
    default:
        return avcl_error_set(err, AVCL_E_ABI, "parameter '%s' has unknown type %u",
                              row->name, row->type);
    }
}

/* ---- the whole table -------------------------------------------------------------- */
static void put_default(const avcl_param *row, void *out)
{
    void *at = (char *)out + row->offset;
    int32_t small = (int32_t)row->def_int;
    if (row->type == AVCL_INT)
        memcpy(at, &row->def_int, sizeof row->def_int);
    else if (row->type == AVCL_FLOAT)
        memcpy(at, &row->def_float, sizeof row->def_float);
    else if (row->type == AVCL_BOOL || row->type == AVCL_ENUM)
        memcpy(at, &small, sizeof small);
    else if (row->type == AVCL_STR)
        memcpy(at, &row->def_str, sizeof row->def_str);
    else if (row->type == AVCL_INTS)
        memcpy(at, &row->def_ints, sizeof row->def_ints);
}

static const avcl_attr *find_given(const avcl_attr *given, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (given[i].name && strcmp(given[i].name, name) == 0) return &given[i];
    return NULL;
}

static int32_t find_row(const avcl_param *rows, uint32_t row_size, uint32_t n_rows,
                        const char *name)
{
    for (uint32_t i = 0; i < n_rows; i++)
        if (strcmp(avcl__param_row(rows, row_size, i).name, name) == 0) return (int32_t)i;
    return -1;
}

static avcl_status refuse_unknown(const avcl_param *rows, uint32_t row_size,
                                  uint32_t n_rows, const char *name, avcl_error *err)
{
    const char *names[64] = {0};
    uint32_t n = n_rows < 64 ? n_rows : 64;
    for (uint32_t i = 0; i < n; i++)
        names[i] = avcl__param_row(rows, row_size, i).name;
    int32_t near = avcl__nearest(name, names, n);
    if (near >= 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "unknown parameter '%s' (did you mean '%s'?)", name,
                              names[near]);
    char all[TEXT] = "";
    for (uint32_t i = 0; i < n; i++) {
        if (i) append(all, ", ");
        append(all, names[i]);
    }
    return avcl_error_set(err, AVCL_E_INVALID, "unknown parameter '%s' (%s%s)", name,
                          n ? "it takes " : "it takes none", all);
}

static avcl_status check_names(const avcl_param *rows, uint32_t row_size, uint32_t n_rows,
                               const avcl_attr *given, uint32_t n_given, avcl_error *err)
{
    for (uint32_t i = 0; i < n_given; i++) {
        const char *name = given[i].name;
        if (!name)
            return avcl_error_set(err, AVCL_E_INVALID, "a parameter without a name");
        if (find_row(rows, row_size, n_rows, name) < 0)
            return refuse_unknown(rows, row_size, n_rows, name, err);
        if (find_given(given, i, name))
            return avcl_error_set(err, AVCL_E_INVALID, "parameter '%s' is given twice",
                                  name);
    }
    return AVCL_OK;
}

static avcl_status fill_row(const avcl_param *row, const avcl_attr *given,
                            avcl_arena *arena, void *out, avcl_error *err)
{
    if (given) return avcl__param_put(row, &given->value, arena, out, err);
    if (!(row->flags & AVCL_P_REQUIRED)) {
        put_default(row, out);
        return AVCL_OK;
    }
    char about[TEXT];
    row_text(about, row);
    return avcl_error_set(err, AVCL_E_INVALID, "parameter '%s' is missing (%s)",
                          row->name, about);
}

avcl_status avcl__params_fill(const avcl_param *rows, uint32_t row_size, uint32_t n_rows,
                              const avcl_attr *given, uint32_t n_given, const char *who,
                              avcl_arena *arena, void *out, avcl_error *err)
{
    avcl_error own = {0};
    avcl_status rc = check_names(rows, row_size, n_rows, given, n_given, &own);
    for (uint32_t i = 0; i < n_rows && !rc; i++) {
        avcl_param row = avcl__param_row(rows, row_size, i);
        rc = fill_row(&row, find_given(given, n_given, row.name), arena, out, &own);
    }
    if (rc) avcl_error_set(err, rc, "%s: %s", who, own.message);
    return rc;
}
