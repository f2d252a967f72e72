#include "text/jinja/print.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/loop.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = text.find('e');
  int exponent = 0;
  const std::size_t sign = text[e + 1] == '+' ? 1 : 0;
  std::from_chars(text.data() + e + 1 + sign, end, exponent);
  // Python's rule for the layout: exponents from -4 to 15 are written out.
  if (exponent < -4 || exponent >= 16) return std::string(text);
  const auto fixed =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed)
          .ptr;
  std::string out(buffer.data(), fixed);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

namespace {

void append_text_repr(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char32_t quote = has_single && !has_double ? '"' : '\'';
  out += static_cast<char>(quote);
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.code_point == quote || c.code_point == '\\') {
      out += '\\';
      out += static_cast<char>(c.code_point);
    } else if (c.code_point == '\n') {
      out += "\\n";
    } else if (c.code_point == '\r') {
      out += "\\r";
    } else if (c.code_point == '\t') {
      out += "\\t";
    } else if (is_printable(c.code_point)) {
      out += text.substr(0, c.n_bytes);
    } else {
      const auto code = static_cast<std::uint32_t>(c.code_point);
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    }
    text.remove_prefix(c.n_bytes);
  }
  out += static_cast<char>(quote);
}

void append_items(Run& run, std::string& out, const std::vector<Value>& items) {
  for (std::size_t i = 0; i < items.size() && !run.failed(); ++i) {
    if (i > 0) out += ", ";
    append_repr(run, out, items[i]);
  }
}

void append_sequence_repr(Run& run, std::string& out, const Sequence& s) {
  struct Brackets {
    std::string_view open;
    std::string_view close;
  };
  static constexpr std::array<Brackets, 7> kBrackets = {{{"[", "]"},
                                                         {"(", ")"},
                                                         {"range(", ")"},
                                                         {"<generator>", ""},
                                                         {"dict_items([", "])"},
                                                         {"dict_keys([", "])"},
                                                         {"dict_values([", "])"}}};
  const Brackets& brackets = kBrackets[static_cast<std::size_t>(s.kind)];
  out += brackets.open;
  if (s.kind == SequenceKind::kRange) {
    const auto first = s.items.empty() ? 0 : *s.items[0].as_int();
    const auto step = s.items.size() < 2 ? 1 : *s.items[1].as_int() - first;
    out += fmt::format("{}, {}", first, first + step * static_cast<std::int64_t>(s.items.size()));
    if (step != 1) out += fmt::format(", {}", step);
  } else if (s.kind != SequenceKind::kGenerator) {
    append_items(run, out, s.items);
    if (s.kind == SequenceKind::kTuple && s.items.size() == 1) out += ',';
  }
  out += brackets.close;
}

void append_dict_repr(Run& run, std::string& out, const Dict& dict) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (run.failed()) return;
    if (!first) out += ", ";
    first = false;
    append_repr(run, out, key);
    out += ": ";
    append_repr(run, out, value);
  }
  out += '}';
}

void append_scalar(std::string& out, const Value& value) {
  if (value.is_none()) {
    out += "None";
  } else if (const bool* b = value.as<bool>()) {
    out += *b ? "True" : "False";
  } else if (const auto* i = value.as<std::int64_t>()) {
    out += std::to_string(*i);
  } else if (const auto* d = value.as<double>()) {
    out += float_repr(*d);
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else {
    out += fmt::format("<{}>", type_name(value));
  }
}

}  // namespace

void append_repr(Run& run, std::string& out, const Value& value) {
  const std::size_t size_before = out.size();
  if (!run.charge()) return;
  if (const Text* text = value.text()) {
    append_text_repr(out, text->bytes);
  } else if (const Sequence* s = value.sequence()) {
    append_sequence_repr(run, out, *s);
    return;  // the items paid
  } else if (const Dict* dict = value.dict()) {
    append_dict_repr(run, out, *dict);
    return;
  } else {
    append_scalar(out, value);
  }
  run.charge_memory(out.size() - size_before);
}

void append_str(Run& run, std::string& out, const Value& value) {
  if (const Text* text = value.text()) {
    if (run.charge_memory(text->bytes.size())) out += text->bytes;
  } else if (!value.is_undefined()) {
    append_repr(run, out, value);
  }
}

std::string to_str(Run& run, const Value& value) {
  std::string out;
  append_str(run, out, value);
  return out;
}

std::string to_repr(Run& run, const Value& value) {
  std::string out;
  append_repr(run, out, value);
  return out;
}

}  // namespace ondol::text::jinja
