#include "app/npy.h"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

#include "base/checked.h"

namespace ondol::app {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are written as they lie");

constexpr std::size_t kAlignment = 64;  // of the data, as NumPy writes it

std::string header(std::int64_t n_rows, std::int64_t n_cols) {
  std::string text = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                                 n_rows, n_cols);
  constexpr std::size_t kPrefix = 10;  // magic, version, length
  while ((kPrefix + text.size() + 1) % kAlignment != 0) text += ' ';
  text += '\n';
  const auto length = static_cast<unsigned>(text.size());
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(length & 0xff);
  out += static_cast<char>(length >> 8);
  return out + text;
}

struct Header {
  std::size_t start;  // of the data
  std::uint64_t n_rows, n_cols;
};

/// Reads "(N, M)" behind 'shape'.
std::optional<std::pair<std::uint64_t, std::uint64_t>> read_shape(std::string_view text) {
  const std::size_t key = text.find("'shape': (");
  if (key == std::string_view::npos) return std::nullopt;
  const char* end = text.data() + text.size();
  std::uint64_t n_rows = 0;
  std::uint64_t n_cols = 0;
  const auto first = std::from_chars(text.data() + key + 10, end, n_rows);
  if (first.ec != std::errc{} || end - first.ptr < 3 || first.ptr[0] != ',' ||
      first.ptr[1] != ' ') {
    return std::nullopt;
  }
  const auto second = std::from_chars(first.ptr + 2, end, n_cols);
  if (second.ec != std::errc{} || second.ptr == end || *second.ptr != ')') return std::nullopt;
  return std::pair(n_rows, n_cols);
}

std::optional<Header> read_header(std::string_view bytes) {
  constexpr std::size_t kPrefix = 10;
  if (!bytes.starts_with(std::string_view("\x93NUMPY\x01\x00", 8)) || bytes.size() < kPrefix) {
    return std::nullopt;
  }
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t length = byte(8) | static_cast<std::size_t>(byte(9)) << 8;
  const std::string_view text = bytes.substr(kPrefix, length);
  const bool is_plain = text.find("'descr': '<f4'") != std::string_view::npos &&
                        text.find("'fortran_order': False") != std::string_view::npos;
  const auto shape = read_shape(text);
  if (text.size() != length || !is_plain || !shape || (kPrefix + length) % sizeof(float) != 0) {
    return std::nullopt;
  }
  return Header{kPrefix + length, shape->first, shape->second};
}

}  // namespace

Result<NpyWriter> NpyWriter::create(const std::filesystem::path& path, std::int64_t n_rows,
                                    std::int64_t n_cols) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) {
    return fail(ErrorCode::kIo, path.string(), "", "cannot be written",
                std::generic_category().message(errno));
  }
  NpyWriter writer(path, file);
  const std::string text = header(n_rows, n_cols);
  if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) {
    return fail(ErrorCode::kIo, path.string(), "", "cannot be written");
  }
  return writer;
}

Result<void> NpyWriter::write_row(std::span<const float> row) {
  if (std::fwrite(row.data(), sizeof(float), row.size(), file_.get()) != row.size()) {
    return fail(ErrorCode::kIo, path_.string(), "", "cannot be written",
                std::generic_category().message(errno));
  }
  return {};
}

Result<void> NpyWriter::close() {
  if (std::fclose(file_.release()) != 0) {
    return fail(ErrorCode::kIo, path_.string(), "", "cannot be written",
                std::generic_category().message(errno));
  }
  return {};
}

Result<NpyReader> NpyReader::open(const std::filesystem::path& path) {
  ONDOL_TRY(auto file, MappedFile::open(path));
  const std::span<const std::byte> bytes = file->bytes();
  const auto header = read_header({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!header) {
    return fail(ErrorCode::kInvalidFile, path.string(), "header",
                "not a .npy file of f32 with two dimensions");
  }
  const auto n = checked_mul(header->n_rows, header->n_cols);
  const auto n_bytes = n ? checked_mul(*n, std::uint64_t{sizeof(float)}) : std::nullopt;
  if (!n_bytes || *n_bytes != bytes.size() - header->start) {
    return fail(ErrorCode::kInvalidFile, path.string(), "shape", "does not match the file's size",
                fmt::format("{} x {}", header->n_rows, header->n_cols),
                fmt::format("{} bytes", bytes.size() - header->start));
  }
  return NpyReader(std::move(file), header->start, static_cast<std::int64_t>(header->n_rows),
                   static_cast<std::int64_t>(header->n_cols));
}

std::span<const float> NpyReader::row(std::int64_t i) const {
  const auto width = static_cast<std::size_t>(n_cols_);
  const std::byte* start = file_->bytes().data() + start_;
  return {reinterpret_cast<const float*>(start) + static_cast<std::size_t>(i) * width, width};
}

}  // namespace ondol::app
