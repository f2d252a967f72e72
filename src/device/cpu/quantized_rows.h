// Activations as the int8 matrix products take them: x = scale * code within a
// block of 32 columns, laid out so that a product reads them as one stream.
//
//   rows     := chunk[ceil(n_blocks / 8)]      what one chunk of a panel meets
//   chunk    := row_tile[ceil(n_rows / tile_rows)]
//   row_tile := record[blocks of the chunk]
//   record   := codes[8][tile_rows][4] i8      quad by quad, |code| <= 127
//               scale[tile_rows] f32
//               sum[tile_rows] f32             scale * the sum of the 32 codes
//               halves[2][tile_rows] (i16 lower, i16 upper)
//                                              of columns 0..15 and 16..31: the sums of
//                                              the codes at 0 and 1, and at 2 and 3, of
//                                              each quad
//               centre[tile_rows] (i16, i16)   -8 times the sum of the two halves: what
//                                              a dot with codes of bias 8 starts from
//
// The last row tile is filled up with rows of zeros.
//
// Views of memory that the caller owns. Constants and plain data only; safe to
// include in files built for a particular ISA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {

constexpr int kChunkBlocks = 8;

constexpr std::size_t kCodesBytes = kBlock;                // of a row's part of a record
constexpr std::size_t kScaleAt = kCodesBytes;              // all times tile_rows
constexpr std::size_t kSumAt = kScaleAt + sizeof(float);   //
constexpr std::size_t kHalvesAt = kSumAt + sizeof(float);  //
constexpr std::size_t kCentreAt = kHalvesAt + 2 * sizeof(std::int32_t);
constexpr std::size_t kRecordBytes = kCentreAt + sizeof(std::int32_t);
constexpr int kCentreBias = 8;

/// Blocks that are written twice, see refine.h: each adds another scale * code.
struct FineBlocks {
  const std::uint8_t* records = nullptr;  // [n_fine] records of one row
  const std::int32_t* blocks = nullptr;   // [n_fine] which block of the row
  const std::int32_t* first = nullptr;    // [n_rows + 1] row r has first[r] .. first[r + 1] - 1
};

struct QuantizedRows {
  const std::uint8_t* bytes = nullptr;
  std::int64_t n_rows = 0;
  std::int64_t n_cols = 0;
  int tile_rows = 1;
  FineBlocks fine;

  constexpr std::int64_t n_blocks() const { return n_cols / kBlock; }
  constexpr std::int64_t n_row_tiles() const { return (n_rows + tile_rows - 1) / tile_rows; }
  constexpr std::size_t record_bytes() const {
    return kRecordBytes * static_cast<std::size_t>(tile_rows);
  }
  constexpr std::size_t size_bytes() const {
    return static_cast<std::size_t>(n_row_tiles() * n_blocks()) * record_bytes();
  }
  /// Where a row tile's records of the chunk that begins with `block` begin.
  /// REQUIRES: block % kChunkBlocks == 0.
  constexpr std::size_t chunk_at(std::int64_t row_tile, std::int64_t block) const {
    const std::int64_t left = n_blocks() - block;
    const std::int64_t n = left < kChunkBlocks ? left : kChunkBlocks;
    return static_cast<std::size_t>(block * n_row_tiles() + n * row_tile) * record_bytes();
  }
  constexpr std::size_t record_at(std::int64_t row_tile, std::int64_t block) const {
    const std::int64_t in_chunk = block % kChunkBlocks;
    return chunk_at(row_tile, block - in_chunk) +
           static_cast<std::size_t>(in_chunk) * record_bytes();
  }
};

}  // namespace ondol::device::cpu
