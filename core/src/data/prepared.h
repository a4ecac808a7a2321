/*
 * prepared.h - the file of a prepared cache: its layout, and reading it.
 *
 *     header, 4 KiB      magic, version, where the parts are, checksums
 *     records            one a file, in bytewise order of names, 64-byte aligned
 *     index              u64 [n]: where each record begins
 *     texts              recipe, manifest, classes, generator, identity
 *
 * A record: its header, the reason if something is wrong, a table of frames, the frames,
 * the mel picture (f16), the waveform (f32). Every byte is under a CRC-32C that is
 * checked when it is read: frames one by one, the rest part by part. Numbers are
 * little-endian. While it is being made the file is OUT.part, records only.
 */
#ifndef AVCL_PREPARED_H
#define AVCL_PREPARED_H

#include <stddef.h>

#include "data/recipe.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");

enum { AVCL_PREPARED_VERSION = 1, AVCL_PREPARED_HEADER = 4096, AVCL_PREPARED_ALIGN = 64 };

enum {
    AVCL_TEXT_RECIPE = 0,
    AVCL_TEXT_MANIFEST, /* path,label,split */
    AVCL_TEXT_CLASSES,
    AVCL_TEXT_GENERATOR, /* empty: a set of real files */
    AVCL_TEXT_IDENTITY,  /* the data set's hash, hex */
    AVCL_TEXT_FOLDER,    /* where the files were */
    AVCL_N_TEXTS
};

typedef struct avcl_prepared_header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* of this struct with crc = 0 */
    uint64_t bytes;
    uint64_t n_records;
    uint64_t index_at;
    uint64_t text_at[AVCL_N_TEXTS];
    uint64_t text_bytes[AVCL_N_TEXTS]; /* without the NUL behind each */
    uint32_t index_crc;
    uint32_t text_crc; /* from the first text to the last NUL */
} avcl_prepared_header;

/* Whether a source is the same file as before. */
typedef struct avcl_stamp {
    uint64_t bytes;
    int64_t mtime_ns;
} avcl_stamp;
/* Zeros when there is no such file. */
avcl_stamp avcl__stamp_of(const char *path);

typedef struct avcl_record {
    char magic[8];
    uint32_t crc; /* of this struct with crc = 0 */
    int32_t state;
    uint64_t bytes; /* of the record with its padding */
    uint64_t key;   /* the sample key */
    avcl_stamp source;
    int64_t n_frames;
    int64_t n_real;    /* before those that stand in for lost ones at the end */
    uint64_t table_at; /* from the record's beginning, as all that follow; 0 = none */
    uint64_t mel_at;
    uint64_t wave_at;
    uint64_t n_mel;
    uint64_t n_wave;
    uint64_t reason_bytes; /* behind this struct */
    uint32_t table_crc;
    uint32_t mel_crc;
    uint32_t wave_crc;
    uint32_t reason_crc;
    int32_t video_failed;
    int32_t sound_failed;
    int32_t has_audio;
    int32_t is_silent;
    double video_s;
    double squared_error;
} avcl_record;

typedef struct avcl_frame_entry {
    uint64_t at; /* from the record's beginning */
    uint32_t bytes;
    uint32_t crc;
    double time; /* seconds on the container's clock */
} avcl_frame_entry;

typedef struct avcl_prepared avcl_prepared;
/* Whether a file begins like one. */
int avcl__prepared_is(const char *path);
avcl_prepared *avcl__prepared_open(const char *path, avcl_error *err); /* [owned] */
void avcl__prepared_free(avcl_prepared *p);
const char *avcl__prepared_path(const avcl_prepared *p);
int64_t avcl__prepared_count(const avcl_prepared *p);
const char *avcl__prepared_text(const avcl_prepared *p, int text);
const avcl_recipe *avcl__prepared_recipe(const avcl_prepared *p);
/* The checked header of record i. [p's life] */
const avcl_record *avcl__prepared_record(const avcl_prepared *p, int64_t i,
                                         avcl_error *err);
/* Parts of a record, checked: NULL = damaged, or not there. [p's life] */
const avcl_frame_entry *avcl__prepared_table(const avcl_prepared *p, const avcl_record *r,
                                             avcl_error *err);
const void *avcl__prepared_frame(const avcl_prepared *p, const avcl_record *r,
                                 const avcl_frame_entry *entry, avcl_error *err);
const uint16_t *avcl__prepared_mel(const avcl_prepared *p, const avcl_record *r,
                                   avcl_error *err);
const float *avcl__prepared_wave(const avcl_prepared *p, const avcl_record *r,
                                 avcl_error *err);
const char *avcl__record_reason(const avcl_record *r);

void avcl__record_seal(avcl_record *r);
void avcl__prepared_header_seal(avcl_prepared_header *h);
/* The record at `data` if it lies within `room` bytes and its header is sound, else NULL;
 * `deep`: every part of it too. */
const avcl_record *avcl__record_check(const void *data, uint64_t room, int deep);

#endif
