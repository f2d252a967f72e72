#include "text/token_table.h"

#include <bit>

namespace ondol::text {
namespace {

constexpr std::uint64_t kIdMask = 0xFFFFFFFF;

}  // namespace

void TokenTable::reserve(std::size_t n_tokens, std::size_t n_bytes) {
  spans_.reserve(n_tokens);
  arena_.reserve(n_bytes);
  rehash(std::bit_ceil(n_tokens * 2 + 16));
}

void TokenTable::set(TokenId id, std::string_view text) {
  const auto i = static_cast<std::size_t>(id);
  if (i >= spans_.size()) spans_.resize(i + 1);
  spans_[i] = {static_cast<std::uint32_t>(arena_.size()), static_cast<std::uint32_t>(text.size()),
               true};
  arena_ += text;
}

bool TokenTable::index(TokenId id) {
  if ((n_indexed_ + 1) * 2 > slots_.size()) rehash(std::bit_ceil(n_indexed_ * 4 + 16));
  const std::string_view text = at(id);
  const std::uint64_t hashed = hash(text);
  std::size_t slot = hashed & (slots_.size() - 1);
  while (slots_[slot] != 0) {
    if ((slots_[slot] ^ hashed) <= kIdMask &&
        at(static_cast<TokenId>((slots_[slot] & kIdMask) - 1)) == text) {
      has_doubles_ = true;
      return false;
    }
    slot = (slot + 1) & (slots_.size() - 1);
  }
  slots_[slot] = (hashed & ~kIdMask) | (static_cast<std::uint64_t>(id) + 1);
  ++n_indexed_;
  return true;
}

bool TokenTable::has(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < spans_.size() &&
         spans_[static_cast<std::size_t>(id)].set;
}

std::string_view TokenTable::at(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= spans_.size()) return {};
  const Span& span = spans_[static_cast<std::size_t>(id)];
  return std::string_view(arena_).substr(span.begin, span.size);
}

void TokenTable::prefetch_slot(std::uint64_t hash) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
}

void TokenTable::prefetch_text(std::uint64_t hash) const {
  if (slots_.empty()) return;
  const std::uint64_t entry = slots_[hash & (slots_.size() - 1)];
  if (entry != 0) __builtin_prefetch(at(static_cast<TokenId>((entry & kIdMask) - 1)).data());
}

std::optional<TokenId> TokenTable::find(std::string_view text, std::uint64_t hash) const {
  if (slots_.empty()) return std::nullopt;
  std::size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot] != 0) {
    // The upper half must agree before the string is looked at.
    if ((slots_[slot] ^ hash) <= kIdMask) {
      const auto id = static_cast<TokenId>((slots_[slot] & kIdMask) - 1);
      if (at(id) == text) return id;
    }
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return std::nullopt;
}

void TokenTable::rehash(std::size_t n_slots) {
  const std::vector<std::uint64_t> old = std::move(slots_);
  slots_.assign(n_slots, 0);
  for (const std::uint64_t entry : old) {
    if (entry == 0) continue;
    const std::uint64_t hashed = hash(at(static_cast<TokenId>((entry & kIdMask) - 1)));
    std::size_t slot = hashed & (n_slots - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (n_slots - 1);
    slots_[slot] = entry;
  }
}

}  // namespace ondol::text
