/* test_cores.c - how many threads: affinity, cgroups of both versions, OMP_NUM_THREADS.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/host.h"
#include "base/cores.h"
#include "temp_dir.h"

typedef struct file {
    const char *name;
    const char *text;
} file;

typedef struct quota_case {
    const char *label;
    const char *groups; /* /proc/self/cgroup */
    file files[4];      /* below /sys/fs/cgroup */
    uint32_t want;
} quota_case;

static const quota_case cases[] = {
    {"no quota", "0::/\n", {{"cpu.max", "max 100000\n"}}, 0},
    {"container, version 2", "0::/\n", {{"cpu.max", "200000 100000\n"}}, 2},
    {"one and a half cores are two", "0::/\n", {{"cpu.max", "150000 100000\n"}}, 2},
    {"a tenth of a core is one", "0::/\n", {{"cpu.max", "10000 100000\n"}}, 1},
    {"own group", "0::/a/b\n", {{"a/b/cpu.max", "300000 100000\n"}}, 3},
    {"a group around it",
     "0::/a/b\n",
     {{"a/cpu.max", "100000 50000\n"}, {"a/b/cpu.max", "max 100000\n"}},
     2},
    {"the tightest counts",
     "0::/a/b\n",
     {{"a/cpu.max", "400000 100000\n"}, {"a/b/cpu.max", "500000 100000\n"}},
     4},
    {"a path of the host, seen from inside",
     "0::/docker/1234\n",
     {{"cpu.max", "100000 100000\n"}},
     1},
    {"version 1",
     "5:memory:/x\n4:cpu,cpuacct:/job\n",
     {{"cpu/job/cpu.cfs_quota_us", "250000\n"},
      {"cpu/job/cpu.cfs_period_us", "100000\n"}},
     3},
    {"version 1 without",
     "4:cpuacct,cpu:/\n",
     {{"cpu/cpu.cfs_quota_us", "-1\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}},
     0},
    {"cpuset is not cpu",
     "4:cpuset:/\n",
     {{"cpu/cpu.cfs_quota_us", "100000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}},
     0},
    {"both versions mounted",
     "1:cpu:/\n0::/\n",
     {{"cpu/cpu.cfs_quota_us", "400000\n"},
      {"cpu/cpu.cfs_period_us", "100000\n"},
      {"cpu.max", "max 100000\n"}},
     4},
    {"nonsense", "0::/\nrubbish\n:::\n", {{"cpu.max", "many\n"}}, 0},
};

static void test_cores__quota_of_cgroups(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char dir[AVCL_TEMP_PATH];
        char path[AVCL_TEMP_PATH];
        char groups[AVCL_TEMP_PATH];
        temp_dir_make(dir);
        for (int k = 0; k < 4 && cases[i].files[k].name; k++)
            temp_file_write(dir, cases[i].files[k].name, cases[i].files[k].text, path);
        temp_file_write(dir, "groups", cases[i].groups, groups);
        uint32_t got = avcl__cpu_quota(groups, dir);
        temp_dir_remove(dir);
        if (got != cases[i].want)
            fail_msg("%s: %u cores, expected %u", cases[i].label, got, cases[i].want);
    }
}

static void test_cores__no_cgroups_is_no_quota(void **state)
{
    (void)state;
    assert_int_equal(avcl__cpu_quota("/nowhere/cgroup", "/nowhere"), 0);
}

static void test_cores__affinity_binds(void **state)
{
    (void)state;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_true(avcl__cpu_count() <= (uint32_t)CPU_COUNT(&before));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &before) && CPU_COUNT(&one) == 0) CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    uint32_t n = avcl__cpu_count();
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(n, 1);
}

static void test_cores__OMP_NUM_THREADS(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t want;
    } rows[] = {{NULL, 0}, {"", 0},    {"4", 4},  {"4,2", 4}, {"16 ", 16}, {"0", 0},
                {"-3", 0}, {"two", 0}, {"3x", 0}, {"1e3", 0}, {" 5", 5},   {"65536", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (avcl__threads_asked(rows[i].text) != rows[i].want)
            fail_msg("'%s': %u", rows[i].text, avcl__threads_asked(rows[i].text));
}

static uint32_t threads_of_host(uint32_t given)
{
    avcl_host_options options = {.n_threads = given};
    avcl_host *host = avcl_host_new(&options, NULL);
    uint32_t n = avcl_host_n_threads(host);
    avcl_host_free(host);
    return n;
}

/* An option before the environment, the environment before what the machine has. */
static void test_cores__who_decides(void **state)
{
    (void)state;
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(threads_of_host(0), avcl__cpu_count());
    setenv("OMP_NUM_THREADS", "7,3", 1);
    assert_int_equal(threads_of_host(0), 7);
    assert_int_equal(threads_of_host(3), 3);
    setenv("OMP_NUM_THREADS", "all", 1);
    assert_int_equal(threads_of_host(0), avcl__cpu_count());
    unsetenv("OMP_NUM_THREADS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cores__quota_of_cgroups),
        cmocka_unit_test(test_cores__no_cgroups_is_no_quota),
        cmocka_unit_test(test_cores__affinity_binds),
        cmocka_unit_test(test_cores__OMP_NUM_THREADS),
        cmocka_unit_test(test_cores__who_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
