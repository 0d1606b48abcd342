/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server of live text gives, and above all what it does not, on a kernel made of files;
 * and once on the one that runs, where its memory can be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include "process/text_ranges.h"
#include "process/text_server.h"
#include "process_example.h"
#include "text_example.h"

#define SECOND 1000000000ull

struct fixture {
	struct text_files files;
	struct example_folders folders;
	struct text_server *server;
	uint64_t now_ns;
	uint32_t serial;
	size_t n_reply;
	_Alignas(8) uint8_t reply[TEXT_REPLY_BYTES_MAX];
};

static void open_server(struct fixture *f, const char *kallsyms, const char *modules)
{
	struct text_server_config config = { .page_bytes = PAGE, .look_ns = SECOND };
	struct problem problem = { "" };

	f->files = (struct text_files){
		example_core(),
		kallsyms ? example_text_file(kallsyms) : -1,
		{ modules ? example_text_file(modules) : -1,
		  open(f->folders.path, O_PATH | O_DIRECTORY | O_CLOEXEC) },
	};
	config.files = f->files;
	if (text_server_new(&config, &f->server, &problem))
		fail_msg("%s", problem.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_true(example_folders_init(&f->folders));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	text_server_free(f->server);
	close_cleanup(&f->files.kcore_fd);
	close_cleanup(&f->files.kallsyms_fd);
	close_cleanup(&f->files.modules.list_fd);
	close_cleanup(&f->files.modules.folders_fd);
	example_folders_deinit(&f->folders);
	free(f);
	return 0;
}

static const struct text_reply *reply_of(const struct fixture *f)
{
	return (const struct text_reply *)f->reply;
}

static const uint8_t *page_of(const struct fixture *f, size_t i)
{
	return f->reply + sizeof(struct text_reply) + i * PAGE;
}

static int begin(struct fixture *f)
{
	struct text_request request = {
		.magic = TEXT_REQUEST_MAGIC,
		.kind = TEXT_BEGIN,
		.serial = ++f->serial,
	};

	f->n_reply =
		text_server_answer(f->server, &request, sizeof(request), -1, f->now_ns, f->reply);
	assert_int_equal(f->n_reply, sizeof(struct text_reply));
	assert_int_equal(reply_of(f)->serial, f->serial);
	return reply_of(f)->result;
}

/* Which of the pages are given. */
static uint32_t ask(struct fixture *f, const uint64_t *ips, uint32_t n)
{
	struct text_request request = {
		.magic = TEXT_REQUEST_MAGIC,
		.kind = TEXT_PAGES,
		.serial = ++f->serial,
		.n_pages = n,
	};
	const struct text_reply *reply = reply_of(f);

	memcpy(request.ips, ips, n * sizeof(*ips));
	f->n_reply =
		text_server_answer(f->server, &request, sizeof(request), -1, f->now_ns, f->reply);
	assert_int_equal(reply->serial, f->serial);
	assert_int_equal(f->n_reply,
			 sizeof(*reply) + (size_t)__builtin_popcount(reply->given) * PAGE);
	return reply->given;
}

static uint32_t ask_one(struct fixture *f, uint64_t ip)
{
	return ask(f, &ip, 1);
}

static void rewrite(int fd, const char *text)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* what is given */

static void test_text_server_pages_of_code_are_given(void **state)
{
	struct fixture *f = *state;
	const uint64_t ips[] = { IMAGE_IP, IMAGE_IP + 2 * PAGE, MODULES_IP + PAGE, MODULES_IP };

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	assert_int_equal(reply_of(f)->n_modules, 1);
	assert_int_equal(ask(f, ips, 4), 0xf);
	assert_int_equal(page_of(f, 0)[0], 16);
	assert_int_equal(page_of(f, 1)[PAGE - 1], 16 + 2);
	assert_int_equal(page_of(f, 2)[0], 32 + 1);
	assert_int_equal(page_of(f, 3)[PAGE - 1], 32);
}

static void test_text_server_a_full_request_is_answered(void **state)
{
	struct fixture *f = *state;
	uint64_t ips[TEXT_REQUEST_PAGES_MAX];

	for (size_t i = 0; i < TEXT_REQUEST_PAGES_MAX; i++)
		ips[i] = IMAGE_IP + (i % 3) * PAGE;
	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask(f, ips, TEXT_REQUEST_PAGES_MAX), 0x7fff);
	assert_int_equal(f->n_reply, TEXT_REPLY_BYTES_MAX);
}

