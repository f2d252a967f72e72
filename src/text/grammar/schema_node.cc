#include "text/grammar/schema_node.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "text/grammar/json_text.h"

namespace ondol::text::grammar {
namespace {

constexpr std::uint32_t kMaxDivisor = 1000;
constexpr std::uint32_t kMaxCount = 1'000'000'000;
constexpr std::size_t kMaxMerged = 1000;  // schemas in one node

// Keywords that say nothing about which values are valid.
constexpr std::array<std::string_view, 22> kAnnotations = {"$schema",         "$id",
                                                           "$comment",        "$defs",
                                                           "definitions",     "$anchor",
                                                           "$vocabulary",     "title",
                                                           "description",     "default",
                                                           "examples",        "example",
                                                           "deprecated",      "readOnly",
                                                           "writeOnly",       "contentMediaType",
                                                           "contentEncoding", "contentSchema",
                                                           "externalDocs",    "xml",
                                                           "discriminator",   "id"};

std::string escaped_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out.push_back(c);
  }
  return out;
}

std::optional<std::uint8_t> type_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::uint8_t>, 7> kNames = {
      {{"null", kNull},
       {"boolean", kBoolean},
       {"object", kObject},
       {"array", kArray},
       {"string", kString},
       {"integer", kInteger},
       {"number", kInteger | kFraction}}};
  const auto at = std::ranges::find(kNames, name, [](const auto& row) { return row.first; });
  return at == kNames.end() ? std::nullopt : std::optional(at->second);
}

// Merges one schema object; `at` below names each keyword.
class Merger {
 public:
  Merger(const SchemaDocument& document, const SchemaRef& schema, SchemaNode& node)
      : document_(document), schema_(schema), node_(node) {}

  Result<void> run() {
    const auto& object = schema_.value->get_object();
    for (const auto& member : object) {
      at_ = schema_.pointer + "/" + escaped_token(member.key());
      ONDOL_TRY_VOID(keyword(member.key(), member.value()));
    }
    if (has_part_) node_.object_parts.push_back(std::move(object_part_));
    if (has_items_) node_.array_parts.push_back(std::move(array_part_));
    if (const auto* nullable = object.if_contains("nullable");
        nullable != nullptr && *nullable == true)
      types_ |= kNull;
    if (types_ != kAllTypes) node_.plain = false;
    node_.types &= types_;
    return check_bounds();
  }

 private:
  using Value = boost::json::value;
  using Handler = Result<void> (Merger::*)(const Value&);

  tl::unexpected<Error> invalid(std::string_view detail, std::string value = {}) const {
    return document_.fail_at(ErrorCode::kInvalidArgument, at_, detail, std::move(value));
  }
  tl::unexpected<Error> unsupported(std::string_view detail) const {
    return document_.fail_at(ErrorCode::kUnsupported, at_, detail);
  }

  Result<void> keyword(std::string_view name, const Value& value) {
    static const std::map<std::string_view, Handler> kHandlers = {
        {"type", &Merger::type},
        {"enum", &Merger::enumeration},
        {"const", &Merger::constant},
        {"$ref", &Merger::reference},
        {"allOf", &Merger::all_of},
        {"anyOf", &Merger::any_of},
        {"oneOf", &Merger::one_of},
        {"nullable", &Merger::nullable},
        {"format", &Merger::format},
        {"pattern", &Merger::pattern},
        {"minLength", &Merger::min_length},
        {"maxLength", &Merger::max_length},
        {"minimum", &Merger::minimum},
        {"maximum", &Merger::maximum},
        {"exclusiveMinimum", &Merger::exclusive_minimum},
        {"exclusiveMaximum", &Merger::exclusive_maximum},
        {"multipleOf", &Merger::multiple_of},
        {"prefixItems", &Merger::prefix_items},
        {"items", &Merger::items},
        {"minItems", &Merger::min_items},
        {"maxItems", &Merger::max_items},
        {"uniqueItems", &Merger::unique_items},
        {"properties", &Merger::properties},
        {"patternProperties", &Merger::pattern_properties},
        {"additionalProperties", &Merger::additional_properties},
        {"propertyNames", &Merger::property_names},
        {"required", &Merger::required},
        {"minProperties", &Merger::min_properties},
        {"maxProperties", &Merger::max_properties},
        {"unevaluatedProperties", &Merger::unevaluated_properties}};
    if (std::ranges::find(kAnnotations, name) != kAnnotations.end() || name.starts_with("x-"))
      return {};
    const auto at = kHandlers.find(name);
    if (at == kHandlers.end())
      return unsupported("the keyword \"" + std::string(name) + "\" is not supported");
    const bool choice = name == "anyOf" || name == "oneOf" || name == "$ref" || name == "allOf";
    node_.plain = node_.plain && choice;
    return (this->*at->second)(value);
  }

