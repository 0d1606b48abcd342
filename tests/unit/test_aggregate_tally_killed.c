/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that counts, closes, merges, discards and takes up again is stopped at every
 * instruction at which its tables changed, and what it would leave is adopted: each stack that it
 * has added is in exactly one part, and so is what it has noted. Then for real, with SIGKILL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregate/tally.h"
#include "aggregate/tally_inside.h"
#include "collect/sampler.h"
#include "tally_example.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define N_PLACES 4u

/* Small: each look adopts a copy of all of it. */
static struct tally_config small_config(void)
{
	struct tally_config small = config;

	small.counters.n_edge_slots = small.counters.n_range_slots = 64;
	small.n_total_edge_slots = 64;
	return small;
}

/* What a child says of itself, in memory that its parent sees. */
struct progress {
	uint64_t n_added, n_noted;
	/* stacks that are discarded for certain, possibly */
	uint64_t n_gone_min, n_gone_max;
};

struct scene {
	struct tally_config config;
	int fds[N_TALLY_PARTS];
	size_t n_bytes[N_TALLY_PARTS];
	const struct block *blocks[N_TALLY_PARTS]; /* of fds */
	void *seen[N_TALLY_PARTS];		   /* as they were at the last look */
	struct progress *progress;
	uint64_t n_looks[TASK_MOVED + 1]; /* by the task of any part */
	bool is_partial;		  /* a child was killed in the middle of a stack */
};

static void scene_init(struct scene *scene, const struct tally_config *wanted)
{
	struct tally *tally = new_tally(wanted);
	struct tally_fd own[N_TALLY_PARTS];
	const int flags = MAP_SHARED | MAP_ANONYMOUS;

	*scene = (struct scene){ .config = *wanted };
	assert_int_equal(tally_fds(tally, own), N_TALLY_PARTS);
	for (size_t i = 0; i < N_TALLY_PARTS; i++) {
		scene->fds[i] = dup(own[i].fd);
		scene->n_bytes[i] = (size_t)lseek(own[i].fd, 0, SEEK_END);
		scene->blocks[i] =
			mmap(NULL, scene->n_bytes[i], PROT_READ, MAP_SHARED, own[i].fd, 0);
		assert_ptr_not_equal(scene->blocks[i], MAP_FAILED);
		scene->seen[i] = calloc(1, scene->n_bytes[i]);
		assert_non_null(scene->seen[i]);
	}
	tally_free(tally);
	scene->progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
	assert_ptr_not_equal(scene->progress, MAP_FAILED);
}

static void scene_deinit(struct scene *scene)
{
	for (size_t i = 0; i < N_TALLY_PARTS; i++) {
		munmap((void *)scene->blocks[i], scene->n_bytes[i]);
		close(scene->fds[i]);
		free(scene->seen[i]);
	}
	munmap(scene->progress, 4096);
}

/* NULL, and the problem says why. */
static struct tally *adopt(const struct tally_config *wanted, const int fds[N_TALLY_PARTS],
			   struct problem *problem)
{
	struct tally_offer offers[N_TALLY_PARTS];
	struct tally *tally;

	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		offers[i] = (struct tally_offer){ .fd = fds[i] };
	if (tally_adopt(wanted, offers, N_TALLY_PARTS, &tally, problem) != 0)
		return NULL;
	for (size_t i = 0; i < N_TALLY_PARTS; i++) {
		if (offers[i].ret_fate == TALLY_ADOPTED)
			continue;
		*problem = offers[i].problem;
		tally_free(tally);
		return NULL;
	}
	return tally;
}

static void assert_all_sound(const struct tally *tally)
{
	const char *what = "";

	for (unsigned int i = 0; i < N_TALLY_PARTS; i++)
		if (counters_check(tally_part(tally, i), &what) != 0)
			fail_msg("part %u: %s", i, what);
}

