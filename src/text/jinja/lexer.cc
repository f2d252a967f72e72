// The lexer: text between tags with Jinja's white space rules, then the inside
// of tags. Positions are bytes; white space is Unicode's, as Python's \s.
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/utf8.h"
#include "text/jinja/python_text.h"
#include "text/jinja/token.h"

namespace ondol::text::jinja {
namespace {

std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  return out;
}

bool is_digit_char(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string source, std::string_view where) : source_(std::move(source)), where_(where) {}

  Result<std::vector<Token>> run();

 private:
  using Status = Result<void>;

  tl::unexpected<Error> error(std::string_view detail) const {
    return fail(ErrorCode::kInvalidFile, where_, "line " + std::to_string(line_), detail);
  }

  std::string_view rest() const { return std::string_view(source_).substr(pos_); }
  bool at(std::string_view what) const { return rest().starts_with(what); }

  // Steps over n bytes, counting lines.
  void advance(std::size_t n) {
    for (const char c : rest().substr(0, n)) line_ += c == '\n' ? 1 : 0;
    if (n > 0) line_starting_ = source_[pos_ + n - 1] == '\n';
    pos_ += n;
  }
  void skip_spaces() { advance(rest().size() - strip(rest(), std::nullopt, Side::kLeft).size()); }

  void emit(TokenKind kind, std::string text) {
    tokens_.push_back({.kind = kind, .line = line_, .text = std::move(text)});
  }
  void emit_data(std::string_view text) {
    if (!text.empty()) emit(TokenKind::kData, std::string(text));
  }

  std::string_view text_before_tag(std::string_view text, char sign, bool is_variable) const;
  std::size_t find_tag() const;
  Status lex_tag(std::size_t tag);
  std::optional<std::size_t> match_raw_begin(std::size_t after_open) const;
  Status lex_comment();
  Status lex_raw();
  Status lex_inside(bool is_block);
  bool take_tag_end(bool is_block);
  Status lex_token();
  bool lex_number();
  Status lex_integer(std::size_t n_bytes);
  Status lex_string();
  Status lex_operator();
  Status balance(std::string_view op);

  std::string source_;
  std::string_view where_;
  std::size_t pos_ = 0;
  std::uint32_t line_ = 1;
  bool line_starting_ = true;  // the last thing matched ended in a newline
  std::string brackets_;       // the closing brackets that are awaited
  std::vector<Token> tokens_;
};

std::size_t Lexer::find_tag() const {
  for (std::size_t i = source_.find('{', pos_); i != std::string::npos;
       i = source_.find('{', i + 1)) {
    const char next = i + 1 < source_.size() ? source_[i + 1] : '\0';
    if (next == '{' || next == '%' || next == '#') return i;
  }
  return std::string::npos;
}

std::string_view Lexer::text_before_tag(std::string_view text, char sign, bool is_variable) const {
  if (sign == '-') return strip(text, std::nullopt, Side::kRight);
  if (sign == '+' || is_variable) return text;
  const std::size_t newline = text.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  if (line_start == 0 && !line_starting_) return text;
  return is_all_space(text.substr(line_start)) ? text.substr(0, line_start) : text;
}

Result<std::vector<Token>> Lexer::run() {
  while (pos_ < source_.size()) {
    const std::size_t tag = find_tag();
    if (tag == std::string::npos) {
      emit_data(rest());
      advance(rest().size());
      break;
    }
    ONDOL_TRY_VOID(lex_tag(tag));
  }
  emit(TokenKind::kEnd, {});
  return std::move(tokens_);
}

// `{% raw %}` with its signs: the bytes up to the end of the tag.
std::optional<std::size_t> Lexer::match_raw_begin(std::size_t after_open) const {
  const std::string_view all = source_;
  std::string_view left = strip(all.substr(after_open), std::nullopt, Side::kLeft);
  if (!left.starts_with("raw")) return std::nullopt;
  left = strip(left.substr(3), std::nullopt, Side::kLeft);
  if (left.starts_with("-%}")) {
    left = strip(left.substr(3), std::nullopt, Side::kLeft);
  } else if (left.starts_with("%}")) {
    left.remove_prefix(2);
  } else {
    return std::nullopt;
  }
  return all.size() - left.size();
}

Result<void> Lexer::lex_tag(std::size_t tag) {
  const char kind = source_[tag + 1];
  std::size_t after_open = tag + 2;
  char sign = 0;
  if (after_open < source_.size() && (source_[after_open] == '-' || source_[after_open] == '+')) {
    sign = source_[after_open++];
  }
  emit_data(text_before_tag(rest().substr(0, tag - pos_), sign, kind == '{'));
  if (kind == '%') {
    if (const auto raw_end = match_raw_begin(after_open)) {
      advance(*raw_end - pos_);
      return lex_raw();
    }
  }
  advance(after_open - pos_);
  if (kind == '#') return lex_comment();
  return lex_inside(kind == '%');
}

