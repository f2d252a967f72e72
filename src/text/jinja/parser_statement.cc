// Statements: what stands between {% and %}.
#include <algorithm>

#include "text/jinja/limits.h"
#include "text/jinja/parser.h"
#include "text/jinja/parser_core.h"

namespace ondol::text::jinja {

std::unique_ptr<Statement> StatementParser::make(StatementKind kind) {
  auto node = std::make_unique<Statement>();
  node->kind = kind;
  node->line = line();
  return node;
}

void StatementParser::parse_print(Block* out) {
  auto node = make(StatementKind::kPrint);
  expect(TokenKind::kVariableBegin);
  node->expressions.push_back(parse_tuple());
  expect(TokenKind::kVariableEnd);
  out->push_back(std::move(node));
}

Block StatementParser::parse_block(Names ends) {
  Block out;
  if (depth_ >= kMaxSyntaxDepth) {
    error("statements are nested too deeply", ErrorCode::kLimit);
    return out;
  }
  ++depth_;
  while (!failed() && current().kind != TokenKind::kEnd) {
    if (current().kind == TokenKind::kData) {
      auto node = make(StatementKind::kText);
      node->text = next().text;
      out.push_back(std::move(node));
    } else if (current().kind == TokenKind::kVariableBegin) {
      parse_print(&out);
    } else {
      expect(TokenKind::kBlockBegin);
      if (std::any_of(ends.begin(), ends.end(), [this](auto name) { return at_name(name); })) {
        --depth_;
        return out;
      }
      StatementPtr node = parse_statement();
      expect(TokenKind::kBlockEnd);
      if (node) out.push_back(std::move(node));
    }
  }
  --depth_;
  if (ends.size() != 0)
    error("unexpected end of template, '" + std::string(*ends.begin()) + "' is missing");
  return out;
}

Block StatementParser::parse_body(Names ends) {
  skip_op(":");
  expect(TokenKind::kBlockEnd);
  return parse_block(ends);
}

std::unique_ptr<Statement> StatementParser::parse_statement() {
  const std::uint32_t at_line = line();
  const std::string tag = expect_any_name();
  StatementPtr node;
  if (tag == "if") {
    node = parse_if();
  } else if (tag == "for") {
    node = parse_for();
  } else if (tag == "set") {
    node = parse_set();
  } else if (tag == "macro") {
    node = parse_macro();
  } else if (tag == "call") {
    node = parse_call_block();
  } else if (tag == "filter") {
    node = parse_filter_block();
  } else if (tag == "with") {
    node = parse_with();
  } else if (tag == "print") {
    node = parse_print_statement();
  } else if (tag == "generation") {
    node = parse_scope("endgeneration");
  } else if (tag == "autoescape") {
    parse_expression();
    node = parse_scope("endautoescape");
  } else if (tag == "break") {
    node = parse_loop_control(StatementKind::kBreak);
  } else if (tag == "continue") {
    node = parse_loop_control(StatementKind::kContinue);
  } else if (tag == "include" || tag == "import" || tag == "from" || tag == "extends" ||
             tag == "block") {
    error_at(at_line, "a chat template is one file, '" + tag + "' is refused",
             ErrorCode::kUnsupported);
  } else {
    error_at(at_line, "unknown tag '" + tag + "'", ErrorCode::kInvalidFile);
  }
  if (node) node->line = at_line;
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_loop_control(StatementKind kind) {
  if (n_loops_ == 0) error("break and continue stand inside of a for loop only");
  return make(kind);
}

std::unique_ptr<Statement> StatementParser::parse_print_statement() {
  auto node = make(StatementKind::kPrint);
  while (!failed() && current().kind != TokenKind::kBlockEnd) {
    if (!node->expressions.empty()) expect_op(",");
    node->expressions.push_back(parse_expression());
  }
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_if() {
  auto node = make(StatementKind::kIf);
  while (!failed()) {
    ExpressionPtr condition = parse_tuple(false);
    Block body = parse_body({"endif", "elif", "else"});
    node->branches.push_back({std::move(condition), std::move(body)});
    if (skip_name("elif")) continue;
    if (skip_name("else")) {
      node->branches.push_back({nullptr, parse_body({"endif"})});
    }
    expect_name("endif");
    break;
  }
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_for() {
  auto node = make(StatementKind::kFor);
  node->targets.push_back(parse_target("in", false));
  expect_name("in");
  node->expressions.push_back(parse_tuple(false, "recursive"));
  if (skip_name("if")) node->filter = parse_expression();
  node->recursive = skip_name("recursive");
  ++n_loops_;
  node->body = parse_body({"endfor", "else"});
  --n_loops_;
  if (skip_name("else")) node->otherwise = parse_body({"endfor"});
  expect_name("endfor");
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_set() {
  auto node = make(StatementKind::kSet);
  node->targets.push_back(parse_target({}, true));
  if (skip_op("=")) {
    node->expressions.push_back(parse_tuple());
    return node;
  }
  node->kind = StatementKind::kSetBlock;
  node->filter = parse_filters(nullptr);
  node->body = parse_body({"endset"});
  expect_name("endset");
  return node;
}

void StatementParser::parse_signature(Signature* out) {
  expect_op("(");
  while (!failed() && !at_op(")")) {
    if (!out->parameters.empty()) expect_op(",");
    out->parameters.push_back(expect_any_name());
    if (skip_op("=")) {
      out->defaults.push_back(parse_expression());
    } else if (!out->defaults.empty()) {
      error("non-default argument follows default argument");
    }
  }
  expect_op(")");
}

void StatementParser::note_special_names(Signature* out, std::size_t first_token) const {
  for (std::size_t i = first_token; i < pos_; ++i) {
    const Token& token = tokens_[i];
    if (token.kind != TokenKind::kName) continue;
    out->uses_caller = out->uses_caller || token.text == "caller";
    out->uses_varargs = out->uses_varargs || token.text == "varargs";
    out->uses_kwargs = out->uses_kwargs || token.text == "kwargs";
  }
}

std::unique_ptr<Statement> StatementParser::parse_macro() {
  auto node = make(StatementKind::kMacro);
  node->name = expect_any_name();
  parse_signature(&node->signature);
  const std::size_t first_token = pos_;
  const std::size_t n_loops = std::exchange(n_loops_, 0);
  node->body = parse_body({"endmacro"});
  n_loops_ = n_loops;
  note_special_names(&node->signature, first_token);
  expect_name("endmacro");
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_call_block() {
  auto node = make(StatementKind::kCall);
  if (at_op("(")) parse_signature(&node->signature);
  node->expressions.push_back(parse_expression());
  if (!failed() && node->expressions[0]->kind != ExpressionKind::kCall) error("expected a call");
  const std::size_t first_token = pos_;
  const std::size_t n_loops = std::exchange(n_loops_, 0);
  node->body = parse_body({"endcall"});
  n_loops_ = n_loops;
  note_special_names(&node->signature, first_token);
  expect_name("endcall");
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_filter_block() {
  auto node = make(StatementKind::kFilter);
  node->filter = parse_filters(nullptr, true);
  node->body = parse_body({"endfilter"});
  expect_name("endfilter");
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_with() {
  auto node = make(StatementKind::kWith);
  while (!failed() && current().kind != TokenKind::kBlockEnd) {
    if (!node->targets.empty()) expect_op(",");
    // `with a = 1, b = 2`: a comma separates assignments, so a target is one name.
    auto target = std::make_unique<Expression>();
    target->kind = ExpressionKind::kName;
    target->line = line();
    target->name = expect_any_name();
    node->targets.push_back(std::move(target));
    expect_op("=");
    node->expressions.push_back(parse_expression());
  }
  node->body = parse_body({"endwith"});
  expect_name("endwith");
  return node;
}

std::unique_ptr<Statement> StatementParser::parse_scope(std::string_view end_name) {
  auto node = make(StatementKind::kScope);
  node->body = parse_body({end_name});
  expect_name(end_name);
  return node;
}

Result<Block> StatementParser::run() {
  Block out = parse_block({});
  if (error_) return tl::unexpected(*std::move(error_));
  return out;
}

Result<Block> parse(std::vector<Token> tokens, std::string_view where) {
  return StatementParser(std::move(tokens), where).run();
}

}  // namespace ondol::text::jinja
