// Answers of POST /v1/messages: one message, or its stream of events:
//
//   message_start, ping,
//   then for each block content_block_start, content_block_delta..., content_block_stop,
//   message_delta (why it ended, and usage), message_stop
//
// Blocks are text, thinking and tool_use, in the order the model made them.
//
// Owner: a Generation. Threads: the exchange's strand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/generation.h"
#include "http/exchange.h"

namespace ondol::api::anthropic {

struct MessageHead {
  std::string model;  // the id that answers carry
  std::vector<std::string> stops;
  std::int64_t max_tokens = 0;
  std::int64_t n_prompt = 0;
  bool stream = false;
};

std::unique_ptr<GenerationSink> make_answer(MessageHead head,
                                            std::shared_ptr<http::Exchange> exchange);

}  // namespace ondol::api::anthropic
