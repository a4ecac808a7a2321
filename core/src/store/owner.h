/*
 * owner.h - which process owns a claim, and whether it is provably gone.
 *
 * A process is known by boot id, pid namespace, pid and start time: a pid that was
 * reused, a rebooted machine and another container are all told apart.
 */
#ifndef AVCL_OWNER_H
#define AVCL_OWNER_H

#include "avcl/store.h"

typedef struct avcl__owner {
    char host[256];
    char boot_id[64];
    char pid_space[64]; /* "pid:[4026531836]"; empty when /proc does not tell */
    char user[64];
    int64_t pid;
    int64_t start; /* clock ticks since boot, /proc/PID/stat field 22; -1 = unknown */
} avcl__owner;

void avcl__owner_self(avcl__owner *out);
/* What is known of an owner. REBOOTED rests on the host's name, which two machines may
 * share; GONE on the boot id and the pid namespace, which they cannot. */
enum { AVCL__OWNER_MAY_LIVE = 0, AVCL__OWNER_REBOOTED, AVCL__OWNER_GONE };
/* An owner on another host, or one that /proc hides, may live. */
int avcl__owner_look(const avcl__owner *owner);

#endif
