/* elf.c - ELF header, section table, section names, sections: bounded reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/elf.h"

#if defined(__x86_64__)
enum { OUR_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OUR_MACHINE = EM_AARCH64 };
#else
#error "tell elf.c this machine's ELF number"
#endif

enum { LONGEST_NAME = 256, MAX_NEEDED = 256 };

static avcl_status not_a_plugin(const char *why, avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_ABI, "not a plugin: %s", why);
}

/* ---- the file --------------------------------------------------------------------- */
/* All of [offset, offset + n) or nothing. */
static int read_at(const avcl_elf *f, uint64_t offset, void *to, uint64_t n)
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

static avcl_status read_tables(avcl_elf *f, avcl_error *err)
{
    if (!read_at(f, 0, &f->head, sizeof f->head))
        return not_a_plugin("not an ELF file", err);
    avcl_status rc = check_head(&f->head, err);
    if (rc) return rc;
    size_t bytes = (size_t)f->head.e_shnum * sizeof(Elf64_Shdr);
    f->sections = malloc(bytes);
    if (!f->sections)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a section table");
    if (read_at(f, f->head.e_shoff, f->sections, bytes)) return AVCL_OK;
    return not_a_plugin("its section table lies outside the file", err);
}

avcl_status avcl__elf_open(avcl_elf *f, const char *path, avcl_error *err)
{
    struct stat st;
    *f = (avcl_elf){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (f->fd < 0)
        return avcl_error_set(err, AVCL_E_IO, "cannot open it: %s", strerror(errno));
    avcl_status rc = AVCL_OK;
    if (fstat(f->fd, &st) || !S_ISREG(st.st_mode)) {
        rc = not_a_plugin("not a regular file", err);
    } else {
        f->size = (uint64_t)st.st_size;
        rc = read_tables(f, err);
    }
    if (rc) avcl__elf_close(f);
    return rc;
}

void avcl__elf_close(avcl_elf *f)
{
    free(f->sections);
    f->sections = NULL;
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

/* ---- sections ---------------------------------------------------------------------- */
int64_t avcl__elf_read(const avcl_elf *f, const Elf64_Shdr *section, uint64_t offset,
                       void *to, uint64_t n)
{
    if (offset > section->sh_size || section->sh_offset > f->size) return -1;
    if (n > section->sh_size - offset) n = section->sh_size - offset;
    return read_at(f, section->sh_offset + offset, to, n) ? (int64_t)n : -1;
}

static int has_name(const avcl_elf *f, const Elf64_Shdr *section, const char *name)
{
    char found[LONGEST_NAME];
    const Elf64_Shdr *names = &f->sections[f->head.e_shstrndx];
    size_t n = strlen(name) + 1;
    return n <= sizeof found &&
           avcl__elf_read(f, names, section->sh_name, found, n) == (int64_t)n &&
           memcmp(found, name, n) == 0;
}

const Elf64_Shdr *avcl__elf_find(const avcl_elf *f, const char *name, uint32_t type)
{
    for (uint32_t i = 0; i < f->head.e_shnum; i++)
        if (f->sections[i].sh_type == type && has_name(f, &f->sections[i], name))
            return &f->sections[i];
    return NULL;
}

/* ---- what it asks for -------------------------------------------------------------- */
static void each_needed(const avcl_elf *f, void (*each)(void *arg, const char *name),
                        void *arg)
{
    const Elf64_Shdr *dynamic = avcl__elf_find(f, ".dynamic", SHT_DYNAMIC);
    if (!dynamic || dynamic->sh_link >= f->head.e_shnum) return;
    const Elf64_Shdr *strings = &f->sections[dynamic->sh_link];
    for (uint64_t i = 0; i < MAX_NEEDED; i++) {
        Elf64_Dyn row;
        char name[LONGEST_NAME] = "";
        if (avcl__elf_read(f, dynamic, i * sizeof row, &row, sizeof row) != sizeof row ||
            row.d_tag == DT_NULL)
            return;
        if (row.d_tag != DT_NEEDED) continue;
        if (avcl__elf_read(f, strings, row.d_un.d_val, name, sizeof name - 1) > 0)
            each(arg, name);
    }
}

avcl_status avcl__elf_needed(const char *path, void (*each)(void *arg, const char *name),
                             void *arg, avcl_error *err)
{
    avcl_elf f;
    avcl_status rc = avcl__elf_open(&f, path, err);
    if (rc) return rc;
    each_needed(&f, each, arg);
    avcl__elf_close(&f);
    return AVCL_OK;
}

void avcl__elf_build_id(const char *path, char hex[65])
{
    avcl_elf f;
    unsigned char note[16 + 32];
    *hex = '\0';
    if (avcl__elf_open(&f, path, NULL)) return;
    const Elf64_Shdr *s = avcl__elf_find(&f, ".note.gnu.build-id", SHT_NOTE);
    int64_t n = s ? avcl__elf_read(&f, s, 0, note, sizeof note) : -1;
    for (int64_t i = 16; i < n; i++) /* after the note's head and the name "GNU" */
        snprintf(hex + 2 * (i - 16), 3, "%02x", note[i]);
    avcl__elf_close(&f);
}
