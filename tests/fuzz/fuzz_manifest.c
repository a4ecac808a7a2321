/* fuzz_manifest.c - a manifest, and behind a byte 1 the class list beside it. */
#include <string.h>
#include <unistd.h>

#include "avcl/csv.h"
#include "avcl/data.h"

#include "fuzz.h"

/* Every row has a label among the classes or none, and a split of those there are. */
static void walk(avcl_dataset *d)
{
    int64_t total = 0;
    for (int64_t i = 0; i < avcl_dataset_count(d); i++) {
        avcl_sample_info info;
        fuzz_expect(!avcl_dataset_get_sample(d, i, &info), "a counted row is there");
        fuzz_expect(info.label >= -1 && info.label < (int64_t)avcl_dataset_n_classes(d),
                    "labels are classes");
        fuzz_expect(info.split >= 0 && info.split < (int64_t)avcl_dataset_n_splits(d),
                    "splits are known");
        fuzz_expect(*info.rel && *info.path, "rows have paths");
    }
    for (uint32_t s = 0; s < avcl_dataset_n_splits(d); s++) {
        int64_t n = 0;
        fuzz_expect(!avcl_dataset_split_count(d, avcl_dataset_split_name(d, s), &n, NULL),
                    "a named split is found");
        total += n;
    }
    fuzz_expect(total == avcl_dataset_count(d), "splits add up");
}

static void read_records(const char *path)
{
    avcl_csv_record record;
    avcl_status status = AVCL_OK;
    int64_t line = 0;
    avcl_csv_file *f = avcl_csv_open(path, NULL);
    while (f && (status = avcl_csv_next(f, &record, NULL)) == AVCL_OK) {
        fuzz_expect(record.n > 0 && record.line > line, "records go on");
        line = record.line;
    }
    avcl_csv_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[FUZZ_PATH];
    char classes[FUZZ_PATH];
    const uint8_t *second = n ? memchr(data, 1, n) : NULL;
    size_t first = second ? (size_t)(second - data) : n;
    int fd = fuzz_file(data, first, path);
    int other = second ? fuzz_file(second + 1, n - first - 1, classes) : -1;
    avcl_error err = {0};
    avcl_dataset_options o = {.classes = second ? classes : NULL};
    avcl_dataset *d = avcl_dataset_open(path, &o, &err);
    fuzz_expect(d || (err.code < 0 && *err.message), "a refusal says why");
    if (d) walk(d);
    avcl_dataset_free(d);
    read_records(path);
    close(fd);
    if (other >= 0) close(other);
    return 0;
}
