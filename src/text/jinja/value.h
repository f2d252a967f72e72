// The values a template works on: Python's, as far as templates can see them.
//
// All containers are immutable once made, as in Jinja's immutable sandbox, so
// they are shared freely and never form a cycle. The two exceptions own their
// state elsewhere: a Namespace belongs to the Run that made it, and a generator
// (what `map` or `select` return) remembers how far it was read.
// Threads: a Value in an AST constant is shared between threads and is never a
// generator, namespace or loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ondol::text::jinja {

class Value;
struct MethodRow;
struct GlobalRow;
struct Macro;
struct LoopState;
struct Namespace;

/// `message` is what Python would raise when the value is used after all.
struct Undefined {
  std::shared_ptr<const std::string> message;
};
struct None {};

/// Valid UTF-8 and its length in code points, which is what Python counts.
struct Text {
  std::string bytes;
  std::size_t n_chars = 0;
  bool ascii() const { return n_chars == bytes.size(); }
};

enum class SequenceKind : std::uint8_t {
  kList,
  kTuple,
  kRange,
  kGenerator,
  kDictItems,
  kDictKeys,
  kDictValues,
};

struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  std::vector<Value> items;
  std::uint32_t depth = 1;      // 1 + the deepest item
  std::size_t next_unread = 0;  // generators only
};

class Dict;
struct BoundMethod;

class Value {
 public:
  using Storage =
      std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const Text>,
                   std::shared_ptr<Sequence>, std::shared_ptr<const Dict>, Namespace*,
                   std::shared_ptr<const Macro>, std::shared_ptr<LoopState>,
                   std::shared_ptr<const BoundMethod>, const GlobalRow*>;

  Value() = default;  // undefined
  Value(None none) : storage_(none) {}
  Value(bool b) : storage_(b) {}
  Value(std::int64_t i) : storage_(i) {}
  Value(double d) : storage_(d) {}
  explicit Value(Storage storage) : storage_(std::move(storage)) {}
  template <class T>
  Value(T) = delete;  // no pointer or narrower integer slips in as a bool

  /// The pointee or scalar, or nullptr when the value is of another type.
  template <class T>
  const T* as() const {
    return std::get_if<T>(&storage_);
  }

  bool is_undefined() const { return as<Undefined>() != nullptr; }
  bool is_none() const { return as<None>() != nullptr; }
  const Text* text() const { return pointee<std::shared_ptr<const Text>>(); }
  Sequence* sequence() const { return pointee<std::shared_ptr<Sequence>>(); }
  const Dict* dict() const { return pointee<std::shared_ptr<const Dict>>(); }
  Namespace* name_space() const { return pointee<Namespace*>(); }
  const Macro* macro() const { return pointee<std::shared_ptr<const Macro>>(); }
  LoopState* loop() const { return pointee<std::shared_ptr<LoopState>>(); }
  const BoundMethod* method() const { return pointee<std::shared_ptr<const BoundMethod>>(); }
  const GlobalRow* global() const { return pointee<const GlobalRow*>(); }

  /// Lists and tuples, which compare, add and index alike.
  const Sequence* list_or_tuple() const;
  bool is_sequence(SequenceKind kind) const { return sequence() && sequence()->kind == kind; }

  /// Integers, and booleans as Python's 0 and 1.
  std::optional<std::int64_t> as_int() const;
  /// Integers, booleans and floats.
  std::optional<double> as_number() const;

  const Storage& storage() const { return storage_; }

 private:
  template <class P>
  auto pointee() const -> decltype(&**static_cast<P*>(nullptr)) {
    const P* p = std::get_if<P>(&storage_);
    return p ? &**p : nullptr;
  }

  Storage storage_;
};

/// Keeps the order of insertion; a later equal key replaces the value alone.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  /// False when the key is unhashable (a list, a dict).
  bool set(Value key, Value value);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  std::uint32_t depth() const { return depth_; }

 private:
  const Value* find_identity(std::string_view identity) const;

  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;  // by hash_identity
  std::uint32_t depth_ = 1;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

struct BoundMethod {
  Value self;
  const MethodRow* row = nullptr;
};

/// A string that is equal exactly for values Python holds equal as keys
/// (1 == 1.0 == True); nothing for what Python cannot hash.
std::optional<std::string> hash_identity(const Value& value);

Value make_text(std::string bytes);
Value make_sequence(SequenceKind kind, std::vector<Value> items);
Value make_dict(Dict dict);
Value make_undefined(std::string message);

std::uint32_t depth_of(const Value& value);
bool truthy(const Value& value);

/// "str", "list", "NoneType": type(value).__name__.
std::string_view type_name(const Value& value);

}  // namespace ondol::text::jinja
