// Messages in OpenAI's form, read: what they say of calls and results taken out and
// checked. Internal to src/text/tools.
//
// Pure function over plain values. Errors: kInvalidArgument with the path of the field.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace ondol::text {

struct CallOfTurn {
  std::string id;
  std::string name;
  boost::json::object arguments;
};

struct Turn {
  std::string role;
  boost::json::object fields;  // the message as it came, without its calls
  std::string content;
  bool has_text = false;  // content is text; else it stays in fields
  std::vector<CallOfTurn> calls;
  std::string call_id;   // of a tool's result
  std::string function;  // whose result it is
};

Result<std::vector<Turn>> read_turns(const boost::json::array& messages);

/// The message again, with role and content as the turn has them now.
boost::json::object message_of(Turn turn);

}  // namespace ondol::text
