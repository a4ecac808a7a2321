/*
 * golden.h - what tests of modules against known numbers share.
 *
 * Each helper fails the running cmocka test when something is wrong.
 */
#ifndef AVCL_TEST_GOLDEN_H
#define AVCL_TEST_GOLDEN_H

#include "avcl/session.h"

/* A host on the plugin path of the environment. */
avcl_host *golden_host(void);
void golden_check(avcl_status rc, const avcl_error *err);
/* |got - want| <= tolerance, relative to want where that is above 1. */
void golden_near(double got, double want, double tolerance);

#endif
