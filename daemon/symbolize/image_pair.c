/* SPDX-License-Identifier: Apache-2.0 */
#include "image_pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Both none: sections have to tell. */
static int check_build_ids(const struct elf_file *code, const struct elf_file *debug,
			   struct problem *problem)
{
	char code_hex[BUILD_ID_HEX_SIZE], debug_hex[BUILD_ID_HEX_SIZE];

	if (build_id_equal(&code->build_id, &debug->build_id) ||
	    (code->build_id.n_bytes == 0 && debug->build_id.n_bytes == 0))
		return 0;
	build_id_to_hex(&code->build_id, code_hex);
	build_id_to_hex(&debug->build_id, debug_hex);
	return problem_set(problem, -EINVAL, "%s: build id %s, that of the code is %s", debug->role,
			   debug_hex[0] ? debug_hex : "none", code_hex[0] ? code_hex : "none");
}

static const struct elf_section *next_loaded(const struct elf_file *file, size_t *index)
{
	while (++*index < file->n_sections)
		if (file->sections[*index].header.sh_flags & SHF_ALLOC)
			return &file->sections[*index];
	return NULL;
}

static bool is_same(const struct elf_section *a, const struct elf_section *b, bool has_address)
{
	return strcmp(a->name, b->name) == 0 && a->header.sh_size == b->header.sh_size &&
	       (!has_address || a->header.sh_addr == b->header.sh_addr);
}

int image_pair_match(const struct elf_file *code, const struct elf_file *debug,
		     uint32_t **ret_code_sections, struct problem *problem)
{
	uint32_t *code_sections cleanup(free_cleanup) = NULL;
	size_t c = 0, d = 0;
	int r = check_build_ids(code, debug, problem);

	if (r < 0)
		return r;
	if (code->machine != debug->machine || code->type != debug->type)
		return problem_set(problem, -EINVAL,
				   "%s: machine %u, type %u; of the code: machine %u, type %u",
				   debug->role, debug->machine, debug->type, code->machine,
				   code->type);
	code_sections = calloc(debug->n_sections + 1, sizeof(*code_sections));
	if (!code_sections)
		return -ENOMEM;
	for (;;) {
		const struct elf_section *x = next_loaded(code, &c), *y = next_loaded(debug, &d);

		if (!x && !y)
			break;
		if (!x || !y || !is_same(x, y, code->type != ET_REL))
			return problem_set(problem, -EINVAL,
					   "%s: its section %s is not the same as that of the code",
					   debug->role, y ? y->name : x->name);
		code_sections[d] = (uint32_t)c;
	}
	*ret_code_sections = steal_ptr(code_sections);
	return 0;
}

/* .gnu_debugaltlink: a path, NUL, and the build id of the file there. */
static bool read_altlink(const struct elf_file *file, struct bytes *ret_id)
{
	const struct elf_section *s = elf_file_by_name(file, ".gnu_debugaltlink");

	if (!s || !elf_file_contents(file, s, ret_id))
		return false;
	return bytes_cstr(ret_id) != NULL;
}

/* .debug_sup: version 5, whether this is the file that is referred to, a path, a sum of it. */
static bool read_sup(const struct elf_file *file, bool is_alt, struct bytes *ret_sum)
{
	const struct elf_section *s = elf_file_by_name(file, ".debug_sup");
	struct bytes b;
	bool is_this;

	if (!s || !elf_file_contents(file, s, &b))
		return false;
	is_this = bytes_u16(&b) == 5;
	is_this &= (bytes_u8(&b) != 0) == is_alt;
	(void)bytes_cstr(&b);
	*ret_sum = bytes_sub(&b, bytes_uleb(&b));
	return is_this && !ret_sum->failed;
}

bool image_pair_has_alt(const struct elf_file *file)
{
	struct bytes b;

	return read_altlink(file, &b) || read_sup(file, false, &b);
}

static bool is_equal(const struct bytes *a, const void *bytes, size_t n_bytes)
{
	return bytes_left(a) == n_bytes && memcmp(a->pos, bytes, n_bytes) == 0;
}

int image_pair_check_alt(const struct elf_file *file, const struct elf_file *alt,
			 struct problem *problem)
{
	struct bytes a, b;
	char hex[BUILD_ID_HEX_SIZE];

	if (read_altlink(file, &a)) {
		if (is_equal(&a, alt->build_id.bytes, alt->build_id.n_bytes))
			return 0;
		build_id_to_hex(&alt->build_id, hex);
		return problem_set(problem, -EINVAL,
				   "%s: build id %s, not that which .gnu_debugaltlink names",
				   alt->role, hex[0] ? hex : "none");
	}
	if (read_sup(file, false, &a) && read_sup(alt, true, &b) &&
	    is_equal(&a, b.pos, bytes_left(&b)))
		return 0;
	return problem_set(problem, -EINVAL, "%s: not the file that .debug_sup names", alt->role);
}
