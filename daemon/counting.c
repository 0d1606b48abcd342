/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tally of this process: counted on where a former one was told to stop, or was killed. The
 * service manager keeps the descriptors in between (FDSTORE=1, sd_notify(3)).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include "base/hash.h"
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "places.h"

/* What else counts must have in common to be added up: weights are in units of the period. */
static uint64_t source_hash(const struct daemon *d)
{
	const struct host *host = d->host;
	uint64_t hash =
		hash_bytes(host->source_name, strlen(host->source_name)) + places_are_wanted(d);

	for (size_t i = 0; i < host->n_events; i++) {
		const struct perf_event_attr *attr = &host->events[i].form.attr;
		uint64_t words[] = { hash, host->mode, attr->type, attr->config,
				     attr->sample_period };

		hash = hash_bytes(words, sizeof(words));
	}
	return hash;
}

static struct tally_config tally_config_of(struct daemon *d)
{
	const struct kernel_identity *kernel = &d->host->identity;
	struct tally_config config = {
		.counters = { .n_edge_slots = d->options->n_edge_slots,
			      .n_range_slots = d->options->n_range_slots,
			      .chain = CHAIN_CUT,
			      .classify = places_are_wanted(d) ? intake_classify_placed
							       : intake_classify,
			      .context = &d->intake.text },
		.identity = { .n_build_id_bytes = kernel->build_id.n_bytes,
			      .source = source_hash(d) },
		.accumulates = d->options->accumulate,
		.n_total_edge_slots = 2 * d->options->n_edge_slots,
		.n_total_range_slots = 2 * d->options->n_range_slots,
	};
	sd_id128_t boot;

	memcpy(config.identity.build_id, kernel->build_id.bytes, kernel->build_id.n_bytes);
	/* a recording is of no boot */
	if (sd_id128_from_string(kernel->boot_id, &boot) >= 0)
		memcpy(config.identity.boot_id, boot.bytes, sizeof(config.identity.boot_id));
	return config;
}

/* Descriptors that a former process left with the service manager. */
#define STORED_MAX 16

static size_t stored_counters(struct tally_offer offers[STORED_MAX], int *ret_placement_fd)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	size_t n_offers = 0;

	for (int i = 0; i < n && names && names[i]; i++) {
		if (strncmp(names[i], "counters-", strlen("counters-")) == 0 &&
		    n_offers < STORED_MAX)
			offers[n_offers++] = (struct tally_offer){ .fd = SD_LISTEN_FDS_START + i };
		else if (strcmp(names[i], PLACES_NAME) == 0 && *ret_placement_fd < 0)
			*ret_placement_fd = SD_LISTEN_FDS_START + i;
	}
	for (int i = 0; i < n && names && names[i]; i++)
		free(names[i]);
	free(names);
	return n_offers;
}

static void log_offer(struct daemon *d, const struct tally_offer *offer)
{
	bool is_adopted = offer->ret_fate == TALLY_ADOPTED;

	log_event(d->log, is_adopted ? LOG_COUNTERS_RESTORED : LOG_COUNTERS_DISCARDED,
		  LOG_TEXT("note", offer->problem.text[0] ? offer->problem.text : NULL));
}

static void store_counters(struct daemon *d, bool all)
{
	struct tally_fd fds[N_TALLY_PARTS];
	size_t n = tally_fds(d->tally, fds);
	char text[100];

	for (size_t i = 0; i < n; i++) {
		if (fds[i].is_adopted && !all)
			continue;
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", fds[i].name);
		(void)sd_pid_notify_with_fds(0, 0, text, &fds[i].fd, 1);
	}
}

/*
 * What could not be counted on is of no use to the next process either, and the store has only so
 * much room. It goes by name, and so do those that were adopted, which are stored again.
 */
static void renew_store(struct daemon *d, const struct tally_offer *offers, size_t n_offers)
{
	struct tally_fd fds[N_TALLY_PARTS];
	size_t n = tally_fds(d->tally, fds);
	bool has_useless = false;
	char text[100];

	for (size_t i = 0; i < n_offers; i++)
		has_useless |= offers[i].ret_fate != TALLY_ADOPTED;
	for (size_t i = 0; has_useless && i < n; i++) {
		snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", fds[i].name);
		(void)sd_notify(0, text);
	}
	store_counters(d, has_useless);
}

int counting_new(struct daemon *d, struct problem *problem)
{
	struct tally_config config = tally_config_of(d);
	struct tally_offer offers[STORED_MAX] = { 0 };
	cleanup(close_cleanup) int placement_fd = -1;
	size_t n_offers = stored_counters(offers, &placement_fd);
	int r = tally_adopt(&config, offers, n_offers, &d->tally, problem);

	for (size_t i = 0; i < n_offers; i++) {
		if (r == 0)
			log_offer(d, &offers[i]);
		close(offers[i].fd);
	}
	if (r == 0)
		r = places_take(d, hash_bytes(&config.identity, sizeof(config.identity)),
				placement_fd, problem);
	if (r == 0) {
		tally_begin(d->tally, d->start_realtime_ns / NS_PER_USEC);
		renew_store(d, offers, n_offers);
	}
	return r;
}
