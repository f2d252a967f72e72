// Regular expressions for text that is *not* a call, so that a grammar may leave an
// answer free without leaving calls free. Built without lookaround.
//
// Internal to src/text/tools. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ondol::text {

/// Any text in which `mark` does not occur; it may end in the mark's beginning.
/// REQUIRES: the mark's first byte occurs in it once; the mark is ASCII, not empty.
std::string text_without(std::string_view mark);

/// A beginning of text that needs a rule.
struct Beginning {
  std::string text;  // ASCII, not empty, no beginning of another's text
  std::string then;  // pattern of what may follow; empty: this beginning may not be
};

/// Any text that begins otherwise, or in one of `beginnings` as its `then` says. It may
/// end before a beginning is whole, and be empty.
/// blocked: bytes that may not come first at all, "\n" or the like.
std::string text_beginning(const std::vector<Beginning>& beginnings, std::string_view blocked = {});

}  // namespace ondol::text
