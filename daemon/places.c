/* SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "aggregate/branch_counts.h"
#include "daemon.h"
#include "host.h"
#include "kernel/placement.h"
#include "log.h"
#include "options.h"

bool places_are_wanted(const struct daemon *d)
{
	return d->options->modules && d->host->calls->read_map && d->host->text.text_ip;
}

static struct placed kernel_place(const struct daemon *d)
{
	const struct kernel_text *text = &d->host->text;
	const uint64_t window_ip = intake_window_ip(text);
	struct placed kernel = {
		.kind = PLACED_KERNEL,
		.name = "vmlinux",
		.build_id = d->host->identity.build_id,
		.lo_off = (uint32_t)(text->stext_ip - window_ip),
		.hi_off = (uint32_t)(text->etext_ip - 1 - window_ip),
	};

	return kernel;
}

/* The list that a former process left, or a new one. */
static int take_list(struct daemon *d, uint64_t key, int fd, bool *ret_is_new,
		     struct problem *problem)
{
	const struct placed kernel = kernel_place(d);
	struct problem why = { "" };
	int r = PLACEMENT_E_BROKEN;

	if (fd >= 0)
		r = placement_adopt(fd, key, &kernel, &d->modules.placement, &why);
	if (r > 0)
		r = placement_new(key, &kernel, &d->modules.placement);
	*ret_is_new = fd < 0 || why.text[0];
	if (fd >= 0 && why.text[0])
		log_event(d->log, LOG_COUNTERS_DISCARDED, LOG_TEXT("note", why.text));
	if (r < 0)
		problem_set(problem, r, "placement: %s", strerror(-r));
	return r;
}

#define PAGE_SHIFT 12u
#define N_WINDOW_PAGES (1u << (32 - PAGE_SHIFT))
/* Stretches of pages that are listed one by one; more are listed as one, with all between them. */
#define N_LOST_MAX 256u

/* Pages with counts. */
struct counted {
	uint8_t *is_lost;    /* N_WINDOW_PAGES: the list does not say whose they are */
	uint8_t *is_counted; /* … all of them, if not NULL */
	uint64_t n_counts;   /* of those that are lost, as below */
	size_t n_pages, n_stretches;
};

/* The window's offset 0 is nobody's: external. */
static void note_off(const struct placement *placement, uint64_t off, uint64_t n,
		     struct counted *counted)
{
	if (off == VADDR_EXTERNAL || off > UINT32_MAX)
		return;
	if (counted->is_counted)
		counted->is_counted[off >> PAGE_SHIFT] = 1;
	if (placement_find(placement, (uint32_t)off))
		return;
	counted->n_pages += !counted->is_lost[off >> PAGE_SHIFT];
	counted->is_lost[off >> PAGE_SHIFT] = 1;
	counted->n_counts += n;
}

static int note_part(const struct daemon *d, enum tally_part part, struct counted *counted)
{
	const struct counters *counters = tally_part(d->tally, part);
	const struct placement *placement = d->modules.placement;
	struct branch_counts counts = { 0 };
	int r = counters ? counters_snapshot(counters, 0, &counts) : 0;

	for (size_t i = 0; i < counts.n_branches; i++) {
		note_off(placement, counts.branches[i].from_vaddr, 0, counted);
		note_off(placement, counts.branches[i].to_vaddr, counts.branches[i].n, counted);
	}
	for (size_t i = 0; i < counts.n_ranges; i++) {
		note_off(placement, counts.ranges[i].start_vaddr, 0, counted);
		note_off(placement, counts.ranges[i].end_vaddr, 0, counted);
	}
	branch_counts_deinit(&counts);
	return r;
}

static int note_all(const struct daemon *d, struct counted *counted)
{
	int r = 0;

	for (int part = 0; part < N_TALLY_PARTS && r == 0; part++)
		r = note_part(d, (enum tally_part)part, counted);
	return r;
}

static uint32_t first_off(uint32_t page)
{
	return page << PAGE_SHIFT;
}

static uint32_t last_off(uint32_t page)
{
	return first_off(page) + ((1u << PAGE_SHIFT) - 1);
}

