// The text of an object whose members are known: declared ones in their order,
// then any others, between bounds on how many there are.
//
// Owner: one compilation. Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/grammar/deadline.h"
#include "text/grammar/json_text.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

struct ObjectShape {
  struct Property {
    std::string name;
    ExprId value = 0;
    bool required = false;
  };
  /// Keys that are not named one by one.
  struct OpenKey {
    ExprId key = 0;  // behind its opening quote, closing quote included
    ExprId value = 0;
  };

  std::vector<Property> properties;
  std::vector<OpenKey> open_keys;
  std::uint32_t min = 0, max = kNoBound;  // members
};

/// Nothing when it would take too many nodes, or too long.
std::optional<ExprId> object_expr(Rules& rules, JsonText& json, const ObjectShape& shape,
                                  Deadline& deadline);

}  // namespace ondol::text::grammar
