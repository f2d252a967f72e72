#include "device/cpu/weight_file.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>

#include "base/check.h"
#include "base/checked.h"
#include "base/checksum.h"
#include "device/cpu/cpu_weight.h"
#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "ondolpk\n";
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kWindow = std::size_t{8} << 20U;  // bytes a call writes, and their alignment
constexpr std::size_t kMaxPieces = 256;                 // of a call; POSIX promises 16, Linux 1024

struct Header {
  std::array<char, 8> magic{};
  std::uint32_t layout_version = 0;
  std::uint32_t n_entries = 0;
  WeightKey key{};
  std::uint64_t table_bytes = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t table_sum = 0;
  std::uint64_t header_sum = 0;
};
static_assert(sizeof(Header) == 80, "no padding");

struct EntryHead {
  std::uint64_t offset = 0;
  std::uint64_t n_bytes = 0;
  std::uint64_t sum = 0;
  std::uint64_t n_rows = 0;
  std::uint64_t n_cols = 0;
  std::uint32_t gguf_id = 0;
  std::uint32_t form = 0;
  std::uint32_t name_bytes = 0;
  std::uint32_t zero = 0;
};
constexpr std::size_t kEntryHeadBytes = sizeof(EntryHead);
static_assert(kEntryHeadBytes == 56, "no padding");

std::uint64_t sum_of(const Header& header) {
  return checksum64(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_sum)));
}

