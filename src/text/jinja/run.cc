#include "text/jinja/run.h"

#include <fmt/format.h>

namespace ondol::text::jinja {
namespace {

// What the allocator and the counted pointer add to a value of its own, about.
constexpr std::size_t kOverheadBytes = 64;

}  // namespace

bool Run::charge(std::uint64_t n) {
  if (failed()) return false;
  n_steps_ += n;
  if (n_steps_ <= limits_.steps) return true;
  fail_limit("evaluation steps", limits_.steps);
  return false;
}

bool Run::charge_memory(std::size_t n_bytes) {
  if (failed()) return false;
  if (n_bytes <= limits_.memory_bytes - n_bytes_) {
    n_bytes_ += n_bytes;
    return true;
  }
  fail_limit("bytes of values", limits_.memory_bytes);
  return false;
}

Value Run::fail(std::string_view detail, ErrorCode code) {
  if (!error_) {
    error_ = ondol::fail(code, where_, fmt::format("line {}", line), detail).value();
  }
  return {};
}

Value Run::fail_limit(std::string_view what, std::size_t limit) {
  if (!error_) {
    error_ =
        ondol::fail(ErrorCode::kLimit, where_, fmt::format("line {}", line),
                    fmt::format("the template needs too many {}", what), {}, std::to_string(limit))
            .value();
  }
  return {};
}

Value Run::fail_type(const Value& value, std::string_view what) {
  if (const auto* undefined = value.as<Undefined>()) {
    return fail(undefined->message ? *undefined->message : "an undefined value is used");
  }
  return fail(fmt::format("'{}' object {}", type_name(value), what));
}

Value Run::text(std::string bytes) {
  return charge_memory(bytes.size() + sizeof(Text) + kOverheadBytes) ? make_text(std::move(bytes))
                                                                     : Value();
}

Value Run::sequence(SequenceKind kind, std::vector<Value> items) {
  if (!charge_memory(items.size() * sizeof(Value) + sizeof(Sequence) + kOverheadBytes)) return {};
  Value out = make_sequence(kind, std::move(items));
  if (depth_of(out) > kMaxValueDepth) return fail_limit("nested lists", kMaxValueDepth);
  return out;
}

Value Run::dict(Dict dict) {
  // An entry is a pair, its key's identity and a tree node.
  if (!charge_memory(dict.size() * (2 * sizeof(Value) + 96) + sizeof(Dict) + kOverheadBytes))
    return {};
  if (dict.depth() > kMaxValueDepth) return fail_limit("nested dicts", kMaxValueDepth);
  return make_dict(std::move(dict));
}

Value Run::name_space() {
  if (!charge_memory(sizeof(Namespace) + kOverheadBytes)) return {};
  return Value(Value::Storage(&namespaces_.emplace_back()));
}

std::tm Run::now() const {
  if (now_) return *now_;
  const std::time_t seconds = std::time(nullptr);
  std::tm out{};
  localtime_r(&seconds, &out);
  return out;
}

}  // namespace ondol::text::jinja
