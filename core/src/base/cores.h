/*
 * cores.h - how many cores this process may use, and how many threads it is asked for.
 *
 * [any thread]
 */
#ifndef AVCL_CORES_H
#define AVCL_CORES_H

#include <stdint.h>

/* The fewer of affinity and cgroup quota; at least 1. */
uint32_t avcl__cpu_count(void);
/* The least quota of this process's cgroups in whole cores, rounded up; 0 = none.
 * `groups` is /proc/self/cgroup, `root` where version 2 or the versions 1 are mounted. */
uint32_t avcl__cpu_quota(const char *groups, const char *root);
/* What OMP_NUM_THREADS says: "4", or "4,2" for nested levels; 0 = nothing, or nonsense.
 */
uint32_t avcl__threads_asked(const char *text);

#endif
