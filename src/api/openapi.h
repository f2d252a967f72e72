// The description of the API, OpenAPI 3.1: the text of openapi.json. A test holds it
// to the table of routes, and another checks real requests and replies against it.
#pragma once

#include <string_view>

namespace ondol::api {

/// Lives for ever.
std::string_view openapi_document();

}  // namespace ondol::api
