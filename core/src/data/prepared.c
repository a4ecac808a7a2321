/* prepared.c - a prepared cache, mapped: nothing is copied, everything is checked where
 * it is read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avcl/store.h"

#include "base/file.h"
#include "data/prepared.h"
#include "media/sidecar.h"
#include "media/small.h"

static const char file_magic[8] = "AVCLPREP";
static const char record_magic[8] = "AVCLCLIP";

struct avcl_prepared {
    char *path;
    const unsigned char *map;
    uint64_t bytes;
    avcl_prepared_header header;
    avcl_recipe recipe;
};

/* ---- records ----------------------------------------------------------------------- */
static uint32_t record_crc(const avcl_record *r)
{
    avcl_record copy = *r;
    copy.crc = 0;
    return avcl_crc32c(0, &copy, sizeof copy);
}

void avcl__record_seal(avcl_record *r)
{
    memcpy(r->magic, record_magic, sizeof r->magic);
    r->crc = record_crc(r);
}

static int is_within(const avcl_record *r, uint64_t at, uint64_t bytes)
{
    return at >= sizeof *r && at <= r->bytes && bytes <= r->bytes - at;
}

/* [n] elements of `size` at `at`, or nothing at 0. */
static int is_part(const avcl_record *r, uint64_t at, uint64_t n, uint64_t size)
{
    return at == 0 || (at % 8 == 0 && n <= r->bytes / size && is_within(r, at, n * size));
}

static const void *part(const avcl_record *r, uint64_t at)
{
    return (const unsigned char *)r + at;
}

static int frames_are_sound(const avcl_record *r)
{
    const avcl_frame_entry *e = part(r, r->table_at);
    uint64_t n = (uint64_t)r->n_frames;
    if (avcl_crc32c(0, e, n * sizeof *e) != r->table_crc) return 0;
    for (uint64_t i = 0; i < n; i++)
        if (!is_within(r, e[i].at, e[i].bytes) ||
            avcl_crc32c(0, part(r, e[i].at), e[i].bytes) != e[i].crc)
            return 0;
    return 1;
}

const avcl_record *avcl__record_check(const void *data, uint64_t room, int deep)
{
    const avcl_record *r = data;
    if (room < sizeof *r || memcmp(r->magic, record_magic, sizeof r->magic) != 0 ||
        record_crc(r) != r->crc)
        return NULL;
    if (r->bytes > room || r->bytes < sizeof *r || r->bytes % AVCL_PREPARED_ALIGN ||
        r->n_frames < 0 || r->n_real < 0 || r->n_real > r->n_frames ||
        !is_within(r, sizeof *r, r->reason_bytes) ||
        !is_part(r, r->table_at, (uint64_t)r->n_frames, sizeof(avcl_frame_entry)) ||
        !is_part(r, r->mel_at, r->n_mel, 2) || !is_part(r, r->wave_at, r->n_wave, 4))
        return NULL;
    if (avcl_crc32c(0, r + 1, r->reason_bytes) != r->reason_crc) return NULL;
    if (r->reason_bytes && ((const char *)(r + 1))[r->reason_bytes - 1]) return NULL;
    if (!deep) return r;
    if (r->table_at && !frames_are_sound(r)) return NULL;
    if (r->mel_at && avcl_crc32c(0, part(r, r->mel_at), r->n_mel * 2) != r->mel_crc)
        return NULL;
    if (r->wave_at && avcl_crc32c(0, part(r, r->wave_at), r->n_wave * 4) != r->wave_crc)
        return NULL;
    return r;
}

const char *avcl__record_reason(const avcl_record *r)
{
    return r->reason_bytes ? (const char *)(r + 1) : "";
}

