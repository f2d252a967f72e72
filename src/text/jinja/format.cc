// Python's two ways to format: format % values and format.format(...).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

constexpr std::size_t kMaxPrecision = 400;  // what a double can need; bounds the buffer

/// One conversion: [[fill]align][sign][#][0][width][,][.precision][type].
struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =; 0: the type's own
  char sign = '-';
  bool alternate = false;
  bool grouped = false;
  std::size_t width = 0;
  std::optional<std::size_t> precision;
  char type = 0;
};

std::string pad(Run& run, const Spec& spec, std::string body, char default_align) {
  const std::size_t size = count_chars(body);
  if (size >= spec.width) return body;
  const std::size_t n = spec.width - size;
  if (!run.charge_memory(n * spec.fill.size())) return body;
  const char align = spec.align ? spec.align : default_align;
  std::size_t left = align == '<' ? 0 : align == '^' ? n / 2 : n;
  std::string out;
  if (align == '=') {
    const bool has_sign = !body.empty() && (body[0] == '-' || body[0] == '+' || body[0] == ' ');
    if (has_sign) {
      out += body[0];
      body.erase(0, 1);
    }
  }
  for (std::size_t i = 0; i < left; ++i) out += spec.fill;
  out += body;
  for (std::size_t i = left; i < n; ++i) out += spec.fill;
  return out;
}

std::string with_sign(const Spec& spec, bool negative, const std::string& digits) {
  if (negative) return "-" + digits;
  return spec.sign == '-' ? digits : std::string(1, spec.sign) + digits;
}

std::string group_thousands(const std::string& digits) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out + digits.substr(whole);
}

std::string integer_digits(const Spec& spec, std::uint64_t magnitude) {
  switch (spec.type) {
    case 'x':
      return (spec.alternate ? "0x" : "") + fmt::format("{:x}", magnitude);
    case 'X':
      return (spec.alternate ? "0X" : "") + fmt::format("{:X}", magnitude);
    case 'o':
      return (spec.alternate ? "0o" : "") + fmt::format("{:o}", magnitude);
    case 'b':
      return (spec.alternate ? "0b" : "") + fmt::format("{:b}", magnitude);
    default: {
      std::string out = std::to_string(magnitude);
      return spec.grouped ? group_thousands(out) : out;
    }
  }
}

std::string float_digits(const Spec& spec, double magnitude) {
  if (std::isnan(magnitude)) return "nan";
  if (std::isinf(magnitude)) return "inf";
  const char type = spec.type == '%' ? 'f' : spec.type;
  const std::array<char, 5> pattern = {'%', '.', '*', type, '\0'};
  std::array<char, kMaxPrecision + 400> buffer{};
  const int precision = static_cast<int>(std::min(spec.precision.value_or(6), kMaxPrecision));
  const double value = spec.type == '%' ? magnitude * 100 : magnitude;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int n = std::snprintf(buffer.data(), buffer.size(), pattern.data(), precision, value);
#pragma GCC diagnostic pop
  std::string out(buffer.data(), static_cast<std::size_t>(n));
  if (spec.grouped) out = group_thousands(out);
  return spec.type == '%' ? out + "%" : out;
}

bool is_float_type(char type) {
  return std::string_view("eEfFgG%").find(type) != std::string_view::npos;
}
bool is_int_type(char type) {
  return std::string_view("dxXob").find(type) != std::string_view::npos;
}

std::string format_number(Run& run, const Spec& spec, const Value& value) {
  if (is_float_type(spec.type) && spec.type != 0) {
    const double d = *value.as_number();
    return pad(run, spec,
               with_sign(spec, std::signbit(d) && !std::isnan(d), float_digits(spec, std::fabs(d))),
               '>');
  }
  const std::int64_t i = *value.as_int();
  const auto magnitude = i < 0 ? 0 - static_cast<std::uint64_t>(i) : static_cast<std::uint64_t>(i);
  return pad(run, spec, with_sign(spec, i < 0, integer_digits(spec, magnitude)), '>');
}

std::string format_text(Run& run, const Spec& spec, std::string text) {
  if (spec.precision) text.resize(byte_offset(text, *spec.precision));
  return pad(run, spec, std::move(text), '<');
}

