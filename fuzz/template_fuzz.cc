// Any bytes as a chat template: an answer or an Error, within small limits.
#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "text/chat_template.h"

namespace {

const boost::json::value& messages() {
  static const boost::json::value value = boost::json::parse(
      R"([{"role": "system", "content": "Be brief"},
          {"role": "user", "content": [{"type": "text", "text": "é 한"}]},
          {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f",
           "arguments": {"a": [1, 2.5, true, null]}}}]}, {"role": "tool", "content": "x"}])");
  return value;
}

ondol::text::ChatTemplateOptions make_options() {
  ondol::text::ChatTemplateOptions options;
  options.tools = boost::json::parse(R"([{"type": "function", "function": {"name": "f"}}])");
  options.bos_token = "<s>";
  options.limits.steps = 20'000;
  options.limits.output_bytes = 1 << 16;
  options.limits.memory_bytes = 1 << 22;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto options = make_options();
  std::string source(reinterpret_cast<const char*>(data), size);
  const auto parsed = ondol::text::ChatTemplate::parse(std::move(source), "fuzz", options.limits);
  if (parsed) {
    const auto text = parsed->render(messages(), options);
    if (text && text->size() > options.limits.output_bytes) __builtin_trap();
  }
  return 0;
}
