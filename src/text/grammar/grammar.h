// Grammars as token masks: a Structure is compiled against a vocabulary into a
// pushdown automaton over bytes, and a matcher says, token by token, what may
// come next, so that every completed answer is in the grammar's language.
// docs/decisions/0010-grammars.md says how, at what cost, and what is refused.
//
// Owner: Grammar is immutable to its users and shared; it keeps masks that it
// has computed, under a lock of its own. A GrammarMatcher belongs to one request
// and one thread; a copy goes on independently from the same place.
// Errors: compile_grammar answers kInvalidArgument (broken, or contradicts
// itself), kUnsupported (names the keyword or construct and where it stands) or
// kLimit. It takes CompileLimits::seconds at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/grammar/structure.h"
#include "text/grammar/vocabulary.h"
#include "text/tokenizer.h"

namespace ondol::text {

struct CompileLimits {
  double seconds = 1.0;
  std::size_t n_states = 100'000;                   // of the automaton
  std::size_t source_bytes = std::size_t{1} << 20;  // all texts of the structure together
  std::size_t cache_bytes = std::size_t{64} << 20;  // masks kept while matching
};

class Grammar;  // grammar_impl.h

/// `where` names the source in errors ("response_format.json_schema.schema");
/// the error's field is a JSON pointer, or a line of a GBNF grammar, in it.
Result<std::shared_ptr<const Grammar>> compile_grammar(
    const Structure& structure, std::shared_ptr<const GrammarVocabulary> vocabulary,
    std::string_view where, const CompileLimits& limits = {});

class GrammarMatcher {
 public:
  explicit GrammarMatcher(std::shared_ptr<const Grammar> grammar);
  ~GrammarMatcher();
  GrammarMatcher(const GrammarMatcher& other);
  GrammarMatcher& operator=(const GrammarMatcher& other);
  GrammarMatcher(GrammarMatcher&& other) noexcept;
  GrammarMatcher& operator=(GrammarMatcher&& other) noexcept;

  /// Sets the bits of exactly the tokens that may come next; ids that end the
  /// generation are among them only when is_complete(). After must_stop() with
  /// a complete answer only those are left; after a failed accept, none.
  /// REQUIRES: bits.size() == vocabulary().n_mask_words().
  void fill(std::span<std::uint32_t> bits);

  /// Takes a token. False, with the matcher where it was, if it may not come here.
  bool accept(TokenId token);
  /// Takes text, whatever its tokens: for an answer that was begun elsewhere.
  bool accept_text(std::string_view bytes);

  /// What was accepted so far is a whole answer (more may be allowed to follow).
  bool is_complete() const;
  /// Nothing but the end may follow, or the end has been accepted.
  bool must_stop() const;
  /// Bytes that must come next in every answer, up to `max_bytes`; often empty.
  /// A caller may feed their tokens without asking the model.
  std::string forced_text(std::size_t max_bytes = 256) const;

  const GrammarVocabulary& vocabulary() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ondol::text
