/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places of modules, and the way there: against a model that only knows who owns which page of the
 * window, until it has no counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/problem.h"
#include "kernel/map.h"
#include "kernel/placement.h"
#include "kernel/translation.h"

#define KEY 0x1234567890abcdefull
#define KERNEL_LO 0x80000000u
#define KERNEL_HI 0x80ffffffu
#define WINDOW_IP 0xffffffff01000000ull
#define PAGE 4096u

static const struct placed kernel = {
	.kind = PLACED_KERNEL,
	.name = "vmlinux",
	.build_id = { .bytes = { 0xee }, .n_bytes = 20 },
	.lo_off = KERNEL_LO,
	.hi_off = KERNEL_HI,
};

static struct build_id id_of(uint8_t byte)
{
	struct build_id id = { .n_bytes = byte ? 20 : 0 };

	memset(id.bytes, byte, id.n_bytes);
	return id;
}

static struct placement *new_placement(void)
{
	struct placement *p = NULL;

	assert_int_equal(placement_new(KEY, &kernel, &p), 0);
	return p;
}

static uint32_t place(struct placement *p, const char *name, uint8_t id, uint32_t lo, uint32_t n)
{
	struct build_id build_id = id_of(id);
	uint32_t off = 0;

	assert_int_equal(placement_place(p, name, &build_id, lo, lo + n - 1, &off), 0);
	return off;
}

/* placing */

static void test_placement_module_is_placed_where_it_is(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	size_t n;

	assert_int_equal(place(p, "veth", 1, 0xc0000000, 0x3000), 0xc0000000);
	assert_string_equal(placement_find(p, 0xc0002fff)->name, "veth");
	assert_null(placement_find(p, 0xc0003000));
	assert_null(placement_find(p, 0xbfffffff));
	assert_string_equal(placement_find(p, KERNEL_HI)->name, "vmlinux");
	assert_int_equal(placement_items(p, &n)[0].kind, PLACED_KERNEL);
	assert_int_equal(n, 2);
}

static void test_placement_module_that_comes_back_elsewhere_has_its_old_place(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();

	assert_int_equal(place(p, "veth", 1, 0xc0000000, 0x3000), 0xc0000000);
	assert_int_equal(place(p, "veth", 1, 0xd0000000, 0x3000), 0xc0000000);
}

static void test_placement_another_at_the_same_place_is_moved(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	uint32_t a = place(p, "veth", 1, 0xc0000000, 0x3000);

	/* another module; another build; another size: a file that is not what its id says */
	assert_int_not_equal(place(p, "dummy", 2, 0xc0001000, 0x1000), 0xc0001000);
	assert_int_not_equal(place(p, "veth", 3, 0xc0000000, 0x3000), a);
	assert_int_not_equal(place(p, "veth", 1, 0xc0000000, 0x4000), a);
	assert_int_equal(place(p, "veth", 1, 0xc0000000, 0x3000), a);
}

/* Nothing says that it is the same one, but that it is at the same place. */
static void test_placement_without_build_id_is_another_elsewhere(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();

	assert_int_equal(place(p, "veth", 0, 0xc0000000, 0x3000), 0xc0000000);
	assert_int_equal(place(p, "veth", 0, 0xc0000000, 0x3000), 0xc0000000);
	assert_int_equal(place(p, "veth", 0, 0xd0000000, 0x3000), 0xd0000000);
}

static void test_placement_window_without_room_is_told(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct build_id id = id_of(9);
	uint32_t off = 7;

	place(p, "below", 1, 0x1000, 0x7ff00000);
	place(p, "above", 2, 0x81000000, 0x70000000);
	assert_int_equal(placement_place(p, "big", &id, 0x81000000, 0x91000000 - 1, &off),
			 PLACEMENT_E_NO_ROOM);
	assert_int_equal(off, 7);
	/* a smaller one has */
	assert_int_equal(placement_place(p, "small", &id, 0x81000000, 0x81000fff, &off), 0);
}

