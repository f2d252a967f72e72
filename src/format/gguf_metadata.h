// The key-value part of a GGUF file. Private to gguf.cc.
#pragma once

#include <string_view>
#include <vector>

#include "format/gguf.h"
#include "format/gguf_cursor.h"

namespace ondol::format {

struct GgufMetadata {
  Metadata values;
  std::vector<RawKeyValue> raw;
};

/// Reads `n_kv` pairs. REQUIRES: nothing of n_kv; it is checked here.
Result<GgufMetadata> read_gguf_metadata(std::string_view where, GgufCursor& cursor,
                                        std::uint64_t n_kv);

/// For what a fixed-size take did not find.
tl::unexpected<Error> truncated(std::string_view where, std::string_view field,
                                const GgufCursor& cursor);
/// For what take_string did not find: no length, or not that many bytes.
tl::unexpected<Error> truncated_string(std::string_view where, std::string_view field,
                                       const GgufCursor& cursor);

}  // namespace ondol::format
