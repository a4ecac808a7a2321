/* manifest.c - ELF header, section table, section names, section: four bounded reads. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/manifest.h"

#if defined(__x86_64__)
enum { OUR_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OUR_MACHINE = EM_AARCH64 };
#else
#error "tell manifest.c this machine's ELF number"
#endif

static const char section_name[] = ".avcl_plugin";

typedef struct elf_file {
    int fd;
    uint64_t size;
    Elf64_Ehdr head;
} elf_file;

static avcl_status not_a_plugin(const char *why, avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_ABI, "not a plugin: %s", why);
}

/* All of [offset, offset + n) or nothing. */
static int read_at(const elf_file *f, uint64_t offset, void *to, uint64_t n)
{
    if (offset > f->size || n > f->size - offset) return 0;
    uint64_t done = 0;
    while (done < n) {
        ssize_t got = pread(f->fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        done += (uint64_t)got;
    }
    return 1;
}

static avcl_status check_head(const Elf64_Ehdr *head, avcl_error *err)
{
    const int little = 1;
    int ours = *(const char *)&little ? ELFDATA2LSB : ELFDATA2MSB;
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        return not_a_plugin("not an ELF file", err);
    if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ours)
        return not_a_plugin("not a 64-bit file of this byte order", err);
    if (head->e_machine != OUR_MACHINE)
        return avcl_error_set(err, AVCL_E_ABI,
                              "not a plugin: built for ELF machine %u, this is %u",
                              head->e_machine, OUR_MACHINE);
    if (head->e_type != ET_DYN) return not_a_plugin("not a shared object", err);
    if (head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shnum == 0 ||
        head->e_shstrndx >= head->e_shnum)
        return not_a_plugin("no usable section table", err);
    return AVCL_OK;
}

static int has_name(const elf_file *f, const Elf64_Shdr *names, const Elf64_Shdr *section)
{
    char name[sizeof section_name];
    if (section->sh_name >= names->sh_size ||
        names->sh_size - section->sh_name < sizeof name || names->sh_offset > f->size)
        return 0;
    return read_at(f, names->sh_offset + section->sh_name, name, sizeof name) &&
           memcmp(name, section_name, sizeof name) == 0;
}

static avcl_status find_section(const elf_file *f, const Elf64_Shdr *table,
                                avcl_manifest *out, avcl_error *err)
{
    const Elf64_Shdr *names = &table[f->head.e_shstrndx];
    for (uint32_t i = 0; i < f->head.e_shnum; i++) {
        const Elf64_Shdr *s = &table[i];
        if (s->sh_type != SHT_PROGBITS || !has_name(f, names, s)) continue;
        char text[sizeof out->text] = "";
        uint64_t n = s->sh_size < sizeof text - 1 ? s->sh_size : sizeof text - 1;
        if (!read_at(f, s->sh_offset, text, n))
            return not_a_plugin("its manifest lies outside the file", err);
        return avcl__manifest_parse(text, out, err);
    }
    return not_a_plugin("no section .avcl_plugin (AVCL_PLUGIN_MANIFEST is missing)", err);
}

static avcl_status scan(elf_file *f, avcl_manifest *out, avcl_error *err)
{
    if (!read_at(f, 0, &f->head, sizeof f->head))
        return not_a_plugin("not an ELF file", err);
    avcl_status rc = check_head(&f->head, err);
    if (rc) return rc;
    size_t bytes = (size_t)f->head.e_shnum * sizeof(Elf64_Shdr);
    Elf64_Shdr *table = malloc(bytes);
    if (!table)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a section table");
    if (read_at(f, f->head.e_shoff, table, bytes))
        rc = find_section(f, table, out, err);
    else
        rc = not_a_plugin("its section table lies outside the file", err);
    free(table);
    return rc;
}

avcl_status avcl__plugin_manifest_read(const char *path, avcl_manifest *out,
                                       avcl_error *err)
{
    elf_file f = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (f.fd < 0)
        return avcl_error_set(err, AVCL_E_IO, "cannot open it: %s", strerror(errno));
    struct stat st;
    avcl_status rc;
    if (fstat(f.fd, &st) || !S_ISREG(st.st_mode)) {
        rc = not_a_plugin("not a regular file", err);
    } else {
        f.size = (uint64_t)st.st_size;
        rc = scan(&f, out, err);
    }
    close(f.fd);
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

avcl_status avcl__manifest_parse(const char *text, avcl_manifest *out, avcl_error *err)
{
    avcl_manifest m = {0};
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
