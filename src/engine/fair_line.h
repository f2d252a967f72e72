// Who waits, and whose turn it is: the highest priority; within it the tenant that was
// served least, one that runs nothing first among equals; of a tenant, who came first.
//
// Service is counted in computed tokens (start-time fair queueing, Goyal et al. 1996: a
// tenant that comes anew starts level with the one served least, so that nobody saves up
// turns by staying away). Tenants without an open sequence are forgotten.
//
// Owner: the scheduler. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

#include "engine/sequence.h"

namespace ondol::engine {

class FairLine {
 public:
  using Extra = std::unordered_map<std::uint64_t, std::uint64_t>;  // tokens by tenant

  /// A sequence of this tenant opens or ends, wherever it stands.
  void open(std::uint64_t tenant);
  void close(std::uint64_t tenant);
  /// Tokens were computed for an open tenant.
  void charge(std::uint64_t tenant, std::int64_t n_tokens);
  /// One of its sequences begins or ends to run.
  void start(std::uint64_t tenant) { ++tenants_.at(tenant).n_running; }
  void stop(std::uint64_t tenant) { --tenants_.at(tenant).n_running; }
  std::int64_t n_running(std::uint64_t tenant) const { return tenants_.at(tenant).n_running; }

  /// REQUIRES: its tenant is open.
  void insert(Sequence& sequence);
  void erase(Sequence& sequence);
  std::int64_t size() const { return n_waiting_; }

  /// Whether a's turn comes before b's. REQUIRES: both open.
  bool goes_before(const Sequence& a, const Sequence& b, const Extra& extra) const;
  /// Whose turn it is, not counting tenants in `skipped`; null when nobody else waits.
  /// `extra`: what tenants are about to be charged.
  Sequence* first(const Extra& extra, const std::set<std::uint64_t>& skipped) const;

 private:
  struct Tenant {
    std::uint64_t service = 0;
    std::int64_t n_open = 0;
    std::int64_t n_running = 0;
  };
  struct EarlierId {
    bool operator()(const Sequence* a, const Sequence* b) const { return a->id < b->id; }
  };
  using Line = std::set<Sequence*, EarlierId>;

  std::unordered_map<std::uint64_t, Tenant> tenants_;
  // By priority, the highest first; then by tenant. No empty ones.
  std::map<std::int32_t, std::map<std::uint64_t, Line>, std::greater<>> lines_;
  std::int64_t n_waiting_ = 0;
};

}  // namespace ondol::engine
