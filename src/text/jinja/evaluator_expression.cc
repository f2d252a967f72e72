#include <fmt/format.h>

#include "text/jinja/evaluator_guards.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ondol::text::jinja {

Value Evaluator::evaluate(const Expression& node) {
  const DepthGuard guard(*this);
  if (!run_.charge()) return {};
  run_.line = node.line;
  return evaluate_kind(node);
}

Value Evaluator::evaluate_kind(const Expression& node) {
  switch (node.kind) {
    case ExpressionKind::kConstant:
      return node.constant;
    case ExpressionKind::kName:
      return evaluate_name(node);
    case ExpressionKind::kList:
      return evaluate_items(node, SequenceKind::kList);
    case ExpressionKind::kTuple:
      return evaluate_items(node, SequenceKind::kTuple);
    case ExpressionKind::kDict:
      return evaluate_dict(node);
    case ExpressionKind::kAttribute:
      return get_attribute(run_, evaluate(*node.operands[0]), node.name);
    case ExpressionKind::kSubscript:
      return evaluate_subscript(node);
    case ExpressionKind::kCall:
      return evaluate_call(node);
    case ExpressionKind::kFilter:
      return evaluate_filter(node, nullptr);
    case ExpressionKind::kTest:
      return evaluate_test(node);
    case ExpressionKind::kNot:
      return !truthy(evaluate(*node.operands[0]));
    case ExpressionKind::kNegative:
      return negate(run_, evaluate(*node.operands[0]));
    case ExpressionKind::kPositive:
      return positive(run_, evaluate(*node.operands[0]));
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return evaluate_logic(node);
    case ExpressionKind::kBinary: {
      const Value left = evaluate(*node.operands[0]);
      const Value right = evaluate(*node.operands[1]);
      return run_.failed() ? Value() : arithmetic(run_, node.op, left, right);
    }
    case ExpressionKind::kCompare:
      return evaluate_compare(node);
    case ExpressionKind::kConcat:
      return evaluate_concat(node);
    case ExpressionKind::kConditional:
      return evaluate_conditional(node);
    case ExpressionKind::kSlice:
    case ExpressionKind::kNamespaceField:
      break;  // no values: the parser puts them into subscripts and targets only
  }
  return run_.fail("a slice stands alone in a subscript only");
}

Value Evaluator::evaluate_name(const Expression& node) {
  if (const Value* value = find_name(node.name)) return *value;
  if (const GlobalRow* row = find_global(node.name)) return Value(Value::Storage(row));
  return make_undefined(fmt::format("'{}' is undefined", node.name));
}

Value Evaluator::evaluate_items(const Expression& node, SequenceKind kind) {
  std::vector<Value> items;
  items.reserve(node.operands.size());
  for (const auto& operand : node.operands) items.push_back(evaluate(*operand));
  return run_.sequence(kind, std::move(items));
}

Value Evaluator::evaluate_dict(const Expression& node) {
  Dict dict;
  for (std::size_t i = 0; i + 1 < node.operands.size() && !run_.failed(); i += 2) {
    Value key = evaluate(*node.operands[i]);
    Value value = evaluate(*node.operands[i + 1]);
    if (!hash_identity(key)) return run_.fail_type(key, "is unhashable");
    dict.set(std::move(key), std::move(value));
  }
  return run_.dict(std::move(dict));
}

Value Evaluator::evaluate_subscript(const Expression& node) {
  const Value value = evaluate(*node.operands[0]);
  const Expression& key = *node.operands[1];
  if (key.kind != ExpressionKind::kSlice) {
    const Value index = evaluate(key);
    return run_.failed() ? Value() : get_item(run_, value, index);
  }
  const auto part = [&](std::size_t i) {
    return key.operands[i] ? evaluate(*key.operands[i]) : Value(None{});
  };
  const Value start = part(0);
  const Value stop = part(1);
  const Value step = part(2);
  return run_.failed() ? Value() : slice(run_, value, start, stop, step);
}

void Evaluator::spread_mapping(const Value& mapping, CallArguments* out) {
  const Dict* dict = mapping.dict();
  if (!dict) {
    run_.fail_type(mapping, "is given after ** where a mapping is expected");
    return;
  }
  run_.charge(dict->size());
  for (const auto& [key, value] : dict->entries()) {
    if (!key.text()) {
      run_.fail("keywords must be strings");
      return;
    }
    out->named.emplace_back(key.text()->bytes, value);
  }
}

CallArguments Evaluator::evaluate_arguments(const Arguments& arguments) {
  CallArguments out;
  for (const auto& argument : arguments.positional) out.positional.push_back(evaluate(*argument));
  if (arguments.star) {
    for (Value& item : iterate(run_, evaluate(*arguments.star))) {
      out.positional.push_back(std::move(item));
    }
  }
  for (const NamedArgument& argument : arguments.named) {
    out.named.emplace_back(argument.name, evaluate(*argument.value));
  }
  if (arguments.double_star) spread_mapping(evaluate(*arguments.double_star), &out);
  return out;
}

Value Evaluator::evaluate_call(const Expression& node) {
  const Value callee = evaluate(*node.operands[0]);
  const CallArguments arguments = evaluate_arguments(*node.arguments);
  if (run_.failed()) return {};
  run_.line = node.line;
  return call(callee, arguments);
}

Value Evaluator::evaluate_filter(const Expression& node, const Value* block_input) {
  const Value input = node.operands[0] ? evaluate(*node.operands[0]) : *block_input;
  const CallArguments arguments = evaluate_arguments(*node.arguments);
  if (run_.failed()) return {};
  run_.line = node.line;
  return apply_filter(node.name, input, arguments);
}

// The chain of a filter block hangs on a filter without an operand.
Value Evaluator::apply_filter_chain(const Expression& filter, const Value& input) {
  const DepthGuard guard(*this);
  if (!run_.charge()) return {};
  if (!filter.operands[0]) return evaluate_filter(filter, &input);
  const Value inner = apply_filter_chain(*filter.operands[0], input);
  const CallArguments arguments = evaluate_arguments(*filter.arguments);
  return run_.failed() ? Value() : apply_filter(filter.name, inner, arguments);
}

Value Evaluator::evaluate_test(const Expression& node) {
  const Value input = evaluate(*node.operands[0]);
  const CallArguments arguments = evaluate_arguments(*node.arguments);
  if (run_.failed()) return {};
  run_.line = node.line;
  return apply_test(node.name, input, arguments);
}

Value Evaluator::evaluate_logic(const Expression& node) {
  Value left = evaluate(*node.operands[0]);
  const bool decided = truthy(left) == (node.kind == ExpressionKind::kOr);
  return decided ? left : evaluate(*node.operands[1]);
}

Value Evaluator::evaluate_compare(const Expression& node) {
  Value left = evaluate(*node.operands[0]);
  for (std::size_t i = 0; i < node.ops.size() && !run_.failed(); ++i) {
    Value right = evaluate(*node.operands[i + 1]);
    if (run_.failed() || !compare(run_, node.ops[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::evaluate_concat(const Expression& node) {
  std::string out;
  for (const auto& operand : node.operands) {
    append_str(run_, out, evaluate(*operand));
    if (run_.failed()) return {};
  }
  return run_.text(std::move(out));
}

Value Evaluator::evaluate_conditional(const Expression& node) {
  if (truthy(evaluate(*node.operands[0]))) return evaluate(*node.operands[1]);
  if (node.operands[2]) return evaluate(*node.operands[2]);
  return make_undefined(fmt::format(
      "the inline if-expression on line {} evaluated to false and no else section was defined.",
      node.line));
}

}  // namespace ondol::text::jinja
