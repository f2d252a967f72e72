// Reads one call out of a model's answer, byte by byte: a JSON object with name
// and arguments, or a name with arguments behind it ([ARGS]).
//
// Arguments are the bytes of the JSON object as they came. Arguments that a model
// wrote as a string holding a JSON object are that object; none are {}.
//
// Owner: OutputParser. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tools/call_rules.h"
#include "text/tools/json_scanner.h"

namespace ondol::text {

class CallReader {
 public:
  using Step = JsonScanner::Step;

  /// Both must outlive the reader.
  CallReader(const CallRules& rules, const std::vector<std::string>& functions)
      : rules_(&rules), functions_(&functions) {}

  /// The next bytes are a call. enforced: one in the written form is known to be valid.
  void begin(bool named, bool enforced);

  /// kBad: this is no call, or no call that is known. Once streams(), a later kBad only
  /// means that the call is cut here.
  Step step(char c);

  /// The function is known and arguments may be passed on as they come.
  bool streams() const { return streams_; }
  const std::string& function() const { return function_; }
  /// The arguments, or what came of them since the last call. REQUIRES: streams(), or
  /// the last step was kDone.
  std::string take_arguments();

 private:
  enum class At : std::uint8_t { kObject, kName, kMark, kCallId, kBeforeArguments, kArguments };

  Step in_object(char c);
  bool member(char c);
  bool is_arguments_key() const;
  bool known_key() const;
  bool begin_value(char c);
  bool end_value();
  Step complete();

  Step in_name(char c);
  Step in_mark(char c);
  Step before_arguments(char c);
  Step in_arguments(char c);

  bool set_function(std::string_view name);
  bool written_so_far(std::string_view text) const;

  const CallRules* rules_;
  const std::vector<std::string>* functions_;
  bool enforced_ = false;
  At at_ = At::kObject;
  JsonScanner scanner_;
  std::string text_;       // the call so far, until it streams
  std::size_t begin_ = 0;  // in text_, of the key or value
  std::string key_;        // or the mark being read
  std::string function_;
  std::string arguments_;
  bool has_arguments_ = false;
  bool inside_arguments_ = false;
  bool streams_ = false;
};

}  // namespace ondol::text