static void test_text_server_without_modules_gives_the_image(void **state)
{
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, NULL);
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask_one(f, IMAGE_IP), 1);
	assert_int_equal(ask_one(f, MODULES_IP), 0);
}

/* what is not */

static void test_text_server_nothing_but_code_is_given(void **state)
{
	static const uint64_t ips[] = {
		IMAGE_IP - PAGE,       IMAGE_IP + 3 * PAGE,   /* data */
		IMAGE_IP + 4 * PAGE,   MODULES_IP + 2 * PAGE, /* data of a module */
		MODULES_IP + 3 * PAGE,			      /* a program of others */
		MODULES_IP + 4 * PAGE,			      /* a module that is loading */
		MODULES_IP - PAGE,     MODULES_IP + 5 * PAGE, 0, PAGE, 0xffffffffff600000ull,
		0xfffffffffffff000ull, 0xffff888000000000ull,
	};
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	for (size_t i = 0; i < array_size(ips); i++) {
		assert_int_equal(ask_one(f, ips[i]), 0);
		assert_int_equal(reply_of(f)->result, 0);
	}
	assert_int_equal(ask(f, ips, array_size(ips)), 0);
	/* one that is, in between */
	assert_int_equal(ask(f, (const uint64_t[]){ IMAGE_IP - PAGE, IMAGE_IP }, 2), 2);
	assert_int_equal(page_of(f, 0)[0], 16);
}

static void test_text_server_an_empty_page_is_not_given(void **state)
{
	struct fixture *f = *state;

	open_server(f,
		    "ffffffff81000000 T _text\nffffffff81000000 T _stext\n"
		    "ffffffff81003000 T _etext\nffffffffc0002000 t f\t[hole]\n"
		    "ffffffffc0003010 t g\t[hole]\n",
		    "hole 8192 0 - Live 0x0000000000000000\n");
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask_one(f, MODULES_IP + 2 * PAGE), 1);
	assert_int_equal(ask_one(f, MODULES_IP + 3 * PAGE), 0);
}

static void test_text_server_code_beyond_the_core_is_not_given(void **state)
{
	struct fixture *f = *state;

	open_server(f,
		    "ffffffff81000000 T _text\nffffffff81000000 T _stext\n"
		    "ffffffff81009000 T _etext\n",
		    NULL);
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask_one(f, IMAGE_IP + 4 * PAGE), 1);
	assert_int_equal(ask_one(f, IMAGE_IP + 5 * PAGE), 0);
}

/* Its init text is elsewhere, and what is between is not its own. */
static void test_text_server_a_module_with_symbols_far_apart_is_refused(void **state)
{
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS "ffffffffc0004100 t init\t[mod]\n", EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	assert_int_equal(reply_of(f)->n_modules, 0);
	assert_int_equal(ask_one(f, MODULES_IP), 0);
	assert_int_equal(ask_one(f, MODULES_IP + 2 * PAGE), 0);
	assert_int_equal(ask_one(f, IMAGE_IP), 1);
}

static void test_text_server_a_module_that_claims_the_image_is_refused(void **state)
{
	struct fixture *f = *state;

	open_server(f,
		    EXAMPLE_KALLSYMS "ffffffff81002ff8 t f\t[liar]\nffffffff81003010 t g\t[liar]\n",
		    "liar 8192 0 - Live 0x0000000000000000\n");
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask_one(f, IMAGE_IP + 3 * PAGE), 0);
}

/*
 * Live, but not yet without its init text, which is in reach; its data are in between. Before the
 * fix these were given as its code.
 */
static void test_text_server_a_module_that_has_just_come_is_not_given(void **state)
{
	static const char *const dropped[] = {
		"ffffffff81001230 u a_function\t[mod]\n",
		"ffffffffc0002800 ? __UNIQUE_ID_license1\t[mod]\n",
		"ffffffffc0002800 n debugging\t[mod]\n",
	};
	const uint64_t ips[] = { MODULES_IP, MODULES_IP + 2 * PAGE, MODULES_IP + 4 * PAGE,
				 IMAGE_IP };
	struct fixture *f = *state;
	char kallsyms[1024];

	for (size_t i = 0; i < array_size(dropped); i++) {
		snprintf(kallsyms, sizeof(kallsyms), "%sffffffffc0002ff0 t init_module\t[mod]\n%s",
			 EXAMPLE_KALLSYMS, dropped[i]);
		open_server(f, kallsyms, EXAMPLE_MODULES);
		assert_int_equal(begin(f), 0);
		assert_int_equal(reply_of(f)->n_modules, 0);
		assert_int_equal(ask(f, ips, 4), 8);
		/* when it is there, its size has changed */
		rewrite(f->files.kallsyms_fd, EXAMPLE_KALLSYMS);
		rewrite(f->files.modules.list_fd, "mod 9000 3 - Live 0x0000000000000000 (OE)\n");
		f->now_ns += SECOND;
		assert_int_equal(ask(f, ips, 4), 9);
		text_server_free(f->server);
		f->server = NULL;
	}
}

