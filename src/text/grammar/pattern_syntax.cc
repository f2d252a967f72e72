#include "text/grammar/pattern_syntax.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include "base/utf8.h"

namespace ondol::text::grammar {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::uint32_t kMaxCount = 1'000'000'000;
constexpr std::uint32_t kNoCount = 0xFFFFFFFF;

CodePoints digits() { return CodePoints({{'0', '9'}}); }
CodePoints word() { return CodePoints({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); }

// Validators disagree about white space (JavaScript has U+FEFF, Python has
// U+001C to U+001F and U+0085). \s takes what all of them take, \S what none does.
CodePoints space() {
  return CodePoints({{9, 13},
                     {' ', ' '},
                     {0xA0, 0xA0},
                     {0x1680, 0x1680},
                     {0x2000, 0x200A},
                     {0x2028, 0x2029},
                     {0x202F, 0x202F},
                     {0x205F, 0x205F},
                     {0x3000, 0x3000}});
}
CodePoints not_space() {
  CodePoints any_space = space();
  any_space.add(CodePoints({{0x1C, 0x1F}, {0x85, 0x85}, {0xFEFF, 0xFEFF}}));
  return any_space.complement();
}
CodePoints not_line_end() {
  return CodePoints({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement();
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(std::string_view pattern, std::string_view where, std::string_view field)
      : text_(pattern), where_(where), field_(field) {}

  Result<PatternNode> run() {
    if (!is_valid_utf8(text_)) return invalid("the pattern is not valid UTF-8");
    ONDOL_TRY(PatternNode node, alternatives(0));
    if (at_ < text_.size()) return invalid("unmatched ')' in the pattern");
    return node;
  }

 private:
  bool more() const { return at_ < text_.size(); }
  bool next_is(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool skip(std::string_view what) {
    if (!next_is(what)) return false;
    at_ += what.size();
    return true;
  }
  tl::unexpected<Error> invalid(std::string_view detail) const {
    return fail(ErrorCode::kInvalidArgument, where_, field_, detail, std::string(text_));
  }
  tl::unexpected<Error> unsupported(std::string_view construct) const {
    return fail(ErrorCode::kUnsupported, where_, field_,
                std::string(construct) + " in a pattern is not supported", std::string(text_));
  }

  Result<PatternNode> alternatives(int depth) {
    if (depth > kMaxDepth)
      return fail(ErrorCode::kLimit, where_, field_, "groups of the pattern nest too deep", depth,
                  kMaxDepth);
    PatternNode node;
    node.kind = PatternNode::Kind::kAlt;
    do {
      PatternNode branch;
      while (more() && !next_is("|") && !next_is(")")) {
        ONDOL_TRY(PatternNode part, quantified(depth));
        branch.parts.push_back(std::move(part));
      }
      node.parts.push_back(std::move(branch));
    } while (skip("|"));
    return node;
  }

  Result<PatternNode> quantified(int depth) {
    ONDOL_TRY(PatternNode node, atom(depth));
    const bool anchor =
        node.kind == PatternNode::Kind::kBegin || node.kind == PatternNode::Kind::kEnd;
    for (int n_quantifiers = 0;; ++n_quantifiers) {
      ONDOL_TRY(const auto counts, quantifier());
      if (!counts) return node;
      if (anchor || n_quantifiers > 0) return invalid("nothing to repeat in the pattern");
      if (counts->first > counts->second)
        return invalid("a repetition's bounds are the wrong way round");
      PatternNode repeat;
      repeat.kind = PatternNode::Kind::kRepeat;
      repeat.min = counts->first;
      repeat.max = counts->second;
      repeat.parts.push_back(std::move(node));
      node = std::move(repeat);
      if (skip("+")) return unsupported("a possessive quantifier");
      skip("?");  // lazy: the same strings match
    }
  }

  using Counts = std::optional<std::pair<std::uint32_t, std::uint32_t>>;

  Result<Counts> quantifier() {
    if (skip("*")) return Counts({0, kNoCount});
    if (skip("+")) return Counts({1, kNoCount});
    if (skip("?")) return Counts({0, 1});
    const std::size_t begin = at_;
    if (!skip("{")) return Counts();
    const auto min = number();
    auto max = min;
    if (min && skip(",")) max = next_is("}") ? std::optional(kNoCount) : number();
    if (!min || !max || !skip("}")) {
      at_ = begin;  // a brace that stands for itself
      return Counts();
    }
    if (*min > kMaxCount || (*max > kMaxCount && *max != kNoCount)) {
      return fail(ErrorCode::kLimit, where_, field_, "a repetition of the pattern is too large",
                  *max, kMaxCount);
    }
    return Counts({*min, *max});
  }

  std::optional<std::uint32_t> number() {
    std::optional<std::uint32_t> value;
    while (more() && text_[at_] >= '0' && text_[at_] <= '9') {
      const std::uint64_t next =
          std::uint64_t{value.value_or(0)} * 10 + static_cast<std::uint64_t>(text_[at_++] - '0');
      value = static_cast<std::uint32_t>(std::min<std::uint64_t>(next, kMaxCount + 1));
    }
    return value;
  }

  static PatternNode character(CodePoints set) {
    PatternNode node;
    node.kind = PatternNode::Kind::kCharacter;
    node.set = std::move(set);
    return node;
  }
  static PatternNode anchor(PatternNode::Kind kind) {
    PatternNode node;
    node.kind = kind;
    return node;
  }

  Result<PatternNode> atom(int depth) {
    if (skip("^")) return anchor(PatternNode::Kind::kBegin);
    if (skip("$")) return anchor(PatternNode::Kind::kEnd);
    if (skip(".")) return character(not_line_end());
    if (skip("(")) return group(depth);
    if (skip("[")) return char_class();
    if (next_is("*") || next_is("+") || next_is("?"))
      return invalid("nothing to repeat in the pattern");
    if (skip("\\")) {
      ONDOL_TRY(CodePoints set, escape(false));
      return character(std::move(set));
    }
    return character(CodePoints::one(take()));
  }

  char32_t take() {
    const Utf8Char c = decode_utf8(text_.substr(at_));
    at_ += c.n_bytes;
    return c.code_point;
  }

  Result<PatternNode> group(int depth) {
    if (next_is("?=") || next_is("?!")) return unsupported("look-ahead");
    if (next_is("?<=") || next_is("?<!")) return unsupported("look-behind");
    if (next_is("?>")) return unsupported("an atomic group");
    if (skip("?<") || skip("?P<")) {
      const std::size_t end = text_.find('>', at_);
      if (end == std::string_view::npos) return invalid("a group's name has no end");
      at_ = end + 1;
    } else if (next_is("?") && !skip("?:")) {
      return unsupported("an inline flag");
    }
    ONDOL_TRY(PatternNode node, alternatives(depth + 1));
    if (!skip(")")) return invalid("unmatched '(' in the pattern");
    return node;
  }

  Result<char32_t> hex(std::size_t n_digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < n_digits; ++i) {
      const int digit = more() ? hex_value(text_[at_]) : -1;
      if (digit < 0) return invalid("an escape of the pattern lacks hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    return value;
  }

  Result<CodePoints> unicode_escape() {
    char32_t c = 0;
    if (skip("{")) {
      const std::size_t end = text_.find('}', at_);
      if (end == std::string_view::npos || end == at_ || end - at_ > 6)
        return invalid("\\u{...} of the pattern is broken");
      ONDOL_TRY(c, hex(end - at_));
      ++at_;
    } else {
      ONDOL_TRY(c, hex(4));
      if (c >= 0xD800 && c < 0xDC00 && skip("\\u")) {
        ONDOL_TRY(const char32_t low, hex(4));
        if (low < 0xDC00 || low > 0xDFFF) return invalid("a surrogate of the pattern stands alone");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
      return invalid("an escape of the pattern is no character");
    return CodePoints::one(c);
  }

  Result<CodePoints> property(bool negated) {
    const std::size_t end = text_.find('}', at_);
    if (!skip("{") || end == std::string_view::npos) return invalid("\\p of the pattern is broken");
    std::string_view name = text_.substr(at_, end - at_);
    at_ = end + 1;
    for (const std::string_view prefix : {"gc=", "General_Category="}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
    const CodePoints members = category_members(name);
    if (members.empty()) return unsupported("\\p{" + std::string(name) + "}");
    return negated ? members.complement() : members;
  }

  // Behind a backslash.
  Result<CodePoints> escape(bool in_class) {
    if (!more()) return invalid("the pattern ends in a backslash");
    const char32_t c = take();
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return digits().complement();
      case 'w':
        return word();
      case 'W':
        return word().complement();
      case 's':
        return space();
      case 'S':
        return not_space();
      case 't':
        return CodePoints::one('\t');
      case 'n':
        return CodePoints::one('\n');
      case 'r':
        return CodePoints::one('\r');
      case 'f':
        return CodePoints::one('\f');
      case 'v':
        return CodePoints::one('\v');
      case 'p':
        return property(false);
      case 'P':
        return property(true);
      case 'u':
        return unicode_escape();
      case 'x': {
        ONDOL_TRY(const char32_t value, hex(2));
        return CodePoints::one(value);
      }
      case 'b':
        if (in_class) return CodePoints::one('\b');
        return unsupported("a word boundary (\\b)");
      case 'B':
        return unsupported("a word boundary (\\B)");
      case 'k':
        return unsupported("a backreference (\\k)");
      default:
        break;
    }
    if (c == '0' && !(more() && text_[at_] >= '0' && text_[at_] <= '9')) return CodePoints::one(0);
    if (c >= '0' && c <= '9') return unsupported("a backreference");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      return unsupported("the escape \\" + std::string(1, static_cast<char>(c)));
    }
    return CodePoints::one(c);
  }

  Result<CodePoints> class_member() {
    if (skip("\\")) return escape(true);
    if (next_is("[:") || next_is("[.") || next_is("[=")) return unsupported("a POSIX class");
    return CodePoints::one(take());
  }

  static std::optional<char32_t> single(const CodePoints& set) {
    if (set.ranges().size() != 1 || set.ranges()[0].first != set.ranges()[0].second)
      return std::nullopt;
    return set.ranges()[0].first;
  }

  Result<PatternNode> char_class() {
    const bool negated = skip("^");
    CodePoints set;
    while (more() && !next_is("]")) {
      ONDOL_TRY(CodePoints member, class_member());
      if (next_is("-") && !next_is("-]")) {
        const auto low = single(member);
        ++at_;
        if (!more()) break;
        ONDOL_TRY(const CodePoints last, class_member());
        const auto high = single(last);
        if (!low || !high) return invalid("a range of the pattern has a class for its end");
        if (*low > *high) return invalid("a range of the pattern is the wrong way round");
        member = CodePoints({{*low, *high}});
      }
      set.add(member);
    }
    if (!skip("]")) return invalid("unmatched '[' in the pattern");
    return character(negated ? set.complement() : std::move(set));
  }

  std::string_view text_;
  std::string_view where_;
  std::string_view field_;
  std::size_t at_ = 0;
};

constexpr std::array<std::string_view, 30> kCategories = {  // in utf8proc's order
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};

std::map<std::string_view, CodePoints> make_categories() {
  std::array<std::vector<CodePoints::Range>, kCategories.size()> ranges;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    auto& own =
        ranges[static_cast<std::size_t>(utf8proc_category(static_cast<utf8proc_int32_t>(c)))];
    if (!own.empty() && own.back().second + 1 == c)
      own.back().second = c;
    else
      own.emplace_back(c, c);
  }
  std::map<std::string_view, CodePoints> out;
  for (std::size_t i = 0; i < kCategories.size(); ++i) {
    const CodePoints members(std::move(ranges[i]));
    out[kCategories[i]] = members;
    out[kCategories[i].substr(0, 1)].add(members);
  }
  return out;
}

}  // namespace

Result<PatternNode> parse_pattern(std::string_view pattern, std::string_view where,
                                  std::string_view field) {
  return Parser(pattern, where, field).run();
}

CodePoints category_members(std::string_view name) {
  static const std::map<std::string_view, CodePoints> kMembers = make_categories();
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kLongNames = {
      {{"Letter", "L"},
       {"Uppercase_Letter", "Lu"},
       {"Lowercase_Letter", "Ll"},
       {"Number", "N"},
       {"Punctuation", "P"},
       {"Symbol", "S"}}};
  for (const auto& [long_name, short_name] : kLongNames) {
    if (name == long_name) name = short_name;
  }
  const auto at = kMembers.find(name);
  return at == kMembers.end() ? CodePoints() : at->second;
}

}  // namespace ondol::text::grammar
