/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Zeroes the contents of a vmlinux that say nothing about its code. Sections,
 * addresses, symbols and program headers stay as they are; zeros compress to
 * nothing.
 */
struct elf_image;

void blank_data(struct elf_image *elf);
