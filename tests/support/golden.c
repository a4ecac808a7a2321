/* golden.c - see golden.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"

void golden_check(avcl_status rc, const avcl_error *err)
{
    if (rc) fail_msg("%s: %s", avcl_status_name(rc), err->message);
}

void golden_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (fabs(want) > 1 ? fabs(want) : 1)))
        fail_msg("got %.17g, want %.17g", got, want);
}

avcl_host *golden_host(void)
{
    avcl_error err = {0};
    avcl_host *host = avcl_host_new(NULL, &err);
    if (!host) fail_msg("%s", err.message);
    return host;
}
