// Inside of the parser: the token cursor with its error flag, the expression
// parser on it, and the statement parser on that. The first error wins; parse
// functions return null (or an empty list) after it and every loop ends at the
// end token, which an error moves the cursor to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/ast.h"
#include "text/jinja/token.h"

namespace ondol::text::jinja {

class TokenCursor {
 public:
  TokenCursor(std::vector<Token> tokens, std::string_view where)
      : tokens_(std::move(tokens)), where_(where) {}

 protected:
  const Token& current() const { return tokens_[pos_]; }
  const Token& look() const { return tokens_[std::min(pos_ + 1, tokens_.size() - 1)]; }
  std::uint32_t line() const { return current().line; }
  bool failed() const { return error_.has_value(); }

  Token next();
  bool at_op(std::string_view op) const { return current().is(TokenKind::kOperator, op); }
  bool at_name(std::string_view name) const { return current().is(TokenKind::kName, name); }
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  void expect(TokenKind kind);
  void expect_op(std::string_view op);
  void expect_name(std::string_view name);
  std::string expect_any_name();

  void error(std::string_view detail, ErrorCode code = ErrorCode::kInvalidFile);
  void error_at(std::uint32_t line, std::string_view detail, ErrorCode code);
  void error_unexpected();

  std::vector<Token> tokens_;
  std::string_view where_;
  std::size_t pos_ = 0;
  std::size_t depth_ = 0;  // of the recursion
  std::optional<Error> error_;
};

class ExpressionParser : public TokenCursor {
 public:
  using TokenCursor::TokenCursor;

 protected:
  ExpressionPtr parse_expression(bool with_conditional = true);
  ExpressionPtr parse_tuple(bool with_conditional = true, std::string_view end_name = {},
                            bool in_parentheses = false);
  /// A name, a tuple of names, or (with_namespace) `ns.field`.
  ExpressionPtr parse_target(std::string_view end_name, bool with_namespace);
  /// REQUIRES: at a name when `starts` is true, else at `|` or past the chain.
  ExpressionPtr parse_filters(ExpressionPtr input, bool starts = false);

 private:
  ExpressionPtr make(ExpressionKind kind, std::uint32_t at_line);
  ExpressionPtr finish(ExpressionPtr node);
  ExpressionPtr make_unary(ExpressionKind kind, std::uint32_t at_line, ExpressionPtr operand);
  ExpressionPtr make_binary(ExpressionKind kind, std::uint32_t at_line, ExpressionPtr left,
                            ExpressionPtr right);
  ExpressionPtr make_constant(Value value, std::uint32_t at_line);

  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  bool take_compare_operator(Operator* op);
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filter = true);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_filter_expression(ExpressionPtr node);
  ExpressionPtr parse_dot(ExpressionPtr node);
  ExpressionPtr parse_subscript(ExpressionPtr node);
  ExpressionPtr parse_subscript_item();
  ExpressionPtr parse_call(ExpressionPtr node);
  ExpressionPtr parse_test(ExpressionPtr node);
  std::unique_ptr<Arguments> parse_arguments();
  void parse_argument(Arguments* out);
  std::string parse_dotted_name();
  bool is_tuple_end(std::string_view end_name) const;
  ExpressionPtr parse_target_item(bool with_namespace);
};

class StatementParser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Result<Block> run();

 private:
  using StatementPtr = std::unique_ptr<Statement>;
  using Names = std::initializer_list<std::string_view>;

  /// Up to a block that begins with one of `ends`, whose name is then current.
  Block parse_block(Names ends);
  /// The rest of the opening tag, the body, and the name that ended it.
  Block parse_body(Names ends);
  StatementPtr parse_statement();
  StatementPtr make(StatementKind kind);
  void parse_print(Block* out);
  StatementPtr parse_print_statement();
  StatementPtr parse_if();
  StatementPtr parse_for();
  StatementPtr parse_set();
  StatementPtr parse_macro();
  StatementPtr parse_call_block();
  StatementPtr parse_filter_block();
  StatementPtr parse_with();
  StatementPtr parse_scope(std::string_view end_name);
  StatementPtr parse_loop_control(StatementKind kind);
  void parse_signature(Signature* out);
  /// Jinja finds `caller`, `varargs` and `kwargs` by their use in the body.
  void note_special_names(Signature* out, std::size_t first_token) const;

  std::size_t n_loops_ = 0;  // enclosing, for break and continue
};

}  // namespace ondol::text::jinja
