/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums in the note of a block, as words that are added up one by one:
 *
 *   version | began, usec | conservation | times that a loss was inexact | the other tally_sums
 *
 * A new version is whatever changes their number. All zeros is a note, too: nothing was summed.
 */
#include <string.h>
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
