// Finds stop strings in an answer that comes in pieces and holds back text that
// may turn out to be the beginning of one. How the text is split changes nothing.
//
// The stop string that is complete first ends the answer; of several complete at
// the same byte, the longest. The stop string and what follows are never shown.
// When all stop strings are valid UTF-8 and the text is, so is each shown piece
// that ends where a pushed piece ended or where a stop string began.
//
// Owner: one answer. Threads: plain value. Time: linear in the text, times the
// number of stop strings (Knuth, Morris and Pratt 1977).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::text {

class StopMatcher {
 public:
  static constexpr std::size_t kMaxStops = 64;
  static constexpr std::size_t kMaxStopBytes = 4096;

  /// No stop strings at all are fine. Errors: kInvalidArgument for an empty one,
  /// kLimit above kMaxStops of them or kMaxStopBytes in one.
  static Result<StopMatcher> create(std::vector<std::string> stops);

  /// Takes the next piece and answers the text that may be shown now. After a
  /// match it is always empty.
  std::string push(std::string_view piece);

  /// The answer has ended without a match: what was held back. Empty after a match.
  std::string finish();

  bool matched() const { return matched_ != kNone; }
  /// Which stop string, as an index of those given. REQUIRES: matched().
  std::size_t matched_index() const { return matched_; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Stop {
    std::string text;
    // border[n]: length of the longest proper prefix of text that ends its first
    // n + 1 bytes. [text.size()]
    std::vector<std::size_t> border;
    std::size_t n_matched = 0;  // bytes of text that end what was pushed

    explicit Stop(std::string stop);
    /// The number of bytes matched after one more byte, when `n` were before.
    std::size_t step(std::size_t n, char byte) const;
  };

  explicit StopMatcher(std::vector<std::string> stops);

  std::vector<Stop> stops_;
  std::string held_;
  std::size_t matched_ = kNone;
};

}  // namespace ondol::text
