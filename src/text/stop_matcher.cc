#include "text/stop_matcher.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ondol::text {

Result<StopMatcher> StopMatcher::create(std::vector<std::string> stops) {
  constexpr std::string_view kField = "stop";
  if (stops.size() > kMaxStops) {
    return fail(ErrorCode::kLimit, "request", kField, "too many stop strings", stops.size(),
                kMaxStops);
  }
  for (const std::string& stop : stops) {
    if (stop.empty()) {
      return fail(ErrorCode::kInvalidArgument, "request", kField, "an empty stop string", "0 bytes",
                  ">= 1 byte");
    }
    if (stop.size() > kMaxStopBytes) {
      return fail(ErrorCode::kLimit, "request", kField, "a stop string is too long", stop.size(),
                  kMaxStopBytes);
    }
  }
  return StopMatcher(std::move(stops));
}

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& stop : stops) stops_.emplace_back(std::move(stop));
}

StopMatcher::Stop::Stop(std::string stop) : text(std::move(stop)), border(text.size(), 0) {
  for (std::size_t i = 1; i < text.size(); ++i) border[i] = step(border[i - 1], text[i]);
}

// REQUIRES: n < text.size(), and the borders of the first n bytes are set.
std::size_t StopMatcher::Stop::step(std::size_t n, char byte) const {
  while (n > 0 && text[n] != byte) n = border[n - 1];
  return text[n] == byte ? n + 1 : 0;
}

std::string StopMatcher::push(std::string_view piece) {
  if (matched()) return {};
  for (std::size_t i = 0; i < piece.size(); ++i) {
    for (std::size_t s = 0; s < stops_.size(); ++s) {
      Stop& stop = stops_[s];
      stop.n_matched = stop.step(stop.n_matched, piece[i]);
      if (stop.n_matched < stop.text.size()) continue;
      if (!matched() || stop.text.size() > stops_[matched_].text.size()) matched_ = s;
    }
    if (!matched()) continue;
    held_.append(piece.substr(0, i + 1));
    // The stop string began within what was held back: nothing of it was shown.
    std::string shown = held_.substr(0, held_.size() - stops_[matched_].text.size());
    held_.clear();
    return shown;
  }
  held_.append(piece);
  std::size_t n_held = 0;
  for (const Stop& stop : stops_) n_held = std::max(n_held, stop.n_matched);
  std::string shown = held_.substr(0, held_.size() - n_held);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace ondol::text
