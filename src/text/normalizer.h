// The first stage: a text to a canonical form of it. Each normalizer rewrites a
// whole string.
//
// Owner: a tokenizer. Threads: const methods run on any thread at once. Errors:
// only Regex patterns fail, with kLimit.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/json_node.h"

namespace ondol::text {

struct Normalized {
  std::string text;
  bool front_cut = false;  // something was stripped from the front
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// REQUIRES: text is valid UTF-8; so is what comes back.
  virtual Result<void> apply(Normalized& text) const = 0;
};

using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

/// The "normalizer" of a tokenizer.json; a Sequence becomes several.
Result<Normalizers> parse_normalizers(const JsonNode& node);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// Unicode normal form; O(n log n) whatever the marks.
std::string normalize_unicode(std::string_view text, NormalForm form);

std::unique_ptr<Normalizer> make_normal_form(NormalForm form);
std::unique_ptr<Normalizer> make_strip_spaces();
Result<std::unique_ptr<Normalizer>> make_replace_pattern(std::string_view pattern,
                                                         std::string content,
                                                         std::string_view where);
std::unique_ptr<Normalizer> make_replace_all(std::string from, std::string to);
std::unique_ptr<Normalizer> make_prepend(std::string prefix);

Result<void> apply_all(const Normalizers& normalizers, Normalized& text);

}  // namespace ondol::text
