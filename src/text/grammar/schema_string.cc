#include <optional>

#include "text/grammar/code_points.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema_compiler.h"
#include "text/grammar/string_formats.h"

namespace ondol::text::grammar {
namespace {

constexpr std::uint32_t kMaxCountedLength = 2000;  // beside a pattern or a format

}  // namespace

// One pattern or format alone needs no automaton of its own; several conditions
// are intersected.
Result<ExprId> SchemaCompiler::string_expr(const SchemaNode& node) {
  if (node.min_length > node.max_length) return rules_.nothing();
  if (node.patterns.empty() && node.formats.empty())
    return json_.string(node.min_length, node.max_length);
  ONDOL_TRY(const auto contents, string_contents(node));
  if (contents.empty()) return json_.string();
  const ExprId quote = rules_.literal("\"");
  if (contents.size() == 1) return rules_.seq({quote, contents[0], quote});
  ONDOL_TRY(const ByteDfa all, string_dfa(node));
  return rules_.seq({quote, all.expr(rules_), quote});
}

Result<std::vector<ExprId>> SchemaCompiler::string_contents(const SchemaNode& node) {
  std::vector<ExprId> out;
  for (const auto& [pattern, pointer] : node.patterns) {
    ONDOL_TRY(const ExprId expr,
              pattern_expr(rules_, pattern, {json_char_expr, true}, document_.where(), pointer));
    out.push_back(expr);
  }
  for (const auto& [format, pointer] : node.formats) {
    if (is_annotation_format(format)) continue;
    const auto pattern = format_pattern(format);
    if (!pattern)
      return document_.fail_at(ErrorCode::kUnsupported, pointer,
                               "the format \"" + format + "\" is not supported");
    ONDOL_TRY(const ExprId expr,
              pattern_expr(rules_, *pattern, {json_char_expr, false}, document_.where(), pointer));
    out.push_back(expr);
  }
  if (node.min_length > 0 || node.max_length != kNoBound) {
    if (node.min_length > kMaxCountedLength ||
        (node.max_length != kNoBound && node.max_length > kMaxCountedLength)) {
      return document_.fail_at(
          ErrorCode::kLimit, node.pointer,
          "minLength and maxLength beside a pattern, a format or an enum are limited to 2000");
    }
    out.push_back(
        rules_.repeat(json_char_expr(rules_, CodePoints::all()), node.min_length, node.max_length));
  }
  return out;
}

Result<ByteDfa> SchemaCompiler::string_dfa(const SchemaNode& node) {
  ONDOL_TRY(auto contents, string_contents(node));
  if (contents.empty()) contents.push_back(rules_.star(json_char_expr(rules_, CodePoints::all())));
  ONDOL_TRY(ByteDfa all, dfa(contents[0], node.pointer));
  for (std::size_t i = 1; i < contents.size(); ++i) {
    ONDOL_TRY(const ByteDfa next, dfa(contents[i], node.pointer));
    ONDOL_TRY(all, all.both(next, deadline_, document_.where(), node.pointer));
  }
  return all;
}

}  // namespace ondol::text::grammar
