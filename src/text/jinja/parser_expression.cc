// Expressions, by recursive descent with Jinja's precedence: conditional, or, and, not, comparison,
// + -,
// ~, * / // %, **, unary; what binds tighter is in parser_operand.cc and parser_postfix.cc.
#include <algorithm>

#include "text/jinja/limits.h"
#include "text/jinja/parser_core.h"

namespace ondol::text::jinja {

ExpressionPtr ExpressionParser::make(ExpressionKind kind, std::uint32_t at_line) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = at_line;
  return node;
}

// Left-associative chains grow without recursion of the parser, so the depth of
// the tree is counted here, where each node has its children.
ExpressionPtr ExpressionParser::finish(ExpressionPtr node) {
  const auto take = [&node](const ExpressionPtr& child) {
    if (child) node->depth = std::max(node->depth, child->depth + 1);
  };
  std::for_each(node->operands.begin(), node->operands.end(), take);
  if (node->arguments) {
    for (const auto& child : node->arguments->positional) take(child);
    for (const auto& child : node->arguments->named) take(child.value);
    take(node->arguments->star);
    take(node->arguments->double_star);
  }
  if (node->depth > kMaxSyntaxDepth) error("expression is nested too deeply", ErrorCode::kLimit);
  return node;
}

ExpressionPtr ExpressionParser::make_unary(ExpressionKind kind, std::uint32_t at_line,
                                           ExpressionPtr operand) {
  auto node = make(kind, at_line);
  node->operands.push_back(std::move(operand));
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::make_binary(ExpressionKind kind, std::uint32_t at_line,
                                            ExpressionPtr left, ExpressionPtr right) {
  auto node = make(kind, at_line);
  node->operands.push_back(std::move(left));
  node->operands.push_back(std::move(right));
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::make_constant(Value value, std::uint32_t at_line) {
  auto node = make(ExpressionKind::kConstant, at_line);
  node->constant = std::move(value);
  return node;
}

ExpressionPtr ExpressionParser::parse_expression(bool with_conditional) {
  if (depth_ >= kMaxSyntaxDepth) {
    error("expression is nested too deeply", ErrorCode::kLimit);
    return nullptr;
  }
  ++depth_;
  ExpressionPtr node = with_conditional ? parse_conditional() : parse_or();
  --depth_;
  return node;
}

ExpressionPtr ExpressionParser::parse_conditional() {
  const std::uint32_t at_line = line();
  ExpressionPtr value = parse_or();
  while (skip_name("if")) {
    auto node = make(ExpressionKind::kConditional, at_line);
    node->operands.push_back(parse_or());
    node->operands.push_back(std::move(value));
    node->operands.push_back(skip_name("else") ? parse_expression() : nullptr);
    value = finish(std::move(node));
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_or() {
  const std::uint32_t at_line = line();
  ExpressionPtr left = parse_and();
  while (skip_name("or")) {
    left = make_binary(ExpressionKind::kOr, at_line, std::move(left), parse_and());
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  const std::uint32_t at_line = line();
  ExpressionPtr left = parse_not();
  while (skip_name("and")) {
    left = make_binary(ExpressionKind::kAnd, at_line, std::move(left), parse_not());
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  const std::uint32_t at_line = line();
  std::size_t n_nots = 0;
  while (skip_name("not")) ++n_nots;
  ExpressionPtr node = parse_compare();
  for (; n_nots > 0 && !failed(); --n_nots) {
    node = make_unary(ExpressionKind::kNot, at_line, std::move(node));
  }
  return node;
}

bool ExpressionParser::take_compare_operator(Operator* op) {
  struct Row {
    std::string_view text;
    Operator op;
  };
  static constexpr Row kRows[] = {{"==", Operator::kEqual},  {"!=", Operator::kNotEqual},
                                  {"<", Operator::kLess},    {"<=", Operator::kLessEqual},
                                  {">", Operator::kGreater}, {">=", Operator::kGreaterEqual}};
  for (const Row& row : kRows) {
    if (skip_op(row.text)) {
      *op = row.op;
      return true;
    }
  }
  if (skip_name("in")) {
    *op = Operator::kIn;
    return true;
  }
  if (at_name("not") && look().is(TokenKind::kName, "in")) {
    next();
    next();
    *op = Operator::kNotIn;
    return true;
  }
  return false;
}

ExpressionPtr ExpressionParser::parse_compare() {
  const std::uint32_t at_line = line();
  ExpressionPtr first = parse_sum();
  Operator op{};
  if (!take_compare_operator(&op)) return first;
  auto node = make(ExpressionKind::kCompare, at_line);
  node->operands.push_back(std::move(first));
  do {
    node->ops.push_back(op);
    node->operands.push_back(parse_sum());
  } while (take_compare_operator(&op));
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_sum() {
  const std::uint32_t at_line = line();
  ExpressionPtr left = parse_concat();
  while (at_op("+") || at_op("-")) {
    const Operator op = next().text == "+" ? Operator::kAdd : Operator::kSubtract;
    left = make_binary(ExpressionKind::kBinary, at_line, std::move(left), parse_concat());
    left->op = op;
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concat() {
  const std::uint32_t at_line = line();
  ExpressionPtr first = parse_product();
  if (!at_op("~")) return first;
  auto node = make(ExpressionKind::kConcat, at_line);
  node->operands.push_back(std::move(first));
  while (skip_op("~")) node->operands.push_back(parse_product());
  return finish(std::move(node));
}

ExpressionPtr ExpressionParser::parse_product() {
  const std::uint32_t at_line = line();
  ExpressionPtr left = parse_power();
  while (at_op("*") || at_op("/") || at_op("//") || at_op("%")) {
    const Operator op = at_op("*")    ? Operator::kMultiply
                        : at_op("/")  ? Operator::kDivide
                        : at_op("//") ? Operator::kFloorDivide
                                      : Operator::kModulo;
    next();
    left = make_binary(ExpressionKind::kBinary, at_line, std::move(left), parse_power());
    left->op = op;
  }
  return left;
}

// Left-associative, unlike Python's.
ExpressionPtr ExpressionParser::parse_power() {
  const std::uint32_t at_line = line();
  ExpressionPtr left = parse_unary();
  while (skip_op("**")) {
    left = make_binary(ExpressionKind::kBinary, at_line, std::move(left), parse_unary());
    left->op = Operator::kPower;
  }
  return left;
}

// A sign binds tighter than a filter: -1|abs is (-1)|abs.
ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const std::uint32_t at_line = line();
  ExpressionPtr node;
  if (at_op("-") || at_op("+")) {
    if (depth_ >= kMaxSyntaxDepth) {
      error("expression is nested too deeply", ErrorCode::kLimit);
      return nullptr;
    }
    ++depth_;
    const bool negative = next().text == "-";
    node = make_unary(negative ? ExpressionKind::kNegative : ExpressionKind::kPositive, at_line,
                      parse_unary(false));
    --depth_;
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filter ? parse_filter_expression(std::move(node)) : std::move(node);
}

}  // namespace ondol::text::jinja
