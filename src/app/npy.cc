#include "app/npy.h"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <system_error>

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

}  // namespace ondol::app