/* Counters of all parts together; the caller frees them. */
static struct counters *sum_of_parts(const struct tally *tally)
{
	struct counters_config large = tally->config.counters;
	struct counters *sum;

	large.n_edge_slots *= 8;
	large.n_range_slots *= 8;
	assert_int_equal(counters_new(&large, &sum), 0);
	for (unsigned int i = 0; i < N_TALLY_PARTS; i++)
		assert_int_equal(counters_merge(sum, tally_part(tally, i)), 0);
	return sum;
}

/* Noted in two places, with others between them. */
static uint64_t n_noted_of(const struct tally *tally)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < N_TALLY_PARTS; i++) {
		const struct tally_sums sums = tally_sums(tally, i);

		assert_int_equal(sums.conservation.wall_ns, sums.n_wakeups);
		n += sums.n_wakeups;
	}
	return n;
}

/* What was counted is noted, also if the process was killed before it could. */
static void assert_caught_up(const struct tally *tally, uint64_t n_stacks)
{
	struct conservation sum = { 0 };
	struct conservation_result result;
	struct problem problem = { "" };

	for (unsigned int i = 0; i < N_TALLY_PARTS; i++) {
		const struct conservation one = tally_sums(tally, i).conservation;

		conservation_add(&sum, &one);
	}
	if (conservation_check(&sum, &result, &problem) != 0)
		fail_msg("%s", problem.text);
	assert_int_equal(result.n_taken, n_stacks);
}

/* sum has the stacks from first to n, exactly. */
static void assert_has_stacks(const struct counters *sum, uint64_t first, uint64_t end)
{
	struct counters_config large = config.counters;
	struct counters *model;

	assert_int_equal(counters_new(&large, &model), 0);
	for (uint64_t i = first; i < end; i++)
		add_stack(model, i, N_PLACES);
	assert_same(sum, model);
	counters_free(model);
}

/* What the child has done so far, give or take what it is about to do; is_whole: not in a stack. */
static void assert_conserved(const struct tally *tally, const struct progress *progress,
			     bool is_whole)
{
	struct counters *sum = sum_of_parts(tally);
	uint64_t n_stacks = counters_totals(sum)->n_stacks, n_noted = n_noted_of(tally);
	uint64_t n_gone = progress->n_gone_min;

	assert_all_sound(tally);
	if (n_stacks + n_gone < progress->n_added)
		n_gone = progress->n_gone_max;
	assert_in_range(n_stacks + n_gone, progress->n_added, progress->n_added + 1);
	assert_in_range(n_noted + n_gone, progress->n_noted, progress->n_noted + 1);
	assert_caught_up(tally, n_stacks);
	if (is_whole)
		assert_has_stacks(sum, n_gone, n_gone + n_stacks);
	counters_free(sum);
}

/* stepping */

static bool is_in_stack(const struct scene *scene)
{
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		if (scene->blocks[i]->task == TASK_STACK)
			return true;
	return false;
}

static bool has_changed(const struct scene *scene)
{
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		if (memcmp(scene->blocks[i], scene->seen[i], scene->n_bytes[i]) != 0)
			return true;
	return false;
}

static void remember(struct scene *scene)
{
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		memcpy(scene->seen[i], scene->blocks[i], scene->n_bytes[i]);
}

static int copy_of(const struct scene *scene, size_t i)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, scene->seen[i], scene->n_bytes[i]), scene->n_bytes[i]);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS), 0);
	return fd;
}

/* Adopts a copy, and lets it go on. */
static void look(struct scene *scene)
{
	struct problem problem = { "" };
	const bool is_whole = !scene->is_partial && !is_in_stack(scene);
	int fds[N_TALLY_PARTS];
	struct tally *tally;

	remember(scene);
	for (size_t i = 0; i < N_TALLY_PARTS; i++) {
		fds[i] = copy_of(scene, i);
		scene->n_looks[scene->blocks[i]->task]++;
	}
	tally = adopt(&scene->config, fds, &problem);
	if (!tally)
		fail_msg("%s", problem.text);
	assert_conserved(tally, scene->progress, is_whole);
	do_all_work(tally);
	assert_conserved(tally, scene->progress, is_whole);
	tally_free(tally);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		close(fds[i]);
}

