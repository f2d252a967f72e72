#include <algorithm>

#include "base/check.h"
#include "text/grammar/grammar_impl.h"
#include "text/grammar/stacks.h"

namespace ondol::text {

using grammar::Configuration;
using grammar::ConfigurationSet;
using grammar::MaskCache;
using grammar::Stacks;

namespace {

constexpr std::size_t kManyFrames = 1024;  // then those that are no longer used go
constexpr std::size_t kMaxWorkPerFill =
    2'000'000;  // about a second, for a grammar made to cost that

void set_bit(std::span<std::uint32_t> bits, TokenId token) {
  const auto i = static_cast<std::size_t>(token);
  if (i / 32 < bits.size()) bits[i / 32] |= 1U << (i % 32);
}

}  // namespace

struct GrammarMatcher::State {
  explicit State(std::shared_ptr<const Grammar> g)
      : grammar(std::move(g)), stacks(grammar->automaton, grammar::kMaxStackDepth, true) {
    const auto& start = grammar->automaton.states[grammar->automaton.start];
    if (start.n_bytes + start.n_tokens + start.n_calls > 0)
      at.members.push_back({grammar->automaton.start, 0});
    at.at_bottom = grammar->automaton.empty_answer;
  }

  bool step_text(std::string_view bytes) {
    ConfigurationSet next = at;
    for (const char byte : bytes) {
      next = stacks.step_byte(next, static_cast<std::uint8_t>(byte));
      if (next.empty()) return false;
    }
    take(std::move(next));
    return true;
  }

  void take(ConfigurationSet next) {
    at = std::move(next);
    if (stacks.n_frames() > kManyFrames) stacks.compact(at);
  }

  /// Masks are computed for stacks with room above them; near the limit of depth
  /// the vocabulary is walked with the real stacks instead.
  bool near_depth_limit() const {
    return std::ranges::any_of(at.members, [&](const Configuration& c) {
      return stacks.frame(c.frame).depth + grammar::kMaxLocalDepth + grammar->automaton.max_depth >
             grammar::kMaxStackDepth;
    });
  }

  void fill_cached(std::span<std::uint32_t> bits) const;
  void fill_walking(std::span<std::uint32_t> bits) const;

