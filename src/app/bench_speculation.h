// `ondol bench speculation`: what guessing ahead gains on real text. A chat model answers
// a few questions, some of which repeat or edit what they were given and some of
// which do not, with speculation and without in turn. The two must say the same.
//
// Threads: the main thread; the engine has its own.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "app/chat_session.h"
#include "base/error.h"

namespace ondol::app {

struct SpeculationBenchArguments {
  ChatOptions chat;  // model, sampling and length of the answers
  std::int64_t n_repeats = 5;
  bool json = false;
};

/// --speculate, --draft-model, --max-tokens and those of sampling.
void add_speculation_bench_options(CLI::App& command, SpeculationBenchArguments& arguments);

/// Errors: kInternal when an answer differs with speculation; those of ChatSession.
Result<void> bench_speculation(SpeculationBenchArguments arguments);

}  // namespace ondol::app
