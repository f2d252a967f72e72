// Oniguruma's Ruby syntax (doc/RE of that project) to PCRE2's (pcre2pattern(3)).
// Differences that matter to tokenizer patterns: what \s, \w, \h and \v stand
// for, Unicode versions, {n,m}+ (no possessive form in Ruby), {,n}, nested
// character classes, (?m), and where (?i) ends.
#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "text/regex.h"
#include "text/unicode_classes.h"

namespace ondol::text {
namespace {

constexpr std::size_t kMaxClassDepth = 8;

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Translator {
 public:
  Translator(std::string_view pattern, std::string_view where, std::string_view field)
      : in_(pattern), where_(where), field_(field) {}

  Result<std::string> run() {
    while (at_ < in_.size()) ONDOL_TRY_VOID(one());
    return std::move(out_);
  }

 private:
  tl::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorCode::kUnsupported, where_, field_,
                fmt::format("pattern uses {} at byte {}", what, at_), std::string(in_));
  }
  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }

  void atom(std::string_view text) {
    atom_start_ = out_.size();
    out_ += text;
  }

  Result<void> one() {
    switch (in_[at_]) {
      case '\\':
        return escape();
      case '[':
        atom_start_ = out_.size();
        return char_class();
      case '(':
        return open_group();
      case ')':
        if (groups_.empty()) return refuse("an unmatched )");
        atom_start_ = groups_.back();
        groups_.pop_back();
        out_ += in_[at_++];
        return {};
      case '{':
        return braces();
      case '*':
      case '+':
      case '?':
      case '|':
        out_ += in_[at_++];
        return {};
      default:
        return literal();
    }
  }

  Result<void> literal() {
    const Utf8Char c = decode_utf8(in_.substr(at_));
    if (!c.valid) return refuse("bytes that are no UTF-8");
    atom(in_.substr(at_, c.n_bytes));
    at_ += c.n_bytes;
    return {};
  }

  Result<void> open_group() {
    if (next_is("(*")) return refuse("(*");
    const std::size_t start = out_.size();
    if (!next_is("(?")) {
      out_ += '(';
      ++at_;
    } else if (next_is("(?i)")) {
      // Ruby ends its reach at the group's end and swallows alternatives; only
      // at the very beginning both dialects agree.
      if (at_ != 0) return refuse("(?i) in the middle");
      out_ += "(?i)";
      at_ += 4;
      return {};
    } else {
      static constexpr std::string_view kSame[] = {
          "(?i:", "(?-i:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
      const auto* same =
          std::find_if(std::begin(kSame), std::end(kSame), [&](auto s) { return next_is(s); });
      if (same != std::end(kSame)) {
        out_ += *same;
        at_ += same->size();
      } else if (next_is("(?m:")) {
        out_ += "(?s:";
        at_ += 4;
      } else {
        return refuse("an unknown group (?");
      }
    }
    groups_.push_back(start);
    return {};
  }

  // A quantifier, or a literal brace.
  Result<void> braces() {
    std::size_t i = at_ + 1;
    std::string low;
    std::string high;
    while (i < in_.size() && in_[i] >= '0' && in_[i] <= '9') low += in_[i++];
    const bool comma = i < in_.size() && in_[i] == ',';
    if (comma) {
      ++i;
      while (i < in_.size() && in_[i] >= '0' && in_[i] <= '9') high += in_[i++];
    }
    if (i >= in_.size() || in_[i] != '}' || (low.empty() && high.empty())) {
      atom("\\{");
      ++at_;
      return {};
    }
    if (low.size() > 5 || high.size() > 5) return refuse("a very large repeat");
    out_ += '{' + (low.empty() ? "0" : low) + (comma ? "," + high : "") + '}';
    at_ = i + 1;
    if (next_is("+")) {  // Ruby: repeat the repeat; PCRE2 would read a possessive one
      out_.insert(std::min(atom_start_, out_.size()), "(?:");
      out_ += ")+";
      ++at_;
    }
    return {};
  }

  // At a backslash, outside of a class.
  Result<void> escape() {
    if (at_ + 1 >= in_.size()) return refuse("a final backslash");
    const char c = in_[at_ + 1];
    std::string inside;
    bool negated = false;
    ONDOL_TRY(const bool is_set, set_escape(inside, negated));
    if (is_set) {
      atom((negated ? "[^" : "[") + inside + "]");
      return {};
    }
    ONDOL_TRY(const bool is_char, char_escape(inside));
    if (is_char) {
      atom(inside);
      return {};
    }
    static constexpr std::string_view kAnchors = "AzZbBGRX";
    if (kAnchors.find(c) != std::string_view::npos || (c >= '1' && c <= '9')) {
      atom(in_.substr(at_, 2));
      at_ += 2;
      return {};
    }
    return refuse(fmt::format("\\{}", c));
  }

  // \s \d \w \h \p{..} and their complements: the inside of a class.
  Result<bool> set_escape(std::string& inside, bool& negated) {
    const char c = in_[at_ + 1];
    switch (c) {
      case 's':
      case 'S':
        inside = kWhiteSpaceClass;
        break;
      case 'd':
      case 'D':
        inside = R"(\p{Nd})" + newer_members("Nd");
        break;
      case 'w':
      case 'W':
        for (const std::string_view p : {"L", "M", "Nd", "Nl", "Pc"}) {
          inside += fmt::format("\\p{{{}}}", p) + newer_members(p);
        }
        inside += kOtherAlphabeticClass;
        inside += kOnigurumaWordClass;
        break;
      case 'h':
      case 'H':
        inside = "0-9A-Fa-f";
        break;
      case 'p':
      case 'P':
        return property_escape(inside, negated);
      default:
        return false;
    }
    negated = c < 'a';
    at_ += 2;
    return true;
  }

  Result<bool> property_escape(std::string& inside, bool& negated) {
    negated = in_[at_ + 1] == 'P';
    const std::size_t close = in_.find('}', at_);
    if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || close == std::string_view::npos) {
      return refuse("\\p without braces");
    }
    std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_alnum)) {
      return refuse("an unknown property");
    }
    // Longer names are scripts; PCRE2 would take them for Script_Extensions.
    inside = name.size() <= 2 ? fmt::format("\\p{{{}}}", name) + newer_members(name)
                              : fmt::format("\\p{{sc:{}}}", name) + newer_script_members(name);
    at_ = close + 1;
    return true;
  }

  // An escape that stands for one character.
  Result<bool> char_escape(std::string& out) {
    const char c = in_[at_ + 1];
    if (c == 'x' || c == 'u') return hex_escape(out);
    static constexpr std::string_view kSameControls = "nrtfae";
    const bool is_sign = !is_alnum(c) && static_cast<unsigned char>(c) < 0x80;
    if (c == 'v') {
      out = "\\x{B}";
    } else if (c == '0') {
      out = "\\x{0}";
    } else if (is_sign || kSameControls.find(c) != std::string_view::npos) {
      out = {'\\', c};
    } else {
      return false;
    }
    at_ += 2;
    return true;
  }

  Result<bool> hex_escape(std::string& out) {
    const auto is_hex = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    std::size_t i = at_ + 2;
    const bool braced = in_[at_ + 1] == 'x' && i < in_.size() && in_[i] == '{';
    if (braced) ++i;
    const std::size_t max_digits = braced ? 6 : in_[at_ + 1] == 'u' ? 4 : 2;
    std::string digits;
    while (i < in_.size() && digits.size() < max_digits && is_hex(in_[i])) digits += in_[i++];
    const bool is_closed = !braced || (i < in_.size() && in_[i] == '}');
    if (digits.empty() || !is_closed) return refuse("a broken hexadecimal escape");
    if (braced) ++i;
    if (digits.size() == 2 && !braced && digits[0] >= '8') return refuse("a raw byte \\x80-\\xFF");
    out = "\\x{" + digits + "}";
    at_ = i;
    return true;
  }

  // At '['. Nested unions are flattened; intersections and nested complements refused.
  Result<void> char_class() {
    out_ += '[';
    ++at_;
    if (next_is("^")) {
      out_ += '^';
      ++at_;
    }
    std::size_t depth = 1;
    bool first = true;
    while (true) {
      if (at_ >= in_.size()) return refuse("an open [");
      const char c = in_[at_];
      if (c == ']' && !first) {
        ++at_;
        if (--depth == 0) break;
        continue;
      }
      if (next_is("&&")) return refuse("&& in a class");
      if (next_is("[:") || next_is("[^")) return refuse("a bracket expression inside a class");
      if (c == '[') {
        if (++depth > kMaxClassDepth) return refuse("deeply nested classes");
        ++at_;
        first = true;
        continue;
      }
      ONDOL_TRY_VOID(class_item());
      first = false;
    }
    out_ += ']';
    return {};
  }

  Result<void> class_item() {
    if (in_[at_] != '\\') {
      const Utf8Char c = decode_utf8(in_.substr(at_));
      if (!c.valid) return refuse("bytes that are no UTF-8");
      if (in_[at_] == ']') out_ += '\\';
      out_ += in_.substr(at_, c.n_bytes);
      at_ += c.n_bytes;
      return {};
    }
    if (at_ + 1 >= in_.size()) return refuse("a final backslash");
    const char c = in_[at_ + 1];
    std::string inside;
    bool negated = false;
    ONDOL_TRY(const bool is_set, set_escape(inside, negated));
    if (is_set) {
      if (!negated) {
        out_ += inside;
      } else if (c == 'S') {
        out_ += kNotWhiteSpaceClass;
      } else if (c == 'P' || c == 'p') {
        // Knows the newest characters only as far as PCRE2 does.
        out_ += "\\P" + inside.substr(2, inside.find('}') - 1);
      } else {
        return refuse(fmt::format("\\{} in a class", c));
      }
      return {};
    }
    ONDOL_TRY(const bool is_char, char_escape(inside));
    if (!is_char) return refuse(fmt::format("\\{} in a class", c));
    out_ += inside;
    return {};
  }

  std::string_view in_;
  std::string_view where_;
  std::string_view field_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_start_ = 0;       // in out_, of what a quantifier would repeat
  std::vector<std::size_t> groups_;  // in out_, of every open group
};

}  // namespace

Result<std::string> translate_pattern(std::string_view pattern, std::string_view where,
                                      std::string_view field) {
  return Translator(pattern, where, field).run();
}

}  // namespace ondol::text
