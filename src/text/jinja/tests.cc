// The tests: what may stand after `is`.
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/evaluator.h"
#include "text/jinja/evaluator_guards.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

struct TestRow {
  std::string_view name;
  bool (*apply)(Run& run, const Value& input, const Bound& arguments);
  Parameters parameters;
};

bool is_defined(Run&, const Value& v, const Bound&) { return !v.is_undefined(); }
bool is_undefined(Run&, const Value& v, const Bound&) { return v.is_undefined(); }
bool is_none(Run&, const Value& v, const Bound&) { return v.is_none(); }
bool is_string(Run&, const Value& v, const Bound&) { return v.text() != nullptr; }
bool is_number(Run&, const Value& v, const Bound&) { return v.as_number().has_value(); }
bool is_integer(Run&, const Value& v, const Bound&) { return v.as<std::int64_t>() != nullptr; }
bool is_float(Run&, const Value& v, const Bound&) { return v.as<double>() != nullptr; }
bool is_boolean(Run&, const Value& v, const Bound&) { return v.as<bool>() != nullptr; }
bool is_true(Run&, const Value& v, const Bound&) { return v.as<bool>() && *v.as<bool>(); }
bool is_false(Run&, const Value& v, const Bound&) { return v.as<bool>() && !*v.as<bool>(); }
bool is_mapping(Run&, const Value& v, const Bound&) { return v.dict() != nullptr; }
bool is_escaped(Run&, const Value&, const Bound&) { return false; }

bool is_sequence(Run&, const Value& v, const Bound&) {
  const Sequence* s = v.sequence();
  return v.text() || v.dict() || v.is_undefined() || (s && s->kind <= SequenceKind::kRange);
}

bool is_iterable(Run&, const Value& v, const Bound&) {
  return v.text() || v.dict() || v.is_undefined() || v.sequence() || v.loop();
}

bool is_callable(Run&, const Value& v, const Bound&) {
  return v.macro() || v.method() || v.global() || v.loop() || v.is_undefined();
}

bool is_lower_text(Run& run, const Value& v, const Bound&) { return is_lower(to_str(run, v)); }
bool is_upper_text(Run& run, const Value& v, const Bound&) { return is_upper(to_str(run, v)); }

bool remainder_is(Run& run, const Value& v, const Value& divisor, std::int64_t rest) {
  return equal(run, arithmetic(run, Operator::kModulo, v, divisor), rest);
}
bool is_even(Run& run, const Value& v, const Bound&) {
  return remainder_is(run, v, std::int64_t{2}, 0);
}
bool is_odd(Run& run, const Value& v, const Bound&) {
  return remainder_is(run, v, std::int64_t{2}, 1);
}
bool is_divisible(Run& run, const Value& v, const Bound& arguments) {
  return remainder_is(run, v, *arguments.get(0), 0);
}

bool is_same(Run& run, const Value& v, const Bound& arguments) {
  return identical(run, v, *arguments.get(0));
}
bool is_in(Run& run, const Value& v, const Bound& arguments) {
  return contains(run, *arguments.get(0), v);
}

template <Operator kOp>
bool compares(Run& run, const Value& v, const Bound& arguments) {
  return compare(run, kOp, v, *arguments.get(0));
}

bool names_filter(Run&, const Value& v, const Bound&) {
  return v.text() && has_filter(v.text()->bytes);
}
bool names_test(Run&, const Value& v, const Bound&) {
  return v.text() && has_test(v.text()->bytes);
}

constexpr Parameters kOther{{"other"}, 1};

constexpr TestRow kTests[] = {
    {"defined", is_defined, {}},
    {"undefined", is_undefined, {}},
    {"none", is_none, {}},
    {"string", is_string, {}},
    {"number", is_number, {}},
    {"integer", is_integer, {}},
    {"float", is_float, {}},
    {"boolean", is_boolean, {}},
    {"true", is_true, {}},
    {"false", is_false, {}},
    {"mapping", is_mapping, {}},
    {"sequence", is_sequence, {}},
    {"iterable", is_iterable, {}},
    {"callable", is_callable, {}},
    {"escaped", is_escaped, {}},
    {"lower", is_lower_text, {}},
    {"upper", is_upper_text, {}},
    {"even", is_even, {}},
    {"odd", is_odd, {}},
    {"divisibleby", is_divisible, {{"num"}, 1}},
    {"sameas", is_same, kOther},
    {"in", is_in, {{"seq"}, 1}},
    {"filter", names_filter, {}},
    {"test", names_test, {}},
    {"eq", compares<Operator::kEqual>, kOther},
    {"equalto", compares<Operator::kEqual>, kOther},
    {"==", compares<Operator::kEqual>, kOther},
    {"ne", compares<Operator::kNotEqual>, kOther},
    {"!=", compares<Operator::kNotEqual>, kOther},
    {"lt", compares<Operator::kLess>, kOther},
    {"lessthan", compares<Operator::kLess>, kOther},
    {"<", compares<Operator::kLess>, kOther},
    {"le", compares<Operator::kLessEqual>, kOther},
    {"<=", compares<Operator::kLessEqual>, kOther},
    {"gt", compares<Operator::kGreater>, kOther},
    {"greaterthan", compares<Operator::kGreater>, kOther},
    {">", compares<Operator::kGreater>, kOther},
    {"ge", compares<Operator::kGreaterEqual>, kOther},
    {">=", compares<Operator::kGreaterEqual>, kOther},
};

const TestRow* find_test(std::string_view name) {
  const auto* it = std::find_if(std::begin(kTests), std::end(kTests),
                                [name](const TestRow& row) { return row.name == name; });
  return it == std::end(kTests) ? nullptr : it;
}

}  // namespace

bool has_test(std::string_view name) { return find_test(name) != nullptr; }

bool Evaluator::apply_test(std::string_view name, const Value& input,
                           const CallArguments& arguments) {
  if (!run_.charge()) return false;
  const TestRow* row = find_test(name);
  if (!row) {
    run_.fail(fmt::format("No test named '{}'.", name));
    return false;
  }
  const BoundArguments bound(run_, name, row->parameters, arguments);
  return !run_.failed() && row->apply(run_, input, bound);
}

}  // namespace ondol::text::jinja
