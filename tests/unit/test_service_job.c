/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "base/checksum.h"
#include "collect/branch.h"
#include "elf_writer.h"
#include "kernel/placement.h"
#include "profile/facts.h"
#include "service/job_builds.h"
#include "service/job_modules.h"
#include "symbolize/index.h"
#include "symbolize/index_format.h"
#include "symbolize/objects.h"
#include "symbolize_example.h"

#define WINDOW_IP 0xffffffff00000000ull
#define TEXT_IP (WINDOW_IP + (2ull << 30))
#define MODULE_IP (TEXT_IP + (1ull << 30))

struct fixture {
	/* the test's to write, removed at its end whatever it came to */
	char path[64];	       /* of a vmlinux */
	char index_path[80];   /* of an index */
	char debug_dir[80];    /* a folder … */
	char vmlinux_path[96]; /* … with a vmlinux */
	struct tally *tally;
	struct job job;
	struct worker_result result;
};

static uint8_t classify(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context, (void)from_off, (void)to_off;
	return FROM_GOOD | TO_GOOD;
}

static int setup(void **state)
{
	static const struct branch_entry entries[] = {
		{ TEXT_IP + 0x20, TEXT_IP + 0x40, 0 },
		{ TEXT_IP + 0x08, TEXT_IP + 0x10, 0 },
	};
	const struct tally_config config = {
		.counters = { .n_edge_slots = 64,
			      .n_range_slots = 64,
			      .chain = CHAIN_CUT,
			      .classify = classify },
	};
	struct fixture *f = calloc(1, sizeof(*f));
	struct problem problem = { "" };
	int fd;

	strcpy(f->path, "/tmp/autofdod-job.XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(f->index_path, sizeof(f->index_path), "%s.index", f->path);
	snprintf(f->debug_dir, sizeof(f->debug_dir), "%s.debug", f->path);
	snprintf(f->vmlinux_path, sizeof(f->vmlinux_path), "%s/vmlinux", f->debug_dir);
	assert_int_equal(tally_new(&config, &f->tally, &problem), 0);
	counters_add_stack(tally_live(f->tally), WINDOW_IP, entries, 2, 3);
	assert_int_equal(tally_close_interval(f->tally, 1), 0);
	tally_hold(f->tally);
	f->job = (struct job){
		.view = tally_view(f->tally, TALLY_CLOSED),
		.places = { .release = "6.12.0-test" },
		.kernel = {
			.name = "vmlinux",
			.build_id = { { 0xab, 0xcd }, 20 },
			.configured_path = f->path,
		},
		.lost_share = 0,
		.previous_fd = -1,
		.live_fd = -1,
		.placement_fd = -1,
	};
	*state = f;
	return 0;
}

/* A list in which the window's first 2 GiB are nobody's; the caller's to free. */
static struct placement *give_placement(struct fixture *f)
{
	const struct placed kernel = { .kind = PLACED_KERNEL,
				       .name = "vmlinux",
				       .lo_off = TEXT_IP - WINDOW_IP,
				       .hi_off = TEXT_IP - WINDOW_IP + 0xffff };
	const struct build_id id = { { 0x77 }, 20 };
	struct placement *placement = NULL;
	uint32_t off;

	assert_int_equal(placement_new(1, &kernel, &placement), 0);
	assert_int_equal(placement_place(placement, "veth", &id, MODULE_IP - WINDOW_IP,
					 MODULE_IP - WINDOW_IP + 0xfff, &off),
			 0);
	f->job.placement_fd = placement_view_fd(placement);
	return placement;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	unlink(f->index_path);
	unlink(f->vmlinux_path);
	rmdir(f->debug_dir);
	worker_result_deinit(&f->result);
	tally_free(f->tally);
	free(f);
	return 0;
}

/* In a child, as a worker does: the tally's own mappings are not inherited. */
static void run(struct fixture *f)
{
	int fd = memfd_create("result", MFD_CLOEXEC);
	struct problem text = { "" }, problem = { "" };
	off_t n_bytes;
	void *memory;
	int status;
	pid_t pid;

	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	pid = fork();
	if (pid == 0) {
		struct worker_out out = { .fd = fd,
					  .n_bytes_max = (1 << 20) - WORKER_RESULT_HEADER_BYTES };
		int r = job_run(&f->job, &out, &problem);

		_exit(worker_out_finish(&out, r, 0, problem.text) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	n_bytes = lseek(fd, 0, SEEK_END);
	memory = mmap(NULL, (size_t)n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	close(fd);
	assert_int_equal(worker_result_parse(memory, (size_t)n_bytes, &f->result, &text, &problem),
			 0);
	f->result.memory = memory;
	f->result.n_memory_bytes = (size_t)n_bytes;
	assert_int_equal(f->result.code, 0);
}

/* The counts are there, relative to the kernel's first byte, and why is said in two places. */
static void expect_dump_only(struct fixture *f, const char *why)
{
	const struct worker_section *section = worker_result_find(&f->result, JOB_DUMP);
	const struct worker_section *facts_section = worker_result_find(&f->result, JOB_FACTS);
	struct job_vmlinux vmlinux;
	struct profile_facts facts;
	struct problem problem = { "" };

	assert_null(worker_result_find(&f->result, JOB_PROFILE));
	assert_non_null(section);
	assert_non_null(memmem(section->bytes, section->n_bytes, "10-20:3\n", 8));
	assert_non_null(memmem(section->bytes, section->n_bytes, "20->40:3\n", 9));
	assert_int_equal(job_read_vmlinux(&f->result, &vmlinux, &problem), 0);
	assert_string_equal(vmlinux.path, "");
	assert_non_null(strstr(vmlinux.why, why));
	assert_int_equal(
		profile_facts_read(facts_section->bytes, facts_section->n_bytes, &facts, &problem),
		0);
	assert_false(facts.has_profile);
	assert_int_equal(facts.n_branches, 2);
	assert_true(facts.reason[0]);
}

/* tests */

static void test_job_without_vmlinux_gives_the_counts_and_says_why(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	run(f);
	expect_dump_only(f, "no vmlinux of build id abcd");
}

/* Where a module is beside the kernel is a secret of this boot. */
static void test_job_without_vmlinux_tells_of_modules_but_not_where_they_are(void **state)
{
	static const struct branch_entry entries[] = {
		{ MODULE_IP + 0x20, MODULE_IP + 0x40, 0 },
		{ TEXT_IP + 0x50, MODULE_IP + 0x10, 0 },
	};
	/* a range of both is none, but who has no code cannot know */
	static const char modules[] = "modules 1\n"
				      "veth 1000 7700000000000000000000000000000000000000\n"
				      "1\n0+10-0+20:3\n"
				      "2\n50->0+10:3\n0+20->0+40:3\n";
	struct fixture *f = *state;
	const struct worker_section *dump;
	struct placement *placement;

	tally_release(f->tally);
	tally_discard(f->tally, TALLY_CLOSED);
	assert_int_equal(tally_work(f->tally, SIZE_MAX), 0);
	counters_add_stack(tally_live(f->tally), WINDOW_IP, entries, 2, 3);
	assert_int_equal(tally_close_interval(f->tally, 1), 0);
	tally_hold(f->tally);
	f->job.view = tally_view(f->tally, TALLY_CLOSED);
	placement = give_placement(f);
	run(f);
	dump = worker_result_find(&f->result, JOB_DUMP);
	/* without the list it would be: 40000010 and more */
	assert_null(memmem(dump->bytes, dump->n_bytes, "400000", 6));
	assert_non_null(memmem(dump->bytes, dump->n_bytes, modules, strlen(modules)));
	assert_non_null(worker_result_find(&f->result, JOB_OBJECTS));
	placement_free(placement);
}

/* As any other file of a former process. */
static void test_job_with_a_damaged_placement_is_refused(void **state)
{
	struct fixture *f = *state;
	struct snapshot_piece piece;
	struct job_pieces pieces = { &piece, 77 };
	struct problem problem = { "" };
	int fd = memfd_create("damaged", MFD_CLOEXEC);

	(void)f;
	assert_int_equal(write(fd, "damaged", 7), 7);
	assert_int_equal(job_pieces_make(fd, 0, NULL, &pieces, &problem), -EBADMSG);
	assert_string_equal(problem.text, "placement: nothing that we wrote");
	assert_int_equal(pieces.n, 77);
	close(fd);
}

/* Each module where the objects have it, the kernel where it is linked to. */
static void test_job_pieces_are_those_of_the_placement(void **state)
{
	struct fixture *f = *state;
	struct placement *placement = give_placement(f);
	struct objects objects = { 0 };
	struct job_pieces pieces = { 0 };
	struct problem problem = { "" };

	assert_int_equal(placement_lose(placement, 0x1000, 0x1fff), 0);
	assert_int_equal(objects_init(&objects), 0);
	assert_int_equal(
		job_pieces_make(f->job.placement_fd, 0x1000000, &objects, &pieces, &problem), 0);
	assert_int_equal(pieces.n, 2);
	assert_int_equal(pieces.items[0].lo_off, TEXT_IP - WINDOW_IP);
	assert_int_equal(pieces.items[0].vaddr, 0x1000000 + (TEXT_IP - WINDOW_IP));
	assert_int_equal(pieces.items[1].lo_off, MODULE_IP - WINDOW_IP);
	assert_int_equal(pieces.items[1].hi_off, MODULE_IP - WINDOW_IP + 0xfff);
	assert_int_equal(pieces.items[1].vaddr, objects.items[0]->lo_vaddr);
	assert_string_equal(objects.items[0]->name, "veth");
	assert_int_equal(objects.items[0]->build_id.bytes[0], 0x77);
	job_pieces_deinit(&pieces);
	objects_deinit(&objects);
	placement_free(placement);
}

/* Of the right build, with all that a search looks for, and of no use. */
static void test_job_with_useless_vmlinux_gives_the_counts_and_says_why(void **state)
{
	struct fixture *f = *state;
	struct elf_writer w;
	uint8_t *bytes;
	size_t n_bytes;
	FILE *file = fopen(f->path, "w");

	elf_writer_init(&w, EM_X86_64);
	elf_segment(&w, PT_LOAD, PF_R | PF_X, 0x1000);
	buf_append(elf_data(&w, elf_section(&w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR,
					    0x1000)),
		   "\xc3", 1);
	elf_build_id(&w, f->job.kernel.build_id.bytes, 20);
	buf_append(elf_data(&w, elf_section(&w, ".debug_info", SHT_PROGBITS, 0, 0)), "x", 1);
	bytes = elf_finish(&w, &n_bytes);
	elf_writer_deinit(&w);
	assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
	fclose(file);
	free(bytes);
	run(f);
	expect_dump_only(f, f->path);
}

#define N_OTHERS 200u

/* A kernel with a function where the counts are, and others, so that an index has some pages. */
static void make_kernel(struct fixture *f, struct example *x)
{
	unsigned int text;
	size_t inlined;

	example_init(x);
	text = example_nops(x, 128 + 16 * N_OTHERS);
	elf_symbol(&x->elf, "f", text, TEXT_VADDR + 8);
	elf_build_id(&x->elf, f->job.kernel.build_id.bytes, 20);
	example_unit(x, 0, 128 + 16 * N_OTHERS, 0);
	inlined = example_abstract(x, "inlined", 3);
	example_function(x, "f", 8, 128, 7);
	for (unsigned int i = 8; i < 128; i += 4) {
		example_inlined(x, inlined, i, i + 2, i, i);
		example_end(x);
	}
	example_end(x);
	for (unsigned int i = 0; i < N_OTHERS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "another_function_%u", i);
		elf_symbol(&x->elf, name, text, TEXT_VADDR + 128 + 16 * i);
		example_function(x, name, 128 + 16 * i, 128 + 16 * i + 16, i);
		for (unsigned int at = 128 + 16 * i; at < 128 + 16 * i + 16; at += 2) {
			example_inlined(x, inlined, at, at + 1, i, at);
			example_end(x);
		}
		example_end(x);
	}
	example_end(x);
	dwarf_unit_end(&x->dwarf);
	example_load(x);
	f->job.base_symbol = "_text";
}

static void write_file(const char *path, const void *bytes, size_t n_bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
	assert_int_equal(fclose(file), 0);
}

/* The profile that was made, and what of; a copy. */
struct made {
	uint8_t *bytes;
	size_t n_bytes;
	struct job_vmlinux vmlinux;
};

static struct made make(struct fixture *f)
{
	const struct worker_section *section;
	struct problem problem;
	struct made made = { 0 };

	worker_result_deinit(&f->result);
	run(f);
	section = worker_result_find(&f->result, JOB_PROFILE);
	if (section) {
		made.n_bytes = section->n_bytes;
		made.bytes = malloc(section->n_bytes);
		memcpy(made.bytes, section->bytes, section->n_bytes);
	}
	assert_int_equal(job_read_vmlinux(&f->result, &made.vmlinux, &problem), 0);
	return made;
}

/* What the job says of indexes: so many objects of an index, so many that could have one. */
static const struct job_build *expect_builds(const struct fixture *f, uint32_t n_indexed,
					     uint32_t n_items)
{
	const struct job_build *items;
	struct job_builds_head head;
	struct problem problem = { "" };

	if (job_builds_read(&f->result, &head, &items, &problem) != 0)
		fail_msg("%s", problem.text);
	assert_int_equal(head.n_symbolized, 1);
	assert_int_equal(head.n_indexed, n_indexed);
	assert_int_equal(head.n_items, n_items);
	return items;
}

/* Of an index of one object, as index_build.c does it. */
static void repair_sums(uint8_t *bytes, size_t n_bytes)
{
	uint64_t off, sum, sums[3];
	size_t at = INDEX_HEADER_BYTES + INDEX_OBJECT_BYTES;

	memcpy(&off, bytes + INDEX_SUM_OFF - sizeof(off), sizeof(off));
	sum = 0;
	memcpy(bytes + INDEX_SUM_OFF, &sum, sizeof(sum));
	for (uint64_t page = off; page < n_bytes; page += INDEX_PAGE_BYTES, at += sizeof(sum)) {
		uint64_t left = n_bytes - page;

		sum = checksum_bytes(bytes + page,
				     left < INDEX_PAGE_BYTES ? left : INDEX_PAGE_BYTES);
		memcpy(bytes + at, &sum, sizeof(sum));
	}
	sums[0] = checksum_bytes(bytes, INDEX_SUM_OFF);
	sums[1] = checksum_bytes(bytes + INDEX_SUM_OFF, sizeof(sum));
	sums[2] = checksum_bytes(bytes + INDEX_HEADER_BYTES, off - INDEX_HEADER_BYTES);
	sum = checksum_bytes(sums, sizeof(sums));
	memcpy(bytes + INDEX_SUM_OFF, &sum, sizeof(sum));
}

/* Wherever an index is damaged it is passed over, for a vmlinux that gives the same profile. */
static void test_job_with_a_damaged_index_does_without(void **state)
{
	struct fixture *f = *state;
	struct index_builder *builder cleanup(index_builder_cleanup) = NULL;
	struct buf index cleanup(buf_deinit) = BUF_INIT(1 << 20);
	const char *const debug_dirs[] = { f->debug_dir };
	struct problem problem = { "" };
	struct made whole, other;
	struct example x;

	make_kernel(f, &x);
	assert_int_equal(index_builder_new(&builder, 1 << 20), 0);
	assert_int_equal(index_builder_add(builder, "vmlinux", x.symbols, &problem), 0);
	assert_int_equal(index_builder_finish(builder, &index), 0);
	assert_int_equal(mkdir(f->debug_dir, 0755), 0);
	write_file(f->vmlinux_path, x.bytes, x.n_bytes);
	write_file(f->index_path, index.data, index.n_bytes);
	f->job.places.index_path = f->index_path;
	f->job.places.debug_dirs = debug_dirs;
	f->job.places.n_debug_dirs = 1;
	f->job.kernel.configured_path = NULL;
	whole = make(f);
	assert_non_null(whole.bytes);
	assert_string_equal(whole.vmlinux.path, f->index_path);
	expect_builds(f, 1, 0);
	for (size_t at = 0; at < index.n_bytes; at += 1 + index.n_bytes / 40) {
		index.data[at] ^= 0x10;
		write_file(f->index_path, index.data, index.n_bytes);
		index.data[at] ^= 0x10;
		other = make(f);
		assert_string_equal(other.vmlinux.path, f->vmlinux_path);
		assert_string_equal(expect_builds(f, 0, 1)->bad.path, f->index_path);
		assert_int_equal(other.n_bytes, whole.n_bytes);
		assert_memory_equal(other.bytes, whole.bytes, whole.n_bytes);
		free(other.bytes);
	}
	free(whole.bytes);
	example_deinit(&x);
}

/*
 * Whose checksums are right, as whoever made it was wrong himself: names that are nowhere. A
 * profile without those functions would look like any other.
 */
static void test_job_with_an_index_that_contradicts_itself_fails(void **state)
{
	const size_t parts_at = INDEX_HEADER_BYTES + INDEX_NAME_SIZE + BUILD_ID_BYTES_MAX + 64;
	struct fixture *f = *state;
	struct index_builder *builder cleanup(index_builder_cleanup) = NULL;
	struct buf index cleanup(buf_deinit) = BUF_INIT(1 << 20);
	struct worker_out out = { .fd = -1 };
	struct problem problem = { "" };
	uint64_t part[2];
	struct example x;

	make_kernel(f, &x);
	assert_int_equal(index_builder_new(&builder, 1 << 20), 0);
	assert_int_equal(index_builder_add(builder, "vmlinux", x.symbols, &problem), 0);
	assert_int_equal(index_builder_finish(builder, &index), 0);
	memcpy(part, index.data + parts_at + INDEX_NAME_OFFS * sizeof(part), sizeof(part));
	memset(index.data + part[0], 0xff, part[1]);
	repair_sums(index.data, index.n_bytes);
	write_file(f->index_path, index.data, index.n_bytes);
	f->job.places.index_path = f->index_path;
	f->job.kernel.configured_path = NULL;
	out.fd = memfd_create("result", MFD_CLOEXEC);
	out.n_bytes_max = 1 << 20;
	assert_int_equal(job_run(&f->job, &out, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "index: vmlinux: damaged"));
	assert_int_equal(out.n_sections, 0);
	close(out.fd);
	example_deinit(&x);
}

/* What one job makes of files, another one makes the same profile with. */
static void test_job_of_an_index_makes_what_a_profile_can_be_made_with(void **state)
{
	struct fixture *f = *state;
	const char *const debug_dirs[] = { f->debug_dir };
	const struct worker_section *section;
	struct job of_profile;
	struct made before, after;
	struct example x;

	make_kernel(f, &x);
	assert_int_equal(mkdir(f->debug_dir, 0755), 0);
	write_file(f->vmlinux_path, x.bytes, x.n_bytes);
	f->job.places.debug_dirs = debug_dirs;
	f->job.places.n_debug_dirs = 1;
	f->job.places.index_path = f->index_path;
	f->job.kernel.configured_path = NULL;
	before = make(f);
	assert_non_null(before.bytes);
	assert_string_equal(expect_builds(f, 0, 1)->name, "vmlinux");
	assert_true(expect_builds(f, 0, 1)->has_symbols);

	of_profile = f->job;
	f->job.kind = JOB_OF_INDEX;
	f->job.view.fd = -1;
	worker_result_deinit(&f->result);
	run(f);
	assert_int_equal(f->result.n_sections, 1);
	section = worker_result_find(&f->result, JOB_INDEX);
	write_file(f->index_path, section->bytes, section->n_bytes);
	/* now there is one */
	worker_result_deinit(&f->result);
	run(f);
	assert_int_equal(f->result.n_sections, 0);

	f->job = of_profile;
	after = make(f);
	assert_string_equal(after.vmlinux.path, f->index_path);
	expect_builds(f, 1, 0);
	assert_int_equal(after.n_bytes, before.n_bytes);
	assert_memory_equal(after.bytes, before.bytes, before.n_bytes);
	free(before.bytes);
	free(after.bytes);
	example_deinit(&x);
}

static void test_job_of_an_index_without_files_says_so(void **state)
{
	struct fixture *f = *state;
	struct worker_out out = { .fd = -1 };
	struct problem problem = { "" };

	unlink(f->path);
	f->job.kind = JOB_OF_INDEX;
	assert_int_equal(job_run(&f->job, &out, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "no vmlinux of build id abcd"));
}

/* builds */

static int read_builds(const void *bytes, size_t n_bytes)
{
	const struct worker_result result = { .sections = { { bytes, n_bytes, JOB_BUILDS } },
					      .n_sections = 1 };
	const struct job_build *items;
	struct job_builds_head head;
	struct problem problem = { "" };
	int r = job_builds_read(&result, &head, &items, &problem);

	assert_int_equal(r == 0, !problem.text[0]);
	return r;
}

struct builds {
	struct job_builds_head head;
	struct job_build items[2];
};

static struct builds some_builds(void)
{
	const struct job_build item = { .name = "veth", .has_symbols = 1, .n_build_id_bytes = 20 };

	return (struct builds){ { 3, 1, 2, 0 }, { item, item } };
}

static void test_job_builds_of_a_worker_are_checked(void **state)
{
	struct builds b = some_builds();

	(void)state;
	for (size_t n = 0; n <= sizeof(b); n++)
		assert_int_equal(read_builds(&b, n), n == sizeof(b) ? 0 : -EBADMSG);
	b.head.n_indexed = 4;
	assert_int_equal(read_builds(&b, sizeof(b)), -EBADMSG);
	b = some_builds();
	b.head.n_items = UINT32_MAX;
	assert_int_equal(read_builds(&b, sizeof(b)), -EBADMSG);
	b = some_builds();
	b.head.zero = 1;
	assert_int_equal(read_builds(&b, sizeof(b)), -EBADMSG);
}

/* They become names of files, and text of the log. */
static void test_job_builds_with_bad_names_are_refused(void **state)
{
	struct builds b;

	(void)state;
#define EXPECT_BAD(change)                                                                         \
	do {                                                                                       \
		b = some_builds();                                                                 \
		change;                                                                            \
		assert_int_equal(read_builds(&b, sizeof(b)), -EBADMSG);                            \
	} while (0)
	EXPECT_BAD(b.items[1].name[0] = '\0');
	EXPECT_BAD(b.items[1].name[2] = '/');
	EXPECT_BAD(memset(b.items[1].name, 'x', sizeof(b.items[1].name)));
	EXPECT_BAD(memset(b.items[1].bad.path, 'x', sizeof(b.items[1].bad.path)));
	EXPECT_BAD(memset(b.items[1].bad.reason, 'x', sizeof(b.items[1].bad.reason)));
	EXPECT_BAD(b.items[1].n_build_id_bytes = 0);
	EXPECT_BAD(b.items[1].n_build_id_bytes = BUILD_ID_BYTES_MAX + 1);
	EXPECT_BAD(b.items[1].has_symbols = 2);
}

static void test_job_result_without_vmlinux_section_is_malformed(void **state)
{
	const struct worker_result none = { 0 };
	struct job_vmlinux vmlinux;
	struct problem problem = { "" };

	(void)state;
	assert_int_equal(job_read_vmlinux(&none, &vmlinux, &problem), -EBADMSG);
	assert_true(problem.text[0]);
}

/* Text that does not end is ended. */
static void test_job_text_of_a_worker_ends(void **state)
{
	uint8_t bytes[sizeof(struct job_vmlinux)];
	struct worker_result result = { .sections = { { bytes, sizeof(bytes), JOB_VMLINUX } },
					.n_sections = 1 };
	struct job_vmlinux vmlinux;
	struct problem problem = { "" };

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(job_read_vmlinux(&result, &vmlinux, &problem), 0);
	assert_int_equal(strlen(vmlinux.path), sizeof(vmlinux.path) - 1);
	assert_int_equal(strlen(vmlinux.why), sizeof(vmlinux.why) - 1);
	result.sections[0].n_bytes--;
	assert_int_equal(job_read_vmlinux(&result, &vmlinux, &problem), -EBADMSG);
}

int main(void)
{
#define JOB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		JOB_TEST(test_job_without_vmlinux_gives_the_counts_and_says_why),
		JOB_TEST(test_job_without_vmlinux_tells_of_modules_but_not_where_they_are),
		JOB_TEST(test_job_with_a_damaged_placement_is_refused),
		JOB_TEST(test_job_pieces_are_those_of_the_placement),
		JOB_TEST(test_job_with_useless_vmlinux_gives_the_counts_and_says_why),
		JOB_TEST(test_job_with_a_damaged_index_does_without),
		JOB_TEST(test_job_with_an_index_that_contradicts_itself_fails),
		JOB_TEST(test_job_of_an_index_makes_what_a_profile_can_be_made_with),
		JOB_TEST(test_job_of_an_index_without_files_says_so),
		cmocka_unit_test(test_job_builds_of_a_worker_are_checked),
		cmocka_unit_test(test_job_builds_with_bad_names_are_refused),
		cmocka_unit_test(test_job_result_without_vmlinux_section_is_malformed),
		cmocka_unit_test(test_job_text_of_a_worker_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
