# The client's built files (web/, see ONDOL_WEB_DIST) become part of the program. Without
# them there is one page that says how to get them.
set(ONDOL_WEB_DIST "" CACHE PATH "Folder of the client's built files; empty: web/dist, if it is there")

# ondol_embed_client(room): the files as ondol::api::embedded_client() of src/api/client/client_file.h.
function(ondol_embed_client room)
  set(dist ${ONDOL_WEB_DIST})
  if(NOT dist)
    set(dist ${CMAKE_SOURCE_DIR}/web/dist)
  endif()
  # Looked at before each build, so that a client that is built later, or anew, is noticed.
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${dist}/*)
  if(NOT files)
    if(ONDOL_WEB_DIST)
      message(FATAL_ERROR "ONDOL_WEB_DIST: ${ONDOL_WEB_DIST} has no files")
    endif()
    set(dist ${CMAKE_SOURCE_DIR}/src/api/client/missing)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${dist}/*)
  endif()

  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(tool ${CMAKE_SOURCE_DIR}/cmake/embed_client.py)
  set(generated ${CMAKE_BINARY_DIR}/generated/client)
  add_custom_command(
    OUTPUT ${generated}/client.cc ${generated}/client.bin
    COMMAND ${Python3_EXECUTABLE} ${tool} ${dist} ${generated}
    DEPENDS ${tool} ${files}
    COMMENT "Embedding the client of ${dist}"
    VERBATIM)
  # The compiler takes client.bin in by .incbin, which no scan for includes sees.
  set_source_files_properties(${generated}/client.cc PROPERTIES
    OBJECT_DEPENDS "${generated}/client.bin;${CMAKE_SOURCE_DIR}/src/api/client/client_file.h")
  target_sources(ondol_${room} PRIVATE ${generated}/client.cc)
endfunction()
