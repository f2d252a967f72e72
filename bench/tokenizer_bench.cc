// Tokenizer speed: load time, and MB/s of encoding and decoding one text.
//
//   tokenizer_bench TOKENIZER_JSON TEXT [REPEATS]
//
// Prints one JSON object; tokenizer_compare.py runs it beside Hugging Face's
// `tokenizers`. Times are the best of REPEATS, one thread.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>

#include "base/mapped_file.h"
#include "text/tokenizer.h"

namespace {

double best_seconds(int repeats, const std::function<bool()>& work) {
  double best = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!work()) return -1;
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count());
  }
  return best;
}

int complain(const ondol::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ondol;
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench TOKENIZER_JSON TEXT [REPEATS]\n");
    return 2;
  }
  const int repeats = args.size() > 3 ? std::max(1, std::atoi(args[3])) : 5;
  const auto json = read_text_file(args[1], text::kMaxTokenizerJson);
  if (!json) return complain(json.error());
  const auto prose = read_text_file(args[2], std::size_t{64} << 20);
  if (!prose) return complain(prose.error());
  const auto tokenizer = text::load_tokenizer_json(*json, "", args[1]);
  if (!tokenizer) return complain(tokenizer.error());

  const double load =
      best_seconds(3, [&] { return text::load_tokenizer_json(*json, "", args[1]).has_value(); });
  std::vector<text::TokenId> ids;
  const double encode = best_seconds(repeats, [&] {
    auto result = (*tokenizer)->encode(*prose);
    if (result) ids = *std::move(result);
    return result.has_value();
  });
  std::size_t n_decoded = 0;
  const double decode = best_seconds(repeats, [&] {
    n_decoded = (*tokenizer)->decode(ids, false).size();
    return true;
  });
  const double mb = static_cast<double>(prose->size()) / 1e6;
  std::printf("{\"load_ms\": %.1f, \"encode_mb_s\": %.2f, \"decode_mb_s\": %.2f, \"n_ids\": %zu}\n",
              load * 1e3, mb / encode, static_cast<double>(n_decoded) / 1e6 / decode, ids.size());
  return 0;
}
