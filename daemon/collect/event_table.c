/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: arch/x86/include/asm/intel-family.h and arch/x86/kernel/cpu/amd.c (bsp_init_amd), Linux
 * 6.12. Codes: tools/perf/pmu-events/arch/x86/<list>, Linux 6.12, or where its list lacks the
 * event, a newer list of the same tree ("later list"). Deliberately absent, because no list names
 * their taken-branch event: Tremont (0x86, 0x96, 0x9c), Knights Landing (0x57, 0x85). Not verified
 * yet: Panther Lake, Clearwater Forest, Diamond Rapids, Zen 6. All of these are served by Event=.
 */
#include "event_table.h"

#include <stdbool.h>
#include <string.h>
#include "pmu.h"

struct models {
	uint8_t first, last; /* both 0 ends the list behind its first */
};

struct entry {
	enum cpu_vendor vendor;
	unsigned int family;
	struct models models[8];
	const char *pmu_name;  /* NULL: any */
	enum branch_unit unit; /* BRANCH_UNIT_NONE: any */
	struct event_row row;
};

#define NEAR_TAKEN "BR_INST_RETIRED.NEAR_TAKEN"
#define P_CORE(list)                                                                               \
	.name = NEAR_TAKEN, .pfm_event = "BR_INST_RETIRED:NEAR_TAKEN", .config = 0x20c4,           \
	.source = list
#define E_CORE(list) .name = NEAR_TAKEN, .config = 0xc0c4, .source = list
#define OLD_ATOM(list)                                                                             \
	.name = "BR_INST_RETIRED.ALL_TAKEN_BRANCHES",                                              \
	.pfm_event = "BR_INST_RETIRED:ALL_TAKEN_BRANCHES", .config = 0x80c4, .source = list
#define AMD(list) .name = "ex_ret_brn_tkn", .config = 0xc4, .source = list
#define INTEL .vendor = CPU_VENDOR_INTEL, .family = 6
#define ONE(model) { model, model }
#define HYBRID_ADL ONE(0x97), ONE(0x9a), ONE(0xb7), ONE(0xba), ONE(0xbf)
#define HYBRID_MTL ONE(0xaa), ONE(0xac), ONE(0xb5)
#define HYBRID_LNL ONE(0xbd), ONE(0xc5), ONE(0xc6)

