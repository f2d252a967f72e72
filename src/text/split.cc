#include "text/split.h"

#include <algorithm>

namespace ondol::text {
namespace {

struct Part {
  Range range;
  bool is_delimiter = false;
};

// The whole word as parts, delimiters and what lies between.
std::vector<Part> parts_of(std::size_t size, const std::vector<Range>& matches, bool invert) {
  std::vector<Part> parts;
  parts.reserve(matches.size() * 2 + 1);
  std::size_t done = 0;
  for (const Range& match : matches) {
    if (done != match.begin) parts.push_back({{done, match.begin}, invert});
    parts.push_back({match, !invert});
    done = match.end;
  }
  if (done != size) parts.push_back({{done, size}, invert});
  return parts;
}

// Neighbouring parts of one kind become one.
std::vector<Part> contiguous(const std::vector<Part>& parts) {
  std::vector<Part> out;
  for (const Part& part : parts) {
    if (!out.empty() && out.back().is_delimiter == part.is_delimiter) {
      out.back().range.end = part.range.end;
    } else {
      out.push_back(part);
    }
  }
  return out;
}

// A delimiter joins what stands before it, but not another delimiter.
std::vector<Part> merged_with_previous(const std::vector<Part>& parts) {
  std::vector<Part> out;
  bool after_delimiter = false;
  for (const Part& part : parts) {
    if (part.is_delimiter && !after_delimiter && !out.empty()) {
      out.back().range.end = part.range.end;
    } else {
      out.push_back(part);
    }
    after_delimiter = part.is_delimiter;
  }
  return out;
}

std::vector<Part> merged_with_next(std::vector<Part> parts) {
  std::reverse(parts.begin(), parts.end());
  std::vector<Part> out;
  bool before_delimiter = false;
  for (const Part& part : parts) {
    if (part.is_delimiter && !before_delimiter && !out.empty()) {
      out.back().range.begin = part.range.begin;
    } else {
      out.push_back(part);
    }
    before_delimiter = part.is_delimiter;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

void split_word(const Words::Word& word, const std::vector<Range>& matches, bool invert,
                SplitBehavior behavior, std::vector<Words::Word>& out) {
  const auto emit = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    out.push_back({word.begin + begin, word.begin + end, word.first && begin == 0});
  };
  const std::size_t size = word.end - word.begin;
  if (behavior == SplitBehavior::kIsolated) {
    std::size_t done = 0;
    for (const Range& match : matches) {
      emit(done, match.begin);
      emit(match.begin, match.end);
      done = match.end;
    }
    emit(done, size);
    return;
  }
  std::vector<Part> parts = parts_of(size, matches, invert);
  if (behavior == SplitBehavior::kContiguous) parts = contiguous(parts);
  if (behavior == SplitBehavior::kMergedWithPrevious) parts = merged_with_previous(parts);
  if (behavior == SplitBehavior::kMergedWithNext) parts = merged_with_next(std::move(parts));
  for (const Part& part : parts) {
    if (behavior == SplitBehavior::kRemoved && part.is_delimiter) continue;
    emit(part.range.begin, part.range.end);
  }
}

}  // namespace ondol::text
