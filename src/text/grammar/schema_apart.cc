// oneOf wants exactly one branch to match. Branches that exclude each other make
// it anyOf; this is where that is proven: by type, by values, by bounds, or by a
// property that both branches require and that tells them apart.
#include <algorithm>

#include "text/grammar/schema_compiler.h"

namespace ondol::text::grammar {
namespace {

constexpr int kMaxApartDepth = 4;
constexpr std::size_t kMaxBranches = 200;  // each is held against each

}  // namespace

Result<void> SchemaCompiler::check_apart(const SchemaNode& node, const Choice& choice) {
  if (choice.branches.size() > kMaxBranches) {
    return document_.fail_at(ErrorCode::kLimit, choice.pointer, "too many branches",
                             std::to_string(choice.branches.size()));
  }
  std::vector<SchemaNode> branches;
  for (const SchemaRef& branch : choice.branches) {
    ONDOL_TRY(SchemaNode merged, with_branch(node, branch));
    branches.push_back(std::move(merged));
  }
  for (std::size_t i = 0; i < branches.size(); ++i) {
    for (std::size_t j = i + 1; j < branches.size(); ++j) {
      if (deadline_.passed_now())
        return document_.fail_at(ErrorCode::kLimit, choice.pointer,
                                 "the schema takes too long to compile");
      ONDOL_TRY(const bool are_apart, apart(branches[i], branches[j], 0));
      if (are_apart) continue;
      return document_.fail_at(ErrorCode::kUnsupported, choice.pointer,
                               "oneOf is supported only when its branches provably exclude each "
                               "other (by type, value, bounds or a required property)",
                               "branches " + std::to_string(i) + " and " + std::to_string(j));
    }
  }
  return {};
}

// False when it is not proven.
Result<bool> SchemaCompiler::apart(const SchemaNode& a, const SchemaNode& b, int depth) {
  const std::uint8_t common = a.types & b.types;
  if (common == 0) return true;
  if (depth > kMaxApartDepth) return false;
  if (a.values || b.values) {
    const SchemaNode& listed = a.values ? a : b;
    const SchemaNode& other = a.values ? b : a;
    StringTests strings;
    for (const boost::json::value* value : *listed.values) {
      if ((common & type_of(*value)) == 0) continue;
      const bool may_equal =
          !other.values ||
          std::ranges::any_of(*other.values, [&](const auto* v) { return json_equal(*value, *v); });
      if (!may_equal) continue;
      if (value->is_object() || value->is_array()) return false;
      ONDOL_TRY(const bool admitted, admits(other, *value, strings));
      if (admitted) return false;
    }
    return true;
  }
  if ((common & (kNull | kBoolean)) != 0) return false;
  if ((common & kString) != 0 && a.min_length <= b.max_length && b.min_length <= a.max_length)
    return false;
  if ((common & (kInteger | kFraction)) != 0 && !a.range.apart_from(b.range)) return false;
  if ((common & kArray) != 0 && a.min_items <= b.max_items && b.min_items <= a.max_items)
    return false;
  if ((common & kObject) != 0) return objects_apart(a, b, depth);
  return true;
}

Result<SchemaNode> SchemaCompiler::property_node(const SchemaNode& node, std::string_view name) {
  SchemaNode out;
  ONDOL_TRY(const auto schemas, schemas_of_key(node, name));
  for (const SchemaRef& schema : schemas) ONDOL_TRY_VOID(document_.merge(schema, out));
  return out;
}

Result<bool> SchemaCompiler::objects_apart(const SchemaNode& a, const SchemaNode& b, int depth) {
  std::vector<std::string> names = a.required;
  names.insert(names.end(), b.required.begin(), b.required.end());
  for (const std::string& name : names) {
    ONDOL_TRY(const SchemaNode in_a, property_node(a, name));
    ONDOL_TRY(const SchemaNode in_b, property_node(b, name));
    const bool always_in_a = std::ranges::find(a.required, name) != a.required.end();
    const bool always_in_b = std::ranges::find(b.required, name) != b.required.end();
    if (always_in_a && always_in_b) {
      ONDOL_TRY(const bool values_apart, apart(in_a, in_b, depth + 1));
      if (values_apart) return true;
    } else if ((always_in_a && in_b.types == 0) || (always_in_b && in_a.types == 0)) {
      return true;  // the other branch forbids it
    }
  }
  return false;
}

}  // namespace ondol::text::grammar
