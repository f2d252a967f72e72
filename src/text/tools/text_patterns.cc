#include "text/tools/text_patterns.h"

#include <map>

#include "base/check.h"

namespace ondol::text {
namespace {

// Any text: a class and what is not in it.
constexpr std::string_view kAnyText = "(?:[^a]|a)*";

std::string escaped(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  constexpr std::string_view kMeta = "\\^$.|?*+()[]{}-";
  std::string out;
  if (kMeta.find(c) != std::string_view::npos) out += '\\';
  return out + c;
}

std::string none_of(std::string_view bytes) {
  std::string out = "[^";
  for (const char c : bytes) out += escaped(c);
  return out + "]";
}

// The mark's beginnings of 1 byte up to all but its last: a(?:b(?:c)?)?
std::string proper_beginnings(std::string_view mark) {
  if (mark.size() == 1) return {};
  const std::string rest = proper_beginnings(mark.substr(1));
  return escaped(mark[0]) + (rest.empty() ? "" : "(?:" + rest + ")?");
}

// mark[0] was read, a beginning of the mark; then what is neither its next byte nor a
// new first one, at any point of it: (?:[^ab]|b(?:[^ac]|..)).
std::string departures(std::string_view mark, std::size_t at) {
  std::string out = "(?:" + none_of(std::string{mark[0], mark[at]});
  if (at + 1 < mark.size()) out += "|" + escaped(mark[at]) + departures(mark, at + 1);
  return out + ")";
}

}  // namespace

std::string text_without(std::string_view mark) {
  ONDOL_CHECK(!mark.empty() && mark.find(mark[0], 1) == std::string_view::npos);
  if (mark.size() == 1) return none_of(mark) + "*";
  // Beginnings of the mark that a new one cuts short, then one that something else does.
  const std::string begun = "(?:" + proper_beginnings(mark) + ")*";
  return "(?:" + none_of(mark.substr(0, 1)) + "|" + begun + escaped(mark[0]) + departures(mark, 1) +
         ")*" + begun;
}

std::string text_beginning(const std::vector<Beginning>& beginnings, std::string_view blocked) {
  std::map<char, std::vector<Beginning>> by_first;
  for (const Beginning& beginning : beginnings) {
    ONDOL_CHECK(!beginning.text.empty());
    by_first[beginning.text[0]].push_back({beginning.text.substr(1), beginning.then});
  }
  std::string not_first(blocked);
  std::string out;
  for (const auto& [first, rests] : by_first) {
    not_first += first;
    const bool is_whole = rests.front().text.empty();
    ONDOL_CHECK(!is_whole || rests.size() == 1);
    if (is_whole && rests.front().then.empty()) continue;
    out += "|" + escaped(first) + (is_whole ? rests.front().then : text_beginning(rests));
  }
  return "(?:" + none_of(not_first) + std::string(kAnyText) + out + ")?";
}

}  // namespace ondol::text
