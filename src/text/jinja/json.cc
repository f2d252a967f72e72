// json.dumps.
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ondol::text::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Run& run, const JsonStyle& style) : run_(run), style_(style) {}

  void write(const Value& value);
  std::string take() { return std::move(out_); }

 private:
  void write_text(std::string_view text);
  void write_escaped(char32_t c);
  void write_list(const std::vector<Value>& items);
  void write_dict(const Dict& dict);
  void write_key(const Value& key);
  void new_line(std::size_t level);
  static std::string float_text(double d);

  Run& run_;
  const JsonStyle& style_;
  std::string out_;
  std::size_t level_ = 0;
};

void JsonWriter::write_escaped(char32_t c) {
  const auto code = static_cast<std::uint32_t>(c);
  if (code < 0x10000) {
    out_ += fmt::format("\\u{:04x}", code);
    return;
  }
  const std::uint32_t offset = code - 0x10000;
  out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (offset >> 10), 0xDC00 + (offset & 0x3FF));
}

void JsonWriter::write_text(std::string_view text) {
  static constexpr std::string_view kNamed = "\"\\\n\r\t\b\f";
  static constexpr std::string_view kLetters = "\"\\nrtbf";
  const std::size_t size_before = out_.size();
  out_ += '"';
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const std::size_t named = c.n_bytes == 1 ? kNamed.find(text[0]) : std::string_view::npos;
    if (named != std::string_view::npos) {
      out_ += '\\';
      out_ += kLetters[named];
    } else if (c.code_point < 0x20 || (style_.ensure_ascii && c.code_point > 0x7E)) {
      // 0x7F is ASCII and stays as it is.
      if (c.code_point == 0x7F) {
        out_ += '\x7F';
      } else {
        write_escaped(c.code_point);
      }
    } else {
      out_ += text.substr(0, c.n_bytes);
    }
    text.remove_prefix(c.n_bytes);
  }
  out_ += '"';
  run_.charge_memory(out_.size() - size_before);
}

void JsonWriter::new_line(std::size_t level) {
  if (!style_.multi_line) return;
  if (!run_.charge_memory(1 + level * style_.indent.size())) return;
  out_ += '\n';
  for (std::size_t i = 0; i < level; ++i) out_ += style_.indent;
}

void JsonWriter::write_list(const std::vector<Value>& items) {
  if (items.empty()) {
    out_ += "[]";
    return;
  }
  out_ += '[';
  ++level_;
  for (std::size_t i = 0; i < items.size() && !run_.failed(); ++i) {
    if (i > 0) out_ += style_.item_separator;
    new_line(level_);
    write(items[i]);
  }
  --level_;
  new_line(level_);
  out_ += ']';
}

std::string JsonWriter::float_text(double d) {
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
  return float_repr(d);
}

void JsonWriter::write_key(const Value& key) {
  if (const Text* text = key.text()) return write_text(text->bytes);
  out_ += '"';
  if (const bool* b = key.as<bool>()) {
    out_ += *b ? "true" : "false";
  } else if (key.is_none()) {
    out_ += "null";
  } else if (const auto* i = key.as<std::int64_t>()) {
    out_ += std::to_string(*i);
  } else if (const auto* d = key.as<double>()) {
    out_ += float_text(*d);
  } else {
    run_.fail_type(key, "cannot be a key in JSON");
  }
  out_ += '"';
}

void JsonWriter::write_dict(const Dict& dict) {
  if (dict.size() == 0) {
    out_ += "{}";
    return;
  }
  std::vector<Value> keys;
  for (const auto& entry : dict.entries()) keys.push_back(entry.first);
  if (style_.sort_keys) {
    const std::vector<Value> order = keys;
    keys = sort_by(run_, std::move(keys), order, false);
  }
  out_ += '{';
  ++level_;
  bool first = true;
  for (const Value& key : keys) {
    if (run_.failed()) return;
    if (!first) out_ += style_.item_separator;
    first = false;
    new_line(level_);
    write_key(key);
    out_ += style_.key_separator;
    write(*dict.find(key));
  }
  --level_;
  new_line(level_);
  out_ += '}';
}

void JsonWriter::write(const Value& value) {
  if (!run_.charge() || !run_.charge_memory(8)) return;
  if (const Text* text = value.text()) {
    write_text(text->bytes);
  } else if (value.is_none()) {
    out_ += "null";
  } else if (const bool* b = value.as<bool>()) {
    out_ += *b ? "true" : "false";
  } else if (const auto* i = value.as<std::int64_t>()) {
    out_ += std::to_string(*i);
  } else if (const auto* d = value.as<double>()) {
    out_ += float_text(*d);
  } else if (const Sequence* list = value.list_or_tuple()) {
    write_list(list->items);
  } else if (const Dict* dict = value.dict()) {
    write_dict(*dict);
  } else {
    run_.fail(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }
}

}  // namespace

std::string to_json(Run& run, const Value& value, const JsonStyle& style) {
  JsonWriter writer(run, style);
  writer.write(value);
  return writer.take();
}

}  // namespace ondol::text::jinja
