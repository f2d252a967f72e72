// map, select, reject and their attribute forms: filters that take filters and
// tests by name. Their results are generators, as in Python.
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

// The arguments after the first n, for the filter or test that is named there.
CallArguments rest_of(const CallArguments& arguments, std::size_t n) {
  CallArguments out;
  out.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(n),
                        arguments.positional.end());
  out.named = arguments.named;
  return out;
}

std::vector<Value> map_attribute(Run& run, const Value& input, const CallArguments& arguments) {
  const Value* fallback = arguments.find("default");
  if (fallback && fallback->is_none()) fallback = nullptr;
  if (arguments.named.size() > (arguments.find("default") ? 2U : 1U)) {
    run.fail("map got an unexpected keyword argument");
  }
  std::vector<Value> out;
  for (const Value& item : iterate(run, input)) {
    if (!run.charge()) return {};
    out.push_back(get_path(run, item, *arguments.find("attribute"), fallback));
  }
  return out;
}

Value map(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const CallArguments& raw = arguments.raw();
  if (!truthy(input)) return run.sequence(SequenceKind::kGenerator, {});
  std::vector<Value> out;
  if (raw.positional.empty() && raw.find("attribute")) {
    out = map_attribute(run, input, raw);
  } else if (raw.positional.empty() || !raw.positional[0].text()) {
    return run.fail("map requires a filter argument");
  } else {
    const CallArguments rest = rest_of(raw, 1);
    for (const Value& item : iterate(run, input)) {
      out.push_back(evaluator.apply_filter(raw.positional[0].text()->bytes, item, rest));
      if (run.failed()) return {};
    }
  }
  return run.sequence(SequenceKind::kGenerator, std::move(out));
}

Value choose(Evaluator& evaluator, const Value& input, const CallArguments& arguments,
             bool by_attribute, bool keep_when) {
  Run& run = evaluator.run();
  if (!truthy(input)) return run.sequence(SequenceKind::kGenerator, {});
  const std::size_t name_at = by_attribute ? 1 : 0;
  if (by_attribute && arguments.positional.empty()) {
    return run.fail("Missing parameter for attribute name");
  }
  const bool has_test_name = arguments.positional.size() > name_at;
  if (has_test_name && !arguments.positional[name_at].text()) {
    return run.fail("the name of a test is a string");
  }
  const CallArguments rest = has_test_name ? rest_of(arguments, name_at + 1) : CallArguments{};
  std::vector<Value> out;
  for (const Value& item : iterate(run, input)) {
    if (!run.charge()) return {};
    const Value value = by_attribute ? get_path(run, item, arguments.positional[0]) : item;
    const bool answer =
        has_test_name
            ? evaluator.apply_test(arguments.positional[name_at].text()->bytes, value, rest)
            : truthy(value);
    if (run.failed()) return {};
    if (answer == keep_when) out.push_back(item);
  }
  return run.sequence(SequenceKind::kGenerator, std::move(out));
}

template <bool kByAttribute, bool kKeepWhen>
Value choose_filter(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  return choose(evaluator, input, arguments.raw(), kByAttribute, kKeepWhen);
}

constexpr Parameters kAny{{}, 0, true};

constexpr FilterRow kFilters[] = {
    {"map", map, kAny},
    {"select", choose_filter<false, true>, kAny},
    {"reject", choose_filter<false, false>, kAny},
    {"selectattr", choose_filter<true, true>, kAny},
    {"rejectattr", choose_filter<true, false>, kAny},
};

}  // namespace

std::span<const FilterRow> select_filters() { return kFilters; }

}  // namespace ondol::text::jinja
