// How each CallSyntax is read and written: one row for parser, prompt and grammar.
// Internal to src/text/tools. Pure constants.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "text/tools/chat_format.h"

namespace ondol::text {

/// Text that announces a call.
struct CallOpener {
  std::string_view text;  // empty: no opener
  /// Under a grammar too it opens a call wherever it stands; else at the start only.
  bool anywhere = false;
};

struct CallRules {
  CallSyntax syntax;
  std::string_view arguments_key;  // in the JSON object of a call

  // What is read.
  std::array<CallOpener, 3> openers;
  std::string_view close;       // behind a call or a group of calls, may be empty
  std::string_view separators;  // between calls, beside white space
  bool bare;                    // an object that begins the answer is a call
  bool list;                    // calls may stand in [ ]
  bool named;                   // the function's name may stand before its arguments

  // What is written: group_open (call_open CALL call_close) joined by `between`, group_close.
  std::string_view group_open, call_open, call_close, between, group_close;
};

const CallRules& call_rules(CallSyntax syntax);

/// Of a written call what stands before the function's name, behind it, and behind the
/// arguments: {"name": " and ", "arguments": and }.
struct CallFrame {
  std::string_view before_name;
  std::string before_arguments;
  std::string_view end;
};
CallFrame call_frame(const CallRules& rules);
/// All that stands before the arguments.
std::string call_prefix(const CallRules& rules, std::string_view function);

/// What a call's object may begin with until its function is known: "name" and these.
/// An object with another key is none.
inline constexpr std::array<std::string_view, 5> kCallKeys = {"name", "arguments", "parameters",
                                                              "type", "id"};

// The named form: f[ARGS]{..} or f[CALL_ID]id[ARGS]{..}.
inline constexpr std::string_view kArgsMark = "[ARGS]";
inline constexpr std::string_view kCallIdMark = "[CALL_ID]";

}  // namespace ondol::text
