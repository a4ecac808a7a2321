/* manifest.c - the section .avcl_plugin: one line of text, read strictly. */
#include <stdio.h>
#include <string.h>

#include "avcl/plugin.h"
#include "plugin/elf.h"
#include "plugin/manifest.h"

static avcl_status read_section(const avcl_elf *f, avcl_plugin_manifest *out,
                                avcl_error *err)
{
    char text[sizeof out->text] = "";
    const Elf64_Shdr *s = avcl__elf_find(f, ".avcl_plugin", SHT_PROGBITS);
    if (!s)
        return avcl_error_set(err, AVCL_E_ABI,
                              "not a plugin: no section .avcl_plugin "
                              "(AVCL_PLUGIN_MANIFEST is missing)");
    if (avcl__elf_read(f, s, 0, text, sizeof text - 1) < 0)
        return avcl_error_set(err, AVCL_E_ABI,
                              "not a plugin: its manifest lies outside the file");
    return avcl__manifest_parse(text, out, err);
}

avcl_status avcl__plugin_manifest_read(const char *path, avcl_plugin_manifest *out,
                                       avcl_error *err)
{
    avcl_elf f;
    avcl_status rc = avcl__elf_open(&f, path, err);
    if (rc) return rc;
    rc = read_section(&f, out, err);
    avcl__elf_close(&f);
    return rc;
}

/* ---- the text -----------------------------------------------------------------------
 */
static int skip(const char **text, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(*text, word, n) != 0) return 0;
    *text += n;
    return 1;
}

static int take_number(const char **text, uint32_t *out)
{
    uint32_t n = 0;
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 6) return 0;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (uint32_t)((*text)[i] - '0');
    *out = n;
    *text += digits;
    return 1;
}

static int take_word(const char **text, char *out, size_t cap)
{
    size_t n =
        strspn(*text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                      "._-+");
    if (n == 0 || n >= cap) return 0;
    memcpy(out, *text, n);
    out[n] = '\0';
    *text += n;
    return 1;
}

avcl_status avcl__manifest_parse(const char *text, avcl_plugin_manifest *out,
                                 avcl_error *err)
{
    avcl_plugin_manifest m = {0};
    const char *at = text;
    int fits = skip(&at, "AVCP abi=") && take_number(&at, &m.abi_major) &&
               skip(&at, ".") && take_number(&at, &m.abi_minor) && skip(&at, " id=") &&
               take_word(&at, m.id, sizeof m.id) && skip(&at, " version=") &&
               take_word(&at, m.version, sizeof m.version) && *at == '\0';
    if (!fits)
        return avcl_error_set(
            err, AVCL_E_ABI,
            "its manifest is not of the form 'AVCP abi=M.N id=… version=…'");
    snprintf(m.text, sizeof m.text, "%s", text);
    *out = m;
    return AVCL_OK;
}

avcl_status avcl__abi_accept(uint32_t major, uint32_t minor, avcl_error *err)
{
    if (major == AVCL_ABI_MAJOR && minor <= AVCL_ABI_NEWEST) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_ABI,
                          "needs plugin ABI %u.%u, this host has %d.%d (that is not the "
                          "program's version): %s",
                          major, minor, AVCL_ABI_MAJOR, AVCL_ABI_NEWEST,
                          major == AVCL_ABI_MAJOR
                              ? "update avcl, or rebuild it with -DAVCL_ABI_MINOR=0"
                              : "rebuild it with this host's headers");
}
