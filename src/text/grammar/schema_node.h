// What all schemas that apply to one value say together: allOf, $ref and the
// keywords beside them merged; anyOf and oneOf still open.
//
// Owner: the compilation of a schema; nodes point into its document. Threads:
// plain value.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/grammar/number_range.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

struct SchemaRef {
  const boost::json::value* value = nullptr;
  std::string pointer;  // JSON pointer of the value, as a fragment: "#/properties/x"
};

enum SchemaType : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kObject = 4,
  kArray = 8,
  kString = 16,
  kInteger = 32,
  kFraction = 64,  // numbers that are no integers
  kAllTypes = 127,
};

/// properties, patternProperties and additionalProperties of one schema object:
/// they look at each other only.
struct ObjectPart {
  std::vector<std::pair<std::string, SchemaRef>> properties;
  std::vector<std::pair<std::string, SchemaRef>> patterns;
  std::optional<SchemaRef> additional;
};

/// prefixItems and items of one schema object.
struct ArrayPart {
  std::vector<SchemaRef> prefix;
  std::optional<SchemaRef> items;
};

struct Choice {
  bool exactly_one = false;
  std::string pointer;
  std::vector<SchemaRef> branches;
};

struct SchemaNode {
  std::string pointer;  // of the first schema that was merged
  std::uint8_t types = kAllTypes;
  bool plain = true;                                             // nothing but choices was said
  std::optional<std::vector<const boost::json::value*>> values;  // enum, const

  NumberRange range;
  std::uint32_t divisor = 1;

  std::uint32_t min_length = 0, max_length = kNoBound;
  std::vector<std::pair<std::string, std::string>> patterns;  // and where they stand
  std::vector<std::pair<std::string, std::string>> formats;

  std::vector<ArrayPart> array_parts;
  std::uint32_t min_items = 0, max_items = kNoBound;

  std::vector<ObjectPart> object_parts;
  std::vector<std::string> required;
  std::uint32_t min_properties = 0, max_properties = kNoBound;
  std::vector<SchemaRef> property_names;
  bool closed = false;  // unevaluatedProperties: false

  std::vector<Choice> choices;
  std::vector<const boost::json::value*> merged;  // schemas in this node
};

bool json_equal(const boost::json::value& a, const boost::json::value& b);
std::uint8_t type_of(const boost::json::value& value);

class SchemaDocument {
 public:
  static Result<SchemaDocument> parse(std::string_view text, std::string_view where);

  SchemaRef root() const { return {root_.get(), "#"}; }
  /// Follows schemas that are nothing but a $ref.
  Result<SchemaRef> follow(SchemaRef ref) const;
  /// Where a $ref that stands at `pointer` leads.
  Result<SchemaRef> target_of(std::string_view ref, const std::string& pointer) const;
  /// Schemas that were merged before are not merged again: recursion that takes no byte ends.
  Result<void> merge(const SchemaRef& schema, SchemaNode& node) const;
  std::string_view where() const { return where_; }

  tl::unexpected<Error> fail_at(ErrorCode code, const std::string& pointer, std::string_view detail,
                                std::string value = {}) const {
    return fail(code, where_, pointer, detail, std::move(value));
  }

 private:
  SchemaDocument(boost::json::value root, std::string_view where);
  void find_anchors(const SchemaRef& at);

  std::unique_ptr<const boost::json::value> root_;  // where it lies does not change when this moves
  std::string where_;
  std::map<std::string, SchemaRef, std::less<>> anchors_;
};

}  // namespace ondol::text::grammar
