#include <algorithm>
#include <set>

#include "base/utf8.h"
#include "text/grammar/code_points.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema_compiler.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxKeyPatterns = 4;
constexpr std::size_t kMaxObjectNodes = 20'000;

bool is_false(const SchemaRef& schema) {
  return schema.value->is_bool() && !schema.value->get_bool();
}

}  // namespace

Result<ByteDfa> SchemaCompiler::pattern_dfa(const std::string& pattern,
                                            const std::string& pointer) {
  if (const auto at = pattern_dfas_.find(pattern); at != pattern_dfas_.end()) return at->second;
  ONDOL_TRY(const ExprId expr,
            pattern_expr(rules_, pattern, {json_char_expr, true}, document_.where(), pointer));
  ONDOL_TRY(ByteDfa out, dfa(expr, pointer));
  pattern_dfas_.emplace(pattern, out);
  return out;
}

// Each schema that was merged has its own idea of which keys are additional.
Result<std::vector<SchemaRef>> SchemaCompiler::schemas_of_key(const SchemaNode& node,
                                                              std::string_view name) {
  std::vector<SchemaRef> out;
  const std::string content = json_string_content(name);
  bool evaluated = false;
  for (const ObjectPart& part : node.object_parts) {
    bool named = false;
    for (const auto& [property, schema] : part.properties) {
      if (property != name) continue;
      named = true;
      out.push_back(schema);
    }
    for (const auto& [pattern, schema] : part.patterns) {
      ONDOL_TRY(const ByteDfa keys, pattern_dfa(pattern, schema.pointer));
      if (!keys.matches(content)) continue;
      named = true;
      out.push_back(schema);
    }
    if (!named && part.additional) out.push_back(*part.additional);
    evaluated = evaluated || named || part.additional;
  }
  static const boost::json::value kFalse(false);
  if (node.closed && !evaluated) out.push_back({&kFalse, node.pointer});
  return out;
}

Result<void> SchemaCompiler::add_properties(const SchemaNode& node, ObjectShape& shape) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  const auto add_name = [&](const std::string& name) {
    if (seen.insert(name).second) names.push_back(name);
  };
  for (const ObjectPart& part : node.object_parts) {
    for (const auto& [name, schema] : part.properties) add_name(name);
  }
  for (const std::string& name : node.required) add_name(name);
  std::vector<ByteDfa> allowed;
  for (const SchemaRef& schema : node.property_names) {
    SchemaNode names_node;
    ONDOL_TRY_VOID(document_.merge(schema, names_node));
    if (!names_node.choices.empty() || names_node.values) {
      return document_.fail_at(ErrorCode::kUnsupported, schema.pointer,
                               "propertyNames is supported with pattern, format and lengths only");
    }
    ONDOL_TRY(ByteDfa keys, string_dfa(names_node));
    allowed.push_back(std::move(keys));
  }
  const std::set<std::string_view> required(node.required.begin(), node.required.end());
  for (const std::string& name : names) {
    ONDOL_TRY(const auto schemas, schemas_of_key(node, name));
    const bool may_be = std::ranges::none_of(schemas, is_false) &&
                        std::ranges::all_of(allowed, [&](const ByteDfa& keys) {
                          return keys.matches(json_string_content(name));
                        });
    Property property{name, rules_.nothing(), required.contains(name)};
    if (may_be) {
      ONDOL_TRY(property.value, conjunction(schemas));
    }
    if (may_be || property.required) shape.properties.push_back(std::move(property));
  }
  return add_open_keys(node, names, shape);
}

// Keys beyond those that are named, when there are any.
Result<void> SchemaCompiler::add_open_keys(const SchemaNode& node,
                                           const std::vector<std::string>& names,
                                           ObjectShape& shape) {
  const bool patterns = std::ranges::any_of(
      node.object_parts, [](const ObjectPart& part) { return !part.patterns.empty(); });
  if (patterns || !node.property_names.empty()) return add_pattern_keys(node, names, shape);
  std::vector<SchemaRef> schemas;
  for (const ObjectPart& part : node.object_parts) {
    if (part.additional) schemas.push_back(*part.additional);
  }
  if (std::ranges::any_of(schemas, is_false) || (node.closed && schemas.empty())) return {};
  ONDOL_TRY(const ExprId value, conjunction(schemas));
  shape.open_keys.push_back({keys_except(names), value});
  return {};
}

