// Filters that make strings.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

template <std::string (*kMap)(std::string_view)>
Value mapped(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  const std::string text = to_str(run, input);
  if (!run.charge_memory(4 * text.size())) return {};
  return run.text(kMap(text));
}

// str.upper and the like on whatever the filter was given.
Value call_method(Run& run, std::string_view name, const std::string& text,
                  const CallArguments& arguments) {
  const MethodRow* row = find_text_method(name);
  const BoundArguments bound(run, name, row->parameters, arguments);
  return run.failed() ? Value() : row->call(run, make_text(text), bound);
}

Value trim(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  return call_method(
      run, "strip", to_str(run, input),
      arguments.raw().named.empty() ? arguments.raw() : CallArguments{{*arguments.get(0)}, {}});
}

Value replace_filter(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  CallArguments call;
  call.positional = {make_text(to_str(run, *arguments.get(0))),
                     make_text(to_str(run, *arguments.get(1)))};
  if (arguments.has_value(2)) call.positional.push_back(*arguments.get(2));
  return call_method(run, "replace", to_str(run, input), call);
}

Value center(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  CallArguments call{{Value(arguments.integer(0, 80))}, {}};
  return call_method(run, "center", to_str(run, input), call);
}

Value title_filter(Evaluator& evaluator, const Value& input, const Bound&) {
  // Words begin after white space, a hyphen or an opening bracket.
  Run& run = evaluator.run();
  const std::string text = to_str(run, input);
  if (!run.charge_memory(4 * text.size())) return {};
  const auto begins_word = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t start = i;
    bool in_break = begins_word(decode_utf8(std::string_view(text).substr(i)).code_point);
    const bool is_break = in_break;
    while (i < text.size()) {
      const Utf8Char c = decode_utf8(std::string_view(text).substr(i));
      in_break = begins_word(c.code_point);
      if (in_break != is_break) break;
      i += c.n_bytes;
    }
    const std::string_view piece = std::string_view(text).substr(start, i - start);
    const std::size_t first = decode_utf8(piece).n_bytes;
    out += upper(piece.substr(0, first));
    out += lower(piece.substr(first));
  }
  return run.text(std::move(out));
}

Value to_string(Evaluator& evaluator, const Value& input, const Bound&) {
  if (input.text()) return input;
  return evaluator.run().text(to_str(evaluator.run(), input));
}

Value escape(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  const std::string text = to_str(run, input);
  if (!run.charge_memory(5 * text.size())) return {};
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return run.text(std::move(out));
}

Value indent(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  if (!input.text()) return run.fail_type(input, "cannot be indented");
  std::string prefix;
  if (arguments.has(0) && arguments.get(0)->text()) {
    prefix = arguments.get(0)->text()->bytes;
  } else {
    const std::int64_t width = std::max<std::int64_t>(arguments.integer(0, 4), 0);
    if (!run.charge_memory(static_cast<std::size_t>(width))) return {};
    prefix.assign(static_cast<std::size_t>(width), ' ');
  }
  const std::string text = input.text()->bytes + "\n";
  if (!run.charge_memory(16 * text.size())) return {};
  const bool blank = arguments.flag(2);
  std::string out = arguments.flag(1) ? prefix : std::string();
  bool first = true;
  for (const std::string_view line : split_lines(text, false)) {
    if (!run.charge_memory(prefix.size() + line.size() + 1)) return {};
    if (!first) out += '\n';
    if (!first && (blank || !line.empty())) out += prefix;
    out += line;
    first = false;
  }
  return run.text(std::move(out));
}

Value truncate(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::int64_t max_chars = arguments.integer(0, 255);
  const std::string_view end = arguments.text(2, "...");
  const std::int64_t leeway = arguments.has_value(3) ? arguments.integer(3, 5) : 5;
  const auto n_end = static_cast<std::int64_t>(count_chars(end));
  const auto n_items = length(input);
  if (!n_items) return run.fail_type(input, "has no len()");
  const std::int64_t size = *n_items;
  if (run.failed()) return {};
  if (max_chars < n_end)
    return run.fail(fmt::format("expected length >= {}, got {}", n_end, max_chars));
  if (leeway < 0) return run.fail("expected leeway >= 0");
  if (size <= max_chars || size - max_chars <= leeway) return input;
  if (!input.text()) return run.fail_type(input, "cannot be truncated");
  const std::string_view text = input.text()->bytes;
  std::string_view kept =
      text.substr(0, byte_offset(text, static_cast<std::size_t>(max_chars - n_end)));
  if (!arguments.flag(1)) kept = kept.substr(0, kept.rfind(' '));
  return run.text(std::string(kept) + std::string(end));
}

Value format_filter(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const CallArguments& raw = arguments.raw();
  if (!raw.named.empty() && !raw.positional.empty()) {
    return run.fail("can't handle positional and keyword arguments at the same time");
  }
  Value values;
  if (raw.named.empty()) {
    values = run.sequence(SequenceKind::kTuple, raw.positional);
  } else {
    Dict dict;
    for (const auto& [name, value] : raw.named) dict.set(make_text(name), value);
    values = run.dict(std::move(dict));
  }
  return run.text(format_percent(run, to_str(run, input), values));
}

