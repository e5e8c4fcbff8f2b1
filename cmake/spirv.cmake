# The kernels as SPIR-V within the program: mlc_spirv(TARGET "NAME FILE [-DMACRO]..."...) compiles each
# line for Vulkan 1.1, optimizes and validates it, and adds generated/spirv.cc, which
# runtime-min/vulkan/shaders.h describes, to the target.
find_program(MLC_GLSLANG glslangValidator REQUIRED)
find_program(MLC_SPIRV_OPT spirv-opt REQUIRED)
find_program(MLC_SPIRV_VAL spirv-val REQUIRED)

function(mlc_spirv target)
  set(folder ${CMAKE_SOURCE_DIR}/runtime-min/kernels)
  set(work ${CMAKE_BINARY_DIR}/spirv)
  file(MAKE_DIRECTORY ${work} ${CMAKE_BINARY_DIR}/generated)
  file(GLOB includes CONFIGURE_DEPENDS ${folder}/*.glsl)
  set(names "")
  set(modules "")
  list(SORT ARGN)
  foreach(line IN LISTS ARGN)
    separate_arguments(words UNIX_COMMAND "${line}")
    list(POP_FRONT words name file)
    add_custom_command(
      OUTPUT ${work}/${name}.spv
      COMMAND ${MLC_GLSLANG} --quiet -V --target-env vulkan1.1 ${words} -I${folder} ${folder}/${file}.comp
        -o ${work}/${name}.raw.spv
      COMMAND ${MLC_SPIRV_OPT} --target-env=vulkan1.1 -O ${work}/${name}.raw.spv -o ${work}/${name}.spv
      COMMAND ${MLC_SPIRV_VAL} --target-env vulkan1.1 ${work}/${name}.spv
      DEPENDS ${folder}/${file}.comp ${includes}
      COMMENT "SPIR-V ${name}" VERBATIM)
    list(APPEND names ${name})
    list(APPEND modules ${work}/${name}.spv)
  endforeach()
  add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/generated/spirv.cc
    COMMAND ${CMAKE_COMMAND} "-DNAMES=${names}" -DFOLDER=${work} -DOUTPUT=${CMAKE_BINARY_DIR}/generated/spirv.cc
      -P ${CMAKE_SOURCE_DIR}/cmake/embed_spirv.cmake
    DEPENDS ${modules} ${CMAKE_SOURCE_DIR}/cmake/embed_spirv.cmake
    COMMENT "SPIR-V of ${target}" VERBATIM)
  target_sources(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated/spirv.cc)
endfunction()
