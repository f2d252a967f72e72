// Walks the tree of a template: statements write to a string, expressions give
// values. One Evaluator renders once. Threads: one.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/arguments.h"
#include "text/jinja/ast.h"
#include "text/jinja/run.h"
#include "text/jinja/value.h"

namespace ondol::text::jinja {

/// Names of one block. The parent outlives it unless a macro captured it, then
/// both live until the render ends.
struct Scope {
  Scope* parent = nullptr;
  std::map<std::string_view, Value> names;  // views into the tree
  bool captured = false;
};

struct Macro {
  std::string_view name;
  const Signature* signature = nullptr;
  const Block* body = nullptr;
  Scope* scope = nullptr;  // where it was defined
};

class Evaluator {
 public:
  using Variables = std::vector<std::pair<std::string, Value>>;

  /// `variables` must outlive the evaluator.
  Evaluator(Run& run, const Variables& variables);
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  std::string render(const Block& body);

  Run& run() { return run_; }
  Value call(const Value& callee, const CallArguments& arguments);
  Value apply_filter(std::string_view name, const Value& input, const CallArguments& arguments);
  bool apply_test(std::string_view name, const Value& input, const CallArguments& arguments);

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };
  class ScopeGuard;
  class DepthGuard;

  Value evaluate(const Expression& node);
  Value evaluate_kind(const Expression& node);
  Value evaluate_name(const Expression& node);
  Value evaluate_items(const Expression& node, SequenceKind kind);
  Value evaluate_dict(const Expression& node);
  Value evaluate_subscript(const Expression& node);
  Value evaluate_call(const Expression& node);
  Value evaluate_filter(const Expression& node, const Value* block_input);
  Value evaluate_test(const Expression& node);
  Value evaluate_logic(const Expression& node);
  Value evaluate_compare(const Expression& node);
  Value evaluate_concat(const Expression& node);
  Value evaluate_conditional(const Expression& node);
  CallArguments evaluate_arguments(const Arguments& arguments);
  void spread_mapping(const Value& mapping, CallArguments* out);

  Flow execute(const Block& block, std::string& out);
  Flow execute_statement(const Statement& node, std::string& out);
  Flow execute_if(const Statement& node, std::string& out);
  void execute_print(const Statement& node, std::string& out);
  void execute_for(const Statement& node, std::string& out);
  void run_loop(const Statement& node, const Value& iterable, std::size_t depth0, std::string& out);
  std::vector<Value> filter_items(const Statement& node, std::vector<Value> items);
  void execute_macro(const Statement& node);
  void execute_call_block(const Statement& node, std::string& out);
  void execute_with(const Statement& node, std::string& out);
  Value render_body(const Block& body);
  Value apply_filter_chain(const Expression& filter, const Value& input);
  void write(std::string& out, std::string_view text);

  void assign(const Expression& target, const Value& value);
  void set_name(std::string_view name, Value value);
  const Value* find_name(std::string_view name);
  Value make_macro(std::string_view name, const Signature& signature, const Block& body);
  Value call_macro(const Macro& macro, const CallArguments& arguments);
  void bind_parameters(const Macro& macro, const CallArguments& arguments);
  Value call_loop(LoopState& loop, const CallArguments& arguments);

  Run& run_;
  std::deque<Scope> pool_;
  std::vector<Scope*> free_scopes_;
  Scope* scope_ = nullptr;
  std::size_t depth_ = 0;
};

/// True when there is a filter or test of that name.
bool has_filter(std::string_view name);
bool has_test(std::string_view name);

}  // namespace ondol::text::jinja
