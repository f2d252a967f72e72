// The three files of a Hugging Face directory that are parsed here; the first
// byte says which: 'i' an index, 'c' config.json, anything else safetensors.
#include <cstdlib>
#include <span>

#include "format/hf_directory.h"
#include "format/safetensors.h"

namespace {

template <class T>
void expect_named(const ondol::Result<T>& result) {
  if (!result && (result.error().field.empty() || result.error().message().empty())) std::abort();
}

}  // namespace

// Global, so that no compiler drops the reads whose safety is the point.
volatile unsigned touched;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace format = ondol::format;
  if (size == 0) return 0;
  const std::span bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] == 'i') {
    const auto index = format::parse_safetensors_index("fuzz.json", text);
    expect_named(index);
    if (!index) return 0;
    for (const auto& [tensor, file] : *index) {
      if (file.find('/') != std::string::npos || file[0] == '.') std::abort();
    }
    return 0;
  }
  if (data[0] == 'c') {
    expect_named(format::parse_hf_config("fuzz.json", text));
    return 0;
  }
  const auto list = format::parse_safetensors("fuzz.safetensors", bytes);
  expect_named(list);
  if (!list) return 0;
  unsigned sum = 0;
  for (const auto& [name, tensor] : list->tensors) {
    for (const std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);
  }
  touched = sum;
  return 0;
}
