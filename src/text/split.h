// Cutting words at delimiters, the five ways Hugging Face knows.
#pragma once

#include <vector>

#include "text/pre_tokenizer.h"
#include "text/regex.h"

namespace ondol::text {

/// Cuts one word at its delimiters and appends what is left to `out`.
/// `matches` are the delimiters inside the word, relative to it, from left to
/// right; invert: they are what stands between the delimiters instead.
void split_word(const Words::Word& word, const std::vector<Range>& matches, bool invert,
                SplitBehavior behavior, std::vector<Words::Word>& out);

}  // namespace ondol::text