/* Nobody could tell it from another one of its name. */
static void test_text_server_a_module_without_a_folder_is_not_given(void **state)
{
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	close_cleanup(&f->files.modules.folders_fd);
	text_server_free(f->server);
	assert_int_equal(text_server_new(&(struct text_server_config){ f->files, PAGE, SECOND },
					 &f->server, &(struct problem){ "" }),
			 0);
	assert_int_equal(begin(f), 0);
	assert_int_equal(reply_of(f)->n_modules, 0);
	assert_int_equal(ask_one(f, MODULES_IP), 0);
	assert_int_equal(ask_one(f, IMAGE_IP), 1);
}

/* when it does not know */

static void test_text_server_before_it_was_told_to_begin_gives_nothing(void **state)
{
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(ask_one(f, IMAGE_IP), 0);
	assert_int_equal(reply_of(f)->result, TEXT_E_UNKNOWN);
	assert_non_null(strstr(reply_of(f)->text, "begin"));
}

static void test_text_server_hidden_addresses_are_a_reason(void **state)
{
	struct fixture *f = *state;

	open_server(f, "0000000000000000 T _text\n0000000000000000 T _stext\n", EXAMPLE_MODULES);
	assert_int_equal(begin(f), TEXT_E_UNKNOWN);
	assert_non_null(strstr(reply_of(f)->text, "CAP_SYSLOG"));
	assert_int_equal(ask_one(f, 0), 0);
	assert_int_equal(reply_of(f)->result, TEXT_E_UNKNOWN);
}

static void test_text_server_no_kallsyms_is_a_reason(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "", "nonsense\n", "ffffffff81000000 T _text\n" };

	for (size_t i = 0; i < array_size(wrong); i++) {
		open_server(f, wrong[i], EXAMPLE_MODULES);
		assert_int_equal(begin(f), TEXT_E_UNKNOWN);
		assert_int_not_equal(reply_of(f)->text[0], '\0');
		assert_int_equal(ask_one(f, IMAGE_IP), 0);
		text_server_free(f->server);
		f->server = NULL;
	}
}

/* modules that come and go */

static void test_text_server_a_module_that_went_is_not_given(void **state)
{
	struct fixture *f = *state;
	const uint64_t ips[] = { MODULES_IP, IMAGE_IP + PAGE, MODULES_IP + PAGE };

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	rewrite(f->files.modules.list_fd, "coming 4096 1 - Loading 0x0000000000000000\n");
	assert_int_equal(ask(f, ips, 3), 2);
	assert_int_equal(page_of(f, 0)[0], 16 + 1);
	/* nor when it has looked again */
	f->now_ns += SECOND;
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask(f, ips, 3), 2);
}

static void test_text_server_use_of_a_module_is_no_change(void **state)
{
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	rewrite(f->files.modules.list_fd, "mod 12288 9 x,y, Live 0x0000000000000000 (OE)\n"
					  "coming 4096 1 - Loading 0x0000000000000000\n");
	assert_int_equal(ask_one(f, MODULES_IP), 1);
}

static void test_text_server_a_module_that_came_is_found_at_last(void **state)
{
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	rewrite(f->files.modules.list_fd,
		"coming 4096 1 - Live 0x0000000000000000\n" EXAMPLE_MODULES);
	/* not looked all the time … */
	assert_int_equal(ask_one(f, MODULES_IP + 4 * PAGE), 0);
	f->now_ns += SECOND;
	/* … but then without being told, too */
	assert_int_equal(ask_one(f, MODULES_IP + 4 * PAGE), 1);
	assert_int_equal(page_of(f, 0)[0], 32 + 4);
}

/*
 * The same name, size and state, at another place. Before the fix it was not noticed, and what is
 * now at its old place was given.
 */