Result<void> Lexer::lex_comment() {
  const std::size_t end = source_.find("#}", pos_);
  if (end == std::string::npos) return error("a comment is not closed");
  const bool strips = end > pos_ && source_[end - 1] == '-';
  const bool keeps = end > pos_ && source_[end - 1] == '+';
  advance(end + 2 - pos_);
  if (strips) {
    skip_spaces();
  } else if (!keeps && at("\n")) {
    advance(1);
  }
  return {};
}

Result<void> Lexer::lex_raw() {
  for (std::size_t i = source_.find("{%", pos_); i != std::string::npos;
       i = source_.find("{%", i + 1)) {
    std::string_view left = std::string_view(source_).substr(i + 2);
    char sign = 0;
    if (!left.empty() && (left[0] == '-' || left[0] == '+')) {
      sign = left[0];
      left.remove_prefix(1);
    }
    left = strip(left, std::nullopt, Side::kLeft);
    if (!left.starts_with("endraw")) continue;
    left = strip(left.substr(6), std::nullopt, Side::kLeft);
    const bool signed_end = left.starts_with("-%}") || left.starts_with("+%}");
    if (!signed_end && !left.starts_with("%}")) continue;
    emit_data(text_before_tag(rest().substr(0, i - pos_), sign, false));
    const char end_sign = left[0];
    left.remove_prefix(signed_end ? 3 : 2);
    advance(source_.size() - left.size() - pos_);
    if (end_sign == '-') {
      skip_spaces();
    } else if (end_sign == '%' && at("\n")) {
      advance(1);
    }
    return {};
  }
  return error("a raw block is not closed");
}

// The tag's end takes precedence over operators, but not inside brackets.
bool Lexer::take_tag_end(bool is_block) {
  if (!brackets_.empty()) return false;
  const std::string_view end = is_block ? "%}" : "}}";
  const bool strips = at("-") && rest().substr(1).starts_with(end);
  const bool keeps = is_block && at("+") && rest().substr(1).starts_with(end);
  if (!strips && !keeps && !at(end)) return false;
  emit(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, {});
  advance(strips || keeps ? 3 : 2);
  if (strips) {
    skip_spaces();
  } else if (is_block && !keeps && at("\n")) {
    advance(1);
  }
  return true;
}

Result<void> Lexer::lex_inside(bool is_block) {
  emit(is_block ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, {});
  while (!take_tag_end(is_block)) {
    if (pos_ == source_.size()) {
      return error("unexpected end of template, a tag is not closed");
    }
    if (is_space(decode_utf8(rest()).code_point)) {
      skip_spaces();
    } else {
      ONDOL_TRY_VOID(lex_token());
    }
  }
  return {};
}

Result<void> Lexer::lex_token() {
  const char c = source_[pos_];
  if (is_digit_char(c)) {
    if (lex_number()) return {};
    std::size_t n = 1;
    const auto accept = [&](auto&& is_member) {
      while (pos_ + n < source_.size()) {
        const bool separated = source_[pos_ + n] == '_' && pos_ + n + 1 < source_.size();
        if (is_member(source_[pos_ + n])) {
          ++n;
        } else if (separated && is_member(source_[pos_ + n + 1])) {
          n += 2;
        } else {
          return;
        }
      }
    };
    const char kind =
        c == '0' && pos_ + 1 < source_.size() ? static_cast<char>(source_[pos_ + 1] | 0x20) : '\0';
    const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
    const auto in_base = [base](char d) {
      const char low = static_cast<char>(d | 0x20);
      const int value = is_digit_char(d) ? d - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : 99;
      return value < base;
    };
    if (base != 10) {
      n = 2;
      accept(in_base);
      if (n > 2) return lex_integer(n);
      n = 1;
    }
    if (c == '0') {
      accept([](char d) { return d == '0'; });
    } else {
      accept(is_digit_char);
    }
    return lex_integer(n);
  }
  if (c == '\'' || c == '"') return lex_string();
  std::size_t n = 0;
  while (pos_ + n < source_.size()) {
    const Utf8Char next = decode_utf8(rest().substr(n));
    const std::string_view bytes = rest().substr(n, next.n_bytes);
    if (bytes != "_" && !is_alnum(bytes) && !(n > 0 && is_identifier("a" + std::string(bytes)))) {
      break;
    }
    n += next.n_bytes;
  }
  if (n == 0) return lex_operator();
  if (!is_identifier(rest().substr(0, n))) return error("invalid character in identifier");
  emit(TokenKind::kName, std::string(rest().substr(0, n)));
  advance(n);
  return {};
}

// A float needs a fraction or an exponent, and no dot before it: `a.0.1` is
// two subscripts.
bool Lexer::lex_number() {
  if (pos_ > 0 && source_[pos_ - 1] == '.') return false;
  const auto digits = [this](std::size_t i) {
    while (i < source_.size() && is_digit_char(source_[i])) {
      ++i;
      if (i + 1 < source_.size() && source_[i] == '_' && is_digit_char(source_[i + 1])) ++i;
    }
    return i;
  };
  const auto digit_at = [this](std::size_t i) {
    return i < source_.size() && is_digit_char(source_[i]);
  };
  const std::size_t whole_end = digits(pos_);
  std::size_t end = whole_end;
  if (end < source_.size() && source_[end] == '.' && digit_at(end + 1)) end = digits(end + 1);
  if (end < source_.size() && (source_[end] | 0x20) == 'e') {
    std::size_t exponent = end + 1;
    if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) {
      ++exponent;
    }
    if (digit_at(exponent)) end = digits(exponent);
  }
  if (end == whole_end) return false;
  std::string text(rest().substr(0, end - pos_));
  std::erase(text, '_');
  Token token{.kind = TokenKind::kFloat, .line = line_, .text = text};
  token.number = std::strtod(text.c_str(), nullptr);
  tokens_.push_back(std::move(token));
  advance(end - pos_);
  return true;
}

