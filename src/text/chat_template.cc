#include "text/chat_template.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <limits>

#include "base/utf8.h"
#include "text/jinja/evaluator.h"
#include "text/jinja/parser.h"
#include "text/jinja/run.h"
#include "text/jinja/token.h"

namespace ondol::text {

struct ChatTemplate::Parsed {
  std::string source;
  std::string where;
  jinja::Block body;
};

namespace {

using jinja::None;
using jinja::Run;
using jinja::Value;

// The text of callers is made valid; all that follows relies on it.
Value text_value(Run& run, std::string_view bytes) {
  return run.text(is_valid_utf8(bytes) ? std::string(bytes) : replace_invalid_utf8(bytes));
}

Value from_json(Run& run, const boost::json::value& json, std::uint32_t depth);

Value from_object(Run& run, const boost::json::object& object, std::uint32_t depth) {
  jinja::Dict dict;
  for (const auto& member : object) {
    if (!run.charge()) return {};
    dict.set(text_value(run, member.key()), from_json(run, member.value(), depth));
  }
  return run.dict(std::move(dict));
}

Value from_array(Run& run, const boost::json::array& array, std::uint32_t depth) {
  std::vector<Value> items;
  items.reserve(array.size());
  for (const auto& item : array) {
    if (!run.charge()) return {};
    items.push_back(from_json(run, item, depth));
  }
  return run.list(std::move(items));
}

Value from_json(Run& run, const boost::json::value& json, std::uint32_t depth) {
  if (depth > jinja::kMaxValueDepth) return run.fail_limit("nested lists", jinja::kMaxValueDepth);
  switch (json.kind()) {
    case boost::json::kind::null:
      return None{};
    case boost::json::kind::bool_:
      return json.get_bool();
    case boost::json::kind::int64:
      return json.get_int64();
    case boost::json::kind::uint64:
      if (json.get_uint64() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return run.fail("an integer is beyond 64 bits", ErrorCode::kLimit);
      }
      return static_cast<std::int64_t>(json.get_uint64());
    case boost::json::kind::double_:
      return json.get_double();
    case boost::json::kind::string:
      return text_value(run, json.get_string());
    case boost::json::kind::array:
      return from_array(run, json.get_array(), depth + 1);
    case boost::json::kind::object:
      return from_object(run, json.get_object(), depth + 1);
  }
  return {};
}

jinja::Evaluator::Variables make_variables(Run& run, const boost::json::value& messages,
                                           const ChatTemplateOptions& options) {
  jinja::Evaluator::Variables out;
  out.emplace_back("messages", from_json(run, messages, 0));
  out.emplace_back("tools", from_json(run, options.tools, 0));
  out.emplace_back("documents", from_json(run, options.documents, 0));
  out.emplace_back("add_generation_prompt", options.add_generation_prompt);
  out.emplace_back("bos_token", text_value(run, options.bos_token));
  out.emplace_back("eos_token", text_value(run, options.eos_token));
  for (const auto& member : options.extra) {
    out.emplace_back(member.key(), from_json(run, member.value(), 0));
  }
  return out;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string source, std::string_view where,
                                         const jinja::Limits& limits) {
  if (source.size() > limits.template_bytes) {
    return fail(ErrorCode::kLimit, where, "chat template", "the template is too long",
                source.size(), limits.template_bytes);
  }
  if (!is_valid_utf8(source)) {
    return fail(ErrorCode::kInvalidFile, where, "chat template", "the template is no UTF-8");
  }
  ONDOL_TRY(auto tokens, jinja::tokenize(source, where));
  ONDOL_TRY(auto body, jinja::parse(std::move(tokens), where));
  auto parsed = std::make_shared<Parsed>();
  parsed->source = std::move(source);
  parsed->where = where;
  parsed->body = std::move(body);
  return ChatTemplate(std::move(parsed));
}

const std::string& ChatTemplate::source() const { return parsed_->source; }

Result<std::string> ChatTemplate::render(const boost::json::value& messages,
                                         const ChatTemplateOptions& options) const {
  Run run(options.limits, parsed_->where, options.now);
  const auto variables = make_variables(run, messages, options);
  std::string out;
  if (!run.failed()) out = jinja::Evaluator(run, variables).render(parsed_->body);
  if (run.failed()) return tl::unexpected(run.take_error());
  return out;
}

}  // namespace ondol::text
