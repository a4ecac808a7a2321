/* hash.c - SHA-256 of memory and of files, by libcrypto. */
#include <errno.h>
#include <stdio.h>

#include <openssl/evp.h>

#include "avcl/store.h"
#include "base/file.h"

enum { DIGEST = 32 };

static void write_hex(const unsigned char digest[DIGEST], char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * DIGEST] = '\0';
}

/* An empty text when libcrypto is out of memory: equal to no hash at all. */
void avcl_sha256_hex(const void *data, uint64_t n, char hex[65])
{
    unsigned char digest[DIGEST];
    hex[0] = '\0';
    if (EVP_Digest(data ? data : "", n, digest, NULL, EVP_sha256(), NULL))
        write_hex(digest, hex);
}

avcl_status avcl_sha256_file(const char *path, char hex[65], avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    unsigned char digest[DIGEST];
    unsigned char block[1 << 14];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    FILE *file = fopen(path, "rbe");
    if (!file) {
        rc = avcl__io_error(err, errno, "cannot read", path);
        goto done;
    }
    int ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    size_t n;
    while (ok && (n = fread(block, 1, sizeof block, file)) > 0)
        ok = EVP_DigestUpdate(context, block, n);
    if (ferror(file))
        rc = avcl__io_error(err, errno, "cannot read", path);
    else if (!ok || !EVP_DigestFinal_ex(context, digest, NULL))
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory while hashing %s", path);
    else
        write_hex(digest, hex);
done:
    if (file) fclose(file);
    EVP_MD_CTX_free(context);
    return rc;
}
