#include "text/json_node.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace ondol::text {

namespace json = boost::json;

Result<const json::object*> JsonNode::object() const {
  if (!value_->is_object()) return invalid("not an object");
  return &value_->get_object();
}

Result<const json::array*> JsonNode::array() const {
  if (!value_->is_array()) return invalid("not an array");
  return &value_->get_array();
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) return std::nullopt;
  const json::value* member = value_->get_object().if_contains(key);
  if (member == nullptr || member->is_null()) return std::nullopt;
  std::string path = path_.empty() ? std::string(key) : path_ + '.' + std::string(key);
  return JsonNode(*member, std::move(path), where_);
}

Result<JsonNode> JsonNode::at(std::string_view key) const {
  ONDOL_TRY_VOID(object());
  auto member = find(key);
  if (!member) return invalid("member is missing", std::string(key));
  return *std::move(member);
}

Result<std::vector<JsonNode>> JsonNode::elements() const {
  ONDOL_TRY(const json::array* items, array());
  std::vector<JsonNode> out;
  out.reserve(items->size());
  for (const json::value& item : *items) {
    out.emplace_back(item, path_ + '[' + std::to_string(out.size()) + ']', where_);
  }
  return out;
}

Result<std::string_view> JsonNode::string() const {
  if (!value_->is_string()) return invalid("not a string");
  const json::string& text = value_->get_string();
  return std::string_view(text.data(), text.size());
}

Result<std::string_view> JsonNode::string(std::string_view key) const {
  ONDOL_TRY(const JsonNode member, at(key));
  return member.string();
}

Result<bool> JsonNode::boolean(std::string_view key) const {
  ONDOL_TRY(const JsonNode member, at(key));
  if (!member.value().is_bool()) return member.invalid("neither true nor false");
  return member.value().get_bool();
}

Result<bool> JsonNode::boolean_or(std::string_view key, bool otherwise) const {
  if (!find(key)) return otherwise;
  return boolean(key);
}

Result<std::int64_t> JsonNode::integer(std::string_view key) const {
  ONDOL_TRY(const JsonNode member, at(key));
  if (!member.value().is_int64()) return member.invalid("not an integer");
  return member.value().get_int64();
}

tl::unexpected<Error> JsonNode::invalid(std::string_view detail, std::string value) const {
  return fail(ErrorCode::kInvalidFile, where_, path_, detail, std::move(value));
}

tl::unexpected<Error> JsonNode::unsupported(std::string_view detail, std::string value) const {
  return fail(ErrorCode::kUnsupported, where_, path_, detail, std::move(value));
}

}  // namespace ondol::text
