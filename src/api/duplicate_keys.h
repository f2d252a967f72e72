// RFC 8259 leaves open what an object means that has a name twice; readers
// differ, so a request that says two things is refused.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ondol::api {

/// The first name that is there twice in one object of the text; nullopt when
/// there is none before the text's end or its first error.
std::optional<std::string> find_duplicate_key(std::string_view text, std::size_t max_depth);

}  // namespace ondol::api
