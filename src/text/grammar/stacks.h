// Where an automaton may stand: a set of configurations, each a state on a stack
// of frames. Equal stacks are one and share their lower parts. The same code
// walks a whole answer from the bottom (GrammarMatcher) and one token from an
// unknown stack (MaskCache); frame 0 is the bottom, or the unknown rest.
//
// A configuration in a set has just been reached by a byte or a return; the
// calls that it may make are made when it is stepped on.
//
// Owner: a matcher or a cache. Threads: plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "text/grammar/automaton.h"

namespace ondol::text::grammar {

using FrameId = std::uint32_t;

struct Configuration {
  StateId state = 0;
  FrameId frame = 0;
  auto operator<=>(const Configuration&) const = default;
};

struct ConfigurationSet {
  std::vector<Configuration> members;  // sorted, no duplicates
  bool at_bottom = false;              // a stack has ended: the answer is complete, or the token
                                       // goes on in the frame that is unknown here
  bool empty() const { return members.empty() && !at_bottom; }
};

class Stacks {
 public:
  /// More configurations than this at once are dropped: nothing wrong is let
  /// through by that, but an extremely ambiguous grammar loses ways to match.
  static constexpr std::size_t kMaxConfigurations = 512;

  struct Frame {
    FrameId parent = 0;
    std::uint32_t call = 0;   // of Automaton::call_edges
    std::uint32_t count = 0;  // how often the call has returned
    std::uint32_t depth = 0;  // frames from here to the bottom
  };

  /// `count_rest`: no stack may need more than `max_depth` to come to its end.
  Stacks(const Automaton& automaton, std::uint32_t max_depth, bool count_rest);

  const Frame& frame(FrameId id) const { return frames_[id]; }
  std::size_t n_frames() const { return frames_.size(); }

  /// The members of `set` with all calls made that need no byte first.
  std::vector<Configuration> expand(const ConfigurationSet& set);
  /// Adds what follows when `state` is reached on `frame`.
  void arrive(StateId state, FrameId frame, ConfigurationSet& out);
  /// Adds what follows when the call of a frame has returned once more than `count`.
  void come_back(FrameId parent, std::uint32_t call, std::uint32_t count, ConfigurationSet& out);
  /// Sorts and removes duplicates after some calls of arrive.
  static void settle(ConfigurationSet& set);

  ConfigurationSet step_byte(const ConfigurationSet& set, std::uint8_t byte);
  ConfigurationSet step_token(const ConfigurationSet& set, TokenId token);

  /// Forgets frames that the set does not stand on; renumbers the rest.
  void compact(ConfigurationSet& set);

 private:
  struct Key {
    FrameId parent;
    std::uint32_t call, count;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const;
  };

  bool push(FrameId parent, std::uint32_t call, std::uint32_t count, FrameId& out);
  void add(StateId state, FrameId frame, ConfigurationSet& out);

  const Automaton* automaton_;
  std::uint32_t max_depth_;
  bool count_rest_;
  std::vector<Frame> frames_;
  std::unordered_map<Key, FrameId, HashKey> ids_;
};

}  // namespace ondol::text::grammar
