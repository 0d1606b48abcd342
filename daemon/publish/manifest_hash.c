/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from manifest.c, for who only reads manifests: that needs all that can be written. */
#include "manifest.h"

#include <sha2.h>

_Static_assert(MANIFEST_SHA256_BYTES == SHA256_DIGEST_LENGTH, "of a SHA-256");

void manifest_hash(const void *data, size_t n_bytes, uint8_t ret_sha256[MANIFEST_SHA256_BYTES])
{
	SHA2_CTX sha2;

	SHA256Init(&sha2);
	SHA256Update(&sha2, data, n_bytes);
	SHA256Final(ret_sha256, &sha2);
}
