// Expressions, by recursive descent with Jinja's precedence: conditional, or,
// and, not, comparison, + -, ~, * / // %, **, unary, postfix, filters and tests.
#include <algorithm>

#include "text/jinja/limits.h"
#include "text/jinja/parser_core.h"

namespace ondol::text::jinja {

Token TokenCursor::next() {
  Token token = current();
  if (pos_ + 1 < tokens_.size()) ++pos_;
  return token;
}

bool TokenCursor::skip_op(std::string_view op) {
  if (!at_op(op)) return false;
  ++pos_;
  return true;
}

bool TokenCursor::skip_name(std::string_view name) {
  if (!at_name(name)) return false;
  ++pos_;
  return true;
}

void TokenCursor::expect(TokenKind kind) {
  if (current().kind == kind) {
    next();
  } else {
    error_unexpected();
  }
}

void TokenCursor::expect_op(std::string_view op) {
  if (!skip_op(op)) error_unexpected();
}

void TokenCursor::expect_name(std::string_view name) {
  if (!skip_name(name)) error_unexpected();
}

std::string TokenCursor::expect_any_name() {
  if (current().kind == TokenKind::kName) return next().text;
  error_unexpected();
  return {};
}

void TokenCursor::error(std::string_view detail, ErrorCode code) { error_at(line(), detail, code); }

void TokenCursor::error_at(std::uint32_t at_line, std::string_view detail, ErrorCode code) {
  if (!error_) {
    error_ = fail(code, where_, "line " + std::to_string(at_line), detail).value();
  }
  pos_ = tokens_.size() - 1;
}

void TokenCursor::error_unexpected() {
  switch (current().kind) {
    case TokenKind::kEnd:
      return error("unexpected end of template");
    case TokenKind::kBlockEnd:
    case TokenKind::kVariableEnd:
      return error("unexpected end of tag");
    default:
      return error("unexpected '" + current().text.substr(0, 40) + "'");
  }
}

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
