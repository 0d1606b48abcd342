/* SPDX-License-Identifier: Apache-2.0 */
#include "insn.h"

struct insn insn_decode(enum image_machine machine, const uint8_t *bytes, size_t n_bytes)
{
	switch (machine) {
	case IMAGE_X86_64:
		return insn_decode_x86_64(bytes, n_bytes);
	case IMAGE_AARCH64:
		return insn_decode_aarch64(bytes, n_bytes);
	}
	return (struct insn){ 0 };
}
