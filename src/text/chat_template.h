// A model's chat template: messages in, the prompt's text out, byte for byte as
// Python's Jinja2 under Hugging Face's settings makes it.
//
// A template is data from a model's author and is not trusted: it can read what
// is given here and write text, nothing else, within jinja::Limits.
// Threads: immutable after parse(); render() may run in many threads at once.
// Owner: whoever loaded the model.
#pragma once

#include <boost/json/value.hpp>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/jinja/limits.h"

namespace ondol::text {

struct ChatTemplateOptions {
  boost::json::value tools;      // an array of tool schemas, or null
  boost::json::value documents;  // an array of documents, or null
  bool add_generation_prompt = true;
  std::string bos_token;  // printed by templates that write their own BOS
  std::string eos_token;
  /// Further variables, an object: {"enable_thinking": false}. They win over the
  /// fields above.
  boost::json::object extra;
  /// What strftime_now sees; local time when absent.
  std::optional<std::tm> now;
  jinja::Limits limits;
};

class ChatTemplate {
 public:
  /// `where` names the file for errors. Errors: kInvalidFile with the line,
  /// kUnsupported for include and the like, kLimit.
  static Result<ChatTemplate> parse(std::string source, std::string_view where,
                                    const jinja::Limits& limits = {});

  /// `messages` is an array of objects with "role" and "content". Errors:
  /// kInvalidArgument when the template refuses the messages (raise_exception:
  /// its message is `detail`) or fails on them, kLimit; `field` is the line.
  Result<std::string> render(const boost::json::value& messages,
                             const ChatTemplateOptions& options) const;

  const std::string& source() const;

 private:
  struct Parsed;
  explicit ChatTemplate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace ondol::text