  SchemaRef child(const Value& value, std::string_view token = {}) const {
    return {&value, token.empty() ? at_ : at_ + "/" + escaped_token(token)};
  }

  Result<void> type(const Value& value) {
    types_ = 0;
    const auto add = [&](const Value& name) -> Result<void> {
      const auto known = name.is_string() ? type_named(name.get_string()) : std::nullopt;
      if (!known)
        return invalid("not the name of a type",
                       name.is_string() ? std::string(name.get_string()) : "");
      types_ |= *known;
      return {};
    };
    if (!value.is_array()) return add(value);
    if (value.get_array().empty()) return invalid("the list of types is empty");
    for (const Value& name : value.get_array()) ONDOL_TRY_VOID(add(name));
    return {};
  }

  void keep_values(std::vector<const Value*> values) {
    if (node_.values) {
      std::erase_if(values, [&](const Value* v) {
        return std::ranges::none_of(*node_.values,
                                    [&](const Value* w) { return json_equal(*v, *w); });
      });
    }
    node_.values = std::move(values);
  }

  Result<void> enumeration(const Value& value) {
    if (!value.is_array()) return invalid("expected a list");
    if (value.get_array().empty()) return invalid("the list of values is empty");
    std::vector<const Value*> values;
    for (const Value& v : value.get_array()) values.push_back(&v);
    keep_values(std::move(values));
    return {};
  }

  Result<void> constant(const Value& value) {
    keep_values({&value});
    return {};
  }

  Result<void> reference(const Value& value) {
    if (!value.is_string()) return invalid("expected a string");
    ONDOL_TRY(const SchemaRef target, document_.target_of(value.get_string(), at_));
    return document_.merge(target, node_);
  }

  Result<std::vector<SchemaRef>> schemas(const Value& value) const {
    if (!value.is_array() || value.get_array().empty())
      return invalid("expected a list of schemas that is not empty");
    std::vector<SchemaRef> out;
    for (std::size_t i = 0; i < value.get_array().size(); ++i)
      out.push_back(child(value.get_array()[i], std::to_string(i)));
    return out;
  }

  Result<void> all_of(const Value& value) {
    ONDOL_TRY(const auto parts, schemas(value));
    for (const SchemaRef& part : parts) ONDOL_TRY_VOID(document_.merge(part, node_));
    return {};
  }

  Result<void> choice(const Value& value, bool exactly_one) {
    ONDOL_TRY(auto branches, schemas(value));
    node_.choices.push_back({exactly_one && branches.size() > 1, at_, std::move(branches)});
    return {};
  }
  Result<void> any_of(const Value& value) { return choice(value, false); }
  Result<void> one_of(const Value& value) { return choice(value, true); }

  Result<void> nullable(const Value& value) {
    if (!value.is_bool()) return invalid("expected true or false");
    return {};
  }

  Result<std::string> string(const Value& value) const {
    if (!value.is_string()) return invalid("expected a string");
    return std::string(value.get_string());
  }