std::size_t take_number(std::string_view* text) {
  std::size_t n = 0;
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    n = std::min<std::size_t>(n * 10 + static_cast<std::size_t>(text->front() - '0'), 1U << 30);
    text->remove_prefix(1);
  }
  return n;
}

// ---- format % values -----------------------------------------------------

class PercentFormatter {
 public:
  PercentFormatter(Run& run, std::string_view format, const Value& values)
      : run_(run), rest_(format), values_(values) {}

  std::string format() {
    std::string out;
    while (!run_.failed()) {
      const std::size_t at = rest_.find('%');
      out += rest_.substr(0, at);
      if (at == std::string_view::npos) break;
      rest_.remove_prefix(at + 1);
      convert(out);
    }
    const Sequence* tuple = tuple_values();
    const bool all_used = tuple ? n_used_ == tuple->items.size() : n_used_ == 1 || values_.dict();
    if (!all_used && !used_key_ && !lenient()) {
      run_.fail("not all arguments converted during string formatting");
    }
    return out;
  }

 private:
  const Sequence* tuple_values() const {
    return values_.is_sequence(SequenceKind::kTuple) ? values_.sequence() : nullptr;
  }
  // Python lets anything with subscripts, but no str, stand unused.
  bool lenient() const { return values_.sequence() && !tuple_values(); }

  Value next_value() {
    const Sequence* tuple = tuple_values();
    const std::size_t n = tuple ? tuple->items.size() : 1;
    if (n_used_ >= n) return run_.fail("not enough arguments for format string");
    return tuple ? tuple->items[n_used_++] : (++n_used_, values_);
  }

  std::size_t number_or_star(Spec& spec, bool is_width) {
    if (rest_.empty() || rest_.front() != '*') return take_number(&rest_);
    rest_.remove_prefix(1);
    const auto value = next_value().as_int();
    if (!value) run_.fail("* wants int");
    std::int64_t n = std::clamp<std::int64_t>(value.value_or(0), -(1 << 30), 1 << 30);
    if (n < 0) {
      if (is_width) spec.align = '<';
      n = is_width ? -n : 0;
    }
    return static_cast<std::size_t>(n);
  }

  void convert(std::string& out) {
    std::optional<Value> keyed;
    if (rest_.starts_with("(")) {
      const std::size_t close = rest_.find(')');
      if (close == std::string_view::npos) {
        run_.fail("incomplete format key");
        return;
      }
      const Value* found =
          values_.dict() ? values_.dict()->find(rest_.substr(1, close - 1)) : nullptr;
      if (!found) {
        run_.fail("format requires a mapping with the key");
        return;
      }
      keyed = *found;
      used_key_ = true;
      rest_.remove_prefix(close + 1);
    }
    Spec spec;
    bool zero = false;
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      const char flag = rest_.front();
      if (flag == '-') {
        spec.align = '<';
      } else if (flag == '0') {
        zero = true;
      } else if (flag == '+' || (flag == ' ' && spec.sign != '+')) {
        spec.sign = flag;
      } else if (flag == '#') {
        spec.alternate = true;
      } else if (flag != ' ') {
        break;
      }
    }
    spec.width = number_or_star(spec, true);
    if (rest_.starts_with(".")) {
      rest_.remove_prefix(1);
      spec.precision = number_or_star(spec, false);
    }
    if (rest_.empty()) {
      run_.fail("incomplete format");
      return;
    }
    const char type = rest_.front();
    rest_.remove_prefix(1);
    if (type == '%') {
      out += '%';
      return;
    }
    const Value value = keyed ? *keyed : next_value();
    if (run_.failed()) return;
    if (zero && spec.align != '<') {
      spec.fill = "0";
      spec.align = '=';
    }
    out += one(spec, type, value);
  }

  std::string one(Spec& spec, char type, const Value& value) {
    if (type == 's' || type == 'r' || type == 'a') {
      std::string text = type == 's' ? to_str(run_, value) : to_repr(run_, value);
      if (spec.precision) text.resize(byte_offset(text, *spec.precision));
      spec.fill = " ";
      if (spec.align == '=') spec.align = '>';
      return pad(run_, spec, std::move(text), '>');
    }
    if (type == 'c') {
      std::string text;
      const auto code = value.as_int();
      if (code && *code >= 0 && *code <= 0x10FFFF && (*code < 0xD800 || *code > 0xDFFF)) {
        append_utf8(text, static_cast<char32_t>(*code));
      } else if (value.text() && value.text()->n_chars == 1) {
        text = value.text()->bytes;
      } else {
        run_.fail("%c requires int or char");
      }
      return pad(run_, spec, std::move(text), '>');
    }
    spec.type = type == 'i' || type == 'u' ? 'd' : type;
    if (!is_float_type(spec.type) && !is_int_type(spec.type)) {
      run_.fail(fmt::format("unsupported format character '{}'", type));
      return {};
    }
    if (!value.as_number()) {
      run_.fail_type(value, "is given where the format wants a number");
      return {};
    }
    if (spec.type == 'd' && value.as<double>()) return one_float_as_int(spec, *value.as<double>());
    if (!is_float_type(spec.type) && !value.as_int()) {
      run_.fail("an integer is required by the format");
      return {};
    }
    return format_number(run_, spec, value);
  }

  std::string one_float_as_int(Spec& spec, double d) {
    constexpr double kTwo63 = 9223372036854775808.0;
    if (!(d < kTwo63 && d >= -kTwo63)) {
      run_.fail("an integer is beyond 64 bits", ErrorCode::kLimit);
      return {};
    }
    return format_number(run_, spec, static_cast<std::int64_t>(d));
  }

  Run& run_;
  std::string_view rest_;
  const Value& values_;
  std::size_t n_used_ = 0;
  bool used_key_ = false;
};