static void test_text_server_a_module_that_was_loaded_anew_is_another_one(void **state)
{
	const uint64_t ips[] = { MODULES_IP, MODULES_IP + PAGE, IMAGE_IP };
	struct fixture *f = *state;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask(f, ips, 3), 7);
	assert_true(example_reload(&f->folders));
	rewrite(f->files.kallsyms_fd, "ffffffff81000000 T _text\nffffffff81000000 T _stext\n"
				      "ffffffff81002ff0 T _etext\n"
				      "ffffffffc0001000 t first\t[mod]\n"
				      "ffffffffc0002010 t last\t[mod]\n");
	assert_int_equal(ask(f, ips, 3), 4);
	/* it has to be told, or to be asked for what it does not know yet */
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask(f, ips, 3), 6);
}

/* While kallsyms is read: in the moment between two looks. */
static void test_text_ranges_a_module_that_is_loaded_anew_meanwhile_is_seen(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct text_ranges ranges;

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(
		text_ranges_read(f->files.kallsyms_fd, &f->files.modules, PAGE, &ranges, &problem),
		0);
	assert_int_equal(text_ranges_check(&ranges, &f->files.modules), 0);
	assert_true(example_reload(&f->folders));
	assert_int_equal(text_ranges_check(&ranges, &f->files.modules), TEXT_RANGES_E_CHANGING);
	text_ranges_deinit(&ranges);
}

/* requests */

static void test_text_server_what_is_no_request_gets_an_answer(void **state)
{
	struct fixture *f = *state;
	struct text_request request = {
		.magic = TEXT_REQUEST_MAGIC,
		.kind = TEXT_PAGES,
		.n_pages = 1,
		.ips = { IMAGE_IP + 1 },
	};

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	assert_int_equal(begin(f), 0);
	for (size_t n = 0; n <= sizeof(request); n++) {
		assert_int_equal(text_server_answer(f->server, &request, n, -1, 0, f->reply),
				 sizeof(struct text_reply));
		assert_int_equal(reply_of(f)->result, -EBADMSG);
		assert_int_equal(reply_of(f)->given, 0);
	}
}

/* A descriptor that came along is closed, unless it is kallsyms and wanted. */
static void test_text_server_descriptors_do_not_stay(void **state)
{
	struct fixture *f = *state;
	struct text_request request = { .magic = TEXT_REQUEST_MAGIC, .kind = TEXT_BEGIN };
	int fds[] = { example_text_file(EXAMPLE_KALLSYMS), open("/proc/modules", O_RDONLY),
		      open("/proc/kallsyms", O_RDONLY) };

	open_server(f, EXAMPLE_KALLSYMS, EXAMPLE_MODULES);
	for (size_t i = 0; i < array_size(fds); i++) {
		if (fds[i] < 0)
			continue;
		text_server_answer(f->server, &request, sizeof(request), fds[i], 0, f->reply);
		assert_int_equal(reply_of(f)->result, 0);
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
	}
	assert_int_equal(ask_one(f, IMAGE_IP), 1);
}

/*
 * Before the fix each descriptor was a reason to read all of it again, as often as somebody sent
 * one: now there is one look in look_ns, as long as what it saw is as it was.
 */
static void test_text_server_another_descriptor_is_no_reason_to_look(void **state)
{
	struct fixture *f = *state;
	struct text_request request = { .magic = TEXT_REQUEST_MAGIC, .kind = TEXT_BEGIN };
	int fds[3];

	open_server(f, NULL, EXAMPLE_MODULES);
	/* none came yet, which costs nothing: the next one is not late */
	assert_int_equal(begin(f), TEXT_E_UNKNOWN);
	for (size_t i = 0; i < array_size(fds); i++) {
		fds[i] = open("/proc/kallsyms", O_RDONLY);
		if (fds[i] < 0)
			skip_because("there is no /proc/kallsyms");
		text_server_answer(f->server, &request, sizeof(request), fds[i], f->now_ns,
				   f->reply);
		assert_int_equal(text_server_n_looks(f->server), 1);
	}
	f->now_ns += SECOND;
	assert_true(begin(f) >= 0);
	assert_int_equal(text_server_n_looks(f->server), 2);
}

static void test_text_server_only_kallsyms_is_kallsyms(void **state)
{
	int fds[] = { example_text_file(EXAMPLE_KALLSYMS), open("/proc/modules", O_RDONLY),
		      open("/proc", O_RDONLY), open("/dev/null", O_RDONLY) };
	int fd = open("/proc/kallsyms", O_RDONLY);

	(void)state;
	for (size_t i = 0; i < array_size(fds); i++) {
		assert_false(text_server_is_kallsyms(fds[i]));
		close_cleanup(&fds[i]);
	}
	if (fd < 0)
		skip_because("there is no /proc/kallsyms");
	assert_true(text_server_is_kallsyms(fd));
	close(fd);
}

