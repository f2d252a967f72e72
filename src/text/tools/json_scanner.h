// Is this the beginning of a JSON text, byte by byte? Strict (RFC 8259), with
// surrogates in pairs and bounded nesting: what it accepts, a parser does too.
// It keeps no text; it says where values begin and end.
//
// Owner: one value. Threads: plain value. Time: constant a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ondol::text {

class JsonScanner {
 public:
  /// A chat template takes arguments of this depth back (jinja::kMaxValueDepth).
  static constexpr std::size_t kMaxDepth = 64;

  enum class Step : std::uint8_t {
    kMore,  // the value goes on
    kDone,  // this byte ended it
    kBad,   // this byte cannot come here, now or later
  };
  /// Takes one byte of an object or array; white space may stand before it. After
  /// kDone and kBad no more may be given.
  Step step(char c);

  /// What the last byte did.
  enum class Mark : std::uint8_t {
    kNone,
    kKeyBegin,    // the quote that opens a member's name
    kKeyEnd,      // the quote that closes it
    kValueBegin,  // the first byte of a value
    kValueEnd,    // the last byte of a string, object or array
  };
  Mark mark() const { return mark_; }
  /// Objects and arrays around what the mark is on; 1: a member of the outermost.
  std::size_t depth() const { return mark_depth_; }

 private:
  enum class At : std::uint8_t {
    kValue,
    kFirstElement,  // or ]
    kFirstKey,      // or }
    kKey,
    kColon,
    kAfterValue,
    kString,
    kEscape,
    kHex,
    kLowSurrogate,   // the backslash of the second half
    kLowSurrogateU,  // and its u
    kLiteral,
    kMinus,
    kZero,
    kDigits,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
  };

  Step next(char c);
  Step begin_value(char c);
  Step begin_scalar(char c);
  Step begin_string(bool is_key);
  Step end_string();
  Step in_string(char c);
  Step escape(char c);
  Step hex(char c);
  Step after_value(char c);
  Step close(char c);
  Step number(char c);
  Step digit_or_end(char c, At digits);
  Step at(At state);
  void set_mark(Mark mark, std::size_t depth);

  At at_ = At::kValue;
  std::string open_;          // '{' and '[' not yet closed
  std::string_view literal_;  // the rest of true, false, null
  bool is_key_ = false;       // the string is a member's name
  bool low_half_ = false;     // the four digits have to be a low surrogate
  std::uint32_t code_ = 0;
  int n_hex_ = 0;
  Mark mark_ = Mark::kNone;
  std::size_t mark_depth_ = 0;
};

}  // namespace ondol::text
