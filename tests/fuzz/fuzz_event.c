/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sysfs and Event= say of an event: a format, an event of the PMU, then Event=, each on a
 * line. Strings of libpfm4 are left out: its parser is not ours.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "collect/event.h"
#include "collect/pmu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void take_line(const char **text, char *line, size_t size)
{
	size_t n = strcspn(*text, "\n");
	size_t n_copied = n < size ? n : size - 1;

	memcpy(line, *text, n_copied);
	line[n_copied] = '\0';
	*text += n + ((*text)[n] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct pmu_term formats[] = { { "event", "config:0-7" }, { "x", "" } };
	struct pmu_term events[] = { { "named", "" } };
	struct pmu pmu = { .name = "cpu",
			   .type = 4,
			   .unit = BRANCH_UNIT_LBR,
			   .n_branches = 32,
			   .formats = formats,
			   .n_formats = 2,
			   .events = events,
			   .n_events = 1 };
	struct machine machine = { .pmus = &pmu, .n_pmus = 1 };
	struct event_config config = { .period = 500009 };
	struct problem problem = { "" };
	struct event event;
	struct cpus cpus;
	char *copy = strndup((const char *)data, n_bytes);
	const char *text = copy;
	int r;

	if (!copy)
		return 0;
	take_line(&text, formats[1].text, sizeof(formats[1].text));
	take_line(&text, events[0].text, sizeof(events[0].text));
	config.event = text;
	if (cpus_parse(text, &cpus, &problem) == 0 && cpus_count(&cpus) > CPUS_MAX)
		abort();
	problem.text[0] = '\0';
	if (strchr(text, '/')) {
		r = event_choose(&machine, &pmu, &config, &event, &problem);
		if (r < 0 || (r == 0) != (problem.text[0] == '\0') ||
		    (r == 0 && event.attr.type != 4))
			abort();
	}
	free(copy);
	return 0;
}
