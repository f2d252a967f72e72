// Lower case, character by character with full mappings, as Rust's
// char::to_lowercase: no context, "İ" becomes "i" and a dot above.
#pragma once

#include <string>
#include <string_view>

namespace ondol::text {

std::string to_lower(std::string_view text);

}  // namespace ondol::text