// ---- format.format(...) ----------------------------------------------------

class BraceFormatter {
 public:
  BraceFormatter(Run& run, const CallArguments& arguments) : run_(run), arguments_(arguments) {}

  std::string format(std::string_view text) {
    std::string out;
    while (!text.empty() && !run_.failed()) {
      const std::size_t at = text.find_first_of("{}");
      out += text.substr(0, at);
      if (at == std::string_view::npos) break;
      const bool doubled = at + 1 < text.size() && text[at + 1] == text[at];
      if (doubled) {
        out += text[at];
        text.remove_prefix(at + 2);
        continue;
      }
      const std::size_t close = text.find('}', at);
      if (text[at] == '}' || close == std::string_view::npos) {
        run_.fail("Single '{' or '}' encountered in format string");
        break;
      }
      out += field(text.substr(at + 1, close - at - 1));
      text.remove_prefix(close + 1);
    }
    return out;
  }

 private:
  // name[.attribute|[index]]...[!conversion][:spec]
  std::string field(std::string_view text) {
    const std::size_t colon = text.find(':');
    std::string_view name = text.substr(0, colon);
    const std::string_view spec_text =
        colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (spec_text.find('{') != std::string_view::npos) {
      run_.fail("nested format fields are not supported", ErrorCode::kUnsupported);
      return {};
    }
    char conversion = 0;
    const std::size_t bang = name.find('!');
    if (bang != std::string_view::npos) {
      conversion = bang + 2 == name.size() ? name[bang + 1] : '?';
      name = name.substr(0, bang);
    }
    Value value = lookup(name);
    if (run_.failed()) return {};
    if (conversion == 'r') {
      value = run_.text(to_repr(run_, value));
    } else if (conversion == 's') {
      value = run_.text(to_str(run_, value));
    } else if (conversion != 0) {
      run_.fail("unknown conversion specifier");
      return {};
    }
    return apply(spec_text, value);
  }

  Value argument(std::string_view name) {
    const bool is_index = !name.empty() && is_digit(name);
    if (!name.empty() && !is_index) {
      const Value* found = arguments_.find(name);
      return found ? *found : run_.fail(fmt::format("format misses the argument '{}'", name));
    }
    if (is_index == automatic_ && n_automatic_ + n_manual_ > 0) {
      return run_.fail("cannot mix automatic and manual field numbering");
    }
    automatic_ = !is_index;
    bool overflow = false;
    const auto index =
        is_index ? parse_int(name, 10, &overflow) : static_cast<std::int64_t>(n_automatic_);
    is_index ? ++n_manual_ : ++n_automatic_;
    if (!index || static_cast<std::size_t>(*index) >= arguments_.positional.size()) {
      return run_.fail("replacement index out of range for positional arguments");
    }
    return arguments_.positional[static_cast<std::size_t>(*index)];
  }

