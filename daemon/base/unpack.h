/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Unpacks whole files that were compressed with gzip, bzip2, xz or zstd, as distributions keep
 * modules and debug files, with a ceiling on what comes out.
 *
 * Nothing is believed about the size of the contents: they are counted as they come. Several
 * streams one behind the other are one file; what follows the last one and begins none is ignored,
 * as gzip does.
 */

#include <stddef.h>
#include <stdint.h>
#include "macros.h"
#include "problem.h"

enum packing {
	PACKING_NONE,
	PACKING_GZIP,
	PACKING_BZIP2,
	PACKING_XZ,
	PACKING_ZSTD,
};

#define PACKING_MAGIC_BYTES 6

/* How a file is packed that begins with these bytes; fewer than PACKING_MAGIC_BYTES will do. */
enum packing unpack_recognize(const void *bytes, size_t n_bytes);
/* "gzip", …; "nothing" of PACKING_NONE. */
const char *packing_name(enum packing packing);

/* Takes the next n_bytes > 0 of the contents. 0; a negative error ends unpacking and is returned.
 */
typedef int (*unpack_sink)(void *context, const void *bytes, size_t n_bytes);

/*
 * Unpacks the file behind fd, read from its start by pread(), into sink. max_bytes bounds the
 * contents. 0; -EFBIG: beyond max_bytes; -EBADMSG: damaged or cut off, or it needs a window beyond
 * all reason; -EINVAL: packing is PACKING_NONE; -ENOMEM; what pread() or the sink say. problem has
 * a clause that begins with the name of the packing ("xz: contents are above the limit of 1000
 * bytes").
 */
must_check int unpack_fd(int fd, enum packing packing, uint64_t max_bytes, unpack_sink sink,
			 void *context, struct problem *problem);
/*
 * The same into memory that mmap() gave, for munmap(*ret_bytes, *ret_n_mapped). *ret_n_bytes may be
 * less, and is not 0: empty contents are -EBADMSG.
 */
must_check int unpack_to_memory(int fd, enum packing packing, uint64_t max_bytes, void **ret_bytes,
				size_t *ret_n_bytes, size_t *ret_n_mapped, struct problem *problem);
