// Grammars from anywhere: compiling must end in a grammar or an Error, in bounded
// time, and a matcher must never be led into a place from which nothing follows.
// The first byte chooses the dialect; what follows the first zero byte chooses
// tokens.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "text/grammar/grammar.h"

namespace {

using namespace ondol;
using namespace ondol::text;

// Every byte, a special token, an end, and tokens across the seams of JSON.
std::shared_ptr<const GrammarVocabulary> make_vocabulary() {
  static std::vector<std::string> pieces = {"<unk>", "<s>", "</s>", "<|tool|>"};
  GgufVocab vocab;
  vocab.model = "llama";
  vocab.types = {2, 3, 3, 3};
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pieces.push_back({'<', '0', 'x', kHex[byte / 16], kHex[byte % 16], '>'});
    vocab.types.push_back(6);
  }
  for (const char* piece :
       {"{\"", "\":", "\",\"", "\"}", "]]", "[[", "},{", "true", "aaaa", "12", "\\u", "\xC3\xA9"}) {
    pieces.emplace_back(piece);
    vocab.types.push_back(1);
  }
  for (const std::string& piece : pieces) vocab.tokens.push_back(piece);
  vocab.scores.resize(pieces.size());
  vocab.eos = 2;
  vocab.add_space_prefix = false;
  const auto tokenizer = load_gguf_vocab(vocab, "fuzz");
  ONDOL_CHECK(tokenizer.has_value());
  return GrammarVocabulary::build(*tokenizer);
}

Structure structure_of(std::uint8_t kind, std::string text) {
  switch (kind % 4) {
    case 0:
      return Structure::json_schema(std::move(text));
    case 1:
      return Structure::regex(std::move(text));
    case 2:
      return Structure::gbnf(std::move(text));
    default:
      return Structure::triggered(
          {{Structure::literal("<"), Structure::regex(std::move(text)), false},
           {Structure::special_token("<|tool|>"), Structure::json_object(), true}},
          kind);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const GrammarVocabulary> kVocabulary = make_vocabulary();
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view choices = input.substr(std::min(end + 1, input.size()));
  CompileLimits limits;
  limits.n_states = 5000;
  limits.cache_bytes = std::size_t{4} << 20;
  limits.seconds = 0.5;
  const auto grammar = compile_grammar(structure_of(data[0], std::string(input.substr(0, end))),
                                       kVocabulary, "fuzz", limits);
  if (!grammar) return 0;
  GrammarMatcher matcher(*grammar);
  std::vector<std::uint32_t> bits(kVocabulary->n_mask_words());
  for (std::size_t step = 0; step < 60 && !matcher.must_stop(); ++step) {
    matcher.fill(bits);
    std::vector<TokenId> allowed;
    for (std::size_t i = 0; i < kVocabulary->n_vocab(); ++i) {
      if ((bits[i / 32] >> (i % 32) & 1U) != 0) allowed.push_back(static_cast<TokenId>(i));
    }
    ONDOL_CHECK(!allowed.empty());
    const std::size_t choice =
        step < choices.size() ? static_cast<std::uint8_t>(choices[step]) : step * 7;
    const TokenId token = allowed[choice % allowed.size()];
    const std::string forced = matcher.forced_text(16);
    const std::string_view bytes = kVocabulary->bytes(token);
    ONDOL_CHECK(std::string_view(forced).starts_with(bytes.substr(0, forced.size())));
    ONDOL_CHECK(kVocabulary->is_end(token) ==
                (kVocabulary->is_end(token) && matcher.is_complete()));
    ONDOL_CHECK(matcher.accept(token));
  }
  return 0;
}
