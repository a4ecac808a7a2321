/* host_fixture.c - one host for a group of tests. */
#include "host_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avcl/host.h"

int host_open(void **state)
{
    avcl_error err = {0};
    *state = avcl_host_new(NULL, &err);
    if (!*state) print_error("%s\n", err.message);
    return *state ? 0 : -1;
}

int host_close(void **state)
{
    avcl_host_free(*state);
    return 0;
}
