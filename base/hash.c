#include <sodium.h>
#include <stdio.h>

#include "base/base.h"

/* SHA-256 keeps no state of the library, so that sodium_init is not needed. */
void ep_sha256(const void *bytes, size_t size, char text[EP_SHA256_TEXT])
{
    static const unsigned char nothing[1];
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, bytes ? bytes : nothing, size);
    (void)sodium_bin2hex(text, EP_SHA256_TEXT, digest, sizeof digest);
}

ep_status ep_file_sha256(const char *path, char text[EP_SHA256_TEXT], ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    ep_sha256(map.data, map.size, text);
    ep_map_close(&map);
    return EP_OK;
}
