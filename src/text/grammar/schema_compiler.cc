#include "text/grammar/schema_compiler.h"

#include <algorithm>

#include "text/grammar/code_points.h"
#include "text/grammar/json_schema.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxExpanded = 2000;
constexpr std::size_t kMaxSchemas = 20'000;  // rules

}  // namespace

Result<ExprId> json_schema_expr(Rules& rules, JsonText& json, std::string_view schema,
                                Deadline& deadline, std::string_view where) {
  ONDOL_TRY(const SchemaDocument document, SchemaDocument::parse(schema, where));
  return SchemaCompiler(rules, json, document, deadline).run();
}

// Bodies wait in a list instead of a recursion: schemas may refer to each other
// in chains of any length.
Result<ExprId> SchemaCompiler::run() {
  ONDOL_TRY(const ExprId root, conjunction({document_.root()}));
  while (!pending_.empty()) {
    const Pending next = std::move(pending_.back());
    pending_.pop_back();
    if (deadline_.passed_now() || rules_.over_limit()) {
      return document_.fail_at(ErrorCode::kLimit, next.schemas[0].pointer,
                               "the schema is too large, or takes too long to compile");
    }
    ONDOL_TRY(const ExprId expr, body(next.schemas));
    rules_.define(next.rule, expr);
  }
  return root;
}

Result<ExprId> SchemaCompiler::conjunction(std::vector<SchemaRef> schemas) {
  for (SchemaRef& schema : schemas) {
    ONDOL_TRY(schema, document_.follow(schema));
  }
  std::erase_if(schemas, [](const SchemaRef& s) {
    return (s.value->is_bool() && s.value->get_bool()) ||
           (s.value->is_object() && s.value->get_object().empty());
  });
  if (schemas.empty()) return json_.any_value();
  std::vector<const boost::json::value*> key;
  for (const SchemaRef& schema : schemas) key.push_back(schema.value);
  std::ranges::sort(key);
  const auto [first, last] = std::ranges::unique(key);
  key.erase(first, last);
  if (const auto at = known_.find(key); at != known_.end()) return rules_.call(at->second);
  if (known_.size() >= kMaxSchemas)
    return document_.fail_at(ErrorCode::kLimit, schemas[0].pointer,
                             "the schema has too many parts");
  const RuleId rule = rules_.declare();
  known_.emplace(std::move(key), rule);
  pending_.push_back({rule, std::move(schemas)});
  return rules_.call(rule);
}

Result<ExprId> SchemaCompiler::body(std::span<const SchemaRef> schemas) {
  SchemaNode node;
  for (const SchemaRef& schema : schemas) ONDOL_TRY_VOID(document_.merge(schema, node));
  if (node.closed && schemas.size() > 1) {
    // It would have to look at its own schema only, and the others are merged into it.
    return document_.fail_at(
        ErrorCode::kUnsupported, node.pointer,
        "unevaluatedProperties beside other schemas for the same value is not supported");
  }
  return node_expr(node);
}

Result<ExprId> SchemaCompiler::node_expr(const SchemaNode& node) {
  if (!node.choices.empty()) return choice_expr(node);
  if (node.values) return values_expr(node);
  std::vector<ExprId> parts;
  const auto add = [&](Result<ExprId> expr) -> Result<void> {
    ONDOL_TRY(const ExprId part, std::move(expr));
    parts.push_back(part);
    return {};
  };
  const std::uint8_t types = node.types;
  if ((types & kObject) != 0) ONDOL_TRY_VOID(add(object_of(node)));
  if ((types & kArray) != 0) ONDOL_TRY_VOID(add(array_expr(node)));
  if ((types & kString) != 0) ONDOL_TRY_VOID(add(string_expr(node)));
  if ((types & kInteger) != 0 && node.divisor > 1) ONDOL_TRY_VOID(add(divisible_expr(node)));
  if ((types & kInteger) != 0 && node.divisor == 1)
    parts.push_back(number_expr(node, (types & kFraction) == 0));
  if ((types & kBoolean) != 0)
    parts.push_back(rules_.alt({rules_.literal("true"), rules_.literal("false")}));
  if ((types & kNull) != 0) parts.push_back(rules_.literal("null"));
  return rules_.alt(parts);
}

