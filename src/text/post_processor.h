// The ids a tokenizer.json puts around one text when special tokens are asked for.
#pragma once

#include <cstddef>
#include <vector>

#include "base/error.h"
#include "text/json_node.h"
#include "text/tokenizer.h"

namespace ondol::text {

struct Frame {
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};

/// TemplateProcessing ("single" only), BertProcessing, RobertaProcessing,
/// ByteLevel (which moves offsets and no ids) and Sequences of them.
Result<Frame> parse_post_processor(const JsonNode& node, std::size_t n_vocab);

}  // namespace ondol::text
