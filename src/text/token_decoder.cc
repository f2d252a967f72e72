#include "text/token_decoder.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/byte_level.h"

namespace ondol::text {
namespace {

using Kind = DecoderStep::Kind;

// "<0x0A>" is the byte 10.
std::optional<char> byte_token(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : piece.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (true) {
    const std::size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

std::string stripped(std::string_view text, const DecoderStep& step) {
  for (std::size_t i = 0; i < step.n_start && text.starts_with(step.from); ++i) {
    text.remove_prefix(step.from.size());
  }
  for (std::size_t i = 0; i < step.n_stop && text.ends_with(step.from); ++i) {
    text.remove_suffix(step.from.size());
  }
  return std::string(text);
}

std::string decoded(std::string text, const std::vector<DecoderStep>& steps, bool first) {
  for (const DecoderStep& step : steps) {
    switch (step.kind) {
      case Kind::kByteLevel:
        text = chars_to_bytes(text).value_or(text);
        break;
      case Kind::kByteFallback:
        if (const auto byte = byte_token(text)) text.assign(1, *byte);
        break;
      case Kind::kReplace:
        text = replaced(text, step.from, step.to);
        break;
      case Kind::kStrip:
        text = stripped(text, step);
        break;
      case Kind::kMetaspace:
        text = replaced(text, step.from, first && step.drop_first ? "" : " ");
        break;
      case Kind::kFuse:
        break;
    }
  }
  return text;
}

Result<DecoderStep> parse_one(const JsonNode& node, std::string_view type) {
  DecoderStep step;
  if (type == "Fuse") return step;
  if (type == "ByteLevel") {
    step.kind = Kind::kByteLevel;
    return step;
  }
  if (type == "ByteFallback") {
    step.kind = Kind::kByteFallback;
    return step;
  }
  if (type == "Replace") {
    step.kind = Kind::kReplace;
    ONDOL_TRY(const JsonNode pattern, node.at("pattern"));
    if (!pattern.find("String")) return pattern.unsupported("a decoder that replaces by a pattern");
    ONDOL_TRY(step.from, pattern.string("String"));
    ONDOL_TRY(step.to, node.string("content"));
    if (step.from.empty()) return pattern.unsupported("replaces the empty string");
    return step;
  }
  if (type == "Strip") {
    step.kind = Kind::kStrip;
    ONDOL_TRY(step.from, node.string("content"));
    ONDOL_TRY(const std::int64_t n_start, node.integer("start"));
    ONDOL_TRY(const std::int64_t n_stop, node.integer("stop"));
    if (step.from.empty() || n_start < 0 || n_stop < 0) return node.invalid("broken Strip");
    step.n_start = static_cast<std::size_t>(n_start);
    step.n_stop = static_cast<std::size_t>(n_stop);
    return step;
  }
  if (type == "Metaspace") {
    step.kind = Kind::kMetaspace;
    ONDOL_TRY(step.from, node.string("replacement"));
    if (step.from.empty()) return node.invalid("empty replacement");
    ONDOL_TRY(step.drop_first, node.boolean_or("add_prefix_space", true));
    if (node.find("prepend_scheme")) {
      ONDOL_TRY(const std::string_view scheme, node.string("prepend_scheme"));
      step.drop_first = scheme != "never";
    }
    return step;
  }
  return node.unsupported("unknown decoder type", std::string(type));
}

}  // namespace

Result<std::vector<DecoderStep>> parse_decoder(const JsonNode& node) {
  std::vector<DecoderStep> out;
  ONDOL_TRY(const std::string_view type, node.string("type"));
  if (type != "Sequence") {
    ONDOL_TRY(DecoderStep step, parse_one(node, type));
    out.push_back(std::move(step));
    return out;
  }
  ONDOL_TRY(const JsonNode list, node.at("decoders"));
  ONDOL_TRY(const std::vector<JsonNode> items, list.elements());
  for (const JsonNode& item : items) {
    ONDOL_TRY(auto some, parse_decoder(item));  // depth: that of the JSON
    std::move(some.begin(), some.end(), std::back_inserter(out));
  }
  return out;
}

Result<TokenDecoder> TokenDecoder::create(const TokenTable& tokens,
                                          const std::vector<DecoderStep>& steps,
                                          const std::vector<bool>& raw, std::string_view where) {
  TokenDecoder out;
  if (steps.empty()) out.separator_ = " ";

  // Up to a Fuse (ByteLevel fuses too) steps see single tokens; after it the
  // whole text, where only the removal of leading characters is known to us.
  std::vector<DecoderStep> per_token;
  bool fused = false;
  for (const DecoderStep& step : steps) {
    if (!fused) {
      per_token.push_back(step);
      fused = step.kind == Kind::kFuse || step.kind == Kind::kByteLevel;
    } else if (step.kind == Kind::kStrip && step.n_stop == 0 && out.strip_char_.empty()) {
      out.strip_char_ = step.from;
      out.n_strip_ = step.n_start;
    } else if (step.kind != Kind::kFuse) {
      return fail(ErrorCode::kUnsupported, where, "decoder", "a decoder works on the fused text");
    }
  }
  const bool first_differs = std::any_of(per_token.begin(), per_token.end(), [](const auto& step) {
    return step.kind == Kind::kMetaspace && step.drop_first;
  });
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string piece(tokens.at(id));
    const bool as_is = i < raw.size() && raw[i];
    out.bytes_.set(id, as_is ? piece : decoded(piece, per_token, false));
    if (!first_differs || as_is) continue;
    const std::string first = decoded(piece, per_token, true);
    if (first != out.bytes_.at(id)) out.first_bytes_.set(id, first);
  }
  return out;
}

void TokenDecoder::append(TokenId id, DecodeState& state, std::string& out) const {
  std::string_view text = bytes_.at(id);
  if (state.at_start) {
    if (first_bytes_.has(id)) text = first_bytes_.at(id);
  } else {
    out += separator_;
  }
  state.at_start = false;
  while (state.n_strip > 0 && !text.empty()) {
    if (!text.starts_with(strip_char_)) {
      state.n_strip = 0;
      break;
    }
    text.remove_prefix(strip_char_.size());
    --state.n_strip;
  }
  out += text;
}

std::string_view TokenDecoder::first_bytes(TokenId id) const {
  std::string_view text = first_bytes_.has(id) ? first_bytes_.at(id) : bytes_.at(id);
  for (std::size_t i = 0; i < n_strip_ && text.starts_with(strip_char_); ++i) {
    text.remove_prefix(strip_char_.size());
  }
  return text;
}

}  // namespace ondol::text
