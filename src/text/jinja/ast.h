// The tree of a parsed template. Immutable after parsing and shared by every
// render; owned by the Template. No node is deeper than kMaxSyntaxDepth, which
// bounds the recursion of evaluation and destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/jinja/value.h"

namespace ondol::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind : std::uint8_t {
  kConstant,        // constant
  kName,            // name
  kNamespaceField,  // operands[0] a kName, name: `ns.x` as a target of `set`
  kList,            // operands
  kTuple,           // operands
  kDict,            // operands: key, value, key, value...
  kAttribute,       // operands[0] . name
  kSubscript,       // operands[0] [ operands[1] ]
  kSlice,           // operands: start, stop, step, each may be null
  kCall,            // operands[0] ( arguments )
  kFilter,          // operands[0] | name ( arguments ); operands[0] null in a filter block
  kTest,            // operands[0] is name ( arguments )
  kNot,             // operands[0]
  kNegative,
  kPositive,
  kAnd,  // operands[0], operands[1]
  kOr,
  kBinary,       // operands[0] op operands[1]
  kCompare,      // operands[0] ops[0] operands[1] ops[1] operands[2] ...
  kConcat,       // operands
  kConditional,  // operands: condition, value, otherwise (may be null)
};

enum class Operator : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct NamedArgument {
  std::string name;
  ExpressionPtr value;
};

struct Arguments {
  std::vector<ExpressionPtr> positional;
  std::vector<NamedArgument> named;
  ExpressionPtr star;         // *sequence
  ExpressionPtr double_star;  // **mapping
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  std::uint32_t line = 0;
  std::uint32_t depth = 1;
  std::string name;
  Value constant;
  Operator op = Operator::kAdd;
  std::vector<Operator> ops;
  std::vector<ExpressionPtr> operands;
  std::unique_ptr<Arguments> arguments;
};

enum class StatementKind : std::uint8_t {
  kText,      // text
  kPrint,     // expressions
  kIf,        // branches; the last may have no condition
  kFor,       // target, expression, filter, body, otherwise, recursive
  kSet,       // target, expression
  kSetBlock,  // target, filter, body
  kMacro,     // signature, name, body
  kCall,      // expression (a kCall), signature, body
  kFilter,    // filter, body
  kWith,      // targets, expressions, body
  kScope,     // body in a scope of its own: autoescape, generation
  kBreak,
  kContinue,
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Branch {
  ExpressionPtr condition;
  Block body;
};

/// Defaults belong to the last parameters.
struct Signature {
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> defaults;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct Statement {
  StatementKind kind = StatementKind::kText;
  std::uint32_t line = 0;
  std::string name;
  std::string text;
  std::vector<ExpressionPtr> expressions;
  std::vector<ExpressionPtr> targets;
  ExpressionPtr filter;  // of `for`: the condition; else: a chain of kFilter
  std::vector<Branch> branches;
  Block body;
  Block otherwise;
  Signature signature;
  bool recursive = false;
};

}  // namespace ondol::text::jinja
