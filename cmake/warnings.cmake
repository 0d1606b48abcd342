# SPDX-License-Identifier: Apache-2.0
# One list of warnings for everything that we compile.
add_library(autofdod_flags INTERFACE)
target_compile_definitions(autofdod_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
                           AUTOFDOD_VERSION="${PROJECT_VERSION}")
target_compile_options(autofdod_flags INTERFACE
	-Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wvla -Wswitch-enum
	-Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter -fno-strict-aliasing
	-fstack-protector-strong)
if(AUTOFDOD_WERROR)
	target_compile_options(autofdod_flags INTERFACE -Werror)
endif()
