# ondol_embed(room file namespace function): `std::string_view function()` of the
# namespace answers the text of src/<room>/<file>, which becomes part of the program.
function(ondol_embed room file namespace function)
  set(source ${CMAKE_SOURCE_DIR}/src/${room}/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  set(generated ${CMAKE_BINARY_DIR}/generated/${room}/${file}.cc)
  file(CONFIGURE OUTPUT ${generated} @ONLY CONTENT [=[
#include <string_view>

namespace @namespace@ {
std::string_view @function@();
std::string_view @function@() { return R"embedded(@text@)embedded"; }
}  // namespace @namespace@
]=])
  target_sources(ondol_${room} PRIVATE ${generated})
endfunction()
