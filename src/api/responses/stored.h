// What comes out of the store of responses: JSON again, or a refusal.
// Pure functions.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "api/errors.h"

namespace ondol::api {

/// 507 when there is no room; by the table of errors.cc else.
Refusal refusal_of_store(const Error& error);

/// Body or input of a StoredResponse. Throws when it is no JSON: somebody else wrote it.
boost::json::value parse_stored(const std::string& text);

}  // namespace ondol::api
