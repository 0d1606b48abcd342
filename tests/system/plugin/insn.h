/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The facts about x86-64 instructions that the recorder needs: may this one
 * leave the straight line by itself, and can it stay on it?
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for every jump, call, return, far transfer and trap instruction. */
bool insn_is_branch(const uint8_t *bytes, size_t n_bytes);

/*
 * True for those of them that are taken branches wherever they lead, if it be to
 * the next instruction: jump, call, return, return from an interrupt.
 */
bool insn_is_transfer(const uint8_t *bytes, size_t n_bytes);

/* True for the SYSCALL instruction. */
bool insn_is_syscall(const uint8_t *bytes, size_t n_bytes);
