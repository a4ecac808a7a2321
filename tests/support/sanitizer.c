/*
 * sanitizer.c - options that every sanitized test needs; unused in other builds.
 *
 * oneDNN keeps thread-local data in an object that is loaded late, and GCC 12's
 * leak check crashes on its guess at where that lies. Without the guess it works.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "intercept_tls_get_addr=0";
}