std::uint64_t aligned(std::uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

std::uint64_t table_bytes_of(const std::vector<WeightEntry>& entries) {
  std::uint64_t total = 0;
  for (const WeightEntry& entry : entries) total += kEntryHeadBytes + entry.name.size();
  return total;
}

Result<Header> read_header(std::string_view where, std::span<const std::byte> file,
                           const WeightKey& key) {
  const auto bad = [where](std::string_view field, std::string_view detail) {
    return fail(ErrorCode::kInvalidFile, where, field, detail);
  };
  Header header;
  if (file.size() < sizeof(header)) return bad("header", "the file ends inside it");
  std::memcpy(&header, file.data(), sizeof(header));
  if (std::string_view(header.magic.data(), header.magic.size()) != kMagic) {
    return bad("magic", "not a file of packed weights");
  }
  if (header.header_sum != sum_of(header)) return bad("header", "its checksum differs");
  if (header.layout_version != kPackedLayoutVersion) {
    return fail(ErrorCode::kInvalidFile, where, "layout_version", "of another build",
                header.layout_version, kPackedLayoutVersion);
  }
  if (header.key != key) return bad("key", "of another checkpoint");
  if (header.file_bytes != file.size()) {
    return fail(ErrorCode::kInvalidFile, where, "file_bytes", "not the size of the file",
                file.size(), header.file_bytes);
  }
  if (header.table_bytes > file.size() - sizeof(header) ||
      header.n_entries > header.table_bytes / kEntryHeadBytes) {
    return bad("table_bytes", "more than the file holds");
  }
  return header;
}

class TableReader {
 public:
  TableReader(std::string_view where, std::span<const std::byte> table, std::uint64_t file_bytes)
      : where_(where),
        rest_(table),
        file_bytes_(file_bytes),
        free_from_(sizeof(Header) + table.size()) {}

  Result<WeightEntry> next() {
    EntryHead head;
    if (rest_.size() < kEntryHeadBytes) return bad("table", "ends inside an entry");
    std::memcpy(&head, rest_.data(), kEntryHeadBytes);
    rest_ = rest_.subspan(kEntryHeadBytes);
    if (head.name_bytes > std::min(kMaxNameBytes, rest_.size())) {
      return bad("table", "a name is longer than it may be");
    }
    WeightEntry entry;
    entry.name.assign(reinterpret_cast<const char*>(rest_.data()), head.name_bytes);
    rest_ = rest_.subspan(head.name_bytes);
    const auto dtype = dtype_from_gguf_id(head.gguf_id);
    if (!dtype || head.form > 1) return bad(entry.name, "unknown dtype or form");
    entry.dtype = *dtype;
    entry.form = head.form == 0 ? WeightEntry::Form::kPanels : WeightEntry::Form::kRows;
    entry.n_rows = head.n_rows;
    entry.n_cols = head.n_cols;
    entry.offset = head.offset;
    entry.n_bytes = head.n_bytes;
    entry.sum = head.sum;
    if (kept_bytes(*dtype, entry.form, entry.n_rows, entry.n_cols) != entry.n_bytes) {
      return bad(entry.name, "size does not fit dtype and shape");
    }
    if (entry.offset % kAlignment != 0 || entry.offset < free_from_ || entry.offset > file_bytes_ ||
        entry.n_bytes > file_bytes_ - entry.offset) {
      return bad(entry.name, "lies outside the file or over another");
    }
    free_from_ = entry.offset + entry.n_bytes;
    if (!names_.insert(entry.name).second) return bad(entry.name, "appears twice");
    return entry;
  }

  bool at_end() const { return rest_.empty(); }

 private:
  tl::unexpected<Error> bad(std::string_view field, std::string_view detail) const {
    return fail(ErrorCode::kInvalidFile, where_, field, detail);
  }

  std::string_view where_;
  std::span<const std::byte> rest_;
  std::uint64_t file_bytes_;
  std::uint64_t free_from_;  // entries ascend and do not overlap
  std::set<std::string, std::less<>> names_;
};

// The header and the table, as they lie at the start of the file.
std::string head_of_file(const WeightKey& key, const std::vector<WeightEntry>& entries,
                         std::uint64_t file_bytes) {
  std::string table;
  for (const WeightEntry& entry : entries) {
    const EntryHead head{entry.offset,
                         entry.n_bytes,
                         entry.sum,
                         entry.n_rows,
                         entry.n_cols,
                         info(entry.dtype).gguf_id,
                         entry.form == WeightEntry::Form::kPanels ? 0U : 1U,
                         static_cast<std::uint32_t>(entry.name.size()),
                         0};
    table.append(reinterpret_cast<const char*>(&head), kEntryHeadBytes);
    table += entry.name;
  }
  Header header;
  std::copy(kMagic.begin(), kMagic.end(), header.magic.begin());
  header.layout_version = kPackedLayoutVersion;
  header.n_entries = static_cast<std::uint32_t>(entries.size());
  header.key = key;
  header.table_bytes = table.size();
  header.file_bytes = file_bytes;
  header.table_sum = checksum64(std::as_bytes(std::span(table)));
  header.header_sum = sum_of(header);
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + table;
}

tl::unexpected<Error> io_error(const fs::path& path, std::string_view what) {
  return fail(ErrorCode::kIo, path.string(), "", what, std::generic_category().message(errno));
}

/// Bytes that follow each other in the file but not in memory.
class Gather {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    if (!bytes.empty()) pieces_.push_back(bytes);
    end_ += bytes.size();
  }
  /// Zeros up to `offset`, which is less than kAlignment away.
  void pad_to(std::uint64_t offset) {
    static constexpr std::array<std::uint8_t, kAlignment> kZeros{};
    add(std::span(kZeros).first(offset - end_));
  }
  std::uint64_t end() const { return end_; }

  /// Writes what is left up to the next multiple of kWindow, or a part of it.
  Result<void> write_some(int fd, const fs::path& path) {
    std::uint64_t room = kWindow - written_ % kWindow;
    std::array<iovec, kMaxPieces> vectors;
    std::size_t n_vectors = 0;
    for (std::size_t i = piece_, skip = in_piece_; i < pieces_.size() && room > 0; ++i, skip = 0) {
      if (n_vectors == vectors.size()) break;
      const auto part = pieces_[i].subspan(skip);
      const std::size_t n = std::min<std::uint64_t>(part.size(), room);
      vectors[n_vectors++] = {const_cast<std::uint8_t*>(part.data()), n};
      room -= n;
    }
    const ssize_t n =
        ::pwritev(fd, vectors.data(), static_cast<int>(n_vectors), static_cast<off_t>(written_));
    if (n < 0 && errno == EINTR) return {};
    if (n < 0) return io_error(path, "cannot write");
    advance(static_cast<std::size_t>(n));
    return {};
  }
  std::uint64_t written() const { return written_; }

 private:
  void advance(std::size_t n) {
    written_ += n;
    in_piece_ += n;
    while (piece_ < pieces_.size() && in_piece_ >= pieces_[piece_].size()) {
      in_piece_ -= pieces_[piece_++].size();
    }
  }

  std::vector<std::span<const std::uint8_t>> pieces_;
  std::uint64_t end_ = 0;
  std::uint64_t written_ = 0;
  std::size_t piece_ = 0;
  std::size_t in_piece_ = 0;
};

