// The global functions of a chat template.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

Value make_range(Run& run, const Bound& arguments) {
  const auto& values = arguments.raw().positional;
  if (!arguments.raw().named.empty() || values.empty() || values.size() > 3) {
    return run.fail("range expects 1 to 3 positional arguments");
  }
  std::array<std::int64_t, 3> n{0, 0, 1};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = values[i].as_int();
    if (!value) return run.fail_type(values[i], "cannot be interpreted as an integer");
    n[values.size() == 1 ? 1 : i] = *value;
  }
  const auto [start, stop, step] = n;
  if (step == 0) return run.fail("range() arg 3 must not be zero");
  // Unsigned, the difference of any two int64 in order is exact.
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const auto wide = [](std::int64_t i) { return static_cast<std::uint64_t>(i); };
  const std::uint64_t distance = step > 0 ? wide(stop) - wide(start) : wide(start) - wide(stop);
  const std::uint64_t stride = step > 0 ? wide(step) : 0 - wide(step);
  const std::uint64_t count = empty ? 0 : (distance - 1) / stride + 1;
  if (count > kMaxRange) {
    return run.fail(
        fmt::format("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).",
                    kMaxRange),
        ErrorCode::kLimit);
  }
  if (!run.charge(count)) return {};
  std::vector<Value> items;
  items.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i)
    items.emplace_back(start + i * step);
  return run.sequence(SequenceKind::kRange, std::move(items));
}

// The pairs of dict(...): a mapping or an iterable of pairs, then the named.
std::optional<Dict> collect_dict(Run& run, const CallArguments& arguments) {
  Dict out;
  const auto put = [&](const Value& key, const Value& value) {
    if (!out.set(key, value)) run.fail_type(key, "is unhashable");
  };
  if (arguments.positional.size() > 1) run.fail("dict expected at most 1 argument");
  for (const Value& source : arguments.positional) {
    if (const Dict* dict = source.dict()) {
      out = *dict;
      continue;
    }
    for (const Value& pair : iterate(run, source)) {
      const std::vector<Value> parts = iterate(run, pair);
      if (parts.size() != 2) run.fail("dict needs pairs of key and value");
      if (run.failed()) return std::nullopt;
      put(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) put(make_text(name), value);
  return run.failed() ? std::nullopt : std::optional(std::move(out));
}

Value new_dict(Run& run, const Bound& arguments) {
  auto dict = collect_dict(run, arguments.raw());
  return dict ? run.dict(*std::move(dict)) : Value();
}

Value new_namespace(Run& run, const Bound& arguments) {
  const auto dict = collect_dict(run, arguments.raw());
  if (!dict) return {};
  Value out = run.name_space();
  if (run.failed()) return {};
  for (const auto& [key, value] : dict->entries()) {
    if (!key.text()) return run.fail("a namespace takes names only");
    if (key.text()->bytes.starts_with("_")) {
      return run.fail("a namespace takes no names that begin with an underscore");
    }
    if (!run.charge(dict->size())) return {};
    out.name_space()->set(key.text()->bytes, value);
  }
  return out;
}

Value raise_exception(Run& run, const Bound& arguments) {
  const Value& message = *arguments.get(0);
  return run.fail(to_str(run, message));
}

// datetime.now().strftime(format): each directive on its own, so that a broken
// one stands in the text instead of ruining it.
Value strftime_now(Run& run, const Bound& arguments) {
  const std::string_view format = arguments.text(0, {});
  const std::tm now = run.now();
  std::string out;
  for (std::size_t i = 0; i < format.size() && !run.failed(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    std::string directive = "%";
    while (++i < format.size()) {
      directive += format[i];
      if (std::string_view("-_0^#EO").find(format[i]) == std::string_view::npos) break;
      if (directive.size() > 4) break;
    }
    const char letter = directive.back();
    if (letter == 'f') {
      out += "000000";
    } else if (letter != 'z' && letter != 'Z') {  // a naive time has no zone
      std::array<char, 128> buffer{};
      const std::size_t n = std::strftime(buffer.data(), buffer.size(), directive.c_str(), &now);
      out.append(buffer.data(), n);
    }
    run.charge();
  }
  return run.text(std::move(out));
}

constexpr GlobalRow kGlobals[] = {
    {"range", make_range, {{}, 0, true}},
    {"dict", new_dict, {{}, 0, true}},
    {"namespace", new_namespace, {{}, 0, true}},
    {"raise_exception", raise_exception, {{"message"}, 1}},
    {"strftime_now", strftime_now, {{"format"}, 1}},
};

}  // namespace

const GlobalRow* find_global(std::string_view name) {
  const auto* it = std::find_if(std::begin(kGlobals), std::end(kGlobals),
                                [name](const GlobalRow& row) { return row.name == name; });
  return it == std::end(kGlobals) ? nullptr : it;
}

}  // namespace ondol::text::jinja
