// Regular languages of bytes as values: for schemas that say two things at once
// about a string ("pattern" and "maxLength", a key that is none of these names).
//
// Owner: one compilation. Threads: plain value. Bounds: each operation answers
// kLimit above kMaxStates, or when time is over.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/grammar/deadline.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

class ByteDfa {
 public:
  static constexpr std::size_t kMaxStates = 20'000;

  /// REQUIRES: the expression holds bytes only, no tokens; counted calls are
  /// unrolled where they fit.
  static Result<ByteDfa> of(const Rules& rules, ExprId expr, Deadline& deadline,
                            std::string_view where, std::string_view field);

  Result<ByteDfa> both(const ByteDfa& other, Deadline& deadline, std::string_view where,
                       std::string_view field) const {
    return combine(other, true, deadline, where, field);
  }
  Result<ByteDfa> without(const ByteDfa& other, Deadline& deadline, std::string_view where,
                          std::string_view field) const {
    return combine(other, false, deadline, where, field);
  }

  bool matches(std::string_view text) const;
  bool empty() const;  // no string at all
  ExprId expr(Rules& rules) const;

 private:
  static constexpr std::uint32_t kDead = 0;  // state 0 takes nothing and leads nowhere

  struct State {
    std::array<std::uint32_t, 256> next{};
    bool final = false;
  };

  Result<ByteDfa> combine(const ByteDfa& other, bool both, Deadline& deadline,
                          std::string_view where, std::string_view field) const;
  std::vector<bool> useful() const;  // states from which an end can be reached

  std::vector<State> states_ = std::vector<State>(1);
  std::uint32_t start_ = kDead;
};

}  // namespace ondol::text::grammar
