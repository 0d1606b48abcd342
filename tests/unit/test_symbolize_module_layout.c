/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "elf_writer.h"
#include "symbolize/module_layout.h"

#define BASE 0xffffffffc0000000ull

struct fixture {
	struct elf_writer w;
	uint8_t *bytes;
	struct elf_file file;
	struct module_layout layout;
	struct problem problem;
};

static void begin(struct fixture *f, uint16_t machine)
{
	*f = (struct fixture){ 0 };
	elf_writer_init(&f->w, machine);
	f->w.header.e_type = ET_REL;
}

static unsigned int add(struct fixture *f, const char *name, uint64_t flags, uint64_t n_bytes,
			uint64_t align)
{
	unsigned int s = elf_section(&f->w, name, SHT_NOBITS, flags, 0);

	f->w.sections[s].header.sh_addralign = align;
	f->w.sections[s].claimed_bytes = n_bytes;
	return s;
}

static unsigned int code(struct fixture *f, const char *name, uint64_t n_bytes, uint64_t align)
{
	return add(f, name, SHF_ALLOC | SHF_EXECINSTR, n_bytes, align);
}

static int lay_out(struct fixture *f, uint64_t base_vaddr)
{
	size_t n_bytes;

	f->bytes = elf_finish(&f->w, &n_bytes);
	assert_int_equal(elf_file_open_memory(&f->file, "image", f->bytes, n_bytes, &f->problem),
			 0);
	return module_layout_init(&f->layout, &f->file, base_vaddr, &f->problem);
}

static uint64_t off(const struct fixture *f, unsigned int section)
{
	assert_true(f->layout.is_loaded[section]);
	return f->layout.vaddrs[section] - BASE;
}

static void end(struct fixture *f)
{
	module_layout_deinit(&f->layout);
	elf_file_deinit(&f->file);
	elf_writer_deinit(&f->w);
	free(f->bytes);
}

static void test_module_layout_code_stands_first_in_order_and_aligned(void **state)
{
	struct fixture f;
	unsigned int data, text, empty, unlikely, exit_text, rodata;

	begin(&f, EM_X86_64);
	data = add(&f, ".data", SHF_ALLOC | SHF_WRITE, 5, 8);
	text = code(&f, ".text", 0x23, 16);
	empty = code(&f, ".text.hot", 0, 64); /* aligned all the same */
	unlikely = code(&f, ".text.unlikely", 7, 1);
	exit_text = code(&f, ".exit.text", 9, 4);
	rodata = add(&f, ".rodata", SHF_ALLOC, 3, 32);
	assert_int_equal(lay_out(&f, BASE), 0);
	assert_int_equal(off(&f, text), 0);
	assert_int_equal(off(&f, empty), 0x40);
	assert_int_equal(off(&f, unlikely), 0x40);
	assert_int_equal(off(&f, exit_text), 0x48);
	assert_true(f.layout.text_hi_vaddr == BASE + 0x51);
	assert_int_equal(off(&f, data), 0x1000);
	assert_int_equal(off(&f, rodata), 0x1020);
	assert_true(f.layout.hi_vaddr == BASE + 0x1023);
	end(&f);
}

static void test_module_layout_what_is_dropped_after_the_start_stands_last(void **state)
{
	struct fixture f;
	unsigned int init_text, init_data, text, data;

	begin(&f, EM_X86_64);
	init_text = code(&f, ".init.text", 0x10, 16);
	init_data = add(&f, ".init.data", SHF_ALLOC | SHF_WRITE, 4, 4);
	text = code(&f, ".text", 0x1001, 16);
	data = add(&f, ".data", SHF_ALLOC | SHF_WRITE, 4, 4);
	assert_int_equal(lay_out(&f, BASE), 0);
	assert_int_equal(off(&f, text), 0);
	assert_true(f.layout.text_hi_vaddr == BASE + 0x1001);
	assert_int_equal(off(&f, data), 0x2000);
	assert_int_equal(off(&f, init_text), 0x3000);
	assert_int_equal(off(&f, init_data), 0x4000);
	assert_true(f.layout.hi_vaddr == BASE + 0x4004);
	end(&f);
}

