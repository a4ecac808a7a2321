/* fuzz_safetensors.c - checkpoints and weights from elsewhere: header and tensors. */
#include <unistd.h>

#include "avcl/store.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[FUZZ_PATH];
    int fd = fuzz_file(data, n, path);
    avcl_error err = {0};
    avcl_safetensors *st = avcl_safetensors_open(path, &err);
    fuzz_expect(st || (err.code < 0 && *err.message), "a refusal says why");
    uint64_t sum = 0;
    for (uint32_t i = 0; st && i < avcl_safetensors_count(st); i++) {
        const char *name = avcl_safetensors_name(st, i);
        avcl_tensor t;
        fuzz_expect(!avcl_safetensors_get(st, name, &t, NULL),
                    "a listed tensor is there");
        for (uint64_t k = 0; k < t.nbytes; k++)
            sum += ((const uint8_t *)t.data)[k];
    }
    (void)*(volatile uint64_t *)&sum;
    avcl_safetensors_free(st);
    close(fd);
    return 0;
}