// Choices that stand alone keep their branches as rules of their own; others are
// tried one by one together with what stands beside them.
Result<ExprId> SchemaCompiler::choice_expr(const SchemaNode& node) {
  const Choice& choice = node.choices.back();
  SchemaNode rest = node;
  rest.choices.pop_back();
  if (choice.exactly_one) ONDOL_TRY_VOID(check_apart(rest, choice));
  std::vector<ExprId> parts;
  for (const SchemaRef& branch : choice.branches) {
    if (node.plain && node.choices.size() == 1) {
      ONDOL_TRY(const ExprId part, conjunction({branch}));
      parts.push_back(part);
      continue;
    }
    if (++n_expanded_ > kMaxExpanded) {
      return document_.fail_at(ErrorCode::kLimit, choice.pointer,
                               "too many combinations of choices", std::to_string(n_expanded_));
    }
    ONDOL_TRY(const SchemaNode merged, with_branch(rest, branch));
    ONDOL_TRY(const ExprId part, node_expr(merged));
    parts.push_back(part);
  }
  return rules_.alt(parts);
}

Result<SchemaNode> SchemaCompiler::with_branch(const SchemaNode& node, const SchemaRef& branch) {
  SchemaNode out = node;
  ONDOL_TRY_VOID(document_.merge(branch, out));
  return out;
}

Result<ExprId> SchemaCompiler::values_expr(const SchemaNode& node) {
  std::vector<ExprId> parts;
  StringTests strings;
  for (const boost::json::value* value : *node.values) {
    if (deadline_.passed())
      return document_.fail_at(ErrorCode::kLimit, node.pointer,
                               "the schema takes too long to compile");
    ONDOL_TRY(const bool admitted, admits(node, *value, strings));
    if (admitted) parts.push_back(json_.constant(*value));
  }
  return rules_.alt(parts);
}

Result<bool> SchemaCompiler::admits(const SchemaNode& node, const boost::json::value& value,
                                    StringTests& strings) {
  const std::uint8_t type = type_of(value);
  if ((node.types & type) == 0) return false;
  if (type == kInteger || type == kFraction) {
    const Decimal number = Decimal::parse(number_text(value));
    if (node.divisor > 1 && (type == kFraction || number.whole.size() > 18 ||
                             std::stoll(number.whole) % node.divisor != 0))
      return false;
    return node.range.contains(number);
  }
  if (type == kString) {
    const bool free = node.patterns.empty() && node.formats.empty() && node.min_length == 0 &&
                      node.max_length == kNoBound;
    if (free) return true;
    if (!strings) {
      ONDOL_TRY(const auto contents, string_contents(node));
      strings.emplace();
      for (const ExprId part : contents) {
        ONDOL_TRY(ByteDfa test, dfa(part, node.pointer));
        strings->push_back(std::move(test));
      }
    }
    const std::string content = json_string_content(value.get_string());
    return std::ranges::all_of(*strings,
                               [&](const ByteDfa& test) { return test.matches(content); });
  }
  const bool object_said = !node.object_parts.empty() || !node.required.empty() ||
                           node.min_properties > 0 || node.max_properties != kNoBound ||
                           !node.property_names.empty() || node.closed;
  const bool array_said =
      !node.array_parts.empty() || node.min_items > 0 || node.max_items != kNoBound;
  if ((type == kObject && object_said) || (type == kArray && array_said)) {
    return document_.fail_at(ErrorCode::kUnsupported, node.pointer,
                             "objects and arrays in \"enum\" or \"const\" beside other keywords "
                             "for them are not supported");
  }
  return true;
}

ExprId SchemaCompiler::number_expr(const SchemaNode& node, bool integers_only) const {
  if (integers_only)
    return node.range.bounded() ? integer_range_expr(rules_, node.range) : json_.integer();
  return node.range.bounded() ? number_range_expr(rules_, node.range) : json_.number();
}

Result<ExprId> SchemaCompiler::divisible_expr(const SchemaNode& node) {
  ONDOL_TRY(const ByteDfa multiples, dfa(multiples_expr(rules_, node.divisor), node.pointer));
  ONDOL_TRY(const ByteDfa range, dfa(integer_range_expr(rules_, node.range), node.pointer));
  ONDOL_TRY(const ByteDfa both, multiples.both(range, deadline_, document_.where(), node.pointer));
  return both.expr(rules_);
}

Result<ByteDfa> SchemaCompiler::dfa(ExprId expr, const std::string& pointer) {
  return ByteDfa::of(rules_, expr, deadline_, document_.where(), pointer);
}

}  // namespace ondol::text::grammar
