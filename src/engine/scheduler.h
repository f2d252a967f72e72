// Decides what the next step computes. Pure bookkeeping over known and computed
// tokens: no model, no clock, no threads, so that it is tested alone.
//
// Turns. Priority comes first. Among equal priorities tenants take turns by how
// many tokens were computed for them (fair_line.h), and a tenant's prompts are computed
// and finish in the order of their arrival. A sequence that is given a turn is
// admitted if a place is free and pages for its known tokens and one more; if not,
// nobody overtakes it. A tenant that runs nothing may take the place and the pages of
// another that runs two sequences or more, from its last one.
//
// Pages. When a running sequence needs a page and none is free, a victim gives all of
// its pages back and waits again: of the lowest priority, and there of the tenant that
// runs most, the last that was admitted. What it had computed is found again if nobody
// needed the room meanwhile, else computed anew.
//
// No deadlock. Order the running ones by priority, then by first admission: both never
// change. The first of them is nobody's victim: it is the first of its tenant, so when its
// tenant runs two or more it is not the last, and when every tenant runs one the victim
// is the last of all, which it is not unless it is alone. So it keeps its pages, gets tokens or
// pages in each step (one that answers always; a prompt since others of its priority
// are charged for theirs until its tenant's turn has come), and ends; then the next. This
// needs that each sequence alone fits (the caller refuses others: REQUIRES n_known() <
// n_pages * page_tokens at all times) and that loading ends (the engine's loader
// answers every request).
//
// Sharing. A prompt takes pages that are published already; in a step, a prompt whose next
// page another one is about to compute or load waits for it.
//
// Owner: the engine, which also owns the sequences. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/fair_line.h"
#include "engine/kv_pages.h"
#include "engine/sequence.h"

namespace ondol::engine {

/// Tokens [n_computed, n_computed + n_tokens) of a sequence.
struct Work {
  Sequence* sequence = nullptr;
  std::int64_t n_tokens = 0;
};

/// How many tokens of prompts a step may take beside the answers under way (with none
/// under way it takes as many as fit). All prompts together: in_all; of them those of
/// long prompts: of_long.
struct PromptBudget {
  std::int64_t in_all = std::numeric_limits<std::int32_t>::max();
  std::int64_t of_long = std::numeric_limits<std::int32_t>::max();
  /// of_long is more than a step's time: to be set aside and computed by itself, with
  /// steps of the answers between its layers.
  bool sets_long_aside = false;
  /// A prompt that was set aside is on its way: no others, though nobody answers.
  bool answers_only = false;
};

/// A prompt with more tokens to compute than this is a long one.
constexpr std::int64_t kShortPrompt = 256;

class Scheduler {
 public:
  struct Limits {
    std::int64_t max_sequences = 1;     // running together
    std::int64_t max_batch_tokens = 1;  // of one step; REQUIRES: >= max_sequences
  };

  Scheduler(KvPages pages, Limits limits);

  /// Puts a sequence in line. It must stay alive and keep id, tenant and priority until
  /// remove(). REQUIRES: idle, at least one token.
  void add(Sequence& sequence);

  /// Takes a sequence out, waiting or running, and gives up its pages at once.
  void remove(Sequence& sequence);

  /// The next step: first one token for each sequence that lacks just one, so
  /// that a long prompt does not hold up answers; the rest of the budget goes to
  /// prompts by turns. Pages for the work are in place. Empty only when there
  /// is no sequence that is not loading, or for answers_only. Valid until the next call of plan,
  /// add or remove.
  std::span<const Work> plan(PromptBudget budget = {});

  /// Room for up to n_guesses tokens behind the known ones, in pages that nobody
  /// uses: a guess never costs another sequence its pages. Answers for how many there
  /// is room. REQUIRES: after plan(), a running sequence; settle() before the next plan().
  std::int64_t reserve(Sequence& sequence, std::int64_t n_guesses);
  /// Frees the room that guesses took and known tokens do not need.
  void settle(Sequence& sequence);

  /// A guess that lay in reserved room was right, and is known now: it counts as computed.
  void accept_guess(Sequence& sequence) { advance(sequence, 1); }

  /// Of the last plan with sets_long_aside: a part of a long prompt that is not in its work,
  /// and for which commit(work) comes later.
  const std::optional<Work>& aside() const { return aside_; }

  /// The planned work is done: computed advances, full pages are published.
  void commit();
  /// Work that was set aside. REQUIRES: its sequence runs, and has not been planned since.
  void commit(const Work& work);

  /// Sequences that began to wait in the last plan() for pages n_computed / page_tokens ..
  /// n_stored_pages - 1 from disk; each until finish_loading() or remove(), or until it is
  /// a victim, and then it is no longer in State::kLoading.
  std::span<Sequence* const> to_load() const { return to_load_; }
  /// The next page of a loading sequence holds its keys and values.
  void page_loaded(Sequence& sequence);
  /// No more pages come; it goes on computing. REQUIRES: loading.
  void finish_loading(Sequence& sequence);

  std::int64_t n_running() const { return static_cast<std::int64_t>(running_.size()); }
  std::int64_t n_waiting() const { return line_.size(); }
  /// Running ones that lack just one token.
  std::int64_t n_answering() const;
  /// Computed tokens of the prompt under way that has most.
  std::int64_t prompt_depth() const;
  std::uint64_t n_preemptions() const { return n_preemptions_; }
  const KvPages& pages() const { return pages_; }
  /// Pages that were published since plan(), each once.
  std::vector<std::int32_t> take_published();

 private:
  // A total order of those that were admitted.
  struct Before {
    bool operator()(const Sequence* a, const Sequence* b) const {
      if (a->priority != b->priority) return a->priority > b->priority;
      return a->rank < b->rank;
    }
  };
  // What a plan has given out so far.
  struct Turns {
    FairLine::Extra given;           // tokens by tenant
    std::set<const Sequence*> had;   // those who had their turn
    std::set<std::uint64_t> is_cut;  // tenants whose prompt will not be done: later ones wait
    bool admits = true;              // nobody in line was refused
  };

  void grow_running();
  void assign_answers();
  void assign_prompts(PromptBudget budget);
  void set_long_aside();
  Sequence* next_prompt(const Turns& turns) const;
  bool prepare_prompt(Sequence& sequence);
  void note_in_flight(Sequence& sequence, std::int64_t until);
  bool try_admit(Sequence& sequence);
  bool admit(Sequence& sequence);
  Sequence* find_victim(std::int32_t max_priority, std::int64_t min_running) const;
  void preempt(Sequence& sequence);
  void advance(Sequence& sequence, std::int64_t n_tokens);

  KvPages pages_;
  Limits limits_;
  FairLine line_;
  std::set<Sequence*, Before> running_;  // loading ones too
  std::vector<Work> work_;
  std::optional<Work> aside_;
  std::vector<Sequence*> to_load_;
  std::unordered_set<std::uint64_t> in_flight_;  // keys of pages that this step completes
  std::vector<std::int32_t> published_;
  std::uint64_t last_rank_ = 0;
  std::uint64_t n_preemptions_ = 0;
};

}  // namespace ondol::engine
