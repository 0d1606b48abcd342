/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels mark most of these as __cpuidle, which puts them between __cpuidle_text_start and
 * __cpuidle_text_end (include/linux/cpu.h; include/asm-generic/vmlinux.lds.h, CPUIDLE_TEXT, Linux
 * 6.12), and kallsyms.h takes that whole section. By name come what older kernels have outside of
 * it, what is not marked (the hypervisors' halts, PSCI), and what is in modules.
 *
 * The loop around them (do_idle, the governors, the tick's stop and restart) is not idling: it runs
 * at every wake-up, and its speed matters to those who are waiting.
 */
#include "idle.h"

#include "base/macros.h"

static const char *const names[] = {
	/* generic */
	"arch_cpu_idle",
	"cpu_idle_poll",
	"default_idle_call",
	"poll_idle",
	/* x86: arch/x86/kernel/process.c, include/asm/{irqflags,mwait}.h */
	"amd_e400_idle",
	"default_idle",
	"mwait_idle",
	"mwait_idle_with_hints",
	"native_halt",
	"native_safe_halt",
	"pv_native_safe_halt",
	"xen_halt",
	"xen_safe_halt",
	"tdx_halt",
	"tdx_safe_halt",
	/* cpuidle drivers: drivers/idle/intel_idle.c, drivers/acpi/processor_idle.c,
	   cpuidle-haltpoll */
	"intel_idle",
	"intel_idle_hlt",
	"intel_idle_hlt_irq_on",
	"intel_idle_ibrs",
	"intel_idle_irq",
	"intel_idle_s2idle",
	"intel_idle_xstate",
	"acpi_idle_do_entry",
	"acpi_idle_enter",
	"acpi_idle_enter_bm",
	"acpi_idle_enter_s2idle",
	"acpi_idle_lpi_enter",
	"acpi_processor_ffh_cstate_enter",
	"acpi_processor_ffh_lpi_enter",
	"acpi_safe_halt",
	"default_enter_idle",
	/* arm64: arch/arm64/kernel/idle.c, drivers/firmware/psci, drivers/cpuidle */
	"cpu_do_idle",
	"cpu_suspend",
	"psci_cpu_suspend",
	"psci_cpu_suspend_enter",
	"psci_enter_idle_state",
};

const char *const *idle_function_names(size_t *ret_n)
{
	*ret_n = array_size(names);
	return names;
}
