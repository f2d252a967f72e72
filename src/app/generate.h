// One answer: from a request to text that streams out, with stop strings,
// whole characters and Ctrl-C. Shared by complete and chat.
// Threads: the caller's; the engine has its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "text/tokenizer.h"

namespace ondol::app {

struct GenerateOptions {
  std::vector<std::string> stops;                 // stop strings
  std::function<void(std::string_view)> on_text;  // as it becomes certain; may be empty
  std::function<bool()> interrupted;              // asked often; may be empty
};

struct Generated {
  std::string text;                // without the stop string
  std::vector<std::int32_t> ids;   // that made it into the text, or into the stop string
  std::string_view finish_reason;  // "stop", "length", "cancelled"
  engine::Timings timings;
};

/// Errors: those of Engine::submit and StopMatcher; the error of a kError finish.
Result<Generated> generate(engine::Engine& engine, engine::GenerationRequest request,
                           std::shared_ptr<const text::Tokenizer> tokenizer,
                           const GenerateOptions& options);

}  // namespace ondol::app
