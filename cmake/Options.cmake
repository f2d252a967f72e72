# Language, warnings, sanitizers. No -march: kernels choose their ISA at run time.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(ONDOL_SANITIZE "" CACHE STRING "Comma list for -fsanitize, e.g. address,undefined")
option(ONDOL_FUZZ "Build the fuzz targets (clang only)" OFF)
option(ONDOL_KERNELS_ONLY "Build the rooms base, tensor and device only, as tests under an emulator do" OFF)
option(ONDOL_WERROR "Warnings are errors (the presets set it)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(ONDOL_CCACHE ccache)
if(ONDOL_CCACHE)
  # base_dir makes hits independent of where the tree was cloned.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${ONDOL_CCACHE})
endif()

find_program(ONDOL_MOLD mold)
if(ONDOL_MOLD AND NOT CMAKE_CROSSCOMPILING)  # a cross compiler looks for one of its own
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Wrong in g++ 12 at -O3 for "literal" + std::string (its bug 105651).
  add_compile_options(-Wno-restrict)
endif()
if(ONDOL_WERROR)
  add_compile_options(-Werror)
endif()

if(ONDOL_SANITIZE)
  add_compile_options(-fsanitize=${ONDOL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ONDOL_SANITIZE})
endif()
if(ONDOL_FUZZ)
  # libstdc++ 12's own std::stable_sort calls what it has deprecated; clang says so.
  add_compile_options(-fsanitize=fuzzer-no-link -Wno-deprecated-declarations)
endif()