// The keys that match some set of the patterns and none of the others, for each
// such set that is not empty.
Result<void> SchemaCompiler::add_pattern_keys(const SchemaNode& node,
                                              const std::vector<std::string>& names,
                                              ObjectShape& shape) {
  std::vector<std::pair<std::string, std::string>> patterns;  // and pointer
  for (const ObjectPart& part : node.object_parts) {
    for (const auto& [pattern, schema] : part.patterns)
      patterns.emplace_back(pattern, schema.pointer);
  }
  if (patterns.size() > kMaxKeyPatterns) {
    return document_.fail_at(ErrorCode::kUnsupported, node.pointer,
                             "more than 4 patternProperties for one object are not supported");
  }
  std::vector<ExprId> literals;
  for (const std::string& name : names)
    literals.push_back(rules_.literal(json_string_content(name)));
  ONDOL_TRY(ByteDfa keys,
            dfa(rules_.star(json_char_expr(rules_, CodePoints::all())), node.pointer));
  ONDOL_TRY(const ByteDfa named, dfa(rules_.alt(literals), node.pointer));
  ONDOL_TRY(keys, keys.without(named, deadline_, document_.where(), node.pointer));
  for (const SchemaRef& schema : node.property_names) {
    SchemaNode names_node;
    ONDOL_TRY_VOID(document_.merge(schema, names_node));
    ONDOL_TRY(const ByteDfa allowed, string_dfa(names_node));
    ONDOL_TRY(keys, keys.both(allowed, deadline_, document_.where(), node.pointer));
  }
  for (unsigned matching = 0; matching < 1U << patterns.size(); ++matching) {
    ByteDfa some = keys;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      ONDOL_TRY(const ByteDfa pattern, pattern_dfa(patterns[i].first, patterns[i].second));
      const bool matches = (matching >> i & 1U) != 0;
      ONDOL_TRY(some, matches ? some.both(pattern, deadline_, document_.where(), node.pointer)
                              : some.without(pattern, deadline_, document_.where(), node.pointer));
    }
    if (some.empty()) continue;
    std::vector<SchemaRef> schemas;
    std::size_t i = 0;
    bool evaluated = false;
    for (const ObjectPart& part : node.object_parts) {
      bool named_here = false;
      for (const auto& [pattern, schema] : part.patterns) {
        if ((matching >> i++ & 1U) == 0) continue;
        named_here = true;
        schemas.push_back(schema);
      }
      if (!named_here && part.additional) schemas.push_back(*part.additional);
      evaluated = evaluated || named_here || part.additional;
    }
    if (std::ranges::any_of(schemas, is_false) || (node.closed && !evaluated)) continue;
    ONDOL_TRY(const ExprId value, conjunction(schemas));
    shape.open_keys.push_back({rules_.seq({some.expr(rules_), rules_.literal("\"")}), value});
  }
  return {};
}

// A trie of the names, by characters; where a key leaves it, the rest is any
// string. Strings have one spelling here, so a key that leaves is none of the names.
ExprId SchemaCompiler::keys_except(const std::vector<std::string>& names) {
  if (names.empty()) return json_.plain_string_rest();
  struct Node {
    std::map<char32_t, std::uint32_t> children;
    bool is_name = false;
  };
  std::vector<Node> trie(1);
  for (std::string_view name : names) {
    std::uint32_t at = 0;
    while (!name.empty()) {
      const Utf8Char c = decode_utf8(name);
      name.remove_prefix(c.n_bytes);
      const auto [child, is_new] =
          trie[at].children.try_emplace(c.code_point, static_cast<std::uint32_t>(trie.size()));
      at = child->second;
      if (is_new) trie.emplace_back();
    }
    trie[at].is_name = true;
  }
  Graph graph;  // nodes of the trie first
  graph.n_nodes = static_cast<std::uint32_t>(trie.size());
  const std::uint32_t left = graph.node();
  const std::uint32_t end = graph.node();
  graph.ends = {end};
  graph.edge(left, json_.plain_string_rest(), end);
  // Most nodes leave by the same characters beyond ASCII, and share these edges.
  const CodePoints ascii({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7F}});
  const std::uint32_t beyond = graph.node();
  graph.edge(beyond, json_char_expr(rules_, ascii.complement()), left);
  for (std::uint32_t i = 0; i < trie.size(); ++i) {
    CodePoints inside;
    for (const auto& [c, child] : trie[i].children) {
      graph.edge(i, json_char_expr(rules_, CodePoints::one(c)), child);
      inside.add(CodePoints::one(c));
    }
    CodePoints outside = inside.complement();
    if (inside.intersect(ascii.complement()).empty()) {
      graph.edge(i, rules_.empty(), beyond);
      outside = outside.intersect(ascii);
    }
    graph.edge(i, json_char_expr(rules_, outside), left);
    if (!trie[i].is_name) graph.edge(i, rules_.literal("\""), end);
  }
  return rules_.graph(std::move(graph));
}

