// What every front end compiles to: rules whose bodies are regular expressions
// over bytes, special tokens and calls of other rules. A call with counts repeats
// its rule without copies of it, so that {1,1000000} is as small as {1,2}.
//
// Owner: one compilation. Threads: plain value. Bounds: expressions and their
// unrolled sizes saturate; over_limit() says so, once, at the end.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text::grammar {

using ExprId = std::uint32_t;
using RuleId = std::uint32_t;
using ByteSet = std::bitset<256>;
inline constexpr std::uint32_t kNoBound = 0xFFFFFFFF;

struct Expr {
  enum class Kind : std::uint8_t {
    kEmpty,
    kNothing,
    kBytes,
    kLiteral,
    kToken,
    kSeq,
    kAlt,
    kStar,
    kCall,
    kGraph
  };
  Kind kind = Kind::kEmpty;
  std::uint32_t a = 0;             // set, text offset, token, first part, body, rule or graph
  std::uint32_t b = 0;             // text length or number of parts
  std::uint32_t min = 1, max = 1;  // kCall
  std::uint32_t size = 1;          // automaton nodes, saturating
};

/// Ways from `start` to any of `ends`, each edge an expression.
struct Graph {
  struct Edge {
    std::uint32_t from = 0;
    ExprId what = 0;
    std::uint32_t to = 0;
  };
  std::uint32_t n_nodes = 0;
  std::uint32_t start = 0;
  std::vector<Edge> edges;
  std::vector<std::uint32_t> ends;

  std::uint32_t node() { return n_nodes++; }
  void edge(std::uint32_t from, ExprId what, std::uint32_t to) {
    edges.push_back({from, what, to});
  }
};

struct Rule {
  ExprId body = 0;
  bool defined = false;
  bool shared = false;  // never copied into its callers: its masks serve all of them
};

class Rules {
 public:
  static constexpr std::size_t kMaxExprs = std::size_t{1} << 22;
  static constexpr std::uint32_t kMaxUnrolled = 512;  // nodes of a repetition made of copies

  Rules() : exprs_(1) {}  // 0 is the empty expression: what over_limit() leaves

  ExprId empty() { return 0; }
  ExprId nothing() { return add({Expr::Kind::kNothing}); }
  ExprId bytes(const ByteSet& set);
  ExprId byte_range(std::uint8_t low, std::uint8_t high);
  ExprId literal(std::string_view text);
  ExprId token(TokenId id) { return add({Expr::Kind::kToken, static_cast<std::uint32_t>(id)}); }
  ExprId seq(std::span<const ExprId> parts);
  ExprId seq(std::initializer_list<ExprId> parts) {
    return seq(std::span(parts.begin(), parts.size()));
  }
  ExprId alt(std::span<const ExprId> parts);
  ExprId alt(std::initializer_list<ExprId> parts) {
    return alt(std::span(parts.begin(), parts.size()));
  }
  ExprId optional(ExprId part) { return alt({part, empty()}); }
  ExprId star(ExprId part);
  /// REQUIRES: min <= max.
  ExprId repeat(ExprId part, std::uint32_t min, std::uint32_t max);
  ExprId call(RuleId rule);
  ExprId graph(Graph graph);

  RuleId declare(bool shared = false);
  void define(RuleId rule, ExprId body);

  const Expr& expr(ExprId id) const { return exprs_[id]; }
  const Rule& rule(RuleId id) const { return rules_[id]; }
  std::size_t n_rules() const { return rules_.size(); }
  const ByteSet& set(const Expr& e) const { return sets_[e.a]; }
  std::string_view text(const Expr& e) const { return std::string_view(texts_).substr(e.a, e.b); }
  const Graph& graph_of(const Expr& e) const { return graphs_[e.a]; }
  std::span<const ExprId> parts(const Expr& e) const { return std::span(parts_).subspan(e.a, e.b); }
  bool over_limit() const { return over_limit_; }

 private:
  ExprId add(Expr expr);
  ExprId add_parts(Expr::Kind kind, std::span<const ExprId> parts);

  std::vector<Expr> exprs_;
  std::vector<Rule> rules_;
  std::vector<ByteSet> sets_;
  std::string texts_;
  std::vector<ExprId> parts_;
  std::vector<Graph> graphs_;
  bool over_limit_ = false;
};

}  // namespace ondol::text::grammar
