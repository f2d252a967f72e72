// Equality, order, membership, and the sort that uses them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/jinja/operators.h"

namespace ondol::text::jinja {
namespace {

// Exact where a double cannot hold the integer: long double can.
int compare_numbers(const Value& left, const Value& right, bool* unordered) {
  const auto a = left.as_int();
  const auto b = right.as_int();
  if (a && b) return *a < *b ? -1 : *a > *b ? 1 : 0;
  const auto wide = [](const Value& v) -> long double {
    const auto i = v.as_int();
    return i ? static_cast<long double>(*i) : static_cast<long double>(*v.as<double>());
  };
  const long double x = wide(left);
  const long double y = wide(right);
  *unordered = std::isnan(x) || std::isnan(y);
  return x < y ? -1 : x > y ? 1 : 0;
}

bool equal_dicts(Run& run, const Dict& left, const Dict& right) {
  if (left.size() != right.size()) return false;
  for (const auto& [key, value] : left.entries()) {
    const Value* other = right.find(key);
    if (!run.charge() || !other || !equal(run, value, *other)) return false;
  }
  return true;
}

bool equal_sequences(Run& run, const Sequence& left, const Sequence& right) {
  const bool same_kind = left.kind == right.kind && (left.kind <= SequenceKind::kRange ||
                                                     left.kind == SequenceKind::kDictItems ||
                                                     left.kind == SequenceKind::kDictKeys);
  if (!same_kind || left.items.size() != right.items.size()) return false;
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    if (!run.charge() || !equal(run, left.items[i], right.items[i])) return false;
  }
  return true;
}

bool less_sequences(Run& run, const Sequence& left, const Sequence& right) {
  const std::size_t n = std::min(left.items.size(), right.items.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (!run.charge()) return false;
    if (!equal(run, left.items[i], right.items[i])) {
      return less(run, left.items[i], right.items[i]);
    }
  }
  return left.items.size() < right.items.size();
}

}  // namespace

bool identical(Run& run, const Value& left, const Value& right) {
  if (left.storage().index() != right.storage().index()) return false;
  if (left.sequence()) return left.sequence() == right.sequence();
  if (left.dict()) return left.dict() == right.dict();
  return equal(run, left, right);
}

bool equal(Run& run, const Value& left, const Value& right) {
  if (!run.charge()) return false;
  if (left.as_number() && right.as_number()) {
    bool unordered = false;
    return compare_numbers(left, right, &unordered) == 0 && !unordered;
  }
  if (left.storage().index() != right.storage().index()) return false;
  if (left.text()) {
    run.charge(left.text()->bytes.size() / 64);
    return left.text()->bytes == right.text()->bytes;
  }
  if (left.dict()) {
    return left.dict() == right.dict() || equal_dicts(run, *left.dict(), *right.dict());
  }
  if (left.sequence()) {
    return left.sequence() == right.sequence() ||
           equal_sequences(run, *left.sequence(), *right.sequence());
  }
  return hash_identity(left) == hash_identity(right);
}

bool less(Run& run, const Value& left, const Value& right) {
  if (!run.charge()) return false;
  if (left.as_number() && right.as_number()) {
    bool unordered = false;
    return compare_numbers(left, right, &unordered) < 0 && !unordered;
  }
  if (left.text() && right.text()) {
    run.charge(left.text()->bytes.size() / 64);
    return left.text()->bytes < right.text()->bytes;  // UTF-8 sorts as code points do
  }
  const Sequence* p = left.list_or_tuple();
  const Sequence* q = right.list_or_tuple();
  if (p && q && p->kind == q->kind) return less_sequences(run, *p, *q);
  if (left.is_undefined()) run.fail_type(left, "");
  if (right.is_undefined()) run.fail_type(right, "");
  run.fail(fmt::format("'<' not supported between instances of '{}' and '{}'", type_name(left),
                       type_name(right)));
  return false;
}

bool contains(Run& run, const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    if (const Text* part = item.text()) {
      run.charge(text->bytes.size() / 64);
      return text->bytes.find(part->bytes) != std::string::npos;
    }
    run.fail_type(item, "is given where 'in <string>' requires a string");
    return false;
  }
  if (const Dict* dict = container.dict()) {
    if (!hash_identity(item)) run.fail_type(item, "is unhashable");
    return dict->find(item) != nullptr;
  }
  if (container.is_undefined()) return false;
  if (!container.sequence() && !container.loop()) {
    run.fail_type(container, "is not iterable");
    return false;
  }
  for (const Value& candidate : iterate(run, container)) {
    if (run.failed()) return false;
    if (identical(run, candidate, item) || equal(run, candidate, item)) return true;
  }
  return false;
}

bool compare(Run& run, Operator op, const Value& left, const Value& right) {
  // With NaN both orders are false, so >= is not the negation of <.
  const auto equal_or = [&](const Value& a, const Value& b) {
    return less(run, a, b) || (!run.failed() && equal(run, a, b));
  };
  switch (op) {
    case Operator::kEqual:
      return equal(run, left, right);
    case Operator::kNotEqual:
      return !equal(run, left, right);
    case Operator::kLess:
      return less(run, left, right);
    case Operator::kLessEqual:
      return equal_or(left, right);
    case Operator::kGreater:
      return less(run, right, left);
    case Operator::kGreaterEqual:
      return equal_or(right, left);
    case Operator::kIn:
      return contains(run, right, left);
    default:
      return !contains(run, right, left);
  }
}

// A merge sort of our own: the standard ones are undefined for an order that is
// none, and NaN or a failing comparison makes such an order.
std::vector<Value> sort_by(Run& run, std::vector<Value> items, const std::vector<Value>& keys,
                           bool reverse) {
  const std::size_t n = items.size();
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  std::vector<std::size_t> merged(n);
  const auto before = [&](std::size_t a, std::size_t b) {
    return reverse ? less(run, keys[b], keys[a]) : less(run, keys[a], keys[b]);
  };
  for (std::size_t width = 1; width < n; width *= 2) {
    for (std::size_t low = 0; low < n; low += 2 * width) {
      const std::size_t middle = std::min(low + width, n);
      const std::size_t high = std::min(low + 2 * width, n);
      std::size_t left = low;
      std::size_t right = middle;
      for (std::size_t out = low; out < high; ++out) {
        const bool take_right =
            right < high && (left == middle || before(order[right], order[left]));
        merged[out] = take_right ? order[right++] : order[left++];
      }
    }
    order.swap(merged);
    if (run.failed()) return {};
  }
  std::vector<Value> out;
  out.reserve(n);
  for (const std::size_t i : order) out.push_back(std::move(items[i]));
  return out;
}

}  // namespace ondol::text::jinja