static avcl_stamp stamp_file(const char *path)
{
    struct stat st;
    if (stat(path, &st)) return (avcl_stamp){0};
    return (avcl_stamp){(uint64_t)st.st_size,
                        (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
}

avcl_stamp avcl__stamp_of(const char *path)
{
    char wav[4096];
    avcl_stamp clip = stamp_file(path);
    if (!avcl__sidecar_find(path, wav, sizeof wav)) return clip;
    avcl_stamp sound = stamp_file(wav);
    clip.bytes += sound.bytes;
    if (sound.mtime_ns > clip.mtime_ns) clip.mtime_ns = sound.mtime_ns;
    return clip;
}

/* ---- the file ---------------------------------------------------------------------- */
int avcl__prepared_is(const char *path)
{
    char magic[sizeof file_magic];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return 0;
    ssize_t n = read(fd, magic, sizeof magic);
    close(fd);
    return n == (ssize_t)sizeof magic && memcmp(magic, file_magic, sizeof magic) == 0;
}

uint32_t avcl__prepared_header_crc(const avcl_prepared_header *h)
{
    avcl_prepared_header copy = *h;
    copy.crc = 0;
    return avcl_crc32c(0, &copy, sizeof copy);
}

void avcl__prepared_header_seal(avcl_prepared_header *h)
{
    memcpy(h->magic, file_magic, sizeof h->magic);
    h->version = AVCL_PREPARED_VERSION;
    h->crc = avcl__prepared_header_crc(h);
}

static avcl_status map_file(avcl_prepared *p, avcl_error *err)
{
    struct stat st;
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        avcl__io_error(err, errno, "cannot open", p->path);
        if (fd >= 0) close(fd);
        return AVCL_E_IO;
    }
    p->bytes = (uint64_t)st.st_size;
    void *map = p->bytes >= AVCL_PREPARED_HEADER
                    ? mmap(NULL, p->bytes, PROT_READ, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED)
        return avcl_error_set(err, AVCL_E_CORRUPT, "'%s' cannot be mapped (%llu bytes)",
                              p->path, (unsigned long long)p->bytes);
    p->map = map;
    posix_madvise(map, p->bytes,
                  POSIX_MADV_RANDOM); /* windows at random: reading ahead is waste */
    return AVCL_OK;
}

static int is_block(const avcl_prepared *p, uint64_t at, uint64_t bytes)
{
    return at >= AVCL_PREPARED_HEADER && at <= p->bytes && bytes <= p->bytes - at;
}

static const char *find_fault(const avcl_prepared *p)
{
    const avcl_prepared_header *h = &p->header;
    if (h->crc != avcl__prepared_header_crc(h)) return "its header is damaged";
    if (h->version != AVCL_PREPARED_VERSION) return "it is of another version";
    if (h->bytes != p->bytes) return "it is shorter or longer than its header says";
    if (h->n_records > p->bytes / sizeof(uint64_t) || h->index_at % 8 ||
        !is_block(p, h->index_at, h->n_records * sizeof(uint64_t)))
        return "its index lies outside";
    if (avcl_crc32c(0, p->map + h->index_at, h->n_records * 8) != h->index_crc)
        return "its index is damaged";
    uint64_t at = h->text_at[0];
    for (int i = 0; i < AVCL_N_TEXTS; i++) {
        if (h->text_at[i] != at || !is_block(p, at, h->text_bytes[i]) ||
            !is_block(p, at + h->text_bytes[i], 1) || p->map[at + h->text_bytes[i]])
            return "its texts lie outside";
        at += h->text_bytes[i] + 1;
    }
    if (avcl_crc32c(0, p->map + h->text_at[0], at - h->text_at[0]) != h->text_crc)
        return "its texts are damaged";
    return NULL;
}

avcl_prepared *avcl__prepared_open(const char *path, avcl_error *err)
{
    avcl_prepared *p = calloc(1, sizeof *p);
    if (p) p->path = strdup(path);
    if (!p || !p->path) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory to open '%s'", path);
        avcl__prepared_free(p);
        return NULL;
    }
    avcl_status st = map_file(p, err);
    if (!st) {
        memcpy(&p->header, p->map, sizeof p->header);
        const char *fault = find_fault(p);
        if (fault)
            st = avcl_error_set(err, AVCL_E_CORRUPT, "'%s' is no prepared cache: %s",
                                path, fault);
    }
    if (!st) {
        st =
            avcl__recipe_parse(avcl__prepared_text(p, AVCL_TEXT_RECIPE), &p->recipe, err);
        if (st) avcl_error_prefix(err, "'%s'", path);
    }
    if (!st) return p;
    avcl__prepared_free(p);
    return NULL;
}

