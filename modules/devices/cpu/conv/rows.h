/*
 * rows.h - the kernel plan as text: rows of (op, instruction set, shape) and a choice.
 *
 * core/doc/kernel-plan.md describes a row. Built-in rows come first, those of a plan
 * file after them; the last of equal keys wins.
 */
#ifndef AVCL_CPU_CONV_ROWS_H
#define AVCL_CPU_CONV_ROWS_H

#include "blocking.h"

typedef struct conv_row {
    char isa[8];
    conv_shape shape; /* batch and y are not part of the key */
    conv_choice choice;
} conv_row;

struct conv_plan {
    conv_row *rows; /* of this device's instruction set */
    uint32_t n_rows;
    uint64_t hash; /* FNV-1a of all text */
};

enum { CONV_ROW_SIZE = 160 };

/* Reads the built-in rows and those of `text` (may be NULL) into device->plan. */
avcl_status avcl__conv_plan_open(avcl_device *device, const char *text, avcl_error *err);
void avcl__conv_plan_close(avcl_device *device);
const conv_row *avcl__conv_find_row(const avcl_device *device, const conv_shape *s);
/* Writes a row without a line's end. */
void avcl__conv_print_row(const avcl_device *device, const conv_shape *s,
                          const conv_choice *c, char *text, uint64_t size);

/* table.c */
extern const char avcl__conv_table[];

#endif
