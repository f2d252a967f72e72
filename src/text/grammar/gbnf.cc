#include "text/grammar/gbnf.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/grammar/code_points.h"

namespace ondol::text::grammar {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::uint32_t kMaxCount = 1'000'000'000;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class Parser {
 public:
  Parser(Rules& rules, std::string_view text, const GrammarVocabulary& vocabulary,
         std::string_view where)
      : rules_(rules), text_(text), vocabulary_(vocabulary), where_(where) {}

  Result<ExprId> run() {
    if (!is_valid_utf8(text_)) return invalid("the grammar is not valid UTF-8");
    for (skip_space(true); more(); skip_space(true)) ONDOL_TRY_VOID(rule());
    for (const auto& [name, named] : names_) {
      if (!rules_.rule(named.rule).defined) {
        return fail(ErrorCode::kInvalidArgument, where_, line(named.at),
                    "a rule is used but not defined", std::string(name));
      }
    }
    const auto root = names_.find("root");
    if (root == names_.end())
      return fail(ErrorCode::kInvalidArgument, where_, "", "the grammar has no rule \"root\"");
    return rules_.call(root->second.rule);
  }

 private:
  struct Named {
    RuleId rule = 0;
    std::size_t at = 0;  // of its first use
  };

  bool more() const { return at_ < text_.size(); }
  bool next_is(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool skip(std::string_view what) {
    if (!next_is(what)) return false;
    at_ += what.size();
    return true;
  }
  std::string line(std::size_t at) const {
    const std::string_view before = text_.substr(0, std::min(at, text_.size()));
    return "line " + std::to_string(1 + std::ranges::count(before, '\n'));
  }
  tl::unexpected<Error> invalid(std::string_view detail, std::string value = {}) const {
    return fail(ErrorCode::kInvalidArgument, where_, line(at_), detail, std::move(value));
  }

  void skip_space(bool newlines) {
    while (more()) {
      const char c = text_[at_];
      if (c == '#') {
        while (more() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (more() && is_name_char(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  RuleId rule_named(std::string_view name) {
    const auto at = names_.find(name);
    if (at != names_.end()) return at->second.rule;
    const RuleId rule = rules_.declare();
    names_.emplace(name, Named{rule, at_});
    return rule;
  }

  Result<void> rule() {
    const std::string_view left = name();
    if (left.empty())
      return invalid("expected the name of a rule", std::string(text_.substr(at_, 20)));
    skip_space(false);
    if (!skip("::="))
      return invalid("expected \"::=\" after the name of a rule", std::string(left));
    const RuleId rule = rule_named(left);
    if (rules_.rule(rule).defined) return invalid("a rule is defined twice", std::string(left));
    skip_space(true);
    ONDOL_TRY(const ExprId body, alternatives(0));
    rules_.define(rule, body);
    if (more() && !next_is("\n") && !next_is("\r"))
      return invalid("expected the end of the rule", std::string(text_.substr(at_, 20)));
    return {};
  }

  // A '|' on the next line goes on with this rule.
  bool next_alternative(bool nested) {
    const std::size_t here = at_;
    skip_space(true);
    if (skip("|")) return true;
    if (!nested) at_ = here;
    return false;
  }

  Result<ExprId> alternatives(int depth) {
    if (depth > kMaxDepth)
      return fail(ErrorCode::kLimit, where_, line(at_), "groups nest too deep", depth, kMaxDepth);
    std::vector<ExprId> branches;
    do {
      skip_space(true);
      ONDOL_TRY(const ExprId branch, sequence(depth));
      branches.push_back(branch);
    } while (next_alternative(depth > 0));
    return rules_.alt(branches);
  }

  Result<ExprId> sequence(int depth) {
    std::vector<ExprId> parts;
    for (;;) {
      skip_space(depth > 0);
      if (!more() || next_is("|") || next_is(")") || next_is("\n") || next_is("\r")) break;
      const std::size_t here = at_;
      if (depth == 0 && starts_rule()) {
        at_ = here;
        break;
      }
      ONDOL_TRY(ExprId part, atom(depth));
      ONDOL_TRY(part, quantified(part));
      parts.push_back(part);
    }
    return rules_.seq(parts);
  }

  // An empty alternative may be followed by the next rule at once: `a ::=` newline `b ::= ...`.
  bool starts_rule() {
    const std::size_t here = at_;
    const bool named = !name().empty();
    skip_space(false);
    const bool starts = named && next_is("::=");
    at_ = here;
    return starts;
  }

  Result<ExprId> quantified(ExprId part) {
    for (;;) {
      if (skip("*"))
        part = rules_.star(part);
      else if (skip("+"))
        part = rules_.repeat(part, 1, kNoBound);
      else if (skip("?"))
        part = rules_.optional(part);
      else if (skip("{")) {
        ONDOL_TRY(part, counted(part));
      } else
        return part;
    }
  }

  Result<ExprId> counted(ExprId part) {
    skip_space(false);
    ONDOL_TRY(const std::uint32_t min, number());
    std::uint32_t max = min;
    skip_space(false);
    if (skip(",")) {
      skip_space(false);
      max = kNoBound;
      if (!next_is("}")) {
        ONDOL_TRY(max, number());
      }
      skip_space(false);
    }
    if (!skip("}")) return invalid("expected '}' after a repetition's bounds");
    if (min > max) return invalid("a repetition's bounds are the wrong way round");
    return rules_.repeat(part, min, max);
  }

  Result<std::uint32_t> number() {
    std::uint32_t value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (end == begin) return invalid("expected a number");
    if (error != std::errc() || value > kMaxCount) {
      return fail(ErrorCode::kLimit, where_, line(at_), "a repetition is too large");
    }
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  Result<ExprId> atom(int depth) {
    if (skip("\"")) return literal();
    if (skip("[")) return char_class();
    if (skip(".")) return utf8_expr(rules_, CodePoints::all());
    if (next_is("<")) return special_token();
    if (next_is("!"))
      return fail(ErrorCode::kUnsupported, where_, line(at_),
                  "a negated token (!) is not supported");
    if (skip("(")) {
      ONDOL_TRY(const ExprId group, alternatives(depth + 1));
      if (!skip(")")) return invalid("expected ')'");
      return group;
    }
    const std::string_view used = name();
    if (used.empty())
      return invalid("expected a literal, a class, a group or a rule",
                     std::string(text_.substr(at_, 20)));
    return rules_.call(rule_named(used));
  }

  Result<char32_t> character() {
    if (!more()) return invalid("a literal or class has no end");
    if (!skip("\\")) {
      const Utf8Char c = decode_utf8(text_.substr(at_));
      at_ += c.n_bytes;
      return c.code_point;
    }
    if (!more()) return invalid("a literal or class has no end");
    const char escape = text_[at_++];
    switch (escape) {
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      default:
        break;
    }
    if (std::string_view("\\\"[]^-/.").find(escape) != std::string_view::npos)
      return static_cast<char32_t>(escape);
    return invalid("unknown escape", std::string{'\\', escape});
  }

  Result<char32_t> hex(std::size_t n_digits) {
    std::uint32_t value = 0;
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), n_digits);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != n_digits || error != std::errc() || end != digits.data() + n_digits) {
      return invalid("an escape lacks hexadecimal digits");
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      return invalid("an escape is no character", std::string(digits));
    at_ += n_digits;
    return static_cast<char32_t>(value);
  }

  Result<ExprId> literal() {
    std::string bytes;
    while (!next_is("\"")) {
      ONDOL_TRY(const char32_t c, character());
      append_utf8(bytes, c);
    }
    skip("\"");
    return rules_.literal(bytes);
  }

  Result<ExprId> char_class() {
    const bool negated = skip("^");
    std::vector<CodePoints::Range> ranges;
    while (!next_is("]")) {
      ONDOL_TRY(const char32_t low, character());
      char32_t high = low;
      if (next_is("-") && !next_is("-]")) {
        ++at_;
        ONDOL_TRY(high, character());
      }
      if (high < low) return invalid("a range is the wrong way round");
      ranges.emplace_back(low, high);
    }
    skip("]");
    const CodePoints set(std::move(ranges));
    return utf8_expr(rules_, negated ? set.complement() : set);
  }

  Result<ExprId> special_token() {
    const std::size_t end = text_.find('>', at_);
    if (end == std::string_view::npos) return invalid("a special token has no '>'");
    const std::string_view piece = text_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    if (piece.starts_with("<[") && piece.ends_with("]>")) {
      const std::string_view digits = piece.substr(2, piece.size() - 4);
      TokenId id = -1;
      const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
      const bool whole = error == std::errc() && last == digits.data() + digits.size();
      if (whole && id >= 0 && static_cast<std::size_t>(id) < vocabulary_.n_vocab() &&
          vocabulary_.tokenizer().is_special(id) && !vocabulary_.is_end(id)) {
        return rules_.token(id);
      }
    } else if (const auto id = vocabulary_.special_id(piece)) {
      return rules_.token(*id);
    }
    return invalid("the model has no such special token", std::string(piece));
  }

  Rules& rules_;
  std::string_view text_;
  const GrammarVocabulary& vocabulary_;
  std::string_view where_;
  std::size_t at_ = 0;
  std::map<std::string_view, Named> names_;
};

}  // namespace

Result<ExprId> gbnf_expr(Rules& rules, std::string_view text, const GrammarVocabulary& vocabulary,
                         std::string_view where) {
  return Parser(rules, text, vocabulary, where).run();
}

}  // namespace ondol::text::grammar
