/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet that is rebooted by one hand, or that follows one wall clock, would publish in the same
 * second and sample in the same seconds. So every host moves its cycles by a fixed part, taken from
 * its machine id: no coordination, and the same after each restart.
 *
 * machine-id(5) asks that the id be kept confidential and be used only through a keyed hash with an
 * application's own constant. The phase can be seen from outside, in the times of published files:
 *
 *	phase = first 8 bytes, big-endian, of HMAC-SHA-256(key = machine id, application || purpose)
 *
 * (RFC 2104, FIPS 180-4), as sd_id128_get_machine_app_specific() does it. A hash that can be
 * inverted, such as base/hash.h, would give the id away.
 */
#include "gate/phase.h"

#include <string.h>
#include <sha2.h>

#define BLOCK_BYTES 64 /* of SHA-256 */

/* Ours alone, drawn at random once. Another constant means another phase for every host. */
static const uint8_t application[16] = { 0x6b, 0x2e, 0x91, 0xd4, 0x0f, 0xa3, 0x4c, 0x58,
					 0x9c, 0x17, 0xe5, 0x72, 0xb8, 0x3d, 0x60, 0xca };

static void hash_begin(SHA2_CTX *sha, const uint8_t key[BLOCK_BYTES], uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];

	for (int i = 0; i < BLOCK_BYTES; i++)
		block[i] = key[i] ^ pad;
	SHA256Init(sha);
	SHA256Update(sha, block, sizeof(block));
}

uint64_t phase_of_host(const void *host, size_t n_bytes, const char *purpose)
{
	uint8_t key[BLOCK_BYTES] = { 0 };
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t phase = 0;
	SHA2_CTX sha;

	if (n_bytes > sizeof(key)) {
		SHA256Init(&sha);
		SHA256Update(&sha, host, n_bytes);
		SHA256Final(key, &sha);
	} else if (n_bytes > 0) {
		memcpy(key, host, n_bytes);
	}
	hash_begin(&sha, key, 0x36);
	SHA256Update(&sha, application, sizeof(application));
	SHA256Update(&sha, (const uint8_t *)purpose, strlen(purpose));
	SHA256Final(digest, &sha);
	hash_begin(&sha, key, 0x5c);
	SHA256Update(&sha, digest, sizeof(digest));
	SHA256Final(digest, &sha);
	for (int i = 0; i < 8; i++)
		phase = phase << 8 | digest[i];
	return phase;
}

uint64_t phase_offset_ns(uint64_t phase, uint64_t cycle_ns)
{
	return (uint64_t)((unsigned __int128)phase * cycle_ns >> 64);
}

/* How far now_ns is into the cycle that began at the last offset_ns. */
static uint64_t since_start_ns(uint64_t now_ns, uint64_t cycle_ns, uint64_t offset_ns)
{
	uint64_t now_in_cycle = now_ns % cycle_ns;
	uint64_t offset = offset_ns % cycle_ns;

	return now_in_cycle >= offset ? now_in_cycle - offset : cycle_ns - (offset - now_in_cycle);
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t phase_next_ns(uint64_t now_ns, uint64_t cycle_ns, uint64_t offset_ns)
{
	if (cycle_ns == 0)
		return UINT64_MAX;
	return add_saturated(now_ns, cycle_ns - since_start_ns(now_ns, cycle_ns, offset_ns));
}

bool phase_is_on(uint64_t now_ns, uint64_t cycle_ns, uint64_t offset_ns, uint64_t on_ns,
		 uint64_t *ret_change_ns)
{
	uint64_t since_ns;

	if (on_ns == 0 || on_ns >= cycle_ns) {
		*ret_change_ns = UINT64_MAX;
		return on_ns > 0;
	}
	since_ns = since_start_ns(now_ns, cycle_ns, offset_ns);
	if (since_ns < on_ns) {
		*ret_change_ns = add_saturated(now_ns, on_ns - since_ns);
		return true;
	}
	*ret_change_ns = add_saturated(now_ns, cycle_ns - since_ns);
	return false;
}
