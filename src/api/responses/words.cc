#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "api/responses/request.h"

namespace ondol::api {
namespace {

using Words = std::pair<std::string_view, std::string_view>;  // the chat's, the response's

// The first that a path begins with counts.
constexpr std::array kPaths = {
    Words{"max_completion_tokens", "max_output_tokens"},
    Words{"response_format.json_schema", "text.format"},
    Words{"response_format", "text.format"},
    Words{"reasoning_effort", "reasoning.effort"},
    Words{"verbosity", "text.verbosity"},
    Words{"messages", "input"},
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// "messages[3].content[0]" as "input[2].content[0]"; calls are items of their own.
std::string path_of_message(std::string_view path, const std::vector<std::string>& origins) {
  const std::size_t begin = path.find('[') + 1;
  const std::size_t end = path.find(']');
  std::size_t index = 0;
  std::from_chars(path.data() + begin, path.data() + std::min(end, path.size()), index);
  if (end == std::string_view::npos || index >= origins.size()) return "input";
  const std::string& origin = origins[index];
  const std::string_view rest = path.substr(end + 1);
  const bool is_within_item = origin.starts_with("input[") && rest.starts_with(".content");
  return is_within_item ? origin + std::string(rest) : origin;
}

std::string own_path(std::string path, const std::vector<std::string>& origins) {
  if (path.starts_with("messages[")) return path_of_message(path, origins);
  if (path.starts_with("tool")) {
    for (const std::string_view level : {".function", ".allowed_tools"}) {
      replace_all(path, level, "");
    }
    return path;
  }
  for (const auto& [chats, own] : kPaths) {
    if (path.starts_with(chats)) return std::string(own) + path.substr(chats.size());
  }
  return path;
}

}  // namespace

Refusal in_response_words(Refusal refusal, const std::vector<std::string>& origins) {
  if (refusal.param.empty()) return refusal;
  std::string own = own_path(refusal.param, origins);
  if (own != refusal.param) replace_all(refusal.message, refusal.param, own);
  refusal.param = std::move(own);
  return refusal;
}

}  // namespace ondol::api
