// JSON as text that models write: strings, numbers, any value, and the white
// space between. Space is bounded, so that no answer is made of it: nothing or
// one space after ':', and around the inside of brackets and after ',' nothing,
// one space, or a line break with an indentation of up to kMaxIndent.
//
// Owner: one compilation. Threads: plain value.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/grammar/rules.h"

namespace ondol::text::grammar {

class JsonText {
 public:
  static constexpr std::uint32_t kMaxIndent = 40;  // spaces; a quarter as many tabs
  static constexpr std::uint32_t kMaxDigits = 18;  // of an integer, of a fraction

  explicit JsonText(Rules& rules) : rules_(rules) {}

  ExprId space();  // inside brackets and after ','
  ExprId colon();  // with its space
  ExprId comma();

  /// Any string, escapes as JSON has them; lengths count characters.
  ExprId string();
  ExprId string(std::uint32_t min_length, std::uint32_t max_length);
  /// What follows in a string of the one spelling that json_char_expr has, with
  /// its closing quote.
  ExprId plain_string_rest();

  ExprId number();
  ExprId integer();
  ExprId any_value();
  ExprId any_object();
  /// Exactly this value; space is free between its parts.
  ExprId constant(const boost::json::value& value);

 private:
  ExprId character();  // one, of a string
  ExprId list(ExprId open, ExprId item, ExprId close);
  RuleId shared_rule(std::optional<RuleId>& rule, ExprId body);

  Rules& rules_;
  std::optional<RuleId> indent_, string_, rest_, value_;
};

/// A number of a schema as it is printed: the shortest decimal that reads back
/// as the same number, without an exponent where that is short.
std::string number_text(const boost::json::value& value);

}  // namespace ondol::text::grammar
