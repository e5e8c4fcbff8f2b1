# mlc_precompiled(TARGET [test]): TARGET gets cmake/precompiled.h, or cmake/precompiled_test.h, as a header
# that is compiled once for all targets.
#
# Not with ccache, which misses every file behind such a header, and saves more; not with g++, which then
# takes what its own headers do for ours and warns of it (bounds in std::string). Those builds, and
# clang-tidy, also show includes that a file lacks by itself.
if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES ccache OR NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()

function(mlc_precompiled target)
  set(name precompiled)
  if("test" IN_LIST ARGN)
    set(name precompiled_test)
  endif()
  # An object library without code, whose flags are those of all targets that use its header.
  if(NOT TARGET ${name})
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${name}.cc CONTENT "")
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/generated/${name}.cc)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE fmt::fmt Threads::Threads)
    target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/${name}.h)
    if("test" IN_LIST ARGN)
      target_link_libraries(${name} PRIVATE unit_test)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${name})
endfunction()
