// tokenizer.json from anywhere: loading must end in a tokenizer or an Error, and
// a tokenizer must encode and decode any text. The input is a tokenizer.json,
// optionally followed by a zero byte and the text to encode.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ondol;
  using namespace ondol::text;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  const std::string_view json = input.substr(0, end);
  const std::string text = end == std::string_view::npos
                               ? "Hello, w\xC3\xB6rld! 123  \xED\x95\x9C\n"
                               : std::string(input.substr(end + 1));
  const auto tokenizer = load_tokenizer_json(json, "", "fuzz");
  if (!tokenizer) return 0;
  for (const bool flag : {false, true}) {
    const auto ids = (*tokenizer)->encode(text, {flag, flag});
    if (!ids) continue;
    const std::string whole = replace_invalid_utf8((*tokenizer)->decode(*ids, flag));
    StreamingDetokenizer stream(*tokenizer, flag);
    std::string pieces;
    for (const TokenId id : *ids) {
      ONDOL_CHECK(id >= 0 && static_cast<std::size_t>(id) < (*tokenizer)->n_vocab());
      pieces += stream.push(id);
    }
    pieces += stream.finish();
    ONDOL_CHECK(pieces == whole);
  }
  return 0;
}
