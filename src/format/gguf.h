// GGUF, versions 2 and 3, little-endian (ggml docs/gguf.md). As a grammar;
// numbers are little-endian and nothing is aligned before the data section:
//
//   file        = "GGUF" version n_tensors n_kv kv*n_kv tensor*n_tensors pad data
//   version     = u32            ; 2 or 3
//   n_tensors   = u64
//   n_kv        = u64
//   kv          = string type value(type)
//   string      = u64 byte*      ; length, then that many bytes, no NUL
//   type        = u32            ; GgufType
//   value(t)    = u8 | i8 | u16 | i16 | u32 | i32 | f32 | bool | string
//               | array | u64 | i64 | f64
//   bool        = %x00 | %x01
//   array       = type u64 value(type)*
//   tensor      = string n_dims dim*n_dims dtype offset
//   n_dims      = u32            ; 1 to 4, innermost first: turned round here
//   dim         = u64            ; at least 1
//   dtype       = u32            ; DTypeInfo::gguf_id
//   offset      = u64            ; into data, a multiple of the alignment
//   pad         = zeros to a multiple of general.alignment (u32, default 32)
//
// Refused here though the grammar has it: arrays of arrays (no model uses
// them). Split files are joined in model_file.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/metadata.h"
#include "format/tensor_list.h"

namespace ondol::format {

enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::uint32_t kDefaultAlignment = 32;

// Limits that keep a hostile file under a second whatever its size; real files
// stay far below (Gemma 3: 262,144 tokens and 514,906 merges).
inline constexpr std::uint64_t kMaxKeys = 1 << 16;
inline constexpr std::uint64_t kMaxArrayElements = 1 << 24;  // in all arrays together
inline constexpr std::uint64_t kMaxStringBytes = 1 << 26;    // in all single strings together

/// A key and its value as they lie in the file, for whoever copies them.
struct RawKeyValue {
  std::string_view key;
  std::span<const std::byte> type_and_value;  // the grammar's `type value(type)`
};

struct Gguf {
  Metadata metadata;                      // string arrays are views into the bytes
  std::vector<RawKeyValue> raw_metadata;  // the same in the file's order
  TensorList list;                        // tensors are views into the bytes
};

/// Reads a whole GGUF file from memory. `where` names it in errors.
/// Errors: kInvalidFile, naming field, value and limit; kUnsupported for a
/// version, byte order or dtype that exists but is not read here.
Result<Gguf> parse_gguf(std::string_view where, std::span<const std::byte> bytes);

}  // namespace ondol::format
