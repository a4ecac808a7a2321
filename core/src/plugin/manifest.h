/*
 * manifest.h - what a plugin file says about itself, read without running its code.
 *
 * The ELF section .avcl_plugin, by the bounded reads of elf.h. [any thread]
 */
#ifndef AVCL_PLUGIN_MANIFEST_H
#define AVCL_PLUGIN_MANIFEST_H

#include "avcl/error.h"

typedef struct avcl_plugin_manifest {
    uint32_t abi_major;
    uint32_t abi_minor;
    char id[128];
    char version[64];
    char text[320]; /* the whole line, to compare with what the loaded file says */
} avcl_plugin_manifest;

/* AVCL_E_ABI: not a plugin for this machine, or a manifest of another form. The ABI
 * version itself is not judged here. */
avcl_status avcl__plugin_manifest_read(const char *path, avcl_plugin_manifest *out,
                                       avcl_error *err);

/* "AVCP abi=0.1 id=avcl.r3d version=1.0"; strict. */
avcl_status avcl__manifest_parse(const char *text, avcl_plugin_manifest *out,
                                 avcl_error *err);

/* Does this host take a plugin that needs this ABI? Same major, minor not above ours; the
 * very same while the major is 0. Else AVCL_E_ABI with both and the remedy. */
avcl_status avcl__abi_accept(uint32_t major, uint32_t minor, avcl_error *err);

#endif
