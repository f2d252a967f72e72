// The `loop` object of a for statement. Owner: the values that name it; the
// statement resets `last_changed` at its end, which could hold the loop itself.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "text/jinja/value.h"

namespace ondol::text::jinja {

struct Statement;
struct Scope;

struct LoopState {
  std::vector<Value> items;
  std::size_t index0 = 0;
  std::size_t depth0 = 0;            // of nested recursive calls
  std::uint32_t depth_of_items = 0;  // bounds recursion over values, see kMaxValueDepth
  std::optional<std::vector<Value>> last_changed;
  const Statement* recursive_body = nullptr;  // set for `{% for ... recursive %}`
  Scope* scope = nullptr;                     // where the statement stands
};

}  // namespace ondol::text::jinja