static void test_module_layout_what_the_loader_does_not_place_has_none(void **state)
{
	static const char *const names[] = { ".modinfo", "__versions", ".data..percpu" };
	struct fixture f;
	unsigned int sections[4];

	begin(&f, EM_X86_64);
	for (int i = 0; i < 3; i++)
		sections[i] = add(&f, names[i], SHF_ALLOC, 8, 8);
	sections[3] = add(&f, ".debug_info", 0, 8, 8);
	assert_int_equal(lay_out(&f, BASE), 0);
	for (int i = 0; i < 4; i++) {
		assert_false(f.layout.is_loaded[sections[i]]);
		assert_int_equal(f.layout.vaddrs[sections[i]], 0);
	}
	assert_true(f.layout.text_hi_vaddr == BASE);
	end(&f);
}

/* AArch64 */

static void relas(struct fixture *f, unsigned int section, const Elf64_Rela *items, size_t n)
{
	unsigned int s = elf_section(&f->w, ".rela", SHT_RELA, SHF_INFO_LINK, 0);

	f->w.sections[s].header.sh_info = section;
	buf_append(elf_data(&f->w, s), items, n * sizeof(*items));
}

static Elf64_Rela rela(uint32_t type, uint32_t symbol, int64_t addend)
{
	return (Elf64_Rela){ 0, ELF64_R_INFO((uint64_t)symbol, type), addend };
}

struct aarch64 {
	unsigned int plt, init_plt, trampoline, text, init_text;
};

/* As the kernel's linker script makes them: a byte each, not executable. */
static struct aarch64 aarch64_sections(struct fixture *f, const char *vermagic)
{
	struct aarch64 a;
	unsigned int info;

	begin(f, EM_AARCH64);
	a.plt = add(f, ".plt", SHF_ALLOC | SHF_WRITE, 1, 1);
	a.init_plt = add(f, ".init.plt", SHF_ALLOC | SHF_WRITE, 1, 1);
	a.trampoline = add(f, ".text.ftrace_trampoline", SHF_ALLOC | SHF_WRITE, 1, 1);
	a.text = code(f, ".text", 0x100, 4);
	a.init_text = code(f, ".init.text", 0x10, 4);
	info = elf_section(&f->w, ".modinfo", SHT_PROGBITS, SHF_ALLOC, 0);
	buf_append(elf_data(&f->w, info), "license=GPL", 12);
	buf_append(elf_data(&f->w, info), vermagic, strlen(vermagic) + 1);
	elf_symbol(&f->w, "here", a.text, 0);	    /* 1 */
	elf_symbol(&f->w, "printk", SHN_UNDEF, 0);  /* 2 */
	elf_symbol(&f->w, "kmalloc", SHN_UNDEF, 0); /* 3 */
	elf_symbol(&f->w, "init", a.init_text, 0);  /* 4 */
	return a;
}

static void test_module_layout_aarch64_entries_for_far_branches_move_text(void **state)
{
	struct fixture f;
	struct aarch64 a = aarch64_sections(&f, "vermagic=6.12.9 SMP");
	const Elf64_Rela text[] = {
		rela(R_AARCH64_CALL26, 1, 0), /* in reach: no entry */
		rela(R_AARCH64_CALL26, 2, 0), /* 1 */
		rela(R_AARCH64_ABS64, 3, 0),  /* no branch */
		rela(R_AARCH64_CALL26, 3, 0), /* 2 */
		rela(R_AARCH64_CALL26, 2, 0), /* the same */
		rela(R_AARCH64_JUMP26, 2, 0), /* 3: another kind of branch */
		rela(R_AARCH64_CALL26, 2, 8), /* 4 */
		rela(R_AARCH64_CALL26, 2, 8), /* 5: with an addend each has its own */
		rela(R_AARCH64_CALL26, 1, 4), /* in reach; last, so that all are sorted */
	};
	const Elf64_Rela init[] = {
		rela(R_AARCH64_CALL26, 1, 0), /* another section: 1 */
		rela(R_AARCH64_CALL26, 4, 0), /* in reach */
	};

	relas(&f, a.text, text, array_size(text));
	relas(&f, a.init_text, init, array_size(init));
	assert_int_equal(lay_out(&f, BASE), 0);
	/* one more than is needed, 12 bytes each; one trampoline */
	assert_int_equal(off(&f, a.plt), 0);
	assert_int_equal(off(&f, a.trampoline), 6 * 12);
	assert_int_equal(off(&f, a.text), 7 * 12);
	assert_int_equal(off(&f, a.init_plt), 0x1000);
	assert_int_equal(off(&f, a.init_text), 0x1000 + 2 * 12);
	end(&f);
}

/*
 * The loader brings branches that need an entry to the front, and does not look at the last one it
 * comes to: that stays unsorted and is the same as another without being found to be.
 */
