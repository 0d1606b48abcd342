/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums in the note of a block, as words that are added up one by one:
 *
 *   version | began, usec | conservation | times that a loss was inexact | the other tally_sums
 *
 * A new version is whatever changes their number. All zeros is a note, too: nothing was summed.
 */
#include <string.h>
#include "collect/sampler.h"
#include "tally_inside.h"

#define N_CONSERVATION_WORDS (offsetof(struct conservation, is_loss_inexact) / 8)
#define OTHER_OFF offsetof(struct tally_sums, n_rejected)
#define N_OTHER_WORDS ((sizeof(struct tally_sums) - OTHER_OFF) / 8)

enum {
	WORD_VERSION,
	WORD_BEGAN,
	WORD_CONSERVATION,
	WORD_INEXACT = WORD_CONSERVATION + N_CONSERVATION_WORDS,
	WORD_OTHER,
	N_WORDS = WORD_OTHER + N_OTHER_WORDS,
};

#define NOTE_VERSION (1ull << 32 | N_WORDS)

_Static_assert(N_WORDS <= NOTE_WORDS, "the sums must fit into a note");
_Static_assert(offsetof(struct conservation, is_loss_inexact) % 8 == 0 &&
		       sizeof(struct conservation) -
				       offsetof(struct conservation, is_loss_inexact) ==
			       8,
	       "u64, and then flags");

static struct note note_of(const struct tally_sums *sums)
{
	struct note note = { { 0 } };

	memcpy(&note.words[WORD_CONSERVATION], &sums->conservation, N_CONSERVATION_WORDS * 8);
	note.words[WORD_INEXACT] = sums->conservation.is_loss_inexact;
	memcpy(&note.words[WORD_OTHER], (const char *)sums + OTHER_OFF, N_OTHER_WORDS * 8);
	return note;
}

static struct tally_sums sums_of(const struct block *block)
{
	struct tally_sums sums = { 0 };

	memcpy(&sums.conservation, &block->note[WORD_CONSERVATION], N_CONSERVATION_WORDS * 8);
	sums.conservation.is_loss_inexact = block->note[WORD_INEXACT] != 0;
	memcpy((char *)&sums + OTHER_OFF, &block->note[WORD_OTHER], N_OTHER_WORDS * 8);
	return sums;
}

bool note_is_ours(const struct block *block)
{
	return block->note[WORD_VERSION] == NOTE_VERSION || block->note[WORD_VERSION] == 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return a < b ? a : b;
}

struct note note_sum(const struct block *a, const struct block *b)
{
	struct note note = { { 0 } };

	for (size_t i = WORD_CONSERVATION; i < N_WORDS; i++)
		note.words[i] = a->note[i] + b->note[i];
	note.words[WORD_VERSION] = NOTE_VERSION;
	note.words[WORD_BEGAN] = earlier(a->note[WORD_BEGAN], b->note[WORD_BEGAN]);
	return note;
}

void note_clear(struct counters *counters)
{
	const struct note note = { { 0 } };

	counters_write_note(counters, &note);
}

static uint64_t more(uint64_t counted, uint64_t noted)
{
	return counted > noted ? counted - noted : 0;
}

/*
 * In the equations of conservation.h and ring_stats.h these are samples that were read; the
 * kernel's own count of them is lost with the process, so it allows for them.
 */
static void add_read(struct conservation *c, uint64_t n, uint64_t n_entries)
{
	c->ring.n_records += n;
	c->ring.n_samples += n;
	c->ring.n_good_samples += n;
	c->ring.n_entries += n_entries;
	c->n_expected_max += n > UINT64_MAX - c->n_expected_max ? 0 : n;
}

static uint64_t add_rejected(struct tally_sums *sums, enum sampler_use use, uint64_t n)
{
	sums->conservation.n_rejected += n;
	sums->n_rejected[use] += n;
	return n;
}

uint64_t note_catch_up(struct counters *counters)
{
	const struct counters_totals *totals = counters_totals(counters);
	struct tally_sums sums = sums_of(counters->block);
	uint64_t n_useful = totals->n_stacks - totals->n_empty_stacks - totals->n_void_stacks;
	uint64_t n_useless =
		sums.n_rejected[SAMPLER_REJECTED_VOID] + sums.n_rejected[SAMPLER_REJECTED_FULL];
	uint64_t n_used = more(n_useful + totals->n_kept_ips, sums.conservation.n_used);
	uint64_t n_kept = more(totals->n_kept, sums.conservation.n_counted_entries);
	uint64_t n = n_used;
	struct note note;

	n += add_rejected(&sums, SAMPLER_REJECTED_VOID, more(totals->n_void_stacks, n_useless));
	n += add_rejected(&sums, SAMPLER_REJECTED_EMPTY,
			  more(totals->n_empty_stacks, sums.n_rejected[SAMPLER_REJECTED_EMPTY]));
	if (n == 0)
		return 0;
	add_read(&sums.conservation, n, n_kept);
	sums.conservation.n_used += n_used;
	sums.conservation.n_counted_entries += n_kept;
	/* of each it is one at the least */
	sums.weight_sum += n_used;
	sums.weight_squares_sum += n_used;
	note = note_of(&sums);
	note.words[WORD_VERSION] = NOTE_VERSION;
	note.words[WORD_BEGAN] = counters->block->note[WORD_BEGAN];
	counters_write_note(counters, &note);
	return n;
}

void tally_note(struct tally *tally, const struct tally_sums *now)
{
	struct counters *live = tally_live(tally);
	const struct note before = note_of(&tally->noted), after = note_of(now);
	struct note note;

	memcpy(&note, live->block->note, sizeof(note));
	for (size_t i = WORD_CONSERVATION; i < N_WORDS; i++)
		note.words[i] += after.words[i] - before.words[i];
	/* a flag, which every interval is to have */
	note.words[WORD_INEXACT] = live->block->note[WORD_INEXACT] | after.words[WORD_INEXACT];
	note.words[WORD_VERSION] = NOTE_VERSION;
	counters_write_note(live, &note);
	tally->noted = *now;
}

struct tally_sums tally_sums(const struct tally *tally, enum tally_part part)
{
	const struct counters *counters = tally_part(tally, part);

	return counters ? sums_of(counters->block) : (struct tally_sums){ 0 };
}

void tally_begin(struct tally *tally, uint64_t now_usec)
{
	struct block *block = tally_live(tally)->block;

	if (!block->note[WORD_BEGAN])
		block->note[WORD_BEGAN] = now_usec;
}

uint64_t tally_began_usec(const struct tally *tally, enum tally_part part)
{
	const struct counters *counters = tally_part(tally, part);

	return counters ? counters->block->note[WORD_BEGAN] : 0;
}