  Result<void> format(const Value& value) {
    ONDOL_TRY(auto name, string(value));
    node_.formats.emplace_back(std::move(name), at_);
    return {};
  }
  Result<void> pattern(const Value& value) {
    ONDOL_TRY(auto text, string(value));
    node_.patterns.emplace_back(std::move(text), at_);
    return {};
  }

  Result<std::uint32_t> count(const Value& value) const {
    double number = -1;
    if (value.is_int64()) number = static_cast<double>(value.get_int64());
    if (value.is_uint64()) number = static_cast<double>(value.get_uint64());
    if (value.is_double()) number = value.get_double();
    if (!(number >= 0) || (number <= kMaxCount &&
                           number != static_cast<double>(static_cast<std::uint32_t>(number)))) {
      return invalid("expected an integer of at least 0");
    }
    return number > kMaxCount ? kMaxCount : static_cast<std::uint32_t>(number);
  }

  Result<void> at_least(const Value& value, std::uint32_t& bound) const {
    ONDOL_TRY(const std::uint32_t n, count(value));
    bound = std::max(bound, n);
    return {};
  }
  Result<void> at_most(const Value& value, std::uint32_t& bound) const {
    ONDOL_TRY(const std::uint32_t n, count(value));
    if (n < kMaxCount) bound = std::min(bound, n);
    return {};
  }
  Result<void> min_length(const Value& v) { return at_least(v, node_.min_length); }
  Result<void> max_length(const Value& v) { return at_most(v, node_.max_length); }
  Result<void> min_items(const Value& v) { return at_least(v, node_.min_items); }
  Result<void> max_items(const Value& v) { return at_most(v, node_.max_items); }
  Result<void> min_properties(const Value& v) { return at_least(v, node_.min_properties); }
  Result<void> max_properties(const Value& v) { return at_most(v, node_.max_properties); }

  Result<Decimal> number(const Value& value) const {
    if (!value.is_number()) return invalid("expected a number");
    return Decimal::parse(number_text(value));
  }

  Result<void> low(const Value& value, bool open) {
    ONDOL_TRY(const Decimal bound, number(value));
    node_.range.raise_low(bound, open);
    return {};
  }
  Result<void> high(const Value& value, bool open) {
    ONDOL_TRY(const Decimal bound, number(value));
    node_.range.lower_high(bound, open);
    return {};
  }
  Result<void> minimum(const Value& v) { return low(v, false); }
  Result<void> maximum(const Value& v) { return high(v, false); }
  Result<void> exclusive_minimum(const Value& v) { return low(v, true); }
  Result<void> exclusive_maximum(const Value& v) { return high(v, true); }

  Result<void> multiple_of(const Value& value) {
    ONDOL_TRY(const Decimal divisor, number(value));
    if (divisor.negative || divisor.is_zero()) return invalid("expected a number above 0");
    const bool fits = divisor.is_integer() && divisor.whole.size() <= 4 &&
                      std::stoul(divisor.whole) <= kMaxDivisor;
    if (!fits) return unsupported("multipleOf is supported for integers of 1 to 1000 only");
    const auto n = std::lcm(node_.divisor, static_cast<std::uint32_t>(std::stoul(divisor.whole)));
    if (n > kMaxDivisor)
      return unsupported("the multipleOf of merged schemas have a common multiple above 1000");
    node_.divisor = n;
    return {};
  }

  Result<void> prefix_items(const Value& value) {
    ONDOL_TRY(array_part_.prefix, schemas(value));
    has_items_ = true;
    return {};
  }
  Result<void> items(const Value& value) {
    if (value.is_array())
      return unsupported(
          "a list of schemas in \"items\" is not supported; draft 2020-12 has \"prefixItems\"");
    array_part_.items = child(value);
    has_items_ = true;
    return {};
  }
  Result<void> unique_items(const Value& value) {
    if (!value.is_bool()) return invalid("expected true or false");
    if (value.get_bool()) return unsupported("the keyword \"uniqueItems\" is not supported");
    return {};
  }

