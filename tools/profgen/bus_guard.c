/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_guard.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* A handler has nothing but globals to work on. */
static uintptr_t page_bytes;
static volatile sig_atomic_t n_lost;

/*
 * Puts a page of zeros where the one of the file is lacking, and the read is done again. mmap(2) is
 * a mere system call here, though POSIX does not list it as safe in a handler.
 */
static void on_bus(int number, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_bytes - 1);

	if (info->si_code == BUS_ADRERR &&
	    mmap((void *)page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != MAP_FAILED) {
		n_lost++;
		return;
	}
	signal(number, SIG_DFL); /* the same instruction raises it again */
}

void bus_guard_install(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	action.sa_sigaction = on_bus;
	sigemptyset(&action.sa_mask);
	(void)sigaction(SIGBUS, &action, NULL);
}

unsigned int bus_guard_n_lost(void)
{
	return (unsigned int)n_lost;
}
