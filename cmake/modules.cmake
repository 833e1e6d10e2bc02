# What every target of ours shares, and the two functions that make them.

add_library(ep_options INTERFACE)
target_compile_options(ep_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
target_compile_definitions(ep_options INTERFACE _POSIX_C_SOURCE=200809L)
target_include_directories(ep_options INTERFACE ${PROJECT_SOURCE_DIR})
if(EP_SANITIZE)
  target_compile_options(ep_options INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ep_options INTERFACE -fsanitize=address,undefined)
endif()

# ep_module(NAME SOURCES... [LINKS...]): the static library of one folder, `ep_NAME`.
function(ep_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_library(ep_${name} STATIC ${arg_SOURCES})
  target_link_libraries(ep_${name} PUBLIC ep_options ${arg_LINKS})
endfunction()
