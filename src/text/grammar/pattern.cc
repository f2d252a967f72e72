#include "text/grammar/pattern.h"

#include <algorithm>
#include <string>

#include "text/grammar/pattern_syntax.h"

namespace ondol::text::grammar {
namespace {

using Kind = PatternNode::Kind;

// What stands around a node: whether it is the first (last) thing of the pattern,
// so that ^ ($) may stand there, and whether other text may come before (after).
struct Around {
  bool first = false, last = false;
  bool before = false, after = false;
};

class Translation {
 public:
  Translation(Rules& rules, const PatternMode& mode, std::string_view pattern,
              std::string_view where, std::string_view field)
      : rules_(rules),
        mode_(mode),
        pattern_(pattern),
        where_(where),
        field_(field),
        anything_(rules.star(mode.spell(rules, CodePoints::all()))) {}

  Result<ExprId> translate(const PatternNode& node, Around around) {
    switch (node.kind) {
      case Kind::kCharacter:
        return wrap(mode_.spell(rules_, node.set), around);
      case Kind::kAlt: {
        std::vector<ExprId> parts;
        for (const PatternNode& branch : node.parts) {
          ONDOL_TRY(const ExprId part, sequence(branch.parts, around));
          parts.push_back(part);
        }
        return rules_.alt(parts);
      }
      case Kind::kSeq:
        return sequence(node.parts, around);
      case Kind::kRepeat: {
        ONDOL_TRY(const ExprId part, translate(node.parts[0], {}));
        return wrap(rules_.repeat(part, node.min, node.max), around);
      }
      case Kind::kBegin:
      case Kind::kEnd:
        break;
    }
    return fail(ErrorCode::kUnsupported, where_, field_,
                node.kind == Kind::kBegin ? "'^' inside a pattern is not supported"
                                          : "'$' inside a pattern is not supported",
                std::string(pattern_));
  }

 private:
  ExprId wrap(ExprId expr, Around around) {
    return rules_.seq({around.before ? anything_ : rules_.empty(), expr,
                       around.after ? anything_ : rules_.empty()});
  }

  Result<ExprId> sequence(std::span<const PatternNode> parts, Around around) {
    while (around.first && !parts.empty() && parts.front().kind == Kind::kBegin) {
      around.before = false;
      parts = parts.subspan(1);
    }
    while (around.last && !parts.empty() && parts.back().kind == Kind::kEnd) {
      around.after = false;
      parts = parts.first(parts.size() - 1);
    }
    if (parts.empty()) return around.before || around.after ? anything_ : rules_.empty();
    std::vector<ExprId> out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const bool first = i == 0;
      const bool last = i + 1 == parts.size();
      ONDOL_TRY(const ExprId part,
                translate(parts[i], {around.first && first, around.last && last,
                                     around.before && first, around.after && last}));
      out.push_back(part);
    }
    return rules_.seq(out);
  }

  Rules& rules_;
  const PatternMode& mode_;
  std::string_view pattern_;
  std::string_view where_;
  std::string_view field_;
  ExprId anything_;
};

}  // namespace

Result<ExprId> pattern_expr(Rules& rules, std::string_view pattern, const PatternMode& mode,
                            std::string_view where, std::string_view field) {
  ONDOL_TRY(const PatternNode node, parse_pattern(pattern, where, field));
  return Translation(rules, mode, pattern, where, field)
      .translate(node, {true, true, mode.search, mode.search});
}

}  // namespace ondol::text::grammar
