// What has been said in a chat, and its file form:
//
//   {"format": "ondol-chat-1", "model": "smollm2",
//    "messages": [{"role": "system" | "user" | "assistant", "content": "..."}]}
//
// A system message, if any, is the first. Value; one thread.
#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace ondol::app {

struct Message {
  std::string role;
  std::string content;
};

class Conversation {
 public:
  const std::vector<Message>& messages() const { return messages_; }
  /// Replaces the system message; an empty text removes it.
  void set_system(const std::string& text);
  void add(std::string role, std::string content);
  /// Takes the last message back.
  void drop_last();
  /// All but the system message.
  void clear();

  /// As a chat template wants it.
  boost::json::array to_json() const;

  /// Errors: kIo. The file is replaced whole or not at all.
  Result<void> save(const std::filesystem::path& path, const std::string& model) const;
  /// Errors: kNotFound, kIo, kLimit, kInvalidFile with the field.
  static Result<Conversation> load(const std::filesystem::path& path);

 private:
  std::vector<Message> messages_;
};

}  // namespace ondol::app