  std::shared_ptr<const Grammar> grammar;
  Stacks stacks;
  ConfigurationSet at;
  bool ended = false;  // an end token was accepted
};

void GrammarMatcher::State::fill_cached(std::span<std::uint32_t> bits) const {
  const std::lock_guard lock(grammar->mutex);
  MaskCache& masks = grammar->masks;
  if (masks.bytes() > grammar->cache_bytes) masks.clear();
  const std::size_t work_end = masks.work() + kMaxWorkPerFill;
  for (const Configuration& c : at.members) {
    const MaskCache::Entry* entry = &masks.in_state(c.state);
    MaskCache::add_to(*entry, bits);
    for (grammar::FrameId f = c.frame; f != 0 && !entry->exits.empty();
         f = stacks.frame(f).parent) {
      entry = &masks.in_frame(*entry, stacks.frame(f).call, stacks.frame(f).count);
      MaskCache::add_to(*entry, bits);
    }
    if (masks.work() > work_end) break;  // what is set is right, and not nothing
  }
}

void GrammarMatcher::State::fill_walking(std::span<std::uint32_t> bits) const {
  struct Place {
    std::uint32_t node;
    ConfigurationSet set;
  };
  const GrammarVocabulary& vocabulary = *grammar->vocabulary;
  const auto nodes = vocabulary.nodes();
  Stacks scratch = stacks;
  std::vector<Place> open = {{0, at}};
  for (const Configuration& c : scratch.expand(at)) {
    for (const auto& edge : grammar->automaton.tokens(grammar->automaton.states[c.state])) {
      if (!scratch.step_token(at, edge.token).empty()) set_bit(bits, edge.token);
    }
  }
  // Text that goes on is short on ways here (the depth is nearly used up), so this
  // stays small; the bound is for grammars where it does not.
  constexpr std::size_t kMaxPlaces = 20'000;
  for (std::size_t i = 0; i < open.size() && i < kMaxPlaces; ++i) {
    const Place place = std::move(open[i]);
    const auto& node = nodes[place.node];
    for (std::uint32_t child = node.first_child; child < node.first_child + node.n_children;
         ++child) {
      ConfigurationSet next = scratch.step_byte(place.set, nodes[child].byte);
      if (next.empty()) continue;
      for (std::uint32_t t = 0; t < nodes[child].n_tokens; ++t) {
        set_bit(bits, vocabulary.sorted_ids()[nodes[child].first_token + t]);
      }
      if (nodes[child].n_children > 0) open.push_back({child, std::move(next)});
    }
  }
}

GrammarMatcher::GrammarMatcher(std::shared_ptr<const Grammar> grammar)
    : state_(std::make_unique<State>(std::move(grammar))) {}
GrammarMatcher::~GrammarMatcher() = default;
GrammarMatcher::GrammarMatcher(const GrammarMatcher& other)
    : state_(std::make_unique<State>(*other.state_)) {}
GrammarMatcher& GrammarMatcher::operator=(const GrammarMatcher& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
GrammarMatcher::GrammarMatcher(GrammarMatcher&& other) noexcept = default;
GrammarMatcher& GrammarMatcher::operator=(GrammarMatcher&& other) noexcept = default;

void GrammarMatcher::fill(std::span<std::uint32_t> bits) {
  ONDOL_CHECK(bits.size() == vocabulary().n_mask_words());
  std::ranges::fill(bits, 0U);
  if (state_->ended) return;
  if (state_->near_depth_limit()) {
    state_->fill_walking(bits);
  } else {
    state_->fill_cached(bits);
  }
  if (is_complete()) {
    for (const TokenId id : vocabulary().end_ids()) set_bit(bits, id);
  }
}

bool GrammarMatcher::accept(TokenId token) {
  if (state_->ended) return false;
  if (vocabulary().is_end(token)) {
    state_->ended = is_complete();
    return state_->ended;
  }
  const std::string_view bytes = vocabulary().bytes(token);
  if (!bytes.empty()) return state_->step_text(bytes);
  ConfigurationSet next = state_->stacks.step_token(state_->at, token);
  if (next.empty()) return false;
  state_->take(std::move(next));
  return true;
}

bool GrammarMatcher::accept_text(std::string_view bytes) {
  return !state_->ended && state_->step_text(bytes);
}

bool GrammarMatcher::is_complete() const { return state_->at.at_bottom; }

bool GrammarMatcher::must_stop() const {
  return state_->ended || (is_complete() && state_->at.members.empty());
}

std::string GrammarMatcher::forced_text(std::size_t max_bytes) const {
  std::string out;
  if (state_->ended) return out;
  const grammar::Automaton& automaton = state_->grammar->automaton;
  Stacks stacks = state_->stacks;
  ConfigurationSet at = state_->at;
  while (out.size() < max_bytes && !at.at_bottom) {
    int byte = -1;
    for (const Configuration& c : stacks.expand(at)) {
      const auto& state = automaton.states[c.state];
      if (state.n_tokens > 0) return out;
      for (const auto& edge : automaton.bytes(state)) {
        if (edge.low != edge.high || (byte >= 0 && byte != edge.low)) return out;
        byte = edge.low;
      }
    }
    if (byte < 0) return out;
    ConfigurationSet next = stacks.step_byte(at, static_cast<std::uint8_t>(byte));
    if (next.empty()) return out;
    out.push_back(static_cast<char>(byte));
    at = std::move(next);
  }
  return out;
}

const GrammarVocabulary& GrammarMatcher::vocabulary() const { return *state_->grammar->vocabulary; }

}  // namespace ondol::text