  Result<std::vector<std::pair<std::string, SchemaRef>>> named_schemas(const Value& value) const {
    if (!value.is_object()) return invalid("expected an object of schemas");
    std::vector<std::pair<std::string, SchemaRef>> out;
    for (const auto& member : value.get_object())
      out.emplace_back(member.key(), child(member.value(), member.key()));
    return out;
  }
  Result<void> properties(const Value& value) {
    ONDOL_TRY(object_part_.properties, named_schemas(value));
    has_part_ = true;
    return {};
  }
  Result<void> pattern_properties(const Value& value) {
    ONDOL_TRY(object_part_.patterns, named_schemas(value));
    has_part_ = true;
    return {};
  }
  Result<void> additional_properties(const Value& value) {
    object_part_.additional = child(value);
    has_part_ = true;
    return {};
  }
  Result<void> property_names(const Value& value) {
    node_.property_names.push_back(child(value));
    return {};
  }
  Result<void> unevaluated_properties(const Value& value) {
    if (value.is_bool() && !value.get_bool()) {
      if (schema_.value != node_.merged.front()) {
        return unsupported(
            "unevaluatedProperties inside allOf, anyOf, oneOf or beside $ref is not supported");
      }
      node_.closed = true;
      return {};
    }
    if (value.is_bool()) return {};
    return unsupported("\"unevaluatedProperties\" is supported as true or false only");
  }
  Result<void> required(const Value& value) {
    if (!value.is_array()) return invalid("expected a list of names");
    for (const Value& name : value.get_array()) {
      ONDOL_TRY(auto text, string(name));
      if (std::ranges::find(node_.required, text) == node_.required.end())
        node_.required.push_back(std::move(text));
    }
    return {};
  }

  // What one schema says must not contradict itself; merged schemas may, and then
  // nothing matches.
  Result<void> check_bounds() {
    const auto& object = schema_.value->get_object();
    const auto both = [&](std::string_view low_name, std::string_view high_name) {
      const auto* low_value = object.if_contains(low_name);
      const auto* high_value = object.if_contains(high_name);
      return low_value != nullptr && high_value != nullptr && low_value->is_number() &&
             high_value->is_number() &&
             Decimal::parse(number_text(*low_value)) > Decimal::parse(number_text(*high_value));
    };
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPairs = {
        {{"minLength", "maxLength"},
         {"minItems", "maxItems"},
         {"minProperties", "maxProperties"},
         {"minimum", "maximum"}}};
    for (const auto& [low_name, high_name] : kPairs) {
      if (!both(low_name, high_name)) continue;
      at_ = schema_.pointer + "/" + std::string(low_name);
      return invalid(std::string(low_name) + " is above " + std::string(high_name));
    }
    return {};
  }

  const SchemaDocument& document_;
  const SchemaRef& schema_;
  SchemaNode& node_;
  std::string at_;  // pointer of the keyword
  std::uint8_t types_ = kAllTypes;
  ObjectPart object_part_;
  ArrayPart array_part_;
  bool has_part_ = false, has_items_ = false;
};

}  // namespace

Result<void> SchemaDocument::merge(const SchemaRef& schema, SchemaNode& node) const {
  if (node.pointer.empty()) node.pointer = schema.pointer;
  if (std::ranges::find(node.merged, schema.value) != node.merged.end()) return {};
  if (node.merged.size() >= kMaxMerged)
    return fail_at(ErrorCode::kLimit, schema.pointer, "too many schemas apply to one value");
  node.merged.push_back(schema.value);
  if (schema.value->is_bool()) {
    if (!schema.value->get_bool()) node.types = 0;
    node.plain = node.plain && schema.value->get_bool();
    return {};
  }
  if (!schema.value->is_object())
    return fail_at(ErrorCode::kInvalidArgument, schema.pointer,
                   "a schema is an object, true or false");
  return Merger(*this, schema, node).run();
}

}  // namespace ondol::text::grammar
