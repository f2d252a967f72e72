#include <algorithm>
#include <boost/json/parse.hpp>

#include "text/grammar/json_text.h"
#include "text/grammar/schema_node.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxSchemaDepth = 100;
constexpr int kMaxRefs = 64;  // in a row

// "%7B" in a fragment is "{".
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) -> int {
      const char c = at < text.size() ? text[at] : 'x';
      if (c >= '0' && c <= '9') return c - '0';
      if (c >= 'a' && c <= 'f') return c - 'a' + 10;
      if (c >= 'A' && c <= 'F') return c - 'A' + 10;
      return -1;
    };
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out.push_back(static_cast<char>(digit(i + 1) * 16 + digit(i + 2)));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

SchemaDocument::SchemaDocument(boost::json::value root, std::string_view where)
    : root_(std::make_unique<const boost::json::value>(std::move(root))), where_(where) {
  find_anchors(this->root());
}

Result<SchemaDocument> SchemaDocument::parse(std::string_view text, std::string_view where) {
  boost::json::parse_options options;
  options.max_depth = kMaxSchemaDepth;
  boost::json::error_code error;
  boost::json::value root = boost::json::parse(text, error, {}, options);
  if (error)
    return fail(ErrorCode::kInvalidArgument, where, "", "the schema is not valid JSON",
                error.message());
  return SchemaDocument(std::move(root), where);
}

void SchemaDocument::find_anchors(const SchemaRef& at) {
  if (const auto* object = at.value->if_object()) {
    for (const auto& member : *object) {
      if (member.key() == "$anchor" && member.value().is_string())
        anchors_.emplace(member.value().get_string(), at);
      find_anchors({&member.value(), at.pointer + "/" + std::string(member.key())});
    }
  } else if (const auto* array = at.value->if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i)
      find_anchors({&(*array)[i], at.pointer + "/" + std::to_string(i)});
  }
}

Result<SchemaRef> SchemaDocument::target_of(std::string_view ref,
                                            const std::string& pointer) const {
  std::string_view fragment = ref;
  if (const auto* object = root_->if_object()) {
    if (const auto* id = object->if_contains("$id");
        id != nullptr && id->is_string() && ref.starts_with(id->get_string())) {
      fragment.remove_prefix(id->get_string().size());
    }
  }
  if (fragment.empty() || fragment == "#") return root();
  if (!fragment.starts_with('#')) {
    return fail_at(ErrorCode::kUnsupported, pointer, "$ref to another document is not supported",
                   std::string(ref));
  }
  const std::string path = percent_decoded(fragment.substr(1));
  if (!path.starts_with('/')) {
    const auto at = anchors_.find(path);
    if (at != anchors_.end()) return at->second;
    return fail_at(ErrorCode::kInvalidArgument, pointer, "$ref leads nowhere", std::string(ref));
  }
  boost::json::error_code error;
  const boost::json::value* found = root_->find_pointer(path, error);
  if (found == nullptr)
    return fail_at(ErrorCode::kInvalidArgument, pointer, "$ref leads nowhere", std::string(ref));
  return SchemaRef{found, "#" + path};
}

Result<SchemaRef> SchemaDocument::follow(SchemaRef ref) const {
  for (int n = 0; n < kMaxRefs; ++n) {
    const auto* object = ref.value->if_object();
    const auto* target = object == nullptr ? nullptr : object->if_contains("$ref");
    if (target == nullptr || !target->is_string()) return ref;
    for (const auto& member : *object) {
      // Beside $ref only what says nothing about the value.
      if (member.key() != "$ref" && member.key() != "title" && member.key() != "description" &&
          member.key() != "default")
        return ref;
    }
    ONDOL_TRY(ref, target_of(target->get_string(), ref.pointer + "/$ref"));
  }
  return fail_at(ErrorCode::kInvalidArgument, ref.pointer, "$ref leads in a circle");
}

bool json_equal(const boost::json::value& a, const boost::json::value& b) {
  if (a.is_number() && b.is_number())
    return Decimal::parse(number_text(a)) == Decimal::parse(number_text(b));
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    return std::ranges::equal(a.get_array(), b.get_array(), json_equal);
  }
  if (!a.is_object()) return a == b;
  if (a.get_object().size() != b.get_object().size()) return false;
  return std::ranges::all_of(a.get_object(), [&](const auto& member) {
    const auto* other = b.get_object().if_contains(member.key());
    return other != nullptr && json_equal(member.value(), *other);
  });
}

std::uint8_t type_of(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return kNull;
    case boost::json::kind::bool_:
      return kBoolean;
    case boost::json::kind::object:
      return kObject;
    case boost::json::kind::array:
      return kArray;
    case boost::json::kind::string:
      return kString;
    default:
      return Decimal::parse(number_text(value)).is_integer() ? kInteger : kFraction;
  }
}

}  // namespace ondol::text::grammar
