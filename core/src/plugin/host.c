/* host.c - the process object: threads, the table plugins get, op look-up. */
#include <stdlib.h>
#include <string.h>

#include "base/call.h"
#include "base/cores.h"
#include "base/parallel.h"
#include "data/draw.h"
#include "graph/custom.h"
#include "graph/ops.h"
#include "plugin/host_impl.h"

enum { MAX_THREADS = 1024 };

void avcl__host_log(const avcl_host *host, int32_t level, const char *text)
{
    if (!host->options.log || level < (int32_t)host->options.log_level) return;
    host->options.log(host->options.log_arg, level, text);
}

/* ---- the table plugins get ----------------------------------------------------------
 */
static void log_line(avcl_call *call, int32_t level, const char *text)
{
    if (call && call->host && text) avcl__host_log(call->host, level, text);
}

static avcl_status report(avcl_call *call, avcl_status code, const char *text)
{
    if (code >= AVCL_OK)
        code = AVCL_E_ABI; /* a report is a failure, whatever the number */
    return call ? avcl_error_set(call->err, code, "%s", text ? text : "no reason given")
                : code;
}

static void parallel_for(const avcl_host_api *host, int64_t n, int64_t grain,
                         void (*body)(void *arg, int64_t begin, int64_t end), void *arg)
{
    avcl__parallel_for(host->n_threads, n, grain, body, arg);
}

static const void *extension(const char *id)
{
    (void)id; /* none exist yet */
    return NULL;
}

/* The stream's first block is the host's: whether the transform is applied at all. */
static avcl_status random_fill(avcl_call *call, uint64_t first, uint64_t n, double *out)
{
    const uint64_t limit = (uint64_t)1 << 24; /* of draws in a stream */
    const avcl_draw *draw = call ? call->draw : NULL;
    if (!draw) return report(call, AVCL_E_UNSUPPORTED, "no random numbers in this call");
    if (first > limit || n > limit - first)
        return report(call, AVCL_E_INVALID, "random numbers end at 2^24");
    for (uint64_t i = 0; i < n; i++) {
        avcl_philox r = avcl_philox_at(draw->seed, draw->key, draw->epoch, draw->stream,
                                       (uint32_t)(1 + (first + i) / 4));
        out[i] = (double)avcl_philox_unit(r.x[(first + i) % 4]);
    }
    return AVCL_OK;
}

/* ---- new and free -------------------------------------------------------------------
 */
static uint32_t choose_threads(uint32_t given)
{
    if (given) return given < MAX_THREADS ? given : MAX_THREADS;
    uint32_t asked = avcl__threads_asked(getenv("OMP_NUM_THREADS"));
    if (asked) return asked < MAX_THREADS ? asked : MAX_THREADS;
    return avcl__cpu_count();
}

avcl_host *avcl_host_new(const avcl_host_options *options, avcl_error *err)
{
    avcl_host *host = calloc(1, sizeof *host);
    if (!host) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for the host");
        return NULL;
    }
    if (options) host->options = *options;
    host->options.plugin_path = NULL; /* the caller's; used below only */
    host->api = (avcl_host_api){
        .struct_size = sizeof host->api,
        .abi_major = AVCL_ABI_MAJOR,
        .abi_minor = AVCL_ABI_NEWEST,
        .n_threads = choose_threads(host->options.n_threads),
        .version = AVCL_VERSION,
        .log = log_line,
        .report = report,
        .parallel_for = parallel_for,
        .extension = extension,
        .random_fill = random_fill,
    };
    if (host->options.lock)
        host->options.lock = avcl__arena_copy(&host->arena, host->options.lock);
    avcl__registry_open(&host->registry);
    if (avcl__host_discover(host, options ? options->plugin_path : NULL, err)) {
        avcl_host_free(host);
        return NULL;
    }
    avcl__host_count_crashes(host);
    return host;
}

void avcl_host_free(avcl_host *host)
{
    if (!host) return;
    avcl__registry_close(&host->registry);
    avcl__arena_release(&host->arena); /* the libraries stay mapped, by design */
    free(host);
}

const avcl_host_api *avcl_host_get_api(const avcl_host *host)
{
    return &host->api;
}

uint32_t avcl_host_n_threads(const avcl_host *host)
{
    return host->api.n_threads;
}

/* ---- ops ------------------------------------------------------------------------------
 */
uint32_t avcl_host_n_ops(avcl_host *host)
{
    (void)host;
    uint32_t n = 0;
    avcl__core_ops(&n);
    return n;
}

const avcl_op *avcl_host_get_op(avcl_host *host, uint32_t index)
{
    (void)host;
    uint32_t n = 0;
    const avcl_op *const *ops = avcl__core_ops(&n);
    return index < n ? ops[index] : NULL;
}

const avcl_op *avcl_host_find_op(avcl_host *host, const char *name)
{
    uint32_t n = avcl_host_n_ops(host);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(avcl_host_get_op(host, i)->name, name) == 0)
            return avcl_host_get_op(host, i);
    return avcl__custom_find(host, name);
}