namespace {

// Where an object stands between two members.
struct Place {
  std::uint32_t next = 0;  // declared property that may come next; their number: only open keys
  std::uint32_t n_members = 0;  // as far as bounds on their number care
  std::uint32_t n_distinct =
      0;                   // keys that are surely different ones, as far as the lower bound cares
  bool open_seen = false;  // a key that is not declared
  bool any = false;        // a member, so that a comma comes first
  auto operator<=>(const Place&) const = default;
};

}  // namespace

// Properties come in the order in which they are declared, then all others. The
// same key may come twice among the others, which is why they count once for
// minProperties.
Result<ExprId> SchemaCompiler::object_graph(const ObjectShape& shape, const std::string& pointer) {
  Graph graph;
  const auto n = static_cast<std::uint32_t>(shape.properties.size());
  const ExprId quote = rules_.literal("\"");
  const ExprId close = rules_.seq({json_.space(), rules_.literal("}")});
  graph.start = graph.node();
  const std::uint32_t end = graph.node();
  graph.ends = {end};
  std::map<Place, std::uint32_t> nodes;
  std::map<std::pair<Place, bool>, std::uint32_t> members;  // before a member, comma written
  std::vector<Place> open;
  const auto node_of = [&](const Place& place) {
    const auto [at, is_new] = nodes.try_emplace(place, graph.n_nodes);
    if (is_new) {
      graph.node();
      open.push_back(place);
    }
    return at->second;
  };
  graph.edge(graph.start, rules_.seq({rules_.literal("{"), json_.space()}), node_of({}));
  if (shape.min == 0 && std::ranges::none_of(shape.properties, &Property::required)) {
    graph.edge(graph.start, rules_.seq({rules_.literal("{"), close}), end);
  }
  while (!open.empty()) {
    if (graph.n_nodes > kMaxObjectNodes || deadline_.passed()) {
      return document_.fail_at(ErrorCode::kLimit, pointer,
                               "the object has too many properties for its bounds on their number");
    }
    const Place place = open.back();
    open.pop_back();
    const std::uint32_t from = nodes.at(place);
    const bool declared = place.next < n;
    if (!declared && place.any && place.n_distinct >= shape.min) graph.edge(from, close, end);
    if (declared && !shape.properties[place.next].required) {
      Place skipped = place;
      ++skipped.next;
      graph.edge(from, rules_.empty(), node_of(skipped));
    }
    if (shape.max != kNoBound && place.n_members >= shape.max) continue;
    if (!declared && shape.open_keys.empty()) continue;
    Place after = place;
    after.any = true;
    if (shape.max != kNoBound) ++after.n_members;
    if (declared || !place.open_seen) after.n_distinct = std::min(place.n_distinct + 1, shape.min);
    after.open_seen = !declared;
    if (declared) ++after.next;
    const std::uint32_t to = node_of(after);
    // The first member has no comma before it; what follows the comma is written once.
    Place key = after;
    key.any = false;
    const auto [member, is_new] = members.try_emplace({key, declared}, graph.n_nodes);
    graph.edge(from, place.any ? json_.comma() : rules_.empty(), member->second);
    if (!is_new) continue;
    graph.node();
    if (declared) {
      const Property& property = shape.properties[place.next];
      graph.edge(member->second,
                 rules_.seq({quote, rules_.literal(json_string_content(property.name)), quote,
                             json_.colon(), property.value}),
                 to);
    } else {
      for (const OpenKey& key_expr : shape.open_keys) {
        graph.edge(member->second, rules_.seq({quote, key_expr.key, json_.colon(), key_expr.value}),
                   to);
      }
    }
  }
  return rules_.graph(std::move(graph));
}

Result<ExprId> SchemaCompiler::object_expr(const SchemaNode& node) {
  if (node.min_properties > node.max_properties) return rules_.nothing();
  ObjectShape shape;
  ONDOL_TRY_VOID(add_properties(node, shape));
  const auto n_required =
      static_cast<std::uint32_t>(std::ranges::count_if(shape.properties, &Property::required));
  const auto n_declared = static_cast<std::uint32_t>(shape.properties.size());
  if (!shape.open_keys.empty() && node.min_properties > n_declared + 1) {
    return document_.fail_at(
        ErrorCode::kUnsupported, node.pointer,
        "minProperties above the number of declared properties plus one is not supported",
        std::to_string(node.min_properties));
  }
  shape.min = node.min_properties <= n_required ? 0 : node.min_properties;
  shape.max =
      node.max_properties >= n_declared && shape.open_keys.empty() ? kNoBound : node.max_properties;
  return object_graph(shape, node.pointer);
}

}  // namespace ondol::text::grammar