/* Whoever may mount shows his own text there. */
static int mount_over_kallsyms(void *context)
{
	int fd;

	(void)context;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("/proc/self/cmdline", "/proc/kallsyms", NULL, MS_BIND, NULL) < 0)
		return -2;
	fd = open("/proc/kallsyms", O_RDONLY);
	expect(fd >= 0);
	expect(!text_server_is_kallsyms(fd));
	return 0;
}

static void test_text_server_what_is_mounted_there_is_not_kallsyms(void **state)
{
	int line = in_child(mount_over_kallsyms, NULL);

	(void)state;
	if (line == -2)
		skip_because("nothing can be mounted");
	assert_int_equal(line, 0);
}

/* the core */

static void test_text_server_a_core_that_is_none_is_refused(void **state)
{
	struct text_server_config config = { .page_bytes = PAGE };
	struct text_server *server = NULL;
	struct problem problem = { "" };
	int fd = example_text_file("not a core, whatever it is called");

	(void)state;
	config.files = (struct text_files){ fd, -1, { -1, -1 } };
	assert_true(text_server_new(&config, &server, &problem) < 0);
	assert_int_not_equal(problem.text[0], '\0');
	assert_null(server);
	close(fd);
}

/* the kernel that runs */

static void open_machine(struct fixture *f)
{
	struct text_server_config config = {
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.look_ns = SECOND,
	};
	struct problem problem = { "" };

	f->files = (struct text_files){
		open("/proc/kcore", O_RDONLY),
		open("/proc/kallsyms", O_RDONLY),
		{ open("/proc/modules", O_RDONLY), open("/sys/module", O_PATH | O_DIRECTORY) },
	};
	if (f->files.kcore_fd < 0)
		skip_because("/proc/kcore cannot be opened");
	config.files = f->files;
	if (text_server_new(&config, &f->server, &problem))
		fail_msg("%s", problem.text);
	if (begin(f) != 0)
		skip_because(reply_of(f)->text);
}

static void test_text_server_of_this_machine_gives_its_code(void **state)
{
	struct fixture *f = *state;
	struct text_ranges ranges;
	struct problem problem = { "" };

	open_machine(f);
	assert_int_equal(
		text_ranges_read(f->files.kallsyms_fd, &f->files.modules, PAGE, &ranges, &problem),
		0);
	assert_int_equal(ask_one(f, ranges.image.start_ip), 1);
	assert_int_equal(ask_one(f, ranges.image.end_ip - PAGE), 1);
	assert_int_equal(ask_one(f, ranges.image.start_ip - PAGE), 0);
	for (size_t i = 0; i < ranges.n_modules; i++)
		assert_int_equal(ask_one(f, ranges.modules[i].start_ip), 1);
	text_ranges_deinit(&ranges);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_text_server_pages_of_code_are_given),
		TEST(test_text_server_a_full_request_is_answered),
		TEST(test_text_server_without_modules_gives_the_image),
		TEST(test_text_server_nothing_but_code_is_given),
		TEST(test_text_server_an_empty_page_is_not_given),
		TEST(test_text_server_code_beyond_the_core_is_not_given),
		TEST(test_text_server_a_module_with_symbols_far_apart_is_refused),
		TEST(test_text_server_a_module_that_claims_the_image_is_refused),
		TEST(test_text_server_a_module_that_has_just_come_is_not_given),
		TEST(test_text_server_a_module_without_a_folder_is_not_given),
		TEST(test_text_server_before_it_was_told_to_begin_gives_nothing),
		TEST(test_text_server_hidden_addresses_are_a_reason),
		TEST(test_text_server_no_kallsyms_is_a_reason),
		TEST(test_text_server_a_module_that_went_is_not_given),
		TEST(test_text_server_use_of_a_module_is_no_change),
		TEST(test_text_server_a_module_that_came_is_found_at_last),
		TEST(test_text_server_a_module_that_was_loaded_anew_is_another_one),
		TEST(test_text_ranges_a_module_that_is_loaded_anew_meanwhile_is_seen),
		TEST(test_text_server_what_is_no_request_gets_an_answer),
		TEST(test_text_server_descriptors_do_not_stay),
		TEST(test_text_server_another_descriptor_is_no_reason_to_look),
		TEST(test_text_server_only_kallsyms_is_kallsyms),
		TEST(test_text_server_what_is_mounted_there_is_not_kallsyms),
		TEST(test_text_server_a_core_that_is_none_is_refused),
		TEST(test_text_server_of_this_machine_gives_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
