/* guest.c - one call into a plugin's module, with its error slot and its crumb. */
#include "plugin/guest.h"

#include "plugin/host_impl.h"

avcl_status avcl__guest_find(avcl_host *host, const char *kind, const char *name,
                             avcl_guest *out, avcl_error *err)
{
    avcl_error own = {0};
    const avcl_module *m = avcl_host_find(host, kind, name, &own);
    if (!m) return avcl_error_set(err, own.code, "%s", own.message);
    *out = (avcl_guest){.host = host, .module = m};
    out->crumb = avcl__host_crumb(avcl__host_module_of(host, m), "find");
    return AVCL_OK;
}

void avcl__ask(avcl_asking *a, const avcl_guest *guest, const char *doing,
               const struct avcl_draw *draw)
{
    a->own = (avcl_error){0};
    a->call = (avcl_call){.err = &a->own, .host = guest->host, .draw = draw};
    a->reading = (avcl_reading){.call = &a->call, .host = avcl_host_get_api(guest->host)};
    a->crumb = guest->crumb;
    a->crumb.doing = doing;
    a->before = avcl__crumb_set_own(&a->crumb);
}

avcl_status avcl__asked(avcl_asking *a, avcl_status rc, avcl_error *err)
{
    avcl__crumb_set_own(a->before);
    if (a->own.code)
        return avcl_error_set(err, a->own.code, "%s: %s", a->crumb.who, a->own.message);
    if (rc >= AVCL_OK) return rc;
    return avcl_error_set(err, rc, "%s: its %s failed (%s) and gave no reason",
                          a->crumb.who, a->crumb.doing, avcl_status_name(rc));
}