static void test_placement_full_list_is_told(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct build_id id = id_of(1);
	uint32_t off;
	char name[16];
	int r = 0;
	size_t n;

	for (unsigned int i = 0; i < PLACEMENT_OBJECTS_MAX && r == 0; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		r = placement_place(p, name, &id, 0xc0000000 + i * PAGE, 0xc0000fff + i * PAGE,
				    &off);
	}
	assert_int_equal(r, PLACEMENT_E_FULL);
	(void)placement_items(p, &n);
	assert_int_equal(n, PLACEMENT_OBJECTS_MAX);
}

static void test_placement_what_is_lost_is_nobodys(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();

	place(p, "veth", 1, 0xc0000000, 0x3000);
	assert_int_equal(placement_lose(p, 0xbffff000, 0xc0010000), 0);
	assert_int_equal(placement_find(p, 0xbffff000)->kind, PLACED_LOST);
	assert_int_equal(placement_find(p, 0xc0000000)->kind, PLACED_MODULE);
	assert_int_equal(placement_find(p, 0xc0010000)->kind, PLACED_LOST);
	assert_null(placement_find(p, 0xc0010001));
	assert_int_not_equal(place(p, "dummy", 2, 0xc0008000, 0x1000), 0xc0008000);
	assert_int_equal(placement_lose(p, 0, UINT32_MAX), 0);
	assert_int_equal(placement_find(p, UINT32_MAX)->kind, PLACED_LOST);
	assert_null(placement_find(p, 0));
}

/* the memfd */

static void assert_same_items(const struct placement *a, const struct placement *b)
{
	size_t n_a, n_b;
	const struct placed *x = placement_items(a, &n_a), *y = placement_items(b, &n_b);

	assert_int_equal(n_a, n_b);
	for (size_t i = 0; i < n_a; i++) {
		assert_int_equal(x[i].kind, y[i].kind);
		assert_int_equal(x[i].lo_off, y[i].lo_off);
		assert_int_equal(x[i].hi_off, y[i].hi_off);
		assert_string_equal(x[i].name, y[i].name);
		assert_memory_equal(&x[i].build_id, &y[i].build_id, sizeof(x[i].build_id));
	}
}

static void test_placement_list_is_gone_on_with(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct placement *next cleanup(placement_cleanup) = NULL;
	struct placement *seen cleanup(placement_cleanup) = NULL;
	struct problem problem;

	place(p, "veth", 1, 0xc0000000, 0x3000);
	place(p, "dummy", 0, 0xc0001000, 0x1000);
	assert_int_equal(placement_lose(p, 0xd0000000, 0xd0000fff), 0);
	assert_int_equal(placement_adopt(placement_fd(p), KEY, &kernel, &next, &problem), 0);
	assert_same_items(p, next);
	place(next, "loop", 5, 0xc0000000, 0x1000);
	assert_int_equal(placement_read(placement_view_fd(p), &seen, &problem), 0);
	assert_same_items(next, seen);
	assert_true(pwrite(placement_view_fd(p), "x", 1, 0) < 0);
}

static void test_placement_list_of_another_is_refused(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct placement *next = NULL;
	struct placed other = kernel;
	struct problem problem;

	assert_int_equal(placement_adopt(placement_fd(p), KEY + 1, &kernel, &next, &problem),
			 PLACEMENT_E_OTHER);
	assert_string_equal(problem.text, "placement: of another kernel, boot or source");
	other.hi_off -= PAGE;
	assert_int_equal(placement_adopt(placement_fd(p), KEY, &other, &next, &problem),
			 PLACEMENT_E_OTHER);
	assert_null(next);
}

