/* fuzz_plugin.c - a plugin file's manifest: the ELF section, and its text alone. */
#include <string.h>
#include <unistd.h>

#include "plugin/elf.h"
#include "plugin/manifest.h"

#include "fuzz.h"

static void count(void *arg, const char *name)
{
    *(size_t *)arg += strlen(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[FUZZ_PATH];
    char text[512] = "";
    avcl_plugin_manifest m;
    avcl_error err = {0};
    int fd = fuzz_file(data, n, path);
    avcl_status status = avcl__plugin_manifest_read(path, &m, &err);
    fuzz_expect(!status || *err.message, "a refusal says why");
    fuzz_expect(status || (*m.id && *m.version), "an accepted one has an id");
    size_t letters = 0;
    char hex[65];
    avcl__elf_needed(path, count, &letters, NULL);
    avcl__elf_build_id(path, hex);
    fuzz_expect(strlen(hex) <= 64, "a build id ends");
    close(fd);
    memcpy(text, data, n < sizeof text ? n : sizeof text - 1);
    avcl__manifest_parse(text, &m, NULL);
    return 0;
}
