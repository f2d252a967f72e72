// Whose API a path belongs to: OpenAI's (and this server's own), Ollama's or Anthropic's.
// What is refused before a route runs has to speak the caller's language, too, so
// the path alone decides.
// Pure function.
#pragma once

#include <cstdint>
#include <string_view>

namespace ondol::api {

enum class Wire : std::uint8_t { kOpenAi, kOllama, kAnthropic };

constexpr Wire wire_of(std::string_view path) {
  if (path.starts_with("/api/")) return Wire::kOllama;
  if (path == "/v1/messages" || path.starts_with("/v1/messages/")) return Wire::kAnthropic;
  return Wire::kOpenAi;
}

}  // namespace ondol::api
