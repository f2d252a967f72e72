// Sets of Unicode characters and their UTF-8 as byte expressions. Surrogates and
// what lies above U+10FFFF are never members: what a grammar lets through is
// valid UTF-8.
//
// Owner: plain value. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/grammar/rules.h"

namespace ondol::text::grammar {

class CodePoints {
 public:
  using Range = std::pair<char32_t, char32_t>;  // both ends are members

  CodePoints() = default;
  explicit CodePoints(std::vector<Range> ranges);
  static CodePoints one(char32_t c) { return CodePoints({{c, c}}); }
  static CodePoints all() { return CodePoints({{0, 0x10FFFF}}); }

  void add(const CodePoints& other);
  CodePoints complement() const;
  CodePoints intersect(const CodePoints& other) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const& { return ranges_; }
  void ranges() const&& = delete;  // of a temporary would dangle

 private:
  void normalize();

  std::vector<Range> ranges_;  // sorted, apart, without surrogates
};

/// One of the characters, as UTF-8.
ExprId utf8_expr(Rules& rules, const CodePoints& set);

/// One of the characters as it stands in a JSON string: as itself, or as the
/// shortest escape where JSON wants one. Each string has one such spelling.
ExprId json_char_expr(Rules& rules, const CodePoints& set);

/// The content of a JSON string, spelled that way. REQUIRES: valid UTF-8.
std::string json_string_content(std::string_view text);

}  // namespace ondol::text::grammar