typedef void (*script_fn)(struct tally *tally, struct progress *progress);

static void __attribute__((noreturn)) play(const struct scene *scene, script_fn script)
{
	struct problem problem;
	struct tally *tally;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77); /* not allowed here */
	raise(SIGSTOP);
	tally = adopt(&scene->config, scene->fds, &problem);
	if (!tally)
		_exit(1);
	if (script)
		script(tally, scene->progress);
	_exit(0);
}

#define EVERY_CHANGE UINT64_MAX

/*
 * Looks wherever something has changed, or kills the child after so many changes. False: it came to
 * its end.
 */
static bool step_through(struct scene *scene, script_fn script, uint64_t n_changes)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		play(scene, script);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSTOPPED(status))
		skip();
	while (WIFSTOPPED(status)) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!has_changed(scene))
			continue;
		if (n_changes == EVERY_CHANGE) {
			look(scene);
			continue;
		}
		remember(scene);
		if (n_changes-- == 0) {
			scene->is_partial = is_in_stack(scene);
			assert_int_equal(kill(child, SIGKILL), 0);
			assert_int_equal(waitpid(child, &status, 0), child);
			return true;
		}
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

/* As the daemon does: what became of the last stack, from what is counted. */
static void note_stack(struct tally_sums *now, const struct counters_totals *before,
		       const struct counters_totals *after)
{
	struct conservation *c = &now->conservation;
	bool is_empty = after->n_empty_stacks > before->n_empty_stacks;
	bool is_void = after->n_void_stacks > before->n_void_stacks;

	c->ring.n_records++;
	c->ring.n_samples++;
	c->ring.n_good_samples++;
	c->ring.n_entries += after->n_kept - before->n_kept;
	c->n_counted_entries += after->n_kept - before->n_kept;
	c->n_used += !is_empty && !is_void;
	c->n_rejected += is_empty || is_void;
	now->n_rejected[SAMPLER_REJECTED_EMPTY] += is_empty;
	now->n_rejected[SAMPLER_REJECTED_VOID] += is_void;
	c->n_expected_max++;
	c->wall_ns++;
	now->n_wakeups++;
}

static void add_and_note(struct tally *tally, struct progress *progress, uint64_t n)
{
	const struct counters_totals *totals = counters_totals(tally_live(tally));
	struct tally_sums now = tally->noted;

	for (; n > 0; n--) {
		const struct counters_totals before = *totals;

		add_stack(tally_live(tally), progress->n_added, N_PLACES);
		__atomic_add_fetch(&progress->n_added, 1, __ATOMIC_SEQ_CST);
		note_stack(&now, &before, totals);
		tally_note(tally, &now);
		__atomic_add_fetch(&progress->n_noted, 1, __ATOMIC_SEQ_CST);
	}
}

static void close_and_merge(struct tally *tally, struct progress *progress)
{
	if (tally_close_interval(tally, 5) != 0)
		_exit(2);
	add_and_note(tally, progress, 1);
	while (tally_work(tally, 50) == TALLY_E_MORE)
		;
}

static void live_a_life(struct tally *tally, struct progress *progress)
{
	add_and_note(tally, progress, 2);
	close_and_merge(tally, progress);
	add_and_note(tally, progress, 1);
	/* where all keys are known, and some are not */
	close_and_merge(tally, progress);
	/* all but what is live */
	progress->n_gone_max = progress->n_added - 1;
	tally_discard(tally, TALLY_TOTAL);
	progress->n_gone_min = progress->n_gone_max;
	while (tally_work(tally, 1) == TALLY_E_MORE)
		;
	close_and_merge(tally, progress);
}

