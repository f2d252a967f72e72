// What follows an operand: attributes, subscripts and slices, calls, filters, tests.
#include "text/jinja/parser_core.h"

namespace ondol::text::jinja {

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr node) {
  while (!failed()) {
    if (at_op(".")) {
      node = parse_dot(std::move(node));
    } else if (at_op("[")) {
      node = parse_subscript(std::move(node));
    } else if (at_op("(")) {
      node = parse_call(std::move(node));
    } else {
      break;
    }
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_filter_expression(ExpressionPtr node) {
  while (!failed()) {
    if (at_op("|")) {
      node = parse_filters(std::move(node));
    } else if (at_name("is")) {
      node = parse_test(std::move(node));
    } else if (at_op("(")) {
      node = parse_call(std::move(node));
    } else {
      break;
    }
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_dot(ExpressionPtr node) {
  const std::uint32_t at_line = line();
  expect_op(".");
  if (current().kind == TokenKind::kInteger) {
    ExpressionPtr index = make_constant(next().integer, at_line);
    return make_binary(ExpressionKind::kSubscript, at_line, std::move(node), std::move(index));
  }
  ExpressionPtr out = make_unary(ExpressionKind::kAttribute, at_line, std::move(node));
  out->name = expect_any_name();
  return out;
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr node) {
  const std::uint32_t at_line = line();
  expect_op("[");
  auto items = make(ExpressionKind::kTuple, at_line);
  while (!failed() && !at_op("]")) {
    if (!items->operands.empty()) expect_op(",");
    items->operands.push_back(parse_subscript_item());
  }
  expect_op("]");
  ExpressionPtr index =
      items->operands.size() == 1 ? std::move(items->operands[0]) : finish(std::move(items));
  return make_binary(ExpressionKind::kSubscript, at_line, std::move(node), std::move(index));
}

ExpressionPtr ExpressionParser::parse_subscript_item() {
  const std::uint32_t at_line = line();
  ExpressionPtr start;
  if (!at_op(":")) {
    start = parse_expression();
    if (!at_op(":")) return start;
  }
  auto node = make(ExpressionKind::kSlice, at_line);
  node->operands.push_back(std::move(start));
  const auto part = [this]() -> ExpressionPtr {
    if (!skip_op(":") || at_op(":") || at_op("]") || at_op(",")) return nullptr;
    return parse_expression();
  };
  node->operands.push_back(part());
  node->operands.push_back(part());
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr node) {
  auto call = make(ExpressionKind::kCall, line());
  call->operands.push_back(std::move(node));
  call->arguments = parse_arguments();
  return finish(std::move(call));
}

std::unique_ptr<Arguments> ExpressionParser::parse_arguments() {
  auto out = std::make_unique<Arguments>();
  expect_op("(");
  bool needs_comma = false;
  while (!failed() && !at_op(")")) {
    if (needs_comma) {
      expect_op(",");
      if (at_op(")")) break;
    }
    parse_argument(out.get());
    needs_comma = true;
  }
  expect_op(")");
  return out;
}

void ExpressionParser::parse_argument(Arguments* out) {
  const bool is_named = current().kind == TokenKind::kName && look().is(TokenKind::kOperator, "=");
  if (at_op("*") && !out->star && !out->double_star) {
    next();
    out->star = parse_expression();
  } else if (at_op("**") && !out->double_star) {
    next();
    out->double_star = parse_expression();
  } else if (is_named && !out->double_star) {
    std::string name = next().text;
    next();
    out->named.push_back({std::move(name), parse_expression()});
  } else if (!is_named && !at_op("*") && !at_op("**") && !out->star && !out->double_star &&
             out->named.empty()) {
    out->positional.push_back(parse_expression());
  } else {
    error("invalid syntax for function call expression");
  }
}

std::string ExpressionParser::parse_dotted_name() {
  std::string name = expect_any_name();
  while (!failed() && skip_op(".")) name += "." + expect_any_name();
  return name;
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr input, bool starts) {
  while (!failed() && (starts || skip_op("|"))) {
    starts = false;
    auto node = make(ExpressionKind::kFilter, line());
    node->operands.push_back(std::move(input));
    node->name = parse_dotted_name();
    node->arguments = at_op("(") ? parse_arguments() : std::make_unique<Arguments>();
    input = finish(std::move(node));
  }
  return input;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr input) {
  const std::uint32_t at_line = line();
  expect_name("is");
  const bool negated = skip_name("not");
  auto node = make(ExpressionKind::kTest, at_line);
  node->operands.push_back(std::move(input));
  node->name = parse_dotted_name();
  const TokenKind kind = current().kind;
  const bool is_literal = kind == TokenKind::kString || kind == TokenKind::kInteger ||
                          kind == TokenKind::kFloat || at_op("[") || at_op("{");
  const bool is_operand =
      kind == TokenKind::kName && !at_name("else") && !at_name("or") && !at_name("and");
  if (at_op("(")) {
    node->arguments = parse_arguments();
  } else {
    node->arguments = std::make_unique<Arguments>();
    if (at_name("is")) error("tests cannot be chained with is");
    if (is_literal || is_operand) {
      ExpressionPtr operand = parse_primary();
      node->arguments->positional.push_back(parse_postfix(std::move(operand)));
    }
  }
  ExpressionPtr out = finish(std::move(node));
  return negated ? make_unary(ExpressionKind::kNot, at_line, std::move(out)) : std::move(out);
}

}  // namespace ondol::text::jinja
