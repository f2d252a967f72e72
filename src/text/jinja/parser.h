// From tokens to the tree. Errors: kInvalidFile with the line in `field`;
// kUnsupported for include, import, extends and block, which a chat template
// has no files for; kLimit for nesting beyond kMaxSyntaxDepth.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/ast.h"
#include "text/jinja/token.h"

namespace ondol::text::jinja {

Result<Block> parse(std::vector<Token> tokens, std::string_view where);

}  // namespace ondol::text::jinja