static void test_tally_killed_at_any_instruction_loses_nothing(void **state)
{
	const struct tally_config small = small_config();
	struct scene scene;

	(void)state;
	scene_init(&scene, &small);
	assert_false(step_through(&scene, live_a_life, EVERY_CHANGE));
	assert_int_equal(scene.progress->n_added, 6);
	assert_true(scene.n_looks[TASK_STACK] > 100);
	assert_true(scene.n_looks[TASK_RESET] > 50);
	assert_true(scene.n_looks[TASK_KEYS] > 50);
	assert_true(scene.n_looks[TASK_MOVE_IN] > 100);
	assert_true(scene.n_looks[TASK_MOVED] > 10);
	scene_deinit(&scene);
}

static bool is_interrupted(const struct scene *scene)
{
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		if (scene->blocks[i]->task != TASK_NONE)
			return true;
	return false;
}

/* The next process is killed, too, while it takes up what the first one left. */
static void test_tally_killed_in_adoption_loses_nothing(void **state)
{
	const struct tally_config small = small_config();
	uint64_t n_changes = 173, n_interrupted = 0;
	bool is_killed = true;

	(void)state;
	for (; is_killed; n_changes += 166) {
		struct scene scene;

		scene_init(&scene, &small);
		is_killed = step_through(&scene, live_a_life, n_changes);
		if (is_interrupted(&scene)) {
			n_interrupted++;
			(void)step_through(&scene, NULL, EVERY_CHANGE);
		}
		scene_deinit(&scene);
	}
	assert_true(n_interrupted >= 2);
}

/* at full speed */

static void __attribute__((noreturn)) work_until_killed(const struct scene *scene)
{
	struct progress *progress = scene->progress;
	struct problem problem;
	struct tally *tally = adopt(&scene->config, scene->fds, &problem);

	if (!tally)
		_exit(1);
	for (;;) {
		add_and_note(tally, progress, 50);
		(void)!tally_work(tally, 200);
		(void)!tally_close_interval(tally, 5);
	}
}

/* Each process counts on where the one before was killed. */
static void test_tally_killed_again_and_again_counts_on(void **state)
{
	struct tally_config roomy = config;
	struct counters *before = NULL;
	uint64_t n_before = 0, n_whole = 0;
	struct scene scene;

	(void)state;
	roomy.counters.n_edge_slots = roomy.n_total_edge_slots = 8192;
	roomy.counters.n_range_slots = 8192;
	scene_init(&scene, &roomy);
	assert_int_equal(counters_new(&roomy.counters, &before), 0);
	for (unsigned int round = 0; round < 60; round++) {
		struct problem problem = { "" };
		struct counters *sum;
		struct tally *tally;
		bool is_whole;
		int status;
		pid_t child = fork();

		if (child == 0)
			work_until_killed(&scene);
		usleep(2000 + round * 10);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		is_whole = !is_in_stack(&scene);
		tally = adopt(&roomy, scene.fds, &problem);
		if (!tally)
			fail_msg("round %u: %s", round, problem.text);
		assert_conserved(tally, scene.progress, false);
		sum = sum_of_parts(tally);
		for (; n_before < counters_totals(sum)->n_stacks; n_before++)
			add_stack(before, n_before, N_PLACES);
		/* a stack that was cut short is there in part; from then on this is the model */
		if (is_whole)
			assert_same(sum, before);
		n_whole += is_whole;
		counters_free(before);
		before = sum;
		scene.progress->n_added = n_before;
		scene.progress->n_noted = n_noted_of(tally);
		tally_free(tally);
	}
	assert_true(n_whole > 5 && n_before > 1000);
	counters_free(before);
	scene_deinit(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tally_killed_at_any_instruction_loses_nothing),
		cmocka_unit_test(test_tally_killed_in_adoption_loses_nothing),
		cmocka_unit_test(test_tally_killed_again_and_again_counts_on),
	};

	return cmocka_run_group_tests_name("aggregate/tally_killed", tests, NULL, NULL);
}
