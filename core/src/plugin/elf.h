/*
 * elf.h - sections of a shared object, read without loading it.
 *
 * Plain bounded reads: every offset is checked, and a file that shrinks meanwhile is a
 * short read, not a signal. One reader, one thread.
 *
 *     avcl_elf f;
 *     if (!avcl__elf_open(&f, path, &err)) rc = avcl__elf_text(&f, ".comment", …);
 *     avcl__elf_close(&f);
 */
#ifndef AVCL_PLUGIN_ELF_H
#define AVCL_PLUGIN_ELF_H

#include <elf.h>

#include "avcl/error.h"

typedef struct avcl_elf {
    int fd;
    uint64_t size;
    Elf64_Ehdr head;
    Elf64_Shdr *sections; /* head.e_shnum of them */
} avcl_elf;

/* AVCL_E_ABI: not a 64-bit shared object for this machine. Close it after success. */
avcl_status avcl__elf_open(avcl_elf *f, const char *path, avcl_error *err);
void avcl__elf_close(avcl_elf *f);
/* The first section of that name and type, or NULL. */
const Elf64_Shdr *avcl__elf_find(const avcl_elf *f, const char *name, uint32_t type);
/* Up to n bytes at `offset` of a section; how many there were, or -1 when the section
 * lies outside the file. */
int64_t avcl__elf_read(const avcl_elf *f, const Elf64_Shdr *section, uint64_t offset,
                       void *to, uint64_t n);

/* Calls `each` with the name of every library the file asks for (DT_NEEDED). */
avcl_status avcl__elf_needed(const char *path, void (*each)(void *arg, const char *name),
                             void *arg, avcl_error *err);
/* The build id in hex, "" = none. */
void avcl__elf_build_id(const char *path, char hex[65]);

#endif
