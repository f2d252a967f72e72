// Tokens of a template, and the lexer that makes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::text::jinja {

enum class TokenKind : std::uint8_t {
  kEnd,
  kData,           // text outside of tags, white space control already applied
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,  // unescaped
  kInteger,
  kFloat,
  kOperator,  // `text` is the operator
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t line = 1;
  std::string text;
  std::int64_t integer = 0;
  double number = 0;

  bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
};

/// The settings are Hugging Face's: trim_blocks and lstrip_blocks on, a single
/// newline at the end dropped. The last token is kEnd.
/// Errors: kInvalidFile, with the line in `field`.
Result<std::vector<Token>> tokenize(std::string_view source, std::string_view where);

/// The value of a string literal's body. False for a broken escape.
bool unescape(std::string_view body, std::string* out);

}  // namespace ondol::text::jinja
