/*
 * fuzz.h - what the fuzzers share: bytes as a file, without a disk.
 *
 * A fuzzer is tests/fuzz/fuzz_THING.c with LLVMFuzzerTestOneInput; its seeds are in
 * tests/fuzz/corpus/THING. It must return from any input: no crash, no leak, no report of
 * a sanitizer. What the reader accepted must hold what its header promises.
 */
#ifndef AVCL_FUZZ_H
#define AVCL_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FUZZ_PATH = 32 };
/* A file in memory that holds the bytes: its descriptor, and a path that opens it. */
int fuzz_file(const uint8_t *data, size_t n, char path[FUZZ_PATH]);
/* Aborts with the text unless it holds: a promise that was broken. */
void fuzz_expect(int holds, const char *text);

#endif
