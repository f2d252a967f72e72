#include "engine/fair_line.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace ondol::engine {

void FairLine::open(std::uint64_t tenant) {
  const auto it = tenants_.find(tenant);
  if (it != tenants_.end()) {
    ++it->second.n_open;
    return;
  }
  std::uint64_t least = 0;
  if (!tenants_.empty()) {
    least = std::min_element(tenants_.begin(), tenants_.end(), [](const auto& a, const auto& b) {
              return a.second.service < b.second.service;
            })->second.service;
  }
  tenants_[tenant] = {least, 1, 0};
}

void FairLine::close(std::uint64_t tenant) {
  const auto it = tenants_.find(tenant);
  ONDOL_CHECK(it != tenants_.end());
  if (--it->second.n_open == 0) tenants_.erase(it);
}

void FairLine::charge(std::uint64_t tenant, std::int64_t n_tokens) {
  tenants_.at(tenant).service += static_cast<std::uint64_t>(n_tokens);
}

void FairLine::insert(Sequence& sequence) {
  ONDOL_CHECK(lines_[sequence.priority][sequence.tenant].insert(&sequence).second);
  ++n_waiting_;
}

void FairLine::erase(Sequence& sequence) {
  const auto lines = lines_.find(sequence.priority);
  ONDOL_CHECK(lines != lines_.end());
  const auto line = lines->second.find(sequence.tenant);
  ONDOL_CHECK(line != lines->second.end() && line->second.erase(&sequence) == 1);
  if (line->second.empty()) lines->second.erase(line);
  if (lines->second.empty()) lines_.erase(lines);
  --n_waiting_;
}

bool FairLine::goes_before(const Sequence& a, const Sequence& b, const Extra& extra) const {
  if (a.priority != b.priority) return a.priority > b.priority;
  const auto turn = [&](const Sequence& sequence) {
    const Tenant& tenant = tenants_.at(sequence.tenant);
    const auto more = extra.find(sequence.tenant);
    return std::make_tuple(tenant.service + (more == extra.end() ? 0 : more->second),
                           tenant.n_running > 0, sequence.id);
  };
  return a.tenant == b.tenant ? a.id < b.id : turn(a) < turn(b);
}

Sequence* FairLine::first(const Extra& extra, const std::set<std::uint64_t>& skipped) const {
  for (const auto& [priority, lines] : lines_) {
    Sequence* first = nullptr;
    for (const auto& [tenant, line] : lines) {
      if (skipped.contains(tenant)) continue;
      if (first == nullptr || goes_before(**line.begin(), *first, extra)) first = *line.begin();
    }
    if (first != nullptr) return first;
  }
  return nullptr;
}

}  // namespace ondol::engine
