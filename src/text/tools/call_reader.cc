#include "text/tools/call_reader.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <utility>

#include "text/tools/tool_list.h"

namespace ondol::text {
namespace {

using Step = JsonScanner::Step;

// A string in its quotes that holds a JSON object: that object's text; else empty.
std::string object_in_string(std::string_view quoted) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(quoted, error);
  if (error || !value.is_string()) return {};
  const std::string_view inner = value.get_string();
  const std::size_t begin = inner.find('{');
  if (begin == std::string_view::npos || inner.find_first_not_of(" \t\r\n") != begin) {
    return {};
  }
  JsonScanner scanner;
  for (std::size_t i = begin; i < inner.size(); ++i) {
    const Step step = scanner.step(inner[i]);
    if (step == Step::kBad) return {};
    if (step == Step::kMore) continue;
    const bool ends = inner.find_first_not_of(" \t\r\n", i + 1) == std::string_view::npos;
    return ends ? std::string(inner.substr(begin, i + 1 - begin)) : std::string();
  }
  return {};
}

}  // namespace

void CallReader::begin(bool named, bool enforced) {
  *this = CallReader(*rules_, *functions_);
  at_ = named ? At::kName : At::kObject;
  enforced_ = enforced;
}

CallReader::Step CallReader::step(char c) {
  switch (at_) {
    case At::kObject:
      return in_object(c);
    case At::kName:
      return in_name(c);
    case At::kMark:
      return in_mark(c);
    case At::kCallId:
      text_ += c;
      if (c == '[') {
        key_ = c;
        at_ = At::kMark;
        return Step::kMore;
      }
      return is_function_name_byte(c) ? Step::kMore : Step::kBad;
    case At::kBeforeArguments:
      return before_arguments(c);
    case At::kArguments:
      return in_arguments(c);
  }
  return Step::kBad;
}

std::string CallReader::take_arguments() { return std::exchange(arguments_, {}); }

bool CallReader::set_function(std::string_view name) {
  if (std::find(functions_->begin(), functions_->end(), name) == functions_->end()) return false;
  function_ = name;
  return true;
}

// Whether `text` is exactly what the grammar writes before the arguments.
bool CallReader::written_so_far(std::string_view text) const {
  return enforced_ && !function_.empty() && text == call_prefix(*rules_, function_);
}

CallReader::Step CallReader::in_object(char c) {
  const Step step = scanner_.step(c);
  if (step == Step::kBad) return step;
  const bool at_member = scanner_.mark() != JsonScanner::Mark::kNone && scanner_.depth() == 1;
  if (streams_) {
    if (inside_arguments_) arguments_ += c;
    if (at_member && scanner_.mark() == JsonScanner::Mark::kValueEnd) inside_arguments_ = false;
    return step;
  }
  text_ += c;
  if (at_member && !member(c)) return Step::kBad;
  return step == Step::kDone ? complete() : step;
}

bool CallReader::member(char c) {
  switch (scanner_.mark()) {
    case JsonScanner::Mark::kKeyBegin:
      begin_ = text_.size();
      return true;
    case JsonScanner::Mark::kKeyEnd:
      key_ = text_.substr(begin_, text_.size() - 1 - begin_);
      return known_key();
    case JsonScanner::Mark::kValueBegin:
      return begin_value(c);
    default:
      return end_value();
  }
}

bool CallReader::is_arguments_key() const { return key_ == "arguments" || key_ == "parameters"; }

// Any JSON object may stand where a call may: one that is none is told as early as
// its first keys.
bool CallReader::known_key() const {
  if (key_ == "name") return function_.empty();
  if (is_arguments_key()) return !has_arguments_;
  return !function_.empty() ||
         std::find(kCallKeys.begin(), kCallKeys.end(), key_) != kCallKeys.end();
}

bool CallReader::begin_value(char c) {
  begin_ = text_.size() - 1;
  if (key_ == "name") return c == '"';
  if (!is_arguments_key()) return true;
  has_arguments_ = true;
  if (c == '{' && written_so_far(std::string_view(text_).substr(0, begin_))) {
    streams_ = true;
    inside_arguments_ = true;
    arguments_ = c;
  }
  return c == '{' || c == '"';
}

bool CallReader::end_value() {
  const std::string_view value = std::string_view(text_).substr(begin_);
  if (key_ == "name") return set_function(value.substr(1, value.size() - 2));
  if (!is_arguments_key()) return true;
  arguments_ = value[0] == '{' ? std::string(value) : object_in_string(value);
  return !arguments_.empty();
}

CallReader::Step CallReader::complete() {
  if (function_.empty()) return Step::kBad;
  if (!has_arguments_) arguments_ = "{}";
  return Step::kDone;
}

CallReader::Step CallReader::in_name(char c) {
  if (c == '[') {
    if (!set_function(text_)) return Step::kBad;
    key_ = c;
    at_ = At::kMark;
  } else if (c == '{') {
    if (!set_function(text_)) return Step::kBad;
    return before_arguments(c);
  } else if (!is_function_name_byte(c) || text_.size() == kMaxFunctionNameBytes) {
    return Step::kBad;
  }
  text_ += c;
  return Step::kMore;
}

CallReader::Step CallReader::in_mark(char c) {
  text_ += c;
  key_ += c;
  if (key_ == kArgsMark) {
    at_ = At::kBeforeArguments;
  } else if (key_ == kCallIdMark) {
    at_ = At::kCallId;
  } else if (!kArgsMark.starts_with(key_) && !kCallIdMark.starts_with(key_)) {
    return Step::kBad;
  }
  return Step::kMore;
}

CallReader::Step CallReader::before_arguments(char c) {
  if (c == '{') {
    streams_ = written_so_far(text_);
    at_ = At::kArguments;
    return in_arguments(c);
  }
  text_ += c;
  return c == ' ' || c == '\n' ? Step::kMore : Step::kBad;
}

CallReader::Step CallReader::in_arguments(char c) {
  const Step step = scanner_.step(c);
  if (step != Step::kBad) arguments_ += c;
  return step;
}

}  // namespace ondol::text
