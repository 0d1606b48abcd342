/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one fact about x86-64 instructions that the recorder needs: may this
 * one leave the straight line by itself?
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for every jump, call, return, far transfer and trap instruction. */
bool insn_is_branch(const uint8_t *bytes, size_t n_bytes);

/* True for the SYSCALL instruction. */
bool insn_is_syscall(const uint8_t *bytes, size_t n_bytes);
