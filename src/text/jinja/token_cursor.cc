// The tokens of a template, one after the other, and the first thing that was wrong with them.
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

}  // namespace ondol::text::jinja