Value wordcount(Evaluator& evaluator, const Value& input, const Bound&) {
  const std::string text = to_str(evaluator.run(), input);
  if (!evaluator.run().charge_memory(4 * text.size())) return {};
  return static_cast<std::int64_t>(count_words(text));
}

// Comments and tags go, runs of white space become one space.
Value striptags(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  std::string text = to_str(run, input);
  for (const auto& [open, close] :
       {std::pair<std::string_view, std::string_view>{"<!--", "-->"}, {"<", ">"}}) {
    std::string kept;
    std::string_view rest = text;
    while (true) {
      const std::size_t start = rest.find(open);
      const std::size_t end = start == std::string_view::npos ? start : rest.find(close, start);
      if (end == std::string_view::npos) break;
      kept += rest.substr(0, start);
      rest.remove_prefix(end + close.size());
    }
    kept += rest;
    text = std::move(kept);
  }
  if (!run.charge_memory(16 * text.size())) return {};
  std::string out;
  for (const std::string_view word : split_spaces(text, -1)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  for (const auto& [name, character] : {std::pair<std::string_view, std::string_view>{"&lt;", "<"},
                                        {"&gt;", ">"},
                                        {"&#34;", "\""},
                                        {"&quot;", "\""},
                                        {"&#39;", "'"},
                                        {"&amp;", "&"}}) {
    out = replace(out, name, character, -1);
  }
  return run.text(std::move(out));
}

void append_quoted(std::string& out, std::string_view text, bool for_query) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || std::string_view("_.-~").find(c) != std::string_view::npos ||
        (c == '/' && !for_query)) {
      out += c;
    } else if (c == ' ' && for_query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
}

Value urlencode(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  std::string out;
  const bool pairs = input.dict() || input.sequence();
  if (!pairs) {
    const std::string text = to_str(run, input);
    if (!run.charge_memory(3 * text.size())) return {};
    append_quoted(out, text, false);
    return run.text(std::move(out));
  }
  for (const Value& item : iterate(run, input)) {
    std::vector<Value> pair =
        input.dict() ? std::vector<Value>{item, *input.dict()->find(item)} : iterate(run, item);
    if (pair.size() != 2) return run.fail("urlencode needs pairs of key and value");
    const std::string key = to_str(run, pair[0]);
    const std::string value = to_str(run, pair[1]);
    if (!run.charge_memory(3 * (key.size() + value.size()))) return {};
    if (!out.empty()) out += '&';
    append_quoted(out, key, true);
    out += '=';
    append_quoted(out, value, true);
  }
  return run.text(std::move(out));
}

Value join(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::string separator = arguments.has(0) ? to_str(run, *arguments.get(0)) : std::string();
  std::string out;
  bool first = true;
  for (const Value& item : iterate(run, input)) {
    if (!first && run.charge_memory(separator.size())) out += separator;
    first = false;
    append_str(run, out, arguments.has_value(1) ? get_path(run, item, *arguments.get(1)) : item);
    if (run.failed()) return {};
  }
  return run.text(std::move(out));
}

Value tojson(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  JsonStyle style;
  style.ensure_ascii = arguments.flag(0);
  style.sort_keys = arguments.flag(3);
  if (arguments.has_value(1)) {
    style.multi_line = true;
    style.item_separator = ",";
    if (const Text* text = arguments.get(1)->text()) {
      style.indent = text->bytes;
    } else {
      const std::int64_t width = std::max<std::int64_t>(arguments.integer(1, 0), 0);
      if (!run.charge_memory(static_cast<std::size_t>(width))) return {};
      style.indent.assign(static_cast<std::size_t>(width), ' ');
    }
  }
  if (arguments.has_value(2)) {
    const std::vector<Value> pair = iterate(run, *arguments.get(2));
    if (pair.size() != 2 || !pair[0].text() || !pair[1].text()) {
      return run.fail("separators of tojson are two strings");
    }
    style.item_separator = pair[0].text()->bytes;
    style.key_separator = pair[1].text()->bytes;
  }
  return run.failed() ? Value() : run.text(to_json(run, input, style));
}

constexpr FilterRow kFilters[] = {
    {"upper", mapped<upper>, {}},
    {"lower", mapped<lower>, {}},
    {"capitalize", mapped<capitalize>, {}},
    {"title", title_filter, {}},
    {"trim", trim, {{"chars"}, 0}},
    {"replace", replace_filter, {{"old", "new", "count"}, 2}},
    {"center", center, {{"width"}, 0}},
    {"string", to_string, {}},
    {"safe", to_string, {}},
    {"e", escape, {}},
    {"escape", escape, {}},
    {"forceescape", escape, {}},
    {"indent", indent, {{"width", "first", "blank"}, 0}},
    {"truncate", truncate, {{"length", "killwords", "end", "leeway"}, 0}},
    {"format", format_filter, {{}, 0, true}},
    {"wordcount", wordcount, {}},
    {"striptags", striptags, {}},
    {"urlencode", urlencode, {}},
    {"join", join, {{"d", "attribute"}, 0}},
    {"tojson", tojson, {{"ensure_ascii", "indent", "separators", "sort_keys"}, 0}},
};

}  // namespace

std::span<const FilterRow> text_filters() { return kFilters; }

}  // namespace ondol::text::jinja
