// The formats of JSON Schema that are enforced, each as a pattern. They are
// narrower than their standards where those are wide (no leap seconds, no quoted
// local parts of addresses, only ASCII), never wider.
//
// Owner: static data. Threads: pure functions.
#pragma once

#include <optional>
#include <string_view>

namespace ondol::text::grammar {

/// The pattern that a whole string must match; nothing for an unknown format.
std::optional<std::string_view> format_pattern(std::string_view format);

/// Formats that say nothing about the text ("password").
bool is_annotation_format(std::string_view format);

}  // namespace ondol::text::grammar
