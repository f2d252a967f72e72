#include "text/normalizer.h"

#include <functional>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/case_fold.h"
#include "text/regex.h"
#include "text/unicode_classes.h"

namespace ondol::text {
namespace {

// A normalizer that is one function of the text.
class Rewrite final : public Normalizer {
 public:
  explicit Rewrite(std::function<std::string(std::string_view)> rewrite)
      : rewrite_(std::move(rewrite)) {}
  Result<void> apply(Normalized& text) const override {
    text.text = rewrite_(text.text);
    return {};
  }

 private:
  std::function<std::string(std::string_view)> rewrite_;
};

// A normalizer that takes characters away. Hugging Face tracks every character
// to its origin to know whether the front is left; this is as near as needed,
// and differs only where another normalizer made the characters that are cut.
class Cut final : public Normalizer {
 public:
  explicit Cut(std::function<std::string(std::string_view)> cut) : cut_(std::move(cut)) {}
  Result<void> apply(Normalized& text) const override {
    std::string left = cut_(text.text);
    text.front_cut |= !text.text.empty() && (left.empty() || !text.text.starts_with(first(left)));
    text.text = std::move(left);
    return {};
  }

 private:
  static std::string_view first(std::string_view text) {
    return text.substr(0, decode_utf8(text).n_bytes);
  }
  std::function<std::string(std::string_view)> cut_;
};

class ReplacePattern final : public Normalizer {
 public:
  ReplacePattern(Regex regex, std::string content)
      : regex_(std::move(regex)), content_(std::move(content)) {}
  Result<void> apply(Normalized& text) const override {
    std::vector<Range> matches;
    ONDOL_TRY_VOID(regex_.find_all(text.text, matches));
    std::string out;
    std::size_t done = 0;
    for (const Range& match : matches) {
      out.append(text.text, done, match.begin - done);
      out += content_;
      done = match.end;
    }
    out.append(text.text, done);
    text.text = std::move(out);
    return {};
  }

 private:
  Regex regex_;
  std::string content_;
};

template <class F>
std::string filter_chars(std::string_view text, F&& f) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    f(c.code_point, out);
    text.remove_prefix(c.n_bytes);
  }
  return out;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const std::size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

std::string strip(std::string_view text, bool left, bool right) {
  while (left && !text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!is_white_space(c.code_point)) break;
    text.remove_prefix(c.n_bytes);
  }
  while (right && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (!is_white_space(decode_utf8(text.substr(at)).code_point)) break;
    text.remove_suffix(text.size() - at);
  }
  return std::string(text);
}

std::string strip_accents(std::string_view text) {
  return filter_chars(text, [](char32_t c, std::string& out) {
    if (!is_mark(c)) append_utf8(out, c);
  });
}

std::unique_ptr<Normalizer> cut(std::function<std::string(std::string_view)> f) {
  return std::make_unique<Cut>(std::move(f));
}

std::unique_ptr<Normalizer> rewrite(std::function<std::string(std::string_view)> f) {
  return std::make_unique<Rewrite>(std::move(f));
}

Result<std::unique_ptr<Normalizer>> parse_replace(const JsonNode& node) {
  ONDOL_TRY(const std::string_view content, node.string("content"));
  ONDOL_TRY(const JsonNode pattern, node.at("pattern"));
  if (pattern.find("String")) {
    ONDOL_TRY(const std::string_view from, pattern.string("String"));
    if (from.empty()) return pattern.unsupported("replaces the empty string");
    return make_replace_all(std::string(from), std::string(content));
  }
  ONDOL_TRY(const std::string_view source, pattern.string("Regex"));
  ONDOL_TRY(Regex regex, Regex::compile(source, node.where(), pattern.path()));
  return std::make_unique<ReplacePattern>(std::move(regex), std::string(content));
}

Result<std::unique_ptr<Normalizer>> parse_one(const JsonNode& node, std::string_view type) {
  if (type == "NFC") return make_normal_form(NormalForm::kNfc);
  if (type == "NFD") return make_normal_form(NormalForm::kNfd);
  if (type == "NFKC") return make_normal_form(NormalForm::kNfkc);
  if (type == "NFKD") return make_normal_form(NormalForm::kNfkd);
  if (type == "Lowercase") return rewrite(to_lower);
  if (type == "StripAccents") return cut(strip_accents);
  if (type == "ByteLevel") return rewrite(bytes_to_chars);
  if (type == "Replace") return parse_replace(node);
  if (type == "Prepend") {
    ONDOL_TRY(const std::string_view prefix, node.string("prepend"));
    return make_prepend(std::string(prefix));
  }
  if (type == "Strip") {
    ONDOL_TRY(const bool left, node.boolean("strip_left"));
    ONDOL_TRY(const bool right, node.boolean("strip_right"));
    return cut([left, right](std::string_view text) { return strip(text, left, right); });
  }
  return node.unsupported("unknown normalizer type", std::string(type));
}

}  // namespace

std::unique_ptr<Normalizer> make_normal_form(NormalForm form) {
  return rewrite([form](std::string_view text) { return normalize_unicode(text, form); });
}

std::unique_ptr<Normalizer> make_strip_spaces() {
  return cut([](std::string_view text) { return strip(text, true, true); });
}

Result<std::unique_ptr<Normalizer>> make_replace_pattern(std::string_view pattern,
                                                         std::string content,
                                                         std::string_view where) {
  ONDOL_TRY(Regex regex, Regex::compile(pattern, where, "normalizer"));
  return std::make_unique<ReplacePattern>(std::move(regex), std::move(content));
}

std::unique_ptr<Normalizer> make_replace_all(std::string from, std::string to) {
  return rewrite([from = std::move(from), to = std::move(to)](std::string_view text) {
    return replace_all(text, from, to);
  });
}

std::unique_ptr<Normalizer> make_prepend(std::string prefix) {
  return rewrite([prefix = std::move(prefix)](std::string_view text) {
    return text.empty() ? std::string() : prefix + std::string(text);
  });
}

Result<Normalizers> parse_normalizers(const JsonNode& node) {
  Normalizers out;
  ONDOL_TRY(const std::string_view type, node.string("type"));
  if (type != "Sequence") {
    ONDOL_TRY(auto one, parse_one(node, type));
    out.push_back(std::move(one));
    return out;
  }
  ONDOL_TRY(const JsonNode list, node.at("normalizers"));
  ONDOL_TRY(const std::vector<JsonNode> items, list.elements());
  for (const JsonNode& item : items) {
    ONDOL_TRY(Normalizers some, parse_normalizers(item));  // depth: that of the JSON
    for (auto& one : some) out.push_back(std::move(one));
  }
  return out;
}

Result<void> apply_all(const Normalizers& normalizers, Normalized& text) {
  for (const auto& normalizer : normalizers) ONDOL_TRY_VOID(normalizer->apply(text));
  return {};
}

}  // namespace ondol::text
