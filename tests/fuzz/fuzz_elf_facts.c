/* SPDX-License-Identifier: Apache-2.0 */
/* Files that may be a vmlinux: whatever they claim, it is read within bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/problem.h"
#include "kernel/elf_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char hex[BUILD_ID_HEX_SIZE];
	struct problem problem = { "" };
	struct elf_facts facts;
	int r;

	if (fd < 0 || write(fd, data, n_bytes) != (ssize_t)n_bytes)
		abort();
	r = elf_facts_read(fd, &facts, &problem);
	if (r == 0) {
		build_id_to_hex(&facts.build_id, hex);
		build_id_to_hex(&facts.alt_build_id, hex);
		/* they become parts of paths */
		if (strlen(facts.debuglink) >= sizeof(facts.debuglink) ||
		    strchr(facts.debuglink, '/') || facts.debuglink[0] == '.' ||
		    strlen(facts.altlink) >= sizeof(facts.altlink) ||
		    !facts.altlink[0] != !facts.alt_build_id.n_bytes)
			abort();
	} else if (r < 0 && problem.text[0] == '\0')
		abort();
	close(fd);
	return 0;
}
