#include "text/jinja/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace ondol::text::jinja {

const Value* CallArguments::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

BoundArguments::BoundArguments(Run& run, std::string_view callee, const Parameters& parameters,
                               const CallArguments& arguments)
    : run_(run), arguments_(arguments) {
  if (parameters.any) return;
  const auto& names = parameters.names;
  const auto n_names = static_cast<std::size_t>(
      std::find(names.begin(), names.end(), std::string_view()) - names.begin());
  if (arguments.positional.size() > n_names) {
    run.fail(fmt::format("{} takes at most {} arguments", callee, n_names));
    return;
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    values_[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto i =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (i >= n_names || values_[i]) {
      run.fail(fmt::format("{} got an unexpected argument '{}'", callee, name));
      return;
    }
    values_[i] = &value;
  }
  for (std::size_t i = 0; i < parameters.n_required; ++i) {
    if (!values_[i]) run.fail(fmt::format("{} misses the argument '{}'", callee, names[i]));
  }
}

bool BoundArguments::flag(std::size_t i, bool fallback) const {
  return has(i) ? truthy(*get(i)) : fallback;
}

std::int64_t BoundArguments::integer(std::size_t i, std::int64_t fallback) const {
  if (!has(i)) return fallback;
  if (const auto value = get(i)->as_int()) return *value;
  run_.fail_type(*get(i), "cannot be interpreted as an integer");
  return fallback;
}

std::string_view BoundArguments::text(std::size_t i, std::string_view fallback) const {
  if (!has(i)) return fallback;
  if (const Text* text = get(i)->text()) return text->bytes;
  run_.fail_type(*get(i), "is given where a str is expected");
  return fallback;
}

}  // namespace ondol::text::jinja
