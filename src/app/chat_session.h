// A model that answers conversations: the template renders what was said, the
// engine goes on from there. Holds no conversation itself.
// Owner: the chat command. Threads: one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/conversation.h"
#include "app/generate.h"
#include "app/load.h"
#include "app/sampling_options.h"
#include "base/error.h"
#include "text/chat_template.h"

namespace ondol::app {

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::int64_t max_tokens = 0;  // of an answer; 0: as the context allows
};

class ChatSession {
 public:
  /// Errors: those of loading; kUnsupported for a model without chat template.
  static Result<ChatSession> create(const ChatOptions& options);

  struct Reply {
    Generated answer;
    bool context_full = false;  // the answer ended because of it
  };
  /// Errors: kLimit when the conversation leaves no room for an answer (its size,
  /// the context, and what can be done); those of template and engine.
  Result<Reply> reply(const Conversation& conversation,
                      const std::function<void(std::string_view)>& on_text,
                      const std::function<bool()>& interrupted);

  /// Whether answers from now on are sped up by guesses; the text is the same.
  void set_speculate(bool on) { speculate_ = on; }

  /// "smollm2 on cpu (avx2, 2 threads), 8192 tokens of context".
  std::string description() const;
  std::int64_t n_context() const { return loaded_.n_context; }
  /// What can be done about a full context.
  std::string advice() const;

 private:
  ChatSession(ChatOptions options, LoadedModel loaded, text::ChatTemplate chat_template)
      : options_(std::move(options)),
        loaded_(std::move(loaded)),
        template_(std::move(chat_template)) {}
  Result<std::vector<std::int32_t>> prompt_ids(const Conversation& conversation) const;

  ChatOptions options_;
  LoadedModel loaded_;
  text::ChatTemplate template_;
  engine::SamplingParams sampling_;
  std::vector<std::int32_t> stop_tokens_;
  bool speculate_ = true;
};

}  // namespace ondol::app