void avcl__prepared_free(avcl_prepared *p)
{
    if (!p) return;
    if (p->map) munmap((void *)(uintptr_t)p->map, p->bytes);
    free(p->path);
    free(p);
}

const char *avcl__prepared_path(const avcl_prepared *p)
{
    return p->path;
}

int64_t avcl__prepared_count(const avcl_prepared *p)
{
    return (int64_t)p->header.n_records;
}

const char *avcl__prepared_text(const avcl_prepared *p, int text)
{
    return (const char *)p->map + p->header.text_at[text];
}

const avcl_recipe *avcl__prepared_recipe(const avcl_prepared *p)
{
    return &p->recipe;
}

/* ---- reading ------------------------------------------------------------------------
 */
static const void *damaged(const avcl_prepared *p, const char *what, avcl_error *err)
{
    avcl_error_set(err, AVCL_E_CORRUPT,
                   "%s is damaged in '%s': prepare it again after removing it", what,
                   p->path);
    return NULL;
}

const avcl_record *avcl__prepared_record(const avcl_prepared *p, int64_t i,
                                         avcl_error *err)
{
    uint64_t at;
    memcpy(&at, p->map + p->header.index_at + (uint64_t)i * sizeof at, sizeof at);
    const avcl_record *r = at % AVCL_PREPARED_ALIGN == 0 && is_block(p, at, 0)
                               ? avcl__record_check(p->map + at, p->bytes - at, 0)
                               : NULL;
    return r ? r : damaged(p, "its record", err);
}

const avcl_frame_entry *avcl__prepared_table(const avcl_prepared *p, const avcl_record *r,
                                             avcl_error *err)
{
    uint64_t bytes = (uint64_t)r->n_frames * sizeof(avcl_frame_entry);
    const avcl_frame_entry *table = part(r, r->table_at);
    if (r->table_at && avcl_crc32c(0, table, bytes) == r->table_crc) return table;
    return damaged(p, "its table of frames", err);
}

const void *avcl__prepared_frame(const avcl_prepared *p, const avcl_record *r,
                                 const avcl_frame_entry *e, avcl_error *err)
{
    size_t planes = avcl__i420_bytes(p->recipe.width, p->recipe.height);
    int is_sized = p->recipe.codec == AVCL_PREPARE_MJPEG || e->bytes == planes;
    if (is_sized && is_within(r, e->at, e->bytes) &&
        avcl_crc32c(0, part(r, e->at), e->bytes) == e->crc)
        return part(r, e->at);
    char what[64];
    const avcl_frame_entry *first = part(r, r->table_at);
    snprintf(what, sizeof what, "frame %lld", (long long)(e - first));
    return damaged(p, what, err);
}

const uint16_t *avcl__prepared_mel(const avcl_prepared *p, const avcl_record *r,
                                   avcl_error *err)
{
    if (r->mel_at && avcl_crc32c(0, part(r, r->mel_at), r->n_mel * 2) == r->mel_crc)
        return part(r, r->mel_at);
    return damaged(p, "its mel picture", err);
}

const float *avcl__prepared_wave(const avcl_prepared *p, const avcl_record *r,
                                 avcl_error *err)
{
    if (r->wave_at && avcl_crc32c(0, part(r, r->wave_at), r->n_wave * 4) == r->wave_crc)
        return part(r, r->wave_at);
    return damaged(p, "its waveform", err);
}