  Value lookup(std::string_view name) {
    const std::size_t first_end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, first_end));
    name.remove_prefix(first_end);
    while (!name.empty() && !run_.failed()) {
      const bool is_index = name.front() == '[';
      name.remove_prefix(1);
      const std::size_t end =
          std::min(is_index ? name.find(']') : name.find_first_of(".["), name.size());
      const std::string_view part = name.substr(0, end);
      bool overflow = false;
      const auto number =
          is_index && is_digit(part) ? parse_int(part, 10, &overflow) : std::nullopt;
      value = is_index
                  ? get_item(run_, value, number ? Value(*number) : make_text(std::string(part)))
                  : get_attribute(run_, value, part);
      if (value.is_undefined()) return run_.fail_type(value, "");
      name.remove_prefix(is_index ? std::min(end + 1, name.size()) : end);
    }
    return value;
  }

  std::optional<Spec> parse_spec(std::string_view text) {
    Spec spec;
    const auto is_align = [](std::string_view s) {
      return !s.empty() && std::string_view("<>^=").find(s.front()) != std::string_view::npos;
    };
    const std::size_t first = text.empty() ? 0 : decode_utf8(text).n_bytes;
    if (first > 0 && is_align(text.substr(first))) {
      spec.fill = text.substr(0, first);
      spec.align = text[first];
      text.remove_prefix(first + 1);
    } else if (is_align(text)) {
      spec.align = text.front();
      text.remove_prefix(1);
    }
    if (!text.empty() && std::string_view("+- ").find(text.front()) != std::string_view::npos) {
      spec.sign = text.front();
      text.remove_prefix(1);
    }
    if (text.starts_with("#")) {
      spec.alternate = true;
      text.remove_prefix(1);
    }
    if (text.starts_with("0")) {
      if (!spec.align) {
        spec.fill = "0";
        spec.align = '=';
      }
      text.remove_prefix(1);
    }
    spec.width = take_number(&text);
    if (text.starts_with(",")) {
      spec.grouped = true;
      text.remove_prefix(1);
    }
    if (text.starts_with(".")) {
      text.remove_prefix(1);
      if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
      spec.precision = take_number(&text);
    }
    if (!text.empty()) {
      spec.type = text.front();
      text.remove_prefix(1);
    }
    return text.empty() ? std::optional(std::move(spec)) : std::nullopt;
  }

  std::string apply(std::string_view spec_text, const Value& value) {
    if (spec_text.empty()) return to_str(run_, value);
    auto spec = parse_spec(spec_text);
    const bool is_text = value.text() != nullptr;
    const bool is_number = value.as_number() && !value.as<bool>();
    if (!spec || (!is_text && !is_number)) {
      run_.fail("Invalid format specifier");
      return {};
    }
    if (is_text) {
      if ((spec->type != 0 && spec->type != 's') || spec->align == '=' || spec->sign != '-') {
        run_.fail("Invalid format specifier for a string");
      }
      return format_text(run_, *spec, value.text()->bytes);
    }
    if (value.as_int() && spec->type == 0) spec->type = 'd';
    const bool float_needed = value.as<double>() != nullptr;
    if (spec->type == 0) {  // of a float: repr, or general with a precision
      if (!spec->precision) {
        const double d = *value.as<double>();
        return pad(run_, *spec, with_sign(*spec, std::signbit(d), float_repr(std::fabs(d))), '>');
      }
      spec->type = 'g';
    }
    const bool fits =
        is_float_type(spec->type) || (is_int_type(spec->type) && !float_needed && !spec->precision);
    if (!fits) {
      run_.fail("Unknown format code for a number");
      return {};
    }
    return format_number(run_, *spec, value);
  }

  Run& run_;
  const CallArguments& arguments_;
  std::size_t n_automatic_ = 0;
  std::size_t n_manual_ = 0;
  bool automatic_ = false;
};

}  // namespace

std::string format_percent(Run& run, std::string_view format, const Value& values) {
  if (!run.charge_memory(format.size())) return {};
  return PercentFormatter(run, format, values).format();
}

std::string format_braces(Run& run, std::string_view format, const CallArguments& arguments) {
  if (!run.charge_memory(format.size())) return {};
  return BraceFormatter(run, arguments).format(format);
}

}  // namespace ondol::text::jinja
