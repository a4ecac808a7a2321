/*
 * threads.c - the device's threads: the host's parallel_for, and the same number
 * for oneDNN and OpenBLAS, which run on the same GNU OpenMP runtime.
 */
#include "cpu.h"

int omp_get_max_threads(void);
void omp_set_num_threads(int n);

void avcl__cpu_for(const avcl_device *device, int64_t n, int64_t grain,
                   void (*body)(void *arg, int64_t begin, int64_t end), void *arg)
{
    int64_t n_threads = device->n_threads;
    int64_t share = (n + n_threads - 1) / n_threads;
    if (grain < share) grain = share; /* the host may have more threads than we may use */
    if (grain >= n) {
        if (n > 0) body(arg, 0, n);
        return;
    }
    device->host->parallel_for(device->host, n, grain, body, arg);
}

/* The count is the calling thread's own, so other sessions do not see it. */
int avcl__cpu_threads_enter(const avcl_device *device)
{
    int saved = omp_get_max_threads();
    if (saved != (int)device->n_threads) omp_set_num_threads((int)device->n_threads);
    return saved;
}

void avcl__cpu_threads_leave(int saved)
{
    if (omp_get_max_threads() != saved) omp_set_num_threads(saved);
}
