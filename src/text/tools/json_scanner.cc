#include "text/tools/json_scanner.h"

namespace ondol::text {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

JsonScanner::Step JsonScanner::step(char c) {
  mark_ = Mark::kNone;
  return next(c);
}

JsonScanner::Step JsonScanner::at(At state) {
  at_ = state;
  return Step::kMore;
}

void JsonScanner::set_mark(Mark mark, std::size_t depth) {
  mark_ = mark;
  mark_depth_ = depth;
}

JsonScanner::Step JsonScanner::next(char c) {
  switch (at_) {
    case At::kString:
      return in_string(c);
    case At::kEscape:
      return escape(c);
    case At::kHex:
      return hex(c);
    case At::kLowSurrogate:
      return c == '\\' ? at(At::kLowSurrogateU) : Step::kBad;
    case At::kLowSurrogateU:
      return c == 'u' ? at(At::kHex) : Step::kBad;
    case At::kLiteral:
      if (c != literal_[0]) return Step::kBad;
      literal_.remove_prefix(1);
      return at(literal_.empty() ? At::kAfterValue : At::kLiteral);
    case At::kMinus:
    case At::kZero:
    case At::kDigits:
    case At::kPoint:
    case At::kFraction:
    case At::kExponent:
    case At::kExponentSign:
    case At::kExponentDigits:
      return number(c);
    default:
      break;
  }
  if (is_space(c)) return Step::kMore;
  switch (at_) {
    case At::kFirstElement:
      return c == ']' ? close(c) : begin_value(c);
    case At::kFirstKey:
      if (c == '}') return close(c);
      [[fallthrough]];
    case At::kKey:
      return c == '"' ? begin_string(true) : Step::kBad;
    case At::kColon:
      return c == ':' ? at(At::kValue) : Step::kBad;
    case At::kAfterValue:
      return after_value(c);
    default:
      return begin_value(c);
  }
}

JsonScanner::Step JsonScanner::begin_value(char c) {
  const std::size_t depth = open_.size();
  set_mark(Mark::kValueBegin, depth);
  if (c == '{' || c == '[') {
    if (depth == kMaxDepth) return Step::kBad;
    open_ += c;
    return at(c == '{' ? At::kFirstKey : At::kFirstElement);
  }
  // The outermost is an object or array: it alone shows its own end.
  return depth == 0 ? Step::kBad : begin_scalar(c);
}

JsonScanner::Step JsonScanner::begin_scalar(char c) {
  if (c == '"') return begin_string(false);
  if (c == '-') return at(At::kMinus);
  if (c == '0') return at(At::kZero);
  if (is_digit(c)) return at(At::kDigits);
  if (c == 't') {
    literal_ = "rue";
  } else if (c == 'f') {
    literal_ = "alse";
  } else if (c == 'n') {
    literal_ = "ull";
  } else {
    return Step::kBad;
  }
  return at(At::kLiteral);
}

JsonScanner::Step JsonScanner::begin_string(bool is_key) {
  is_key_ = is_key;
  if (is_key) set_mark(Mark::kKeyBegin, open_.size());
  return at(At::kString);
}

JsonScanner::Step JsonScanner::end_string() {
  set_mark(is_key_ ? Mark::kKeyEnd : Mark::kValueEnd, open_.size());
  return at(is_key_ ? At::kColon : At::kAfterValue);
}

JsonScanner::Step JsonScanner::in_string(char c) {
  if (c == '"') return end_string();
  if (c == '\\') return at(At::kEscape);
  return static_cast<unsigned char>(c) < 0x20 ? Step::kBad : Step::kMore;
}

JsonScanner::Step JsonScanner::escape(char c) {
  if (c == 'u') {
    low_half_ = false;
    code_ = 0;
    n_hex_ = 0;
    return at(At::kHex);
  }
  constexpr std::string_view kShort = "\"\\/bfnrt";
  return kShort.find(c) != std::string_view::npos ? at(At::kString) : Step::kBad;
}

JsonScanner::Step JsonScanner::hex(char c) {
  const int value = hex_value(c);
  if (value < 0) return Step::kBad;
  code_ = code_ * 16 + static_cast<std::uint32_t>(value);
  if (++n_hex_ < 4) return Step::kMore;
  const bool is_high = code_ >= 0xD800 && code_ < 0xDC00;
  const bool is_low = code_ >= 0xDC00 && code_ < 0xE000;
  if (is_low != low_half_) return Step::kBad;
  low_half_ = is_high;
  code_ = 0;
  n_hex_ = 0;
  return at(is_high ? At::kLowSurrogate : At::kString);
}

JsonScanner::Step JsonScanner::after_value(char c) {
  if (c == ',') return at(open_.back() == '{' ? At::kKey : At::kValue);
  return close(c);
}

JsonScanner::Step JsonScanner::close(char c) {
  if (c != (open_.back() == '{' ? '}' : ']')) return Step::kBad;
  open_.pop_back();
  set_mark(Mark::kValueEnd, open_.size());
  at_ = At::kAfterValue;
  return open_.empty() ? Step::kDone : Step::kMore;
}

// A digit, or the byte behind the number.
JsonScanner::Step JsonScanner::digit_or_end(char c, At digits) {
  if (is_digit(c)) return at(digits);
  at_ = At::kAfterValue;
  return is_space(c) ? Step::kMore : after_value(c);
}

JsonScanner::Step JsonScanner::number(char c) {
  switch (at_) {
    case At::kMinus:
      if (c == '0') return at(At::kZero);
      return is_digit(c) ? at(At::kDigits) : Step::kBad;
    case At::kZero:
    case At::kDigits:
      if (c == '.') return at(At::kPoint);
      if (c == 'e' || c == 'E') return at(At::kExponent);
      if (at_ == At::kZero && is_digit(c)) return Step::kBad;
      return digit_or_end(c, At::kDigits);
    case At::kPoint:
      return is_digit(c) ? at(At::kFraction) : Step::kBad;
    case At::kFraction:
      if (c == 'e' || c == 'E') return at(At::kExponent);
      return digit_or_end(c, At::kFraction);
    case At::kExponent:
      if (c == '+' || c == '-') return at(At::kExponentSign);
      [[fallthrough]];
    case At::kExponentSign:
      return is_digit(c) ? at(At::kExponentDigits) : Step::kBad;
    default:
      return digit_or_end(c, At::kExponentDigits);
  }
}

}  // namespace ondol::text
