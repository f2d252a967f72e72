// Turns merged schemas into expressions. One class, whose parts are in a file for
// each kind of value: schema_compiler.cc (rules, choices, values), schema_string.cc,
// schema_array.cc, schema_object.cc; schema_apart.cc tells which choices exclude
// each other.
//
// Owner: json_schema_expr. Threads: plain value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/grammar/byte_dfa.h"
#include "text/grammar/deadline.h"
#include "text/grammar/json_text.h"
#include "text/grammar/object_graph.h"
#include "text/grammar/schema_node.h"

namespace ondol::text::grammar {

class SchemaCompiler {
 public:
  SchemaCompiler(Rules& rules, JsonText& json, const SchemaDocument& document, Deadline& deadline)
      : rules_(rules), json_(json), document_(document), deadline_(deadline) {}

  Result<ExprId> run();

 private:
  struct Pending {
    RuleId rule = 0;
    std::vector<SchemaRef> schemas;
  };

  /// A call of the rule for values that all of these schemas admit.
  Result<ExprId> conjunction(std::vector<SchemaRef> schemas);
  Result<ExprId> body(std::span<const SchemaRef> schemas);
  Result<ExprId> node_expr(const SchemaNode& node);
  Result<ExprId> choice_expr(const SchemaNode& node);
  Result<SchemaNode> with_branch(const SchemaNode& node, const SchemaRef& branch);
  Result<ExprId> values_expr(const SchemaNode& node);
  /// `strings` holds what string_contents says, once it was asked for.
  using StringTests = std::optional<std::vector<ByteDfa>>;
  Result<bool> admits(const SchemaNode& node, const boost::json::value& value,
                      StringTests& strings);
  ExprId number_expr(const SchemaNode& node, bool integers_only) const;
  Result<ExprId> divisible_expr(const SchemaNode& node);

  Result<ExprId> string_expr(const SchemaNode& node);
  /// What stands between the quotes, in the spelling of json_char_expr.
  Result<std::vector<ExprId>> string_contents(const SchemaNode& node);
  Result<ByteDfa> string_dfa(const SchemaNode& node);

  Result<ExprId> array_expr(const SchemaNode& node);
  Result<std::vector<SchemaRef>> item_schemas(const SchemaNode& node, std::size_t index,
                                              bool& ends) const;

  Result<ExprId> object_of(const SchemaNode& node);
  Result<ByteDfa> key_dfa(const SchemaRef& schema);
  Result<void> add_properties(const SchemaNode& node, ObjectShape& shape);
  Result<std::vector<SchemaRef>> schemas_of_key(const SchemaNode& node, std::string_view name);
  Result<void> add_open_keys(const SchemaNode& node, const std::vector<std::string>& names,
                             ObjectShape& shape);
  Result<void> add_pattern_keys(const SchemaNode& node, const std::vector<std::string>& names,
                                ObjectShape& shape);
  Result<ByteDfa> pattern_dfa(const std::string& pattern, const std::string& pointer);
  Result<ByteDfa> dfa(ExprId expr, const std::string& pointer);
  ExprId keys_except(const std::vector<std::string>& names);

  Result<void> check_apart(const SchemaNode& node, const Choice& choice);
  Result<bool> apart(const SchemaNode& a, const SchemaNode& b, int depth);
  Result<bool> objects_apart(const SchemaNode& a, const SchemaNode& b, int depth);
  Result<SchemaNode> property_node(const SchemaNode& node, std::string_view name);

  Rules& rules_;
  JsonText& json_;
  const SchemaDocument& document_;
  Deadline& deadline_;
  std::map<std::vector<const boost::json::value*>, RuleId> known_;
  std::vector<Pending> pending_;
  std::map<std::string, ByteDfa, std::less<>> pattern_dfas_;
  std::size_t n_expanded_ = 0;  // choices tried together with what stands beside them
};

}  // namespace ondol::text::grammar
