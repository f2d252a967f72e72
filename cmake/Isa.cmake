# Files built for one instruction set each; the program chooses at run time. These
# flags never go to any other file: see src/device/cpu/int8_codes-inl.h.
set(isa_avx2 -mavx2 -mfma -mf16c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(isa_flags_avx2 ${isa_avx2})
  set(isa_flags_avx_vnni ${isa_avx2} -mavxvnni)
  set(isa_flags_avx512_vnni ${isa_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 warns about its own _mm512_undefined_* (GCC bug 105593).
    list(APPEND isa_flags_avx512_vnni -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(isa_flags_neon_dotprod -march=armv8.2-a+dotprod)
endif()

if(ONDOL_SANITIZE)
  # g++ 12 takes minutes a file at -O2 to optimize the checks of unrolled tiles.
  set(isa_optimization -O1)
endif()
# Where an architecture always has fused multiply-add (64-bit Arm), the compiler would fuse in the tile of
# one row and not in the tile of four, and a row's bits would depend on its company.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/device/cpu/isa_scalar.cc PROPERTIES
  COMPILE_OPTIONS "-ffp-contract=off;${isa_optimization}")

foreach(isa avx2 avx_vnni avx512_vnni neon_dotprod)
  foreach(kernels isa limits)
    set(source ${CMAKE_SOURCE_DIR}/src/device/cpu/${kernels}_${isa}.cc)
    if(isa_flags_${isa})
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${isa_flags_${isa}};${isa_optimization}")
    else()
      set_source_files_properties(${source} PROPERTIES HEADER_FILE_ONLY ON)  # another architecture's
    endif()
  endforeach()
endforeach()