/* Any byte that is changed, and any length. */
static void test_placement_damaged_list_is_refused(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	uint8_t bytes[64 + 2 * 144];
	int fd = memfd_create("damaged", MFD_CLOEXEC);

	place(p, "veth", 1, 0xc0000000, 0x3000);
	assert_int_equal(pread(placement_fd(p), bytes, sizeof(bytes), 0), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		struct placement *next = NULL;
		struct problem problem = { "" };
		/* the room in the header, and a count of one less, which is a sound list */
		bool is_free = i >= 32 && i < 64;

		bytes[i] ^= 0x01;
		assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
		bytes[i] ^= 0x01;
		if (i == 24 || is_free)
			continue;
		assert_true(placement_adopt(fd, KEY, &kernel, &next, &problem) > 0);
		assert_true(problem.text[0]);
		assert_null(next);
	}
	for (size_t n = 0; n < sizeof(bytes); n++) {
		struct placement *next = NULL;
		struct problem problem;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, n, 0), n);
		assert_int_equal(placement_adopt(fd, KEY, &kernel, &next, &problem),
				 PLACEMENT_E_BROKEN);
	}
	close(fd);
}

/* A process that dies between the two writes. */
static void test_placement_record_that_is_not_counted_yet_is_not_there(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct placement *next cleanup(placement_cleanup) = NULL;
	struct problem problem;
	const uint64_t n = 1;
	size_t n_items;

	place(p, "veth", 1, 0xc0000000, 0x3000);
	assert_int_equal(pwrite(placement_fd(p), &n, sizeof(n), 24), sizeof(n));
	assert_int_equal(placement_adopt(placement_fd(p), KEY, &kernel, &next, &problem), 0);
	(void)placement_items(next, &n_items);
	assert_int_equal(n_items, 1);
	/* its room is taken by the next */
	assert_int_equal(place(next, "dummy", 2, 0xc0000000, 0x1000), 0xc0000000);
}

/* translation */

static struct map_object object_of(const char *name, uint8_t id, uint32_t lo, uint32_t n)
{
	struct map_object object = {
		.build_id = id_of(id),
		.base_ip = WINDOW_IP + lo,
		.start_ip = WINDOW_IP + lo,
		.end_ip = WINDOW_IP + lo + n,
	};

	snprintf(object.name, sizeof(object.name), "%s", name);
	return object;
}

static struct translation *translate(struct map_object *objects, size_t n_objects,
				     const struct kallsyms *foreign, struct placement *p)
{
	struct address_map map = {
		.window_ip = WINDOW_IP,
		.objects = objects,
		.n_objects = n_objects,
		.kernel = 0,
	};
	struct translation *t = NULL;

	assert_int_equal(translation_new(&map, foreign, p, &t), 0);
	return t;
}

static uint32_t at(const struct translation *t, uint32_t off, enum place_kind kind)
{
	enum place_kind found;
	uint32_t placed = translation_off(t, off, &found);

	assert_string_equal(place_kind_name(found), place_kind_name(kind));
	return placed;
}

#define KERNEL_OBJECT object_of("vmlinux", 0xee, KERNEL_LO, KERNEL_HI - KERNEL_LO + 1)

static void test_translation_tells_what_is_where(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct map_object objects[] = { KERNEL_OBJECT, object_of("veth", 1, 0xc0000000, 0x2000) };
	struct kallsyms_foreign pages[] = {
		{ WINDOW_IP + 0xc0001000, FOREIGN_BPF }, /* in veth: not believed */
		{ WINDOW_IP + 0xd0000000, FOREIGN_BPF },
		{ WINDOW_IP + 0xd0002000, FOREIGN_FTRACE },
		{ WINDOW_IP + 0xd0020000, FOREIGN_KPROBE },
		{ WINDOW_IP - 0x1000, FOREIGN_KPROBE },
	};
	struct kallsyms foreign = { .foreign = pages, .n_foreign = 5 };
	struct translation *t cleanup(translation_cleanup) = translate(objects, 2, &foreign, p);

	assert_int_equal(at(t, KERNEL_LO, PLACE_KERNEL), KERNEL_LO);
	assert_int_equal(at(t, KERNEL_HI, PLACE_KERNEL), KERNEL_HI);
	assert_int_equal(at(t, KERNEL_HI + 1, PLACE_OTHER), 0);
	assert_int_equal(at(t, KERNEL_LO - 1, PLACE_OTHER), 0);
	assert_int_equal(at(t, 0xc0000000, PLACE_MODULE), 0xc0000000);
	assert_int_equal(at(t, 0xc0001fff, PLACE_MODULE), 0xc0001fff);
	assert_int_equal(at(t, 0xc0002000, PLACE_OTHER), 0);
	assert_int_equal(at(t, 0xd0000000, PLACE_BPF), 0);
	assert_int_equal(at(t, 0xd0001fff, PLACE_BPF), 0);
	assert_int_equal(at(t, 0xd0002000, PLACE_FTRACE), 0);
	assert_int_equal(at(t, 0xd0011fff, PLACE_FTRACE), 0);
	assert_int_equal(at(t, 0xd0012000, PLACE_OTHER), 0);
	assert_int_equal(at(t, 0xd0020000, PLACE_KPROBE), 0);
	assert_int_equal(at(t, 0, PLACE_OTHER), 0);
	assert_int_equal(at(t, UINT32_MAX, PLACE_OTHER), 0);
}

