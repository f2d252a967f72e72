// Decides what the next step computes. Pure bookkeeping over known and computed
// tokens: no model, no clock, no threads, so that it is tested alone.
//
// Order is total: priority, then arrival. A waiting sequence is admitted when it
// is the first in line, a place is free and pages for all its known tokens and
// one more are free; nobody overtakes it. When a running sequence needs a page
// and none is free, the last running one in order gives all of its pages back
// and waits again, ahead of later arrivals; its keys and values are computed
// anew later. The first running sequence is never preempted by another, so it
// ends, and then the next: no deadlock, provided each sequence alone fits (the
// caller refuses others: REQUIRES n_known() < n_pages * page_tokens at all times).
//
// Owner: the engine, which also owns the sequences. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "engine/kv_pages.h"
#include "engine/sequence.h"

namespace ondol::engine {

/// Tokens [n_computed, n_computed + n_tokens) of a sequence.
struct Work {
  Sequence* sequence = nullptr;
  std::int64_t n_tokens = 0;
};

class Scheduler {
 public:
  struct Limits {
    std::int64_t max_sequences = 1;     // running together
    std::int64_t max_batch_tokens = 1;  // of one step; REQUIRES: >= max_sequences
  };

  Scheduler(KvPages pages, Limits limits);

  /// Puts a sequence in line. It must stay alive and keep id and priority until
  /// remove(). REQUIRES: idle, at least one token.
  void add(Sequence& sequence);

  /// Takes a sequence out, waiting or running, and frees its pages at once.
  void remove(Sequence& sequence);

  /// The next step: first one token for each sequence that lacks just one, so
  /// that a long prompt does not hold up answers; the rest of the budget goes to
  /// prompts in order. Pages for the work are in place. Empty only when there
  /// is no sequence. Valid until the next call of plan, add or remove.
  std::span<const Work> plan();

  /// Room for up to n_guesses tokens behind the known ones, in pages that nobody
  /// uses: a guess never costs another sequence its pages. Answers for how many there
  /// is room. REQUIRES: after plan(), a running sequence; settle() before the next plan().
  std::int64_t reserve(Sequence& sequence, std::int64_t n_guesses);
  /// Frees the room that guesses took and known tokens do not need.
  void settle(Sequence& sequence);

  /// The planned work is done: computed advances.
  void commit();

  std::int64_t n_running() const { return static_cast<std::int64_t>(running_.size()); }
  std::int64_t n_waiting() const { return static_cast<std::int64_t>(waiting_.size()); }
  std::uint64_t n_preemptions() const { return n_preemptions_; }
  const KvPages& pages() const { return pages_; }

 private:
  void grow_running();
  void admit();
  void preempt(Sequence& sequence);
  void assign_budget();

  KvPages pages_;
  Limits limits_;
  std::set<Sequence*, GoesFirst> waiting_;
  std::set<Sequence*, GoesFirst> running_;
  std::vector<Work> work_;
  std::uint64_t n_preemptions_ = 0;
};

}  // namespace ondol::engine
