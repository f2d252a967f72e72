#include "text/grammar/json_text.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "text/grammar/code_points.h"

namespace ondol::text::grammar {
namespace {

ExprId one_of(Rules& rules, std::string_view bytes) {
  ByteSet set;
  for (const char c : bytes) set.set(static_cast<std::uint8_t>(c));
  return rules.bytes(set);
}

}  // namespace

RuleId JsonText::shared_rule(std::optional<RuleId>& rule, ExprId body) {
  rule = rules_.declare(true);
  rules_.define(*rule, body);
  return *rule;
}

ExprId JsonText::space() {
  if (!indent_) {
    const ExprId spaces = rules_.repeat(rules_.literal(" "), 0, kMaxIndent);
    const ExprId tabs = rules_.repeat(rules_.literal("\t"), 1, kMaxIndent / 4);
    shared_rule(indent_, rules_.seq({rules_.literal("\n"), rules_.alt({spaces, tabs})}));
  }
  return rules_.alt({rules_.empty(), rules_.literal(" "), rules_.call(*indent_)});
}

ExprId JsonText::colon() {
  return rules_.seq({rules_.literal(":"), rules_.optional(rules_.literal(" "))});
}
ExprId JsonText::comma() { return rules_.seq({rules_.literal(","), space()}); }

// An escaped surrogate stands only before its other half.
ExprId JsonText::character() {
  const CodePoints plain = CodePoints({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}).complement();
  const ExprId hex = one_of(rules_, "0123456789abcdefABCDEF");
  const ExprId d = one_of(rules_, "dD");
  const ExprId basic =
      rules_.alt({rules_.seq({one_of(rules_, "0123456789abcefABCEF"), hex, hex, hex}),
                  rules_.seq({d, one_of(rules_, "01234567"), hex, hex})});
  const ExprId high = rules_.seq({d, one_of(rules_, "89abAB"), hex, hex});
  const ExprId low = rules_.seq({d, one_of(rules_, "cdefCDEF"), hex, hex});
  const ExprId pair = rules_.seq({high, rules_.literal("\\u"), low});
  return rules_.alt({utf8_expr(rules_, plain),
                     rules_.seq({rules_.literal("\\"), one_of(rules_, "\"\\/bfnrt")}),
                     rules_.seq({rules_.literal("\\u"), rules_.alt({basic, pair})})});
}

ExprId JsonText::string() {
  if (!string_) {
    const ExprId quote = rules_.literal("\"");
    shared_rule(string_, rules_.seq({quote, rules_.star(character()), quote}));
  }
  return rules_.call(*string_);
}

ExprId JsonText::string(std::uint32_t min_length, std::uint32_t max_length) {
  if (min_length == 0 && max_length == kNoBound) return string();
  const ExprId quote = rules_.literal("\"");
  return rules_.seq({quote, rules_.repeat(character(), min_length, max_length), quote});
}

ExprId JsonText::plain_string_rest() {
  if (!rest_) {
    shared_rule(rest_, rules_.seq({rules_.star(json_char_expr(rules_, CodePoints::all())),
                                   rules_.literal("\"")}));
  }
  return rules_.call(*rest_);
}

ExprId JsonText::integer() {
  const ExprId digit = one_of(rules_, "0123456789");
  const ExprId positive =
      rules_.seq({one_of(rules_, "123456789"), rules_.repeat(digit, 0, kMaxDigits - 1)});
  return rules_.alt(
      {rules_.literal("0"), rules_.seq({rules_.optional(rules_.literal("-")), positive})});
}

// Exponents of three digits only after a single digit: nothing above 1e300, which
// no reader of JSON takes for infinity.
ExprId JsonText::number() {
  const ExprId digit = one_of(rules_, "0123456789");
  const ExprId minus = rules_.optional(rules_.literal("-"));
  const ExprId whole = rules_.alt(
      {rules_.literal("0"),
       rules_.seq({one_of(rules_, "123456789"), rules_.repeat(digit, 0, kMaxDigits - 1)})});
  const ExprId fraction =
      rules_.optional(rules_.seq({rules_.literal("."), rules_.repeat(digit, 1, kMaxDigits)}));
  const ExprId e = rules_.seq({one_of(rules_, "eE"), rules_.optional(one_of(rules_, "+-"))});
  const ExprId small = rules_.optional(rules_.seq({e, rules_.repeat(digit, 1, 2)}));
  const ExprId large = rules_.seq({e, one_of(rules_, "12"), digit, digit});
  return rules_.seq({minus, rules_.alt({rules_.seq({whole, fraction, small}),
                                        rules_.seq({digit, fraction, large})})});
}

// open space (item (comma item)*)? space close
ExprId JsonText::list(ExprId open, ExprId item, ExprId close) {
  Graph graph;
  const std::uint32_t begin = graph.node();
  const std::uint32_t before = graph.node();
  const std::uint32_t after = graph.node();
  const std::uint32_t end = graph.node();
  graph.edge(begin, rules_.seq({open, space()}), before);
  graph.edge(before, item, after);
  graph.edge(after, comma(), before);
  graph.edge(after, rules_.seq({space(), close}), end);
  graph.ends = {end};
  return rules_.alt({rules_.graph(std::move(graph)), rules_.seq({open, space(), close})});
}

ExprId JsonText::any_object() {
  const ExprId member = rules_.seq({string(), colon(), any_value()});
  return list(rules_.literal("{"), member, rules_.literal("}"));
}

ExprId JsonText::any_value() {
  if (!value_) {
    value_ = rules_.declare(true);
    rules_.define(
        *value_,
        rules_.alt({string(), number(), rules_.literal("true"), rules_.literal("false"),
                    rules_.literal("null"), any_object(),
                    list(rules_.literal("["), rules_.call(*value_), rules_.literal("]"))}));
  }
  return rules_.call(*value_);
}

ExprId JsonText::constant(const boost::json::value& value) {
  const auto in_brackets = [&](char open, std::vector<ExprId> parts, char close) {
    std::vector<ExprId> all = {rules_.literal({&open, 1}), space()};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) all.push_back(comma());
      all.push_back(parts[i]);
    }
    if (!parts.empty()) all.push_back(space());
    all.push_back(rules_.literal({&close, 1}));
    return rules_.seq(all);
  };
  const auto quoted = [&](std::string_view text) {
    return rules_.literal("\"" + json_string_content(text) + "\"");
  };
  std::vector<ExprId> parts;
  switch (value.kind()) {
    case boost::json::kind::null:
      return rules_.literal("null");
    case boost::json::kind::bool_:
      return rules_.literal(value.get_bool() ? "true" : "false");
    case boost::json::kind::string:
      return quoted(value.get_string());
    case boost::json::kind::array:
      for (const auto& item : value.get_array()) parts.push_back(constant(item));
      return in_brackets('[', std::move(parts), ']');
    case boost::json::kind::object:
      for (const auto& member : value.get_object()) {
        parts.push_back(rules_.seq({quoted(member.key()), colon(), constant(member.value())}));
      }
      return in_brackets('{', std::move(parts), '}');
    default:
      return rules_.literal(number_text(value));
  }
}

std::string number_text(const boost::json::value& value) {
  if (value.is_int64()) return std::to_string(value.get_int64());
  if (value.is_uint64()) return std::to_string(value.get_uint64());
  const double number = value.get_double();
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  if (number == std::floor(number) && std::abs(number) < kExactIntegers)
    return fmt::format("{:.0f}", number);
  return fmt::format("{}", number);
}

}  // namespace ondol::text::grammar