static void test_translation_module_that_went_is_in_doubt(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct map_object objects[] = { KERNEL_OBJECT, object_of("veth", 1, 0xc0000000, 0x2000) };
	struct translation *t cleanup(translation_cleanup) = translate(objects, 2, NULL, p);

	assert_false(translation_doubt(t, "dummy"));
	assert_true(translation_doubt(t, "veth"));
	assert_false(translation_doubt(t, "veth"));
	assert_int_equal(at(t, 0xc0000000, PLACE_DOUBT), 0);
	assert_int_equal(translation_back(t, 0xc0000000), 0);
}

static void test_translation_module_without_room_is_counted(void **state)
{
	struct placement *p cleanup(placement_cleanup) = new_placement();
	struct map_object objects[] = { KERNEL_OBJECT, object_of("veth", 1, 0xc0000000, 0x2000) };
	struct translation *t cleanup(translation_cleanup) = NULL;

	assert_int_equal(placement_lose(p, 0, UINT32_MAX), 0);
	t = translate(objects, 2, NULL, p);
	assert_int_equal(at(t, 0xc0000000, PLACE_NO_ROOM), 0);
	assert_int_equal(translation_figures(t)->n_no_room, 1);
	assert_int_equal(translation_figures(t)->n_modules, 0);
}

/* the model */

#define N_KINDS 12u	 /* of modules: names, builds, sizes */
#define N_ZONE_PAGES 48u /* where they are loaded: crowded */
#define ZONE_LO 0xc0000000u

struct model {
	int owner[1u << 20];	    /* of each page of the window, until forgotten: a kind, or -1 */
	uint32_t page_in[1u << 20]; /* which of the owner's pages it is */
	uint32_t loaded_lo[N_KINDS]; /* 0: not loaded */
};

static uint32_t pages_of(unsigned int kind)
{
	return 1 + kind % 5;
}

static bool has_overlap(const struct model *m, uint32_t lo, uint32_t n_pages)
{
	for (unsigned int k = 0; k < N_KINDS; k++)
		if (m->loaded_lo[k] && lo < m->loaded_lo[k] + pages_of(k) * PAGE &&
		    m->loaded_lo[k] < lo + n_pages * PAGE)
			return true;
	return false;
}

static void load_or_unload(struct model *m)
{
	unsigned int kind = (unsigned int)rand() % N_KINDS;
	uint32_t lo = ZONE_LO + ((unsigned int)rand() % N_ZONE_PAGES) * PAGE;

	if (m->loaded_lo[kind])
		m->loaded_lo[kind] = 0;
	else if (!has_overlap(m, lo, pages_of(kind)))
		m->loaded_lo[kind] = lo;
}

static struct translation *translate_model(const struct model *m, struct placement *p)
{
	struct map_object objects[N_KINDS + 1] = { KERNEL_OBJECT };
	size_t n = 1;

	for (unsigned int k = 0; k < N_KINDS; k++) {
		char name[8];

		/* two builds of each name */
		snprintf(name, sizeof(name), "m%u", k / 2);
		if (m->loaded_lo[k])
			objects[n++] = object_of(name, (uint8_t)(1 + k), m->loaded_lo[k],
						 pages_of(k) * PAGE);
	}
	return translate(objects, n, NULL, p);
}

