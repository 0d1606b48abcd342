/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The GNU build id: the linker's hash of an image, by which a running kernel, its modules and
 * their debug files know each other. Everything that is kept is keyed by it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

#define BUILD_ID_BYTES_MAX 64u /* GNU ld: 16 (md5, uuid), 20 (sha1) or what --build-id=0x… says */
#define BUILD_ID_HEX_SIZE (2 * BUILD_ID_BYTES_MAX + 1)

/* Plain data, copied by assignment; all zero stands for none. */
struct build_id {
	uint8_t bytes[BUILD_ID_BYTES_MAX]; /* n_bytes of them, the rest 0 */
	size_t n_bytes;
};

enum {
	BUILD_ID_E_NONE = 1, /* well-formed notes without a build id */
};

/* use */

/*
 * The first build id in ELF notes, whose fields are padded to align bytes (4, or 8 as a segment's
 * p_align may say). 0; BUILD_ID_E_NONE; -EBADMSG: the notes end within a note, or a build id is
 * empty or longer than BUILD_ID_BYTES_MAX.
 */
must_check int build_id_from_notes(const void *notes, size_t n_bytes, size_t align,
				   struct build_id *ret_id);
/* The same from a file that consists of notes, such as /sys/kernel/notes. Also -errno. */
must_check int build_id_from_notes_file(int dir_fd, const char *path, struct build_id *ret_id);
/* Both are there and the same. */
bool build_id_equal(const struct build_id *a, const struct build_id *b);
/* Lower-case hexadecimal digits; empty for none. */
void build_id_to_hex(const struct build_id *id, char hex[BUILD_ID_HEX_SIZE]);
