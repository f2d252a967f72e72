// GGUF from memory: no input may crash, hang or take memory that its size does
// not justify; whatever is accepted lies within the input.
#include <cstdlib>
#include <span>

#include "format/gguf.h"

// Global, so that no compiler drops the reads whose safety is the point.
volatile unsigned touched;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto gguf = ondol::format::parse_gguf("fuzz.gguf", bytes);
  if (!gguf) {
    // Every refusal says what was wrong.
    if (gguf.error().field.empty() || gguf.error().message().empty()) std::abort();
    return 0;
  }
  unsigned sum = 0;
  for (const auto& [name, tensor] : gguf->list.tensors) {
    for (const std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);
  }
  for (const auto& [key, value] : gguf->metadata.all()) {
    const auto* array = std::get_if<ondol::format::MetaArray>(&value);
    const auto* texts =
        array != nullptr ? std::get_if<std::vector<std::string_view>>(array) : nullptr;
    if (texts == nullptr) continue;
    for (const std::string_view text : *texts) {
      for (const char c : text) sum += static_cast<unsigned char>(c);
    }
  }
  touched = sum;
  return 0;
}