static void test_module_layout_aarch64_last_branch_is_counted_as_the_loader_does(void **state)
{
	struct fixture f;
	struct aarch64 a = aarch64_sections(&f, "vermagic=6.12.9 SMP");
	const Elf64_Rela text[] = {
		rela(R_AARCH64_CALL26, 2, 0), rela(R_AARCH64_CALL26, 3, 0),
		rela(R_AARCH64_CALL26, 2, 0), /* behind symbol 3: not next to its like */
	};

	relas(&f, a.text, text, array_size(text));
	assert_int_equal(lay_out(&f, BASE), 0);
	assert_int_equal(off(&f, a.trampoline), (3 + 1) * 12);
	end(&f);
}

static void test_module_layout_aarch64_older_kernels_have_two_trampolines(void **state)
{
	static const struct {
		const char *vermagic;
		unsigned int n;
	} cases[] = {
		{ "vermagic=6.1.0-50-arm64 SMP", 2 },
		{ "vermagic=5.15.0", 2 },
		{ "vermagic=6.2.0", 1 },
		{ "vermagic=7.0", 1 },
		{ "vermagic=", 2 },
		{ "nothing=6.1.0", 1 },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct fixture f;
		struct aarch64 a = aarch64_sections(&f, cases[i].vermagic);

		assert_int_equal(lay_out(&f, BASE), 0);
		assert_int_equal(off(&f, a.text) - off(&f, a.trampoline), cases[i].n * 12);
		end(&f);
	}
}

static void test_module_layout_x86_64_has_no_entries(void **state)
{
	struct fixture f;
	struct aarch64 a = aarch64_sections(&f, "vermagic=6.12.9 SMP");

	f.w.header.e_machine = EM_X86_64;
	assert_int_equal(lay_out(&f, BASE), 0);
	assert_int_equal(off(&f, a.text), 0);
	end(&f);
}

/* what is refused */

static void test_module_layout_bases_that_cannot_be_are_refused(void **state)
{
	struct fixture f;

	begin(&f, EM_X86_64);
	code(&f, ".text", 0x1000, 16);
	assert_int_equal(lay_out(&f, 0x1008), -EINVAL);
	assert_string_equal(f.problem.text, "image: a module cannot be placed at 0x1008");
	assert_int_equal(module_layout_init(&f.layout, &f.file, UINT64_MAX & ~0xfffull, &f.problem),
			 -EINVAL);
	/* where the kernel has them, 16 MiB below the end */
	assert_int_equal(module_layout_init(&f.layout, &f.file, 0xffffffffff000000, &f.problem), 0);
	end(&f);
}

static void test_module_layout_alignments_and_sizes_beyond_reason_are_refused(void **state)
{
	struct fixture f;

	begin(&f, EM_X86_64);
	code(&f, ".text", 16, 24);
	assert_int_equal(lay_out(&f, BASE), -EBADMSG);
	assert_string_equal(f.problem.text, "image: section .text: an alignment of 24");
	end(&f);
	begin(&f, EM_X86_64);
	code(&f, ".text", 1ull << 63, 16);
	assert_int_equal(lay_out(&f, BASE), -E2BIG);
	end(&f);
	begin(&f, EM_X86_64);
	code(&f, ".text", 16, 1);
	code(&f, ".text.2", 16, 1ull << 63);
	assert_int_equal(lay_out(&f, BASE), -E2BIG);
	end(&f);
	begin(&f, EM_X86_64);
	for (int i = 0; i < 5; i++)
		add(&f, ".data", SHF_ALLOC, 1ull << 28, 1);
	assert_int_equal(lay_out(&f, 0x1000), -E2BIG);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_module_layout_code_stands_first_in_order_and_aligned),
		cmocka_unit_test(test_module_layout_what_is_dropped_after_the_start_stands_last),
		cmocka_unit_test(test_module_layout_what_the_loader_does_not_place_has_none),
		cmocka_unit_test(test_module_layout_aarch64_entries_for_far_branches_move_text),
		cmocka_unit_test(
			test_module_layout_aarch64_last_branch_is_counted_as_the_loader_does),
		cmocka_unit_test(test_module_layout_aarch64_older_kernels_have_two_trampolines),
		cmocka_unit_test(test_module_layout_x86_64_has_no_entries),
		cmocka_unit_test(test_module_layout_bases_that_cannot_be_are_refused),
		cmocka_unit_test(test_module_layout_alignments_and_sizes_beyond_reason_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
