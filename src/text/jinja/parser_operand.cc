// What stands between operators: names, constants, tuples, lists, dicts; and what can be assigned
// to.
#include "text/jinja/limits.h"
#include "text/jinja/parser_core.h"

namespace ondol::text::jinja {

ExpressionPtr ExpressionParser::parse_primary() {
  const std::uint32_t at_line = line();
  switch (current().kind) {
    case TokenKind::kName: {
      const std::string name = next().text;
      if (name == "true" || name == "True") return make_constant(true, at_line);
      if (name == "false" || name == "False") return make_constant(false, at_line);
      if (name == "none" || name == "None") return make_constant(None{}, at_line);
      auto node = make(ExpressionKind::kName, at_line);
      node->name = name;
      return node;
    }
    case TokenKind::kString: {
      std::string text;
      while (current().kind == TokenKind::kString) text += next().text;
      return make_constant(make_text(std::move(text)), at_line);
    }
    case TokenKind::kInteger:
      return make_constant(next().integer, at_line);
    case TokenKind::kFloat:
      return make_constant(next().number, at_line);
    default:
      break;
  }
  if (skip_op("(")) {
    ExpressionPtr node = parse_tuple(true, {}, true);
    expect_op(")");
    return node;
  }
  if (at_op("[")) return parse_list();
  if (at_op("{")) return parse_dict();
  error_unexpected();
  return nullptr;
}

bool ExpressionParser::is_tuple_end(std::string_view end_name) const {
  const TokenKind kind = current().kind;
  return kind == TokenKind::kVariableEnd || kind == TokenKind::kBlockEnd || at_op(")") ||
         (!end_name.empty() && at_name(end_name));
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_conditional, std::string_view end_name,
                                            bool in_parentheses) {
  auto node = make(ExpressionKind::kTuple, line());
  bool is_tuple = false;
  while (!failed()) {
    if (!node->operands.empty()) expect_op(",");
    if (failed() || is_tuple_end(end_name)) break;
    node->operands.push_back(parse_expression(with_conditional));
    if (!at_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !node->operands.empty()) return std::move(node->operands.front());
  if (!is_tuple && !in_parentheses) error_unexpected();
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_list() {
  auto node = make(ExpressionKind::kList, line());
  expect_op("[");
  while (!failed() && !at_op("]")) {
    if (!node->operands.empty()) expect_op(",");
    if (at_op("]")) break;
    node->operands.push_back(parse_expression());
  }
  expect_op("]");
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_dict() {
  auto node = make(ExpressionKind::kDict, line());
  expect_op("{");
  while (!failed() && !at_op("}")) {
    if (!node->operands.empty()) expect_op(",");
    if (at_op("}")) break;
    node->operands.push_back(parse_expression());
    expect_op(":");
    node->operands.push_back(parse_expression());
  }
  expect_op("}");
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_target_item(bool with_namespace) {
  const std::uint32_t at_line = line();
  if (at_op("(")) {
    if (depth_ >= kMaxSyntaxDepth) {
      error("expression is nested too deeply", ErrorCode::kLimit);
      return nullptr;
    }
    ++depth_;
    next();
    ExpressionPtr inner = parse_target({}, with_namespace);
    --depth_;
    expect_op(")");
    return inner;
  }
  auto node = make(ExpressionKind::kName, at_line);
  node->name = expect_any_name();
  if (with_namespace && skip_op(".")) {
    auto field = make_unary(ExpressionKind::kNamespaceField, at_line, std::move(node));
    field->name = expect_any_name();
    return field;
  }
  for (const std::string_view reserved : {"true", "false", "none", "True", "False", "None"}) {
    if (node->name == reserved) error("can't assign to '" + node->name + "'");
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_target(std::string_view end_name, bool with_namespace) {
  auto node = make(ExpressionKind::kTuple, line());
  bool is_tuple = false;
  while (!failed()) {
    if (!node->operands.empty()) expect_op(",");
    if (failed() || is_tuple_end(end_name)) break;
    node->operands.push_back(parse_target_item(with_namespace));
    if (!at_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !node->operands.empty()) return std::move(node->operands.front());
  if (!is_tuple) error_unexpected();
  return finish(std::move(node));
}

}  // namespace ondol::text::jinja
