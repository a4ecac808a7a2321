/*
 * yard.h - memory with a fence: what a plugin touches that is not its own.
 *
 * Every piece ends at a page that is not there, and is full of 0xff at first: NaN, and a
 * canary in what is left over. A stray access is caught by the fault; its address tells
 * which piece was left. For one child process, one thread.
 */
#ifndef AVCL_CHECK_YARD_H
#define AVCL_CHECK_YARD_H

#include "check/check.h"

/* From now on a fault becomes the test's result. */
void yard_watch(check *c);
/* What is running, for sentences: "forward". Borrowed. */
void yard_doing(const char *what);
const char *yard_what(void);
/* At the end of its pages, or at their start: overruns one time, underruns the other.
 * NULL = no room. */
void *yard_enclose(size_t used, const char *name, int at_start);
void yard_protect(const void *data, int writable);
/* What lies between a piece and the ends of its pages is as it was. */
void yard_check_canaries(check *c, int at_start);
void yard_release(void);

#endif
