// Entity tags (RFC 9110 section 8.8.3) and the conditions that requests make of them.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ondol::api {

/// The first 32 hex digits of the SHA-256, in the quotes of a strong tag.
std::string entity_tag_of(std::string_view bytes);

/// If-None-Match, compared weakly: whether one of the listed tags, or "*", is `current`.
bool none_match_fails(std::string_view header, std::string_view current);

/// If-Match, compared strongly; nullopt: there is no such thing, which not even "*" matches.
bool match_holds(std::string_view header, std::optional<std::string_view> current);

}  // namespace ondol::api
