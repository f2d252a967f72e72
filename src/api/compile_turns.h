// Turns at compiling grammars. A schema that means harm takes its whole second of a
// handler thread, and those are few: without turns, a handful of such requests would keep
// everybody else's from being read. So a few compile, a few more wait, and further ones
// are told to come again; the other handler threads stay free.
//
// Owner: the process, whose cores they share. Threads: any.
#pragma once

#include <optional>
#include <utility>

namespace ondol::api {

/// At once, and waiting for a turn: together the handler threads that grammars can hold.
/// A server has more of them.
inline constexpr int kMaxCompiling = 2;
inline constexpr int kMaxWaitingToCompile = 6;

class CompileTurn {
 public:
  /// Waits for a turn; nullopt at once when too many wait already.
  static std::optional<CompileTurn> take();
  ~CompileTurn();
  CompileTurn(CompileTurn&& other) noexcept : is_held_(std::exchange(other.is_held_, false)) {}
  CompileTurn& operator=(CompileTurn&&) = delete;

 private:
  CompileTurn() = default;
  bool is_held_ = true;
};

}  // namespace ondol::api
