#include "text/grammar/rules.h"

#include <algorithm>

#include "base/check.h"

namespace ondol::text::grammar {
namespace {

constexpr std::uint32_t kHugeSize = 1U << 30;

std::uint32_t saturated(std::uint64_t size) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(size, kHugeSize));
}

}  // namespace

ExprId Rules::add(Expr expr) {
  if (exprs_.size() >= kMaxExprs || texts_.size() > kMaxExprs || parts_.size() > kMaxExprs) {
    over_limit_ = true;  // the compilation ends soon; until then ids stay valid
    return 0;
  }
  exprs_.push_back(expr);
  return static_cast<ExprId>(exprs_.size() - 1);
}

ExprId Rules::bytes(const ByteSet& set) {
  if (set.none()) return nothing();
  sets_.push_back(set);
  return add({Expr::Kind::kBytes, static_cast<std::uint32_t>(sets_.size() - 1)});
}

ExprId Rules::byte_range(std::uint8_t low, std::uint8_t high) {
  ByteSet set;
  for (unsigned b = low; b <= high; ++b) set.set(b);
  return bytes(set);
}

ExprId Rules::literal(std::string_view text) {
  if (text.empty()) return empty();
  Expr expr{Expr::Kind::kLiteral, static_cast<std::uint32_t>(texts_.size()),
            static_cast<std::uint32_t>(text.size())};
  expr.size = saturated(text.size());
  if (texts_.size() + text.size() <= kMaxExprs)
    texts_ += text;
  else
    over_limit_ = true;
  return over_limit_ ? 0 : add(expr);
}

ExprId Rules::add_parts(Expr::Kind kind, std::span<const ExprId> parts) {
  Expr expr{kind, static_cast<std::uint32_t>(parts_.size()),
            static_cast<std::uint32_t>(parts.size())};
  std::uint64_t size = 1;
  for (const ExprId part : parts) size += exprs_[part].size;
  expr.size = saturated(size);
  parts_.insert(parts_.end(), parts.begin(), parts.end());
  return add(expr);
}

ExprId Rules::seq(std::span<const ExprId> parts) {
  std::vector<ExprId> kept;
  for (const ExprId part : parts) {
    if (exprs_[part].kind == Expr::Kind::kNothing) return part;
    if (exprs_[part].kind != Expr::Kind::kEmpty) kept.push_back(part);
  }
  if (kept.empty()) return empty();
  return kept.size() == 1 ? kept[0] : add_parts(Expr::Kind::kSeq, kept);
}

ExprId Rules::alt(std::span<const ExprId> parts) {
  std::vector<ExprId> kept;
  for (const ExprId part : parts) {
    if (exprs_[part].kind != Expr::Kind::kNothing) kept.push_back(part);
  }
  if (kept.empty()) return nothing();
  return kept.size() == 1 ? kept[0] : add_parts(Expr::Kind::kAlt, kept);
}

ExprId Rules::star(ExprId part) {
  const Expr& body = exprs_[part];
  if (body.kind == Expr::Kind::kNothing || body.kind == Expr::Kind::kEmpty) return empty();
  Expr expr{Expr::Kind::kStar, part};
  expr.size = saturated(std::uint64_t{body.size} + 1);
  return add(expr);
}

// Small repetitions become copies, which the automaton can merge with what stands
// beside them; large ones a counted call.
ExprId Rules::repeat(ExprId part, std::uint32_t min, std::uint32_t max) {
  ONDOL_CHECK(min <= max);
  const Expr::Kind kind = exprs_[part].kind;
  if (kind == Expr::Kind::kEmpty || max == 0) return empty();
  if (kind == Expr::Kind::kNothing) return min == 0 ? empty() : part;
  if (min == 1 && max == 1) return part;
  const std::uint64_t n_copies = max == kNoBound ? min : max;
  if (n_copies * exprs_[part].size > kMaxUnrolled) {
    const RuleId rule = declare(true);
    define(rule, part);
    Expr expr{Expr::Kind::kCall, rule};
    expr.min = std::max(min, 1U);
    expr.max = max;
    const ExprId counted = add(expr);
    return min == 0 ? optional(counted) : counted;
  }
  std::vector<ExprId> parts(min, part);
  if (max == kNoBound) {
    parts.push_back(star(part));
  } else {
    // x{0,3} is (x(x(x)?)?)?: one way to match, where x?x?x? has many.
    ExprId tail = empty();
    for (std::uint32_t i = min; i < max; ++i) tail = optional(seq({part, tail}));
    parts.push_back(tail);
  }
  return seq(parts);
}

ExprId Rules::call(RuleId rule) { return add({Expr::Kind::kCall, rule}); }

ExprId Rules::graph(Graph graph) {
  std::uint64_t size = graph.n_nodes;
  for (const Graph::Edge& edge : graph.edges) size += exprs_[edge.what].size;
  graphs_.push_back(std::move(graph));
  Expr expr{Expr::Kind::kGraph, static_cast<std::uint32_t>(graphs_.size() - 1)};
  expr.size = saturated(size);
  return add(expr);
}

RuleId Rules::declare(bool shared) {
  rules_.push_back({0, false, shared});
  return static_cast<RuleId>(rules_.size() - 1);
}

void Rules::define(RuleId rule, ExprId body) {
  rules_[rule].body = body;
  rules_[rule].defined = true;
}

}  // namespace ondol::text::grammar
