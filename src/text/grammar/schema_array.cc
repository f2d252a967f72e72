#include <algorithm>

#include "text/grammar/schema_compiler.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxPrefix = 1000;

}  // namespace

// The schemas of one item; `ends`: none may stand here.
Result<std::vector<SchemaRef>> SchemaCompiler::item_schemas(const SchemaNode& node,
                                                            std::size_t index, bool& ends) const {
  std::vector<SchemaRef> out;
  for (const ArrayPart& part : node.array_parts) {
    if (index < part.prefix.size())
      out.push_back(part.prefix[index]);
    else if (part.items)
      out.push_back(*part.items);
  }
  ends = std::ranges::any_of(
      out, [](const SchemaRef& s) { return s.value->is_bool() && !s.value->get_bool(); });
  return out;
}

// '[' space ']', or '[' space item (comma item)* space ']'. Nodes: before an item
// and behind it, for each position of the prefixes, then for all further items.
Result<ExprId> SchemaCompiler::array_expr(const SchemaNode& node) {
  std::size_t n_prefix = 0;
  for (const ArrayPart& part : node.array_parts) n_prefix = std::max(n_prefix, part.prefix.size());
  if (n_prefix > kMaxPrefix)
    return document_.fail_at(ErrorCode::kLimit, node.pointer, "prefixItems is too long");
  if (node.min_items > node.max_items) return rules_.nothing();
  const std::uint32_t min = node.min_items;
  const std::uint32_t max = node.max_items;
  const ExprId close = rules_.seq({json_.space(), rules_.literal("]")});
  Graph graph;
  graph.start = graph.node();
  const std::uint32_t end = graph.node();
  graph.ends = {end};
  std::uint32_t before = graph.node();
  graph.edge(graph.start, rules_.seq({rules_.literal("["), json_.space()}), before);
  if (min == 0) graph.edge(graph.start, rules_.seq({rules_.literal("["), close}), end);
  for (std::uint32_t i = 0; i <= n_prefix && i < max; ++i) {
    bool ends = false;
    ONDOL_TRY(const auto schemas, item_schemas(node, i, ends));
    if (ends) break;
    ONDOL_TRY(const ExprId item, conjunction(schemas));
    const std::uint32_t after = graph.node();
    if (i < n_prefix) {
      graph.edge(before, item, after);
      before = graph.node();
      graph.edge(after, json_.comma(), before);
    } else {
      // Here and from here on.
      const std::uint32_t still_min = min > i ? min - i : 0;
      const std::uint32_t still_max = max == kNoBound ? kNoBound : max - i;
      if (still_min <= 1 && still_max == kNoBound) {
        graph.edge(before, item, after);
        graph.edge(after, json_.comma(), before);
      } else {
        const ExprId next = rules_.seq({json_.comma(), item});
        graph.edge(
            before,
            rules_.seq({item, rules_.repeat(next, std::max(still_min, 1U) - 1,
                                            still_max == kNoBound ? kNoBound : still_max - 1)}),
            after);
      }
      graph.edge(after, close, end);
      break;
    }
    if (i + 1 >= min) graph.edge(after, close, end);
  }
  return rules_.graph(std::move(graph));
}

}  // namespace ondol::text::grammar
