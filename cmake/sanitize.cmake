# SPDX-License-Identifier: Apache-2.0
# AUTOFDOD_SANITIZE=address,undefined builds everything, tests included, with these sanitizers.
set(AUTOFDOD_SANITIZE "" CACHE STRING "comma-separated sanitizers for everything")
if(AUTOFDOD_SANITIZE)
	target_compile_options(autofdod_flags INTERFACE
		-fsanitize=${AUTOFDOD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(autofdod_flags INTERFACE -fsanitize=${AUTOFDOD_SANITIZE})
endif()
if(AUTOFDOD_FUZZ)
	target_compile_options(autofdod_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
