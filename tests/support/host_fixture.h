/* host_fixture.h - a host for all tests of a program: cmocka's group set-up and
 * tear-down. */
#ifndef AVCL_TEST_HOST_FIXTURE_H
#define AVCL_TEST_HOST_FIXTURE_H

/* *state: an avcl_host on the plugin path of the environment. */
int host_open(void **state);
int host_close(void **state);

#endif