Result<void> Lexer::lex_integer(std::size_t n_bytes) {
  std::string text(rest().substr(0, n_bytes));
  std::erase(text, '_');
  bool overflow = false;
  const auto value = parse_int(text, 0, &overflow);
  if (!value) return error("an integer is beyond 64 bits");
  Token token{.kind = TokenKind::kInteger, .line = line_, .text = std::move(text)};
  token.integer = *value;
  tokens_.push_back(std::move(token));
  advance(n_bytes);
  return {};
}

Result<void> Lexer::lex_string() {
  const char quote = source_[pos_];
  std::size_t end = pos_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) return error("a string is not closed");
  std::string value;
  if (!unescape(std::string_view(source_).substr(pos_ + 1, end - pos_ - 1), &value)) {
    return error("a string has a broken escape");
  }
  emit(TokenKind::kString, std::move(value));
  advance(end + 1 - pos_);
  return {};
}

Result<void> Lexer::balance(std::string_view op) {
  const char c = op[0];
  if (c == '(') brackets_ += ')';
  if (c == '[') brackets_ += ']';
  if (c == '{') brackets_ += '}';
  if (c == ')' || c == ']' || c == '}') {
    if (brackets_.empty() || brackets_.back() != c) {
      return error("unexpected '" + std::string(1, c) + "'");
    }
    brackets_.pop_back();
  }
  return {};
}

Result<void> Lexer::lex_operator() {
  static constexpr std::array<std::string_view, 26> kOperators = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (const std::string_view op : kOperators) {
    if (!at(op)) continue;
    ONDOL_TRY_VOID(balance(op));
    emit(TokenKind::kOperator, std::string(op));
    advance(op.size());
    return {};
  }
  const Utf8Char c = decode_utf8(rest());
  return error("unexpected character '" + std::string(rest().substr(0, c.n_bytes)) + "'");
}

// Reads n hexadecimal digits; nothing if there are fewer.
std::optional<char32_t> hex(std::string_view text, std::size_t n) {
  std::uint32_t value = 0;
  const std::string_view digits = text.substr(0, n);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() < n || error != std::errc{} || end != digits.data() + n) return std::nullopt;
  return static_cast<char32_t>(value);
}

struct Escape {
  char letter;
  char value;
};
constexpr std::array kEscapes = {
    Escape{'n', '\n'}, Escape{'t', '\t'}, Escape{'r', '\r'},  Escape{'a', '\a'},  Escape{'b', '\b'},
    Escape{'f', '\f'}, Escape{'v', '\v'}, Escape{'\\', '\\'}, Escape{'\'', '\''}, Escape{'"', '"'}};

// What stands after a backslash; returns the bytes taken, 0 for a broken one.
std::size_t unescape_one(std::string_view text, std::string* out) {
  const char c = text[0];
  for (const Escape& e : kEscapes) {
    if (e.letter == c) {
      *out += e.value;
      return 1;
    }
  }
  if (c == '\n') return 1;
  if (c >= '0' && c <= '7') {
    char32_t value = 0;
    std::size_t n = 0;
    while (n < 3 && n < text.size() && text[n] >= '0' && text[n] <= '7') {
      value = value * 8 + static_cast<char32_t>(text[n++] - '0');
    }
    append_utf8(*out, value);
    return n;
  }
  const std::size_t n_digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (n_digits == 0) {
    // Python keeps the backslash of an escape it does not know; names of
    // characters, \N{...}, are refused.
    *out += '\\';
    return c == 'N' ? 0 : std::string_view::npos;
  }
  const auto value = hex(text.substr(1), n_digits);
  const bool is_scalar = value && *value <= 0x10FFFF && (*value < 0xD800 || *value > 0xDFFF);
  if (!is_scalar) return 0;
  append_utf8(*out, *value);
  return 1 + n_digits;
}

}  // namespace

bool unescape(std::string_view body, std::string* out) {
  while (!body.empty()) {
    const std::size_t backslash = body.find('\\');
    *out += body.substr(0, backslash);
    if (backslash == std::string_view::npos) return true;
    body.remove_prefix(backslash + 1);
    if (body.empty()) return false;
    const std::size_t n = unescape_one(body, out);
    if (n == 0) return false;
    if (n != std::string_view::npos) body.remove_prefix(n);
  }
  return true;
}

Result<std::vector<Token>> tokenize(std::string_view source, std::string_view where) {
  std::string text = normalize_newlines(source);
  if (text.ends_with('\n')) text.pop_back();
  return Lexer(std::move(text), where).run();
}

}  // namespace ondol::text::jinja
