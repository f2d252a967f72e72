// The file of packed weights, as a grammar. Integers are in the machine's byte
// order: the file does not leave it.
//
//   file   := header table zeros data
//   header := "ondolpk\n"  layout_version:u32  n_entries:u32  key[32]
//             table_bytes:u64  file_bytes:u64  table_sum:u64  header_sum:u64
//   table  := entry[n_entries]
//   entry  := offset:u64 n_bytes:u64 sum:u64 n_rows:u64 n_cols:u64
//             gguf_id:u32 form:u32 name_bytes:u32 zero:u32 name[name_bytes]
//   data   := the bytes of each entry in the table's order, each at a multiple of
//             64 from the start of the file, zeros between
//
// layout_version is kPackedLayoutVersion; panels are those of packed_format.h
// and the same for every ISA. Sums are checksum64 (base/checksum.h):
// header_sum of the header before it, table_sum of the table, sum of the data.
//
// Reading checks all but `sum` before an entry comes out, and allocates no more
// than the table takes in the file. Writing is by large aligned calls, so that
// the system's cache of the file can be huge pages from the start.
//
// Threads: functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "tensor/dtype.h"

namespace ondol::device::cpu {

struct WeightEntry {
  enum class Form : std::uint8_t { kPanels, kRows };

  std::string name;
  DType dtype = DType::kF32;
  Form form = Form::kPanels;
  std::uint64_t n_rows = 0;
  std::uint64_t n_cols = 0;
  std::uint64_t offset = 0;  // from the start of the file
  std::uint64_t n_bytes = 0;
  std::uint64_t sum = 0;
};

using WeightKey = std::array<std::byte, 32>;

/// What dtype, form and shape take; nullopt for what cannot be kept.
std::optional<std::uint64_t> kept_bytes(DType dtype, WeightEntry::Form form, std::uint64_t n_rows,
                                        std::uint64_t n_cols);

/// Errors: kInvalidFile, with what is wrong, also for another key or version.
Result<std::vector<WeightEntry>> read_weight_table(std::string_view where,
                                                   std::span<const std::byte> file,
                                                   const WeightKey& key);

/// Gives the entries their offsets; answers the size of the file.
std::uint64_t place_entries(std::vector<WeightEntry>& entries);

/// Makes the file from entries that have been placed and summed, and their bytes
/// in the same order. It is on disk when this returns.
/// Errors: kIo, kCancelled; what was written is left behind.
Result<void> write_weight_file(const std::filesystem::path& path, const WeightKey& key,
                               const std::vector<WeightEntry>& entries,
                               const std::vector<std::span<const std::uint8_t>>& data,
                               const std::stop_token& stop);

}  // namespace ondol::device::cpu
