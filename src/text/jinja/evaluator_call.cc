// Calls: macros, methods, globals, and the recursion of a loop.
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/evaluator_guards.h"
#include "text/jinja/loop.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ondol::text::jinja {

Value Evaluator::call(const Value& callee, const CallArguments& arguments) {
  const DepthGuard guard(*this);
  if (!run_.charge(1 + arguments.positional.size() + arguments.named.size())) return {};
  if (const Macro* macro = callee.macro()) return call_macro(*macro, arguments);
  if (const BoundMethod* method = callee.method()) {
    const BoundArguments bound(run_, method->row->name, method->row->parameters, arguments);
    return run_.failed() ? Value() : method->row->call(run_, method->self, bound);
  }
  if (const GlobalRow* global = callee.global()) {
    const BoundArguments bound(run_, global->name, global->parameters, arguments);
    return run_.failed() ? Value() : global->call(run_, bound);
  }
  if (LoopState* loop = callee.loop()) return call_loop(*loop, arguments);
  return run_.fail_type(callee, "is not callable");
}

Value Evaluator::call_loop(LoopState& loop, const CallArguments& arguments) {
  if (!loop.recursive_body) {
    return run_.fail("The loop must have the 'recursive' marker to be called recursively.");
  }
  if (arguments.positional.size() != 1) return run_.fail("loop() takes one argument");
  std::string out;
  Scope* const previous = std::exchange(scope_, loop.scope);
  run_loop(*loop.recursive_body, arguments.positional[0], loop.depth0 + 1, out);
  scope_ = previous;
  return run_.failed() ? Value() : run_.text(std::move(out));
}

Value Evaluator::make_macro(std::string_view name, const Signature& signature, const Block& body) {
  for (Scope* scope = scope_; scope && !scope->captured; scope = scope->parent) {
    scope->captured = true;
  }
  if (!run_.charge_memory(sizeof(Macro) + sizeof(Scope) + 128)) return {};
  auto macro = std::make_shared<Macro>();
  macro->name = name;
  macro->signature = &signature;
  macro->body = &body;
  macro->scope = scope_;
  return Value(Value::Storage(std::shared_ptr<const Macro>(std::move(macro))));
}

void Evaluator::execute_macro(const Statement& node) {
  set_name(node.name, make_macro(node.name, node.signature, node.body));
}

void Evaluator::execute_call_block(const Statement& node, std::string& out) {
  const Expression& call_node = *node.expressions[0];
  const Value callee = evaluate(*call_node.operands[0]);
  CallArguments arguments = evaluate_arguments(*call_node.arguments);
  arguments.named.emplace_back("caller", make_macro("caller", node.signature, node.body));
  if (run_.failed()) return;
  write(out, to_str(run_, call(callee, arguments)));
}

void Evaluator::bind_parameters(const Macro& macro, const CallArguments& arguments) {
  const Signature& signature = *macro.signature;
  const std::size_t n_parameters = signature.parameters.size();
  const std::size_t first_default = n_parameters - signature.defaults.size();
  for (std::size_t i = 0; i < n_parameters && !run_.failed(); ++i) {
    const std::string& name = signature.parameters[i];
    const Value* given =
        i < arguments.positional.size() ? &arguments.positional[i] : arguments.find(name);
    if (given) {
      set_name(name, *given);
    } else if (i >= first_default) {
      set_name(name, evaluate(*signature.defaults[i - first_default]));
    } else {
      set_name(name, make_undefined(fmt::format("parameter '{}' was not provided", name)));
    }
  }
}

Value Evaluator::call_macro(const Macro& macro, const CallArguments& arguments) {
  const Signature& signature = *macro.signature;
  const auto& parameters = signature.parameters;
  const auto is_parameter = [&parameters](const std::string& name) {
    return std::find(parameters.begin(), parameters.end(), name) != parameters.end();
  };
  const ScopeGuard scope(*this, macro.scope);
  bind_parameters(macro, arguments);
  Dict kwargs;
  for (const auto& [name, value] : arguments.named) {
    const auto at = static_cast<std::size_t>(std::find(parameters.begin(), parameters.end(), name) -
                                             parameters.begin());
    if (at < std::min(arguments.positional.size(), parameters.size())) {
      return run_.fail(fmt::format("macro '{}' got multiple values for '{}'", macro.name, name));
    }
    if (is_parameter(name)) continue;
    if (name == "caller" && signature.uses_caller) {
      set_name("caller", value);
    } else if (signature.uses_kwargs) {
      kwargs.set(make_text(name), value);
    } else {
      return run_.fail(fmt::format("macro '{}' takes no keyword argument '{}'", macro.name, name));
    }
  }
  std::vector<Value> varargs;
  if (arguments.positional.size() > parameters.size()) {
    if (!signature.uses_varargs) {
      return run_.fail(fmt::format("macro '{}' takes not more than {} argument(s)", macro.name,
                                   parameters.size()));
    }
    varargs.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(parameters.size()),
                   arguments.positional.end());
  }
  if (signature.uses_varargs) {
    set_name("varargs", run_.sequence(SequenceKind::kTuple, std::move(varargs)));
  }
  if (signature.uses_kwargs) set_name("kwargs", run_.dict(std::move(kwargs)));
  if (signature.uses_caller && !arguments.find("caller") && !is_parameter("caller")) {
    set_name("caller", make_undefined("No caller defined"));
  }
  std::string out;
  if (!run_.failed()) execute(*macro.body, out);
  return run_.failed() ? Value() : run_.text(std::move(out));
}

}  // namespace ondol::text::jinja
