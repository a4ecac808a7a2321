# What `cmake --install` and CPack put where. Everything is found relative to the program or the
# library, so a prefix may be moved; `lib` is plain, because a prefix holds one architecture.
set(AVCL_LIB lib)
set(AVCL_SHARE share/avcl)
set(AVCL_PLUGINS ${AVCL_LIB}/avcl/plugins-1)

file(GLOB headers ${PROJECT_SOURCE_DIR}/core/include/avcl/*.h)
install(FILES ${headers} DESTINATION include/avcl)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/lua/avcl DESTINATION ${AVCL_SHARE}/lua)
install(FILES ${AVCL_CDEF} DESTINATION ${AVCL_SHARE}/lua/avcl)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/template DESTINATION ${AVCL_SHARE})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/core/doc/ DESTINATION share/doc/avcl)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION share/doc/avcl)
file(STRINGS ${PROJECT_SOURCE_DIR}/core/include/avcl/plugin.h abi REGEX "^#define AVCL_ABI_M[AI][JN]OR")
string(REGEX REPLACE "[^0-9;]+" "" abi "${abi}")
list(JOIN abi "." AVCL_ABI)
configure_file(${PROJECT_SOURCE_DIR}/core/cmake/avcl-plugin.pc.in
  ${CMAKE_BINARY_DIR}/avcl-plugin.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/avcl-plugin.pc DESTINATION ${AVCL_LIB}/pkgconfig)

# The build tree shows templates and headers where an installed prefix has them.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/avcl)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/plugins/template ${CMAKE_BINARY_DIR}/share/avcl/template
  SYMBOLIC)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/core/include ${CMAKE_BINARY_DIR}/include SYMBOLIC)

# Completion is made by the very program it completes.
set(completion ${CMAKE_BINARY_DIR}/completion/avcl)
add_custom_command(OUTPUT ${completion}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completion
  COMMAND sh -c "'$<TARGET_FILE:avcl_program>' lua '${PROJECT_SOURCE_DIR}/core/tools/completion.lua' > '${completion}'"
  DEPENDS avcl_program ${PROJECT_SOURCE_DIR}/core/tools/completion.lua VERBATIM)
add_custom_target(completion ALL DEPENDS ${completion})
install(FILES ${completion} DESTINATION share/bash-completion/completions)

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_NAME avcl)
set(CPACK_PACKAGE_CONTACT "avcl maintainers <avcl@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "experiments in audio-visual contrastive learning")
set(CPACK_PACKAGE_FILE_NAME avcl-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
# What the linker does not see: Lua modules, which OpenBLAS, and a compiler for plugins.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "lua-argparse, lua-filesystem, libopenblas0-openmp")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "gcc, libc6-dev, pkg-config")
include(CPack)
