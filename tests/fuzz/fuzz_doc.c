/* fuzz_doc.c - run documents: YAML that is read and written, and files of them. */
#include <string.h>
#include <unistd.h>

#include "avcl/store.h"

#include "fuzz.h"

/* What was read can be written, and read again as the same. */
static void round_trip(const uint8_t *data, size_t n)
{
    avcl_doc *doc = avcl_doc_parse((const char *)data, n, NULL);
    if (!doc) return;
    avcl_error err = {0};
    char *first = avcl_doc_json(doc, 0, &err);
    char *text = avcl_doc_text(doc, &err);
    avcl_doc *again = text ? avcl_doc_parse(text, strlen(text), &err) : NULL;
    char *second = again ? avcl_doc_json(again, 0, &err) : NULL;
    if (first && text) {
        fuzz_expect(again != NULL, "our own YAML is read");
        fuzz_expect(second && !strcmp(first, second), "and says the same");
    }
    avcl_text_free(first);
    avcl_text_free(text);
    avcl_text_free(second);
    avcl_doc_free(again);
    avcl_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[FUZZ_PATH];
    int32_t torn = 0;
    round_trip(data, n);
    int fd = fuzz_file(data, n, path);
    avcl_doc_free(avcl_store_read(path, 0, &torn, NULL));
    avcl_doc_free(avcl_store_read(path, -1, &torn, NULL));
    close(fd);
    return 0;
}
