// Statements.
#include "text/jinja/evaluator.h"

#include <fmt/format.h>

#include "text/jinja/evaluator_guards.h"
#include "text/jinja/loop.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ondol::text::jinja {

Evaluator::Evaluator(Run& run, const Variables& variables) : run_(run) {
  scope_ = &pool_.emplace_back();
  for (const auto& [name, value] : variables) scope_->names[name] = value;
}

std::string Evaluator::render(const Block& body) {
  std::string out;
  execute(body, out);
  return out;
}

void Evaluator::write(std::string& out, std::string_view text) {
  if (text.size() > run_.limits().output_bytes - std::min(out.size(), run_.limits().output_bytes)) {
    run_.fail_limit("bytes of output", run_.limits().output_bytes);
    return;
  }
  if (run_.charge_memory(text.size())) out += text;
}

const Value* Evaluator::find_name(std::string_view name) {
  for (const Scope* scope = scope_; scope; scope = scope->parent) {
    const auto it = scope->names.find(name);
    if (it != scope->names.end()) return &it->second;
    if (!run_.charge()) return nullptr;
  }
  return nullptr;
}

void Evaluator::set_name(std::string_view name, Value value) {
  // A tree node; paid once per assignment, which is no less than once per node.
  if (run_.charge_memory(64)) scope_->names[name] = std::move(value);
}

Evaluator::Flow Evaluator::execute(const Block& block, std::string& out) {
  for (const auto& statement : block) {
    const Flow flow = execute_statement(*statement, out);
    if (run_.failed()) return Flow::kBreak;
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_statement(const Statement& node, std::string& out) {
  const DepthGuard guard(*this);
  if (!run_.charge()) return Flow::kBreak;
  run_.line = node.line;
  switch (node.kind) {
    case StatementKind::kText:
      write(out, node.text);
      break;
    case StatementKind::kPrint:
      execute_print(node, out);
      break;
    case StatementKind::kIf:
      return execute_if(node, out);
    case StatementKind::kFor:
      execute_for(node, out);
      break;
    case StatementKind::kSet:
      assign(*node.targets[0], evaluate(*node.expressions[0]));
      break;
    case StatementKind::kSetBlock: {
      const Value body = render_body(node.body);
      assign(*node.targets[0], node.filter ? apply_filter_chain(*node.filter, body) : body);
      break;
    }
    case StatementKind::kMacro:
      execute_macro(node);
      break;
    case StatementKind::kCall:
      execute_call_block(node, out);
      break;
    case StatementKind::kFilter:
      write(out, to_str(run_, apply_filter_chain(*node.filter, render_body(node.body))));
      break;
    case StatementKind::kWith:
      execute_with(node, out);
      break;
    case StatementKind::kScope: {
      const ScopeGuard scope(*this, scope_);
      return execute(node.body, out);
    }
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

void Evaluator::execute_print(const Statement& node, std::string& out) {
  for (const auto& expression : node.expressions) {
    const Value value = evaluate(*expression);
    if (run_.failed()) return;
    if (const Text* text = value.text()) {
      write(out, text->bytes);
    } else {
      write(out, to_str(run_, value));
    }
  }
}

Evaluator::Flow Evaluator::execute_if(const Statement& node, std::string& out) {
  for (const Branch& branch : node.branches) {
    const bool taken = !branch.condition || truthy(evaluate(*branch.condition));
    if (run_.failed()) return Flow::kBreak;
    if (taken) return execute(branch.body, out);
  }
  return Flow::kNext;
}

void Evaluator::execute_for(const Statement& node, std::string& out) {
  const Value iterable = evaluate(*node.expressions[0]);
  if (!run_.failed()) run_loop(node, iterable, 0, out);
}

std::vector<Value> Evaluator::filter_items(const Statement& node, std::vector<Value> items) {
  std::vector<Value> kept;
  for (Value& item : items) {
    const ScopeGuard scope(*this, scope_);
    assign(*node.targets[0], item);
    const bool keep = truthy(evaluate(*node.filter));
    if (run_.failed()) return {};
    if (keep) kept.push_back(std::move(item));
  }
  return kept;
}

void Evaluator::run_loop(const Statement& node, const Value& iterable, std::size_t depth0,
                         std::string& out) {
  auto loop = std::make_shared<LoopState>();
  loop->items = iterate(run_, iterable);
  if (node.filter) loop->items = filter_items(node, std::move(loop->items));
  loop->depth0 = depth0;
  loop->depth_of_items = 1 + depth_of(iterable);
  loop->recursive_body = node.recursive ? &node : nullptr;
  loop->scope = scope_;
  if (!run_.charge_memory(sizeof(LoopState) + loop->items.size() * sizeof(Value))) return;
  const Value loop_value{Value::Storage(loop)};
  for (; loop->index0 < loop->items.size(); ++loop->index0) {
    const ScopeGuard scope(*this, scope_);
    set_name("loop", loop_value);
    assign(*node.targets[0], loop->items[loop->index0]);
    if (run_.failed()) break;
    const Flow flow = execute(node.body, out);
    if (run_.failed() || flow == Flow::kBreak) break;
  }
  if (loop->items.empty() && !run_.failed()) {
    const ScopeGuard scope(*this, scope_);
    execute(node.otherwise, out);
  }
  loop->last_changed.reset();      // could hold the loop itself
  loop->recursive_body = nullptr;  // its scope ends here
}

void Evaluator::assign(const Expression& target, const Value& value) {
  if (run_.failed()) return;
  if (target.kind == ExpressionKind::kName) {
    set_name(target.name, value);
    return;
  }
  if (target.kind == ExpressionKind::kNamespaceField) {
    const Value* found = find_name(target.operands[0]->name);
    Namespace* ns = found ? found->name_space() : nullptr;
    if (!ns) {
      run_.fail("cannot assign attribute on non-namespace object");
    } else if (target.name.starts_with("_")) {
      run_.fail("a namespace takes no names that begin with an underscore");
    } else if (run_.charge_memory(64) && run_.charge(ns->attributes.size() / 8)) {
      ns->set(target.name, value);
    }
    return;
  }
  const std::vector<Value> parts = iterate(run_, value);
  if (run_.failed()) return;
  if (parts.size() != target.operands.size()) {
    run_.fail(
        fmt::format("{} values to unpack, {} expected", parts.size(), target.operands.size()));
    return;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) assign(*target.operands[i], parts[i]);
}

Value Evaluator::render_body(const Block& body) {
  const ScopeGuard scope(*this, scope_);
  std::string out;
  execute(body, out);
  return run_.failed() ? Value() : run_.text(std::move(out));
}

void Evaluator::execute_with(const Statement& node, std::string& out) {
  // The values are seen from outside of the new scope.
  std::vector<Value> values;
  for (const auto& expression : node.expressions) values.push_back(evaluate(*expression));
  const ScopeGuard scope(*this, scope_);
  for (std::size_t i = 0; i < values.size(); ++i) assign(*node.targets[i], values[i]);
  if (!run_.failed()) execute(node.body, out);
}

}  // namespace ondol::text::jinja
