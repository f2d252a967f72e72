include(GoogleTest)

# ondol_room(name DEPS room... LIBS library...): src/<name>/**.cc becomes the
# library ondol_<name>; its *_test.cc become the test program <name>_test.
function(ondol_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS;LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  if(sources)
    set(scope PUBLIC)
    add_library(ondol_${name} STATIC ${sources})
  else()
    set(scope INTERFACE)
    add_library(ondol_${name} INTERFACE)
  endif()
  target_include_directories(ondol_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM ROOM_DEPS PREPEND ondol_)
  target_link_libraries(ondol_${name} ${scope} ${ROOM_DEPS} ${ROOM_LIBS})

  if(tests)
    ondol_test(${name}_test ROOMS ${name} SOURCES ${tests})
  endif()
endfunction()

# ondol_test(name ROOMS room... SOURCES file...): a GoogleTest program. It runs in
# the source folder, so tests name files as "tests/golden/x.npy".
function(ondol_test name)
  cmake_parse_arguments(TEST "" "" "ROOMS;SOURCES" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  list(TRANSFORM TEST_ROOMS PREPEND ondol_)
  target_link_libraries(${name} PRIVATE ${TEST_ROOMS} GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES TIMEOUT 300)
endfunction()

function(ondol_program name room source)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ondol_${room})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
