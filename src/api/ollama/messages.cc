#include "api/ollama/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "api/messages.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxCalls = 1024;  // without a result yet

// Calls that wait for their results. An id of our own stands for a call without one.
class OpenCalls {
 public:
  bool is_full() const { return calls_.size() >= kMaxCalls; }

  std::string open(const std::string& function, std::optional<std::string> id) {
    calls_.push_back({id ? *std::move(id) : fmt::format("call_{}", n_opened_), function});
    ++n_opened_;
    return calls_.back().id;
  }

  /// The id of the call that a result answers: the one it names, else the first open
  /// call of its function, else the first open one.
  std::optional<std::string> close(const std::optional<std::string>& id,
                                   const std::optional<std::string>& function) {
    const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const OpenCall& call) {
      return id ? call.id == *id : !function || call.function == *function;
    });
    if (found == calls_.end()) return std::nullopt;
    std::string out = found->id;
    calls_.erase(found);
    return out;
  }

 private:
  struct OpenCall {
    std::string id;
    std::string function;
  };
  std::vector<OpenCall> calls_;
  std::size_t n_opened_ = 0;
};

json::object read_call(Fields& call, OpenCalls& open) {
  auto id = call.string("id");
  call.word("type", {"function"});
  call.require("function");
  auto function = call.object("function");
  call.refuse_unknown();
  if (!function) return {};
  function->require("name");
  const std::string name = function->string("name").value_or("");
  function->ignore("index");  // the order says it
  const auto arguments = function->object("arguments");
  function->refuse_unknown();
  return {{"id", open.open(name, std::move(id))},
          {"type", "function"},
          {"function", json::object{{"name", name},
                                    {"arguments", json::serialize(arguments ? arguments->json()
                                                                            : json::object())}}}};
}

void read_calls(Fields& message, OpenCalls& open, json::object& out) {
  const json::array* calls = message.array("tool_calls", kMaxCalls);
  if (calls == nullptr || calls->empty()) return;
  json::array read;
  for (std::size_t i = 0; i < calls->size() && !message.refused(); ++i) {
    auto call =
        message.object_of((*calls)[i], fmt::format("{}[{}]", message.path_of("tool_calls"), i));
    if (call && open.is_full()) {
      call->refuse(call->path_of("function"),
                   fmt::format("{}: more than {} calls have no result yet",
                               call->path_of("function"), kMaxCalls));
    }
    if (call) read.push_back(read_call(*call, open));
  }
  out["tool_calls"] = std::move(read);
}

json::object read_message(Fields& message, OpenCalls& open) {
  json::object out;
  message.require("role");
  const auto role = message.word("role", {"system", "user", "assistant", "tool"}).value_or("");
  out["role"] = role;
  out["content"] = message.string("content").value_or("");
  refuse_images(message);
  const auto function = message.string("tool_name");
  const auto id = message.string("tool_call_id");
  if (role == "tool") {
    const auto call = open.close(id, function);
    if (!call) {
      message.refuse(message.path_of(id ? "tool_call_id" : "tool_name"),
                     fmt::format("{}: answers no open call of an earlier message",
                                 message.path_of(id ? "tool_call_id" : "tool_name")));
    }
    out["tool_call_id"] = call.value_or("");
  }
  if (role == "assistant") {
    if (const auto thinking = message.string("thinking")) out["reasoning_content"] = *thinking;
    read_calls(message, open, out);
  }
  message.refuse_unknown();
  return out;
}

}  // namespace

void refuse_images(Fields& fields) {
  const json::array* images = fields.array("images", 1024);
  if (images == nullptr || images->empty()) return;
  fields.refuse(fields.path_of("images"),
                fmt::format("{}: images are not supported", fields.path_of("images")),
                "unsupported_parameter");
}

json::array read_messages(Fields& fields) {
  json::array out;
  OpenCalls open;
  const json::array* messages = fields.array("messages", kMaxMessages);
  for (std::size_t i = 0; messages != nullptr && i < messages->size() && !fields.refused(); ++i) {
    auto message = fields.object_of((*messages)[i], fmt::format("messages[{}]", i));
    if (message) out.push_back(read_message(*message, open));
  }
  return out;
}

}  // namespace ondol::api::ollama
