/*
 * claim.h - who runs an attempt, and how long ago it gave a sign of life.
 */
#ifndef AVCL_CLAIM_H
#define AVCL_CLAIM_H

#include "store/owner.h"

/* AVCL_E_NOT_FOUND = not claimed, AVCL_E_CORRUPT = claimed, but by whom is not readable.
 */
avcl_status avcl__claim_owner(const char *root, const char *run, int32_t attempt,
                              avcl__owner *owner, avcl_error *err);
/* Seconds since the last heartbeat, by the clock of the store's file system. */
avcl_status avcl__claim_age(const char *root, const char *run, int32_t attempt,
                            double *age, avcl_error *err);

#endif
