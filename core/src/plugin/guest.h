/*
 * guest.h - a plugin's module outside of graphs: found by name, and called with a place
 * for its errors and a name for its crashes.
 *
 *     avcl_asking a;
 *     avcl__ask(&a, &guest, "frames", NULL);
 *     status = avcl__asked(&a, api->frames(&a.reading, …), err);
 */
#ifndef AVCL_GUEST_H
#define AVCL_GUEST_H

#include "avcl/host.h"
#include "avcl/samples.h"
#include "base/call.h"
#include "base/crumb.h"

typedef struct avcl_guest {
    avcl_host *host;
    const avcl_module *module;
    avcl_crumb crumb; /* its `who` is the full name */
} avcl_guest;
avcl_status avcl__guest_find(avcl_host *host, const char *kind, const char *name,
                             avcl_guest *out, avcl_error *err);

typedef struct avcl_asking {
    avcl_error own;
    avcl_call call;
    avcl_reading reading;
    avcl_crumb crumb;
    const avcl_crumb *before;
} avcl_asking;
/* Between the two the plugin may run. `draw`: whose random numbers, NULL = none. [any] */
void avcl__ask(avcl_asking *a, const avcl_guest *guest, const char *doing,
               const struct avcl_draw *draw);
/* What came of it: `rc` as the plugin returned it; positive ones are passed on. */
avcl_status avcl__asked(avcl_asking *a, avcl_status rc, avcl_error *err);

#endif