static int lose_stretches(struct daemon *d, const struct counted *lost)
{
	struct placement *placement = d->modules.placement;
	uint32_t first = N_WINDOW_PAGES, last = 0;
	int r = 0;

	for (uint32_t page = 0, begin = 0; page < N_WINDOW_PAGES && r == 0; page++) {
		if (!lost->is_lost[page])
			continue;
		if (page == 0 || !lost->is_lost[page - 1])
			begin = page;
		first = begin < first ? begin : first;
		last = page;
		if (lost->n_stretches <= N_LOST_MAX &&
		    (page + 1 == N_WINDOW_PAGES || !lost->is_lost[page + 1]))
			r = placement_lose(placement, first_off(begin), last_off(page));
	}
	if (r == 0 && lost->n_stretches > N_LOST_MAX)
		r = placement_lose(placement, first_off(first), last_off(last));
	return r;
}

static void count_stretches(struct counted *lost)
{
	for (uint32_t page = 0; page < N_WINDOW_PAGES; page++)
		lost->n_stretches += lost->is_lost[page] && (page == 0 || !lost->is_lost[page - 1]);
}

/*
 * Counts at places that nobody knows, as the list is gone or was damaged: they stay in the tables,
 * where the kernel's are, and stand for nothing.
 */
static int lose_unknown(struct daemon *d)
{
	struct counted lost = { .is_lost = calloc(N_WINDOW_PAGES, 1) };
	int r = lost.is_lost ? note_all(d, &lost) : -ENOMEM;

	if (r == 0 && lost.n_pages > 0) {
		count_stretches(&lost);
		r = lose_stretches(d, &lost);
		log_event(d->log, LOG_PLACES_LOST, LOG_U64("pages", lost.n_pages),
			  LOG_U64("counts", lost.n_counts));
	}
	free(lost.is_lost);
	return r;
}

static void store(const struct daemon *d)
{
	int fd = placement_fd(d->modules.placement);

	(void)sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" PLACES_NAME);
	(void)sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" PLACES_NAME "\nFDPOLL=0", &fd, 1);
}

int places_take(struct daemon *d, uint64_t key, int fd, struct problem *problem)
{
	bool is_new;
	int r;

	if (!places_are_wanted(d))
		return 0;
	r = take_list(d, key, fd, &is_new, problem);
	if (r == 0)
		r = lose_unknown(d);
	if (r < 0)
		return r;
	/* a list that is full of what was lost: then nothing else is placed there either */
	if (is_new)
		store(d);
	return 0;
}

/* forgetting */

/* What was lost has counts, too, for as long as they are there. */
static bool has_counts(void *context, const struct placed *placed)
{
	const struct counted *counted = context;

	for (uint32_t page = placed->lo_off >> PAGE_SHIFT; page <= placed->hi_off >> PAGE_SHIFT;
	     page++)
		if (counted->is_counted[page])
			return true;
	return false;
}

/* The next process is given the new list before anything is counted by it. */
static size_t replace_list(struct daemon *d, struct placement *kept)
{
	size_t n_before, n;

	(void)placement_items(d->modules.placement, &n_before);
	(void)placement_items(kept, &n);
	if (n == n_before) {
		placement_free(kept);
		return 0;
	}
	placement_free(d->modules.placement);
	d->modules.placement = kept;
	store(d);
	return n_before - n;
}

size_t places_forget(struct daemon *d)
{
	struct counted counted = { .is_lost = calloc(N_WINDOW_PAGES, 1),
				   .is_counted = calloc(N_WINDOW_PAGES, 1) };
	struct placement *kept = NULL;
	size_t n_forgotten = 0;
	int r = counted.is_lost && counted.is_counted ? 0 : -ENOMEM;

	/* a worker reads counts by the list that it was given, which is lent to it */
	if (r == 0 && publication_is_idle(&d->publication))
		r = note_all(d, &counted);
	else if (r == 0)
		r = -EBUSY;
	if (r == 0)
		r = placement_keep(d->modules.placement, has_counts, &counted, &kept);
	if (r == 0)
		n_forgotten = replace_list(d, kept);
	free(counted.is_lost);
	free(counted.is_counted);
	return n_forgotten;
}