Result<void> write_all(int fd, const fs::path& path, Gather& gather, const std::stop_token& stop) {
  // Room now rather than an error after most of it has been written.
  if (::fallocate(fd, 0, 0, static_cast<off_t>(gather.end())) != 0 && errno != EOPNOTSUPP &&
      errno != ENOSYS) {
    return io_error(path, "cannot reserve room");
  }
  while (gather.written() < gather.end()) {
    if (stop.stop_requested()) {
      return fail(ErrorCode::kCancelled, path.string(), "", "writing was given up");
    }
    const std::uint64_t before = gather.written();
    ONDOL_TRY_VOID(gather.write_some(fd, path));
    // The disk works along, so that the sync at the end is short.
    ::sync_file_range(fd, static_cast<off_t>(before), static_cast<off_t>(gather.written() - before),
                      SYNC_FILE_RANGE_WRITE);
  }
  if (::fsync(fd) != 0) return io_error(path, "cannot sync");
  return {};
}

}  // namespace

std::optional<std::uint64_t> kept_bytes(DType dtype, WeightEntry::Form form, std::uint64_t n_rows,
                                        std::uint64_t n_cols) {
  const auto row = row_bytes(dtype, n_cols);  // which also refuses parts of blocks
  const auto rows = row ? checked_mul(*row, n_rows) : std::nullopt;
  if (!is_quantized(dtype) || !rows || *rows == 0) return std::nullopt;
  if (form == WeightEntry::Form::kRows) return rows;
  return CpuWeight::packed_bytes(dtype, n_rows, n_cols);
}

Result<std::vector<WeightEntry>> read_weight_table(std::string_view where,
                                                   std::span<const std::byte> file,
                                                   const WeightKey& key) {
  ONDOL_TRY(const Header header, read_header(where, file, key));
  const auto table = file.subspan(sizeof(header), header.table_bytes);
  if (checksum64(table) != header.table_sum) {
    return fail(ErrorCode::kInvalidFile, where, "table", "its checksum differs");
  }
  TableReader reader(where, table, file.size());
  std::vector<WeightEntry> entries;
  entries.reserve(header.n_entries);
  for (std::uint32_t i = 0; i < header.n_entries; ++i) {
    ONDOL_TRY(WeightEntry entry, reader.next());
    entries.push_back(std::move(entry));
  }
  if (!reader.at_end()) {
    return fail(ErrorCode::kInvalidFile, where, "table", "longer than its entries");
  }
  return entries;
}

std::uint64_t place_entries(std::vector<WeightEntry>& entries) {
  std::uint64_t end = sizeof(Header) + table_bytes_of(entries);
  for (WeightEntry& entry : entries) {
    entry.offset = aligned(end);
    end = entry.offset + entry.n_bytes;
  }
  return end;
}

Result<void> write_weight_file(const fs::path& path, const WeightKey& key,
                               const std::vector<WeightEntry>& entries,
                               const std::vector<std::span<const std::uint8_t>>& data,
                               const std::stop_token& stop) {
  ONDOL_CHECK(!entries.empty() && entries.size() == data.size());
  const std::uint64_t file_bytes = entries.back().offset + entries.back().n_bytes;
  const std::string head = head_of_file(key, entries, file_bytes);
  Gather gather;
  gather.add({reinterpret_cast<const std::uint8_t*>(head.data()), head.size()});
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ONDOL_CHECK(data[i].size() == entries[i].n_bytes);
    gather.pad_to(entries[i].offset);
    gather.add(data[i]);
  }
  constexpr mode_t kMode = 0600;  // nobody else's business what is run here
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (fd < 0) return io_error(path, "cannot make");
  auto written = write_all(fd, path, gather, stop);
  if (::close(fd) != 0 && written) return io_error(path, "cannot close");
  return written;
}

}  // namespace ondol::device::cpu