static void check_kind(struct model *m, const struct translation *t, unsigned int kind)
{
	for (uint32_t i = 0; i < pages_of(kind); i++) {
		uint32_t off = m->loaded_lo[kind] + i * PAGE + 17;
		uint32_t placed = at(t, off, PLACE_MODULE);
		int *owner = &m->owner[placed / PAGE];

		assert_int_equal(placed % PAGE, 17);
		assert_int_equal(translation_back(t, placed), off);
		if (*owner < 0) {
			*owner = (int)kind;
			m->page_in[placed / PAGE] = i;
		}
		/* one page of one object for ever … */
		assert_int_equal(*owner, kind);
		assert_int_equal(m->page_in[placed / PAGE], i);
	}
}

static void check_model(struct model *m, const struct translation *t)
{
	size_t n_owned = 0, n_pages = 0;

	for (unsigned int k = 0; k < N_KINDS; k++)
		if (m->loaded_lo[k])
			check_kind(m, t, k);
	/* … and each of its pages once */
	for (size_t i = 0; i < 1u << 20; i++)
		n_owned += m->owner[i] >= 0;
	for (unsigned int k = 0; k < N_KINDS; k++)
		n_pages += pages_of(k);
	assert_true(n_owned <= n_pages);
}

static bool is_counted(void *context, const struct placed *placed)
{
	const bool *counted = context;

	return counted[placed->build_id.bytes[0] - 1];
}

/* Some have counts, loaded or not; what has none is forgotten, and may be placed anew. */
static void forget_some(struct model *m, struct placement **p)
{
	struct placement *kept = NULL;
	bool counted[N_KINDS];

	for (unsigned int k = 0; k < N_KINDS; k++)
		counted[k] = rand() % 3;
	assert_int_equal(placement_keep(*p, is_counted, counted, &kept), 0);
	placement_free(*p);
	*p = kept;
	for (size_t i = 0; i < 1u << 20; i++)
		if (m->owner[i] >= 0 && !counted[m->owner[i]])
			m->owner[i] = -1;
}

static void test_translation_of_random_loads_never_mixes(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct placement *p = new_placement();

	memset(m->owner, -1, sizeof(m->owner));
	srand(1);
	for (int step = 0; step < 400; step++) {
		struct translation *t cleanup(translation_cleanup) = NULL;

		load_or_unload(m);
		if (step % 37 == 0) {
			struct placement *next = NULL;
			struct problem problem;

			assert_int_equal(
				placement_adopt(placement_fd(p), KEY, &kernel, &next, &problem), 0);
			placement_free(p);
			p = next;
		}
		if (step % 11 == 0)
			forget_some(m, &p);
		t = translate_model(m, p);
		check_model(m, t);
	}
	placement_free(p);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placement_module_is_placed_where_it_is),
		cmocka_unit_test(test_placement_module_that_comes_back_elsewhere_has_its_old_place),
		cmocka_unit_test(test_placement_another_at_the_same_place_is_moved),
		cmocka_unit_test(test_placement_without_build_id_is_another_elsewhere),
		cmocka_unit_test(test_placement_window_without_room_is_told),
		cmocka_unit_test(test_placement_full_list_is_told),
		cmocka_unit_test(test_placement_what_is_lost_is_nobodys),
		cmocka_unit_test(test_placement_list_is_gone_on_with),
		cmocka_unit_test(test_placement_list_of_another_is_refused),
		cmocka_unit_test(test_placement_damaged_list_is_refused),
		cmocka_unit_test(test_placement_record_that_is_not_counted_yet_is_not_there),
		cmocka_unit_test(test_translation_tells_what_is_where),
		cmocka_unit_test(test_translation_module_that_went_is_in_doubt),
		cmocka_unit_test(test_translation_module_without_room_is_counted),
		cmocka_unit_test(test_translation_of_random_loads_never_mixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
