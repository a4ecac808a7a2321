/*
 * prepare_file.h - the file being made: records appended in order, continued after an
 * interruption, and put in place when the last one is there.
 */
#ifndef AVCL_PREPARE_FILE_H
#define AVCL_PREPARE_FILE_H

#include "data/dataset_impl.h"
#include "data/prepared.h"

typedef struct avcl_donor_item {
    uint64_t key;
    int64_t record;
} avcl_donor_item;

typedef struct avcl_part {
    const avcl_dataset *d;
    int fd;
    char *out;  /* the finished file */
    char *path; /* OUT.part */
    char *recipe;
    uint64_t *keys;         /* [n_files] */
    uint64_t *offsets;      /* [n_files] of records, n of them known */
    avcl_prepared *donor;   /* what was finished before; NULL = nothing */
    avcl_donor_item *items; /* its records by key */
    int64_t n;
    uint64_t at; /* where the next record goes */
} avcl_part;

/* Opens or begins OUT.part, locks it and keeps of it what still holds. */
avcl_status avcl__part_open(avcl_part *part, const avcl_dataset *d, const char *out,
                            const avcl_recipe *recipe, avcl_error *err);
/* The record of an earlier finished file that still holds for file `i`, or NULL. */
const avcl_record *avcl__part_find(const avcl_part *part, int64_t i);
/* Whether the finished file is what would be made now. */
int avcl__part_is_current(const avcl_part *part);
/* Lets go of a part that is not needed. */
void avcl__part_discard(avcl_part *part);
avcl_status avcl__part_append(avcl_part *part, const void *record, uint64_t bytes,
                              avcl_error *err);
/* Calls take(arg, i, record) for what was kept. */
avcl_status avcl__part_each(const avcl_part *part,
                            void (*take)(void *arg, int64_t i, const avcl_record *r),
                            void *arg, avcl_error *err);
/* Index and texts, then the name. */
avcl_status avcl__part_finish(avcl_part *part, const char *identity, avcl_error *err);
void avcl__part_release(avcl_part *part);

#endif
