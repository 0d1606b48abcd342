# SPDX-License-Identifier: Apache-2.0
#
# autofdod_folder(NAME SOURCES … SEES …)
#
# One static library a folder of daemon/. Its headers are included as "NAME/file.h", through a link
# in the build tree that only those targets see which link the folder: an include that points
# against the direction of the data does not compile.
function(autofdod_folder name)
	cmake_parse_arguments(ARG "" "" "SOURCES;SEES" ${ARGN})
	set(view ${PROJECT_BINARY_DIR}/view/${name})
	file(MAKE_DIRECTORY ${view})
	file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${name} SYMBOLIC)
	add_library(${name} STATIC ${ARG_SOURCES})
	set_target_properties(${name} PROPERTIES OUTPUT_NAME autofdod_${name})
	target_include_directories(${name} PUBLIC ${view})
	target_link_libraries(${name} PUBLIC autofdod_flags ${ARG_SEES})
endfunction()
