// Takes a real tokenizer into a synthetic GGUF file: from another GGUF file, or
// from tokenizer.json and tokenizer_config.json (byte-level BPE only).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "format/gguf_writer.h"

namespace ondol::tools {

/// Sets tokenizer.* in the writer; a vocabulary shorter than n_vocab is filled up
/// with unused tokens. Errors: as the files'; kInvalidArgument when the tokenizer
/// has more than n_vocab tokens.
Result<void> copy_tokenizer(const std::filesystem::path& from, std::string_view pre_tokenizer,
                            std::int64_t n_vocab, format::GgufWriter& writer);

}  // namespace ondol::tools
