/*
 * cores.c - how many cores this process may use.
 *
 * Affinity (taskset, Slurm, cpusets) and the quota of a cgroup or of any that holds it
 * (containers, systemd) both bind. A quota of 1.5 cores is two: threads that are
 * throttled together still get all of it.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cores.h"

static uint32_t whole_cores(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return 0;
    return (uint32_t)((quota + period - 1) / period);
}

static FILE *open_in(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
}

/* "150000 100000", or "max 100000". */
static uint32_t quota_v2(const char *folder)
{
    long long quota = 0;
    long long period = 0;
    FILE *f = open_in(folder, "cpu.max");
    if (!f) return 0;
    int n = fscanf(f, "%lld %lld", &quota, &period);
    fclose(f);
    return n == 2 ? whole_cores(quota, period) : 0;
}

static long long number_in(const char *folder, const char *name)
{
    long long value = 0;
    FILE *f = open_in(folder, name);
    if (!f) return 0;
    if (fscanf(f, "%lld", &value) != 1) value = 0;
    fclose(f);
    return value;
}

static uint32_t quota_v1(const char *folder) /* -1: no quota */
{
    return whole_cores(number_in(folder, "cpu.cfs_quota_us"),
                       number_in(folder, "cpu.cfs_period_us"));
}

static uint32_t tighter(uint32_t a, uint32_t b)
{
    if (!a || !b) return a ? a : b;
    return a < b ? a : b;
}

/* The least quota of root+mount+group and of the groups around it, up to root+mount. A
 * group that is not there is that of a container: inside, its quota is the root's. */
static uint32_t least_quota(const char *root, const char *mount, const char *group,
                            uint32_t (*read)(const char *))
{
    char folder[PATH_MAX];
    uint32_t least = 0;
    size_t top = strlen(root) + strlen(mount);
    int n = snprintf(folder, sizeof folder, "%s%s%s", root, mount, group);
    if (n < 0 || (size_t)n >= sizeof folder) return 0;
    for (;;) {
        least = tighter(least, read(folder));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < top) return least;
        *slash = '\0';
    }
}

/* Whether the comma-separated list has the word. */
static int lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (!strncmp(at, word, n) && (at[n] == ',' || at[n] == '\0')) return 1;
    }
    return 0;
}

/* One line of /proc/self/cgroup: "0::/user.slice" (v2) or "4:cpu,cpuacct:/job" (v1). */
static uint32_t quota_of_line(char *line, const char *root)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return 0;
    *controllers++ = '\0';
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (!*controllers) return least_quota(root, "", group, quota_v2);
    if (!lists(controllers, "cpu")) return 0;
    return least_quota(root, "/cpu", group, quota_v1); /* also where it is cpu,cpuacct */
}

uint32_t avcl__cpu_quota(const char *groups, const char *root)
{
    char *line = NULL;
    size_t size = 0;
    uint32_t least = 0;
    FILE *f = fopen(groups, "re");
    if (!f) return 0;
    while (getline(&line, &size, f) > 0)
        least = tighter(least, quota_of_line(line, root));
    free(line);
    fclose(f);
    return least;
}

static uint32_t affinity(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return (uint32_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more cores than a set holds */
    return n > 0 ? (uint32_t)n : 1;
}

uint32_t avcl__cpu_count(void)
{
    uint32_t n =
        tighter(affinity(), avcl__cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
    return n ? n : 1;
}

uint32_t avcl__threads_asked(const char *text)
{
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : 0;
    if (n <= 0 || n > UINT16_MAX || (*end && *end != ',' && *end != ' ')) return 0;
    return (uint32_t)n;
}
