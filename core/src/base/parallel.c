/*
 * parallel.c - parallel_for on the GNU OpenMP runtime, called by its entry point.
 *
 * oneDNN and OpenBLAS bring libgomp along; running on the same pool keeps one
 * set of threads in the process, also in clang builds. Builds for the thread
 * sanitizer, which cannot see into libgomp, use plain threads instead.
 */
#include <pthread.h>

#include "base/parallel.h"

typedef struct job {
    void (*body)(void *arg, int64_t begin, int64_t end);
    void *arg;
    int64_t n;
    int64_t n_pieces;
} job;

static void run_piece(const job *j, int64_t piece)
{
    int64_t begin = j->n * piece / j->n_pieces;
    int64_t end = j->n * (piece + 1) / j->n_pieces;
    if (begin < end) j->body(j->arg, begin, end);
}

#ifdef AVCL_PTHREAD_PARALLEL

static _Thread_local int inside;

typedef struct worker {
    const job *j;
    int64_t piece;
    pthread_t thread;
    int started;
} worker;

static void *work(void *p)
{
    worker *w = p;
    inside = 1;
    run_piece(w->j, w->piece);
    return NULL;
}

static int is_nested(void)
{
    return inside;
}

static void run_all(job *j)
{
    enum { MAX_WORKERS = 64 };
    worker workers[MAX_WORKERS] = {{0}};
    if (j->n_pieces > MAX_WORKERS) j->n_pieces = MAX_WORKERS;
    for (int64_t i = 1; i < j->n_pieces; i++) {
        workers[i].j = j;
        workers[i].piece = i;
        workers[i].started = !pthread_create(&workers[i].thread, NULL, work, &workers[i]);
        if (!workers[i].started) run_piece(j, i);
    }
    inside = 1;
    run_piece(j, 0);
    inside = 0;
    for (int64_t i = 1; i < j->n_pieces; i++)
        if (workers[i].started) pthread_join(workers[i].thread, NULL);
}

#else

/* libgomp's ABI, stable since GCC 4.9. */
void GOMP_parallel(void (*fn)(void *), void *data, unsigned n_threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_in_parallel(void);

static int is_nested(void)
{
    return omp_in_parallel();
}

static void work(void *p)
{
    const job *j = p;
    /* The runtime may grant fewer threads than pieces: stride over them. */
    for (int64_t i = omp_get_thread_num(); i < j->n_pieces; i += omp_get_num_threads())
        run_piece(j, i);
}

static void run_all(job *j)
{
    GOMP_parallel(work, j, (unsigned)j->n_pieces, 0);
}

#endif

void avcl__parallel_for(uint32_t n_threads, int64_t n, int64_t grain,
                        void (*body)(void *arg, int64_t begin, int64_t end), void *arg)
{
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    int64_t n_pieces = (n + grain - 1) / grain;
    if (n_pieces > n_threads) n_pieces = n_threads;
    if (n_pieces <= 1 || is_nested()) {
        body(arg, 0, n);
        return;
    }
    job j = {body, arg, n, n_pieces};
    run_all(&j);
}
