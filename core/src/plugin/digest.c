/* digest.c - SHA-256 of a file: what a run record says about the code it ran. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "plugin/host_impl.h"

static avcl_status feed(FILE *f, EVP_MD_CTX *ctx, const char *path, avcl_error *err)
{
    unsigned char piece[16384];
    size_t n = 0;
    int ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    while (ok && (n = fread(piece, 1, sizeof piece, f)) > 0)
        ok = EVP_DigestUpdate(ctx, piece, n);
    if (ok && !ferror(f)) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_IO, "cannot read '%s': %s", path, strerror(errno));
}

avcl_status avcl__file_sha256(const char *path, char hex[65], avcl_error *err)
{
    unsigned char sum[32] = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    FILE *f = fopen(path, "rbe");
    avcl_status rc = AVCL_OK;
    if (!ctx)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a digest");
    else if (!f)
        rc =
            avcl_error_set(err, AVCL_E_IO, "cannot open '%s': %s", path, strerror(errno));
    else
        rc = feed(f, ctx, path, err);
    if (!rc && !EVP_DigestFinal_ex(ctx, sum, NULL))
        rc = avcl_error_set(err, AVCL_E_BUG, "SHA-256 gave no digest");
    for (int i = 0; i < 32 && !rc; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    if (f) fclose(f);
    EVP_MD_CTX_free(ctx);
    return rc;
}
