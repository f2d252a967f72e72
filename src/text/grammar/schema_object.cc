#include <algorithm>
#include <set>

#include "base/utf8.h"
#include "text/grammar/code_points.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema_compiler.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxKeyPatterns = 4;

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

// The keys that a schema in propertyNames admits.
Result<ByteDfa> SchemaCompiler::key_dfa(const SchemaRef& schema) {
  SchemaNode node;
  ONDOL_TRY_VOID(document_.merge(schema, node));
  if (!node.choices.empty() || node.values) {
    return document_.fail_at(ErrorCode::kUnsupported, schema.pointer,
                             "propertyNames is supported with pattern, format and lengths only");
  }
  if ((node.types & kString) == 0) return dfa(rules_.nothing(), schema.pointer);
  return string_dfa(node);
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
    ONDOL_TRY(ByteDfa keys, key_dfa(schema));
    allowed.push_back(std::move(keys));
  }
  const std::set<std::string_view> required(node.required.begin(), node.required.end());
  for (const std::string& name : names) {
    ONDOL_TRY(const auto schemas, schemas_of_key(node, name));
    const bool may_be = std::ranges::none_of(schemas, is_false) &&
                        std::ranges::all_of(allowed, [&](const ByteDfa& keys) {
                          return keys.matches(json_string_content(name));
                        });
    ObjectShape::Property property{name, rules_.nothing(), required.contains(name)};
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
    ONDOL_TRY(const ByteDfa allowed, key_dfa(schema));
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

Result<ExprId> SchemaCompiler::object_of(const SchemaNode& node) {
  if (node.min_properties > node.max_properties) return rules_.nothing();
  ObjectShape shape;
  ONDOL_TRY_VOID(add_properties(node, shape));
  const auto n_declared = static_cast<std::uint32_t>(shape.properties.size());
  const auto n_required = static_cast<std::uint32_t>(
      std::ranges::count_if(shape.properties, &ObjectShape::Property::required));
  if (!shape.open_keys.empty() && node.min_properties > n_declared + 1) {
    return document_.fail_at(
        ErrorCode::kUnsupported, node.pointer,
        "minProperties above the number of declared properties plus one is not supported",
        std::to_string(node.min_properties));
  }
  shape.min = node.min_properties <= n_required ? 0 : node.min_properties;
  const bool few = shape.open_keys.empty() && n_declared <= node.max_properties;
  shape.max = few ? kNoBound : node.max_properties;
  const auto expr = object_expr(rules_, json_, shape, deadline_);
  if (expr) return *expr;
  return document_.fail_at(ErrorCode::kLimit, node.pointer,
                           "the object has too many properties for the bounds on their number");
}

}  // namespace ondol::text::grammar