static const struct entry entries[] = {
	{ INTEL, .models = { ONE(0x2a) }, .pmu_name = "cpu",
	  .row = { P_CORE("sandybridge"), .pfm_pmus = { "snb" } } },
	{ INTEL, .models = { ONE(0x2d) }, .pmu_name = "cpu",
	  .row = { P_CORE("jaketown"), .pfm_pmus = { "snb_ep" } } },
	{ INTEL, .models = { ONE(0x3a) }, .pmu_name = "cpu",
	  .row = { P_CORE("ivybridge"), .pfm_pmus = { "ivb" } } },
	{ INTEL, .models = { ONE(0x3e) }, .pmu_name = "cpu",
	  .row = { P_CORE("ivytown"), .pfm_pmus = { "ivb_ep" } } },
	{ INTEL, .models = { ONE(0x3c), ONE(0x45), ONE(0x46) }, .pmu_name = "cpu",
	  .row = { P_CORE("haswell"), .pfm_pmus = { "hsw" } } },
	{ INTEL, .models = { ONE(0x3f) }, .pmu_name = "cpu",
	  .row = { P_CORE("haswellx"), .pfm_pmus = { "hsw_ep" } } },
	{ INTEL, .models = { ONE(0x3d), ONE(0x47) }, .pmu_name = "cpu",
	  .row = { P_CORE("broadwell"), .pfm_pmus = { "bdw" } } },
	{ INTEL, .models = { ONE(0x4f), ONE(0x56) }, .pmu_name = "cpu",
	  .row = { P_CORE("broadwellx, broadwellde"), .pfm_pmus = { "bdw_ep" } } },
	{ INTEL, .pmu_name = "cpu",
	  .models = { ONE(0x4e), ONE(0x5e), ONE(0x8e), ONE(0x9e), ONE(0xa5), ONE(0xa6) },
	  .row = { P_CORE("skylake"), .pfm_pmus = { "skl" } } },
	{ INTEL, .models = { ONE(0x55) }, .pmu_name = "cpu", /* by stepping one or the other */
	  .row = { P_CORE("skylakex, cascadelakex"), .pfm_pmus = { "skx", "clx" } } },
	{ INTEL, .pmu_name = "cpu",
	  .models = { ONE(0x7d), ONE(0x7e), ONE(0x8c), ONE(0x8d), ONE(0xa7) },
	  .row = { P_CORE("icelake, tigerlake, rocketlake"), .pfm_pmus = { "icl" } } },
	{ INTEL, .models = { ONE(0x6a), ONE(0x6c) }, .pmu_name = "cpu",
	  .row = { P_CORE("icelakex"), .pfm_pmus = { "icx" } } },
	{ INTEL, .models = { ONE(0x8f), ONE(0xcf) }, .pmu_name = "cpu",
	  .row = { P_CORE("sapphirerapids, emeraldrapids"), .pfm_pmus = { "spr" } } },
	{ INTEL, .models = { ONE(0xad), ONE(0xae) }, .pmu_name = "cpu",
	  .row = { P_CORE("graniterapids") } },
	{ INTEL, .models = { HYBRID_ADL }, .pmu_name = "cpu_core",
	  .row = { P_CORE("alderlake (cpu_core)") } },
	{ INTEL, .models = { HYBRID_ADL }, .pmu_name = "cpu_atom",
	  .row = { E_CORE("alderlake (cpu_atom)") } },
	{ INTEL, .models = { HYBRID_MTL }, .pmu_name = "cpu_core",
	  .row = { P_CORE("meteorlake (cpu_core)") } },
	{ INTEL, .models = { HYBRID_MTL }, .pmu_name = "cpu_atom", /* Crestmont, as Sierra Forest */
	  .row = { E_CORE("sierraforest, later list") } },
	{ INTEL, .models = { HYBRID_LNL }, .pmu_name = "cpu_core",
	  .row = { P_CORE("lunarlake, arrowlake (cpu_core), later list") } },
	{ INTEL, .models = { HYBRID_LNL }, .pmu_name = "cpu_atom",
	  .row = { E_CORE("lunarlake, arrowlake (cpu_atom), later list") } },
	{ INTEL, .models = { ONE(0xc5) }, .pmu_name = "cpu_lowpower",
	  .row = { E_CORE("arrowlake (cpu_lowpower), later list") } },
	{ INTEL, .models = { ONE(0xbe) }, .pmu_name = "cpu", .row = { E_CORE("alderlaken") } },
	{ INTEL, .models = { ONE(0xaf), ONE(0xb6) }, .pmu_name = "cpu",
	  .row = { E_CORE("sierraforest, later list") } },
	{ INTEL, .pmu_name = "cpu",
	  .models = { ONE(0x37), ONE(0x4a), ONE(0x4c), ONE(0x4d), ONE(0x5a) },
	  .row = { OLD_ATOM("silvermont"), .pfm_pmus = { "slm" } } },
	{ INTEL, .models = { ONE(0x5c), ONE(0x5f), ONE(0x7a) }, .pmu_name = "cpu",
	  .row = { OLD_ATOM("goldmont, goldmontplus"), .pfm_pmus = { "glm" } } },
	{ .vendor = CPU_VENDOR_AMD,
	  .family = 0x19,
	  .models = { { 0, 0x0f }, { 0x20, 0x5f } },
	  .unit = BRANCH_UNIT_BRS,
	  .row = { AMD("amdzen3"), .pfm_pmus = { "amd64_fam19h_zen3" },
		   .pfm_event = "RETIRED_TAKEN_BRANCH_INSTRUCTIONS",
		   .sysfs_event = "branch-brs" } },
	{ .vendor = CPU_VENDOR_AMD,
	  .family = 0x19,
	  .models = { { 0x10, 0x1f }, { 0x60, 0xaf } },
	  .unit = BRANCH_UNIT_LBREXT_V2,
	  .row = { AMD("amdzen4"), .pfm_pmus = { "amd64_fam19h_zen4" },
		   .pfm_event = "RETIRED_TAKEN_BRANCH_INSTRUCTIONS" } },
	{ .vendor = CPU_VENDOR_AMD,
	  .family = 0x1a,
	  .unit = BRANCH_UNIT_LBREXT_V2,
	  .models = { { 0, 0x2f }, { 0x40, 0x4f }, { 0x60, 0x7f }, { 0xd0, 0xd7 } },
	  .row = { AMD("amdzen5") } },
	/* architectural, on every core with BRBE: Arm ARM, PMU event 0x0021 */
	{ .vendor = CPU_VENDOR_ARM,
	  .models = { { 0, 0xff } },
	  .unit = BRANCH_UNIT_BRBE,
	  .row = { .name = "BR_RETIRED",
		   .sysfs_event = "br_retired",
		   .config = 0x21,
		   .source = "Arm Architecture Reference Manual, DDI 0487" } },
};

const char *const event_table_sysfs_names[] = { "br_inst_retired.near_taken", "ex_ret_brn_tkn",
						"branch-brs", "br_retired", NULL };

static bool has_model(const struct entry *entry, unsigned int model)
{
	for (size_t i = 0; i < sizeof(entry->models) / sizeof(entry->models[0]); i++) {
		const struct models *models = &entry->models[i];

		if (i > 0 && models->last == 0)
			return false;
		if (model >= models->first && model <= models->last)
			return true;
	}
	return false;
}

const struct event_row *event_table_find(const struct machine *machine, const struct pmu *pmu)
{
	if (pmu->unit == BRANCH_UNIT_OTHER)
		return NULL;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *entry = &entries[i];

		if (entry->vendor == machine->vendor && entry->family == machine->family &&
		    has_model(entry, machine->model) &&
		    (!entry->pmu_name || strcmp(entry->pmu_name, pmu->name) == 0) &&
		    (entry->unit == BRANCH_UNIT_NONE || entry->unit == pmu->unit))
			return &entry->row;
	}
	return NULL;
}
