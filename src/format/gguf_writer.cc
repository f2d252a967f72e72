#include "format/gguf_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"
#include "base/checked.h"

namespace ondol::format {
namespace {

static_assert(std::variant_size_v<GgufValue> == static_cast<std::size_t>(GgufType::kF64) + 1);

class ByteSink {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    append(std::as_bytes(std::span(&value, 1)));
  }
  void put(const std::string& text) {
    put<std::uint64_t>(text.size());
    append(text);
  }
  void append(std::string_view text) { append(std::as_bytes(std::span(text.data(), text.size()))); }
  void append(std::span<const std::byte> bytes) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + bytes.size());
    if (!bytes.empty()) std::memcpy(bytes_.data() + at, bytes.data(), bytes.size());
  }
  void put(const GgufArray& array) {
    // Scalars before kArray keep their index; those after it are one lower.
    const auto index = static_cast<std::uint32_t>(array.index());
    put<std::uint32_t>(index < static_cast<std::uint32_t>(GgufType::kArray) ? index : index + 1);
    std::visit(
        [this](const auto& items) {
          put<std::uint64_t>(items.size());
          for (const auto& item : items) put(item);
        },
        array);
  }
  void pad(std::uint32_t alignment) {
    bytes_.resize(ceil_div(bytes_.size(), std::size_t{alignment}) * alignment);
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// A rename is safe on the disk only when the directory is. Not every file system
/// can do this; the file itself has been synced.
void sync_directory_of(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

GgufWriter::GgufWriter(std::uint32_t alignment) : alignment_(alignment) {
  ONDOL_CHECK(std::has_single_bit(alignment) && alignment >= 8);
  if (alignment != kDefaultAlignment) set(std::string(kAlignmentKey), alignment);
}

GgufWriter::~GgufWriter() {
  if (partial_path_.empty()) return;
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(partial_path_, ignored);
}

void GgufWriter::set(std::string key, GgufValue value) {
  ByteSink sink;
  sink.put<std::uint32_t>(static_cast<std::uint32_t>(value.index()));
  std::visit([&sink](const auto& v) { sink.put(v); }, value);
  set_bytes(std::move(key), sink.take());
}

void GgufWriter::set_raw(std::string key, std::span<const std::byte> type_and_value) {
  ONDOL_CHECK(key != kAlignmentKey);
  set_bytes(std::move(key), {type_and_value.begin(), type_and_value.end()});
}

void GgufWriter::set_bytes(std::string key, std::vector<std::byte> type_and_value) {
  const auto [it, is_new] = value_of_key_.try_emplace(key, values_.size());
  if (is_new) {
    values_.emplace_back(std::move(key), std::move(type_and_value));
  } else {
    values_[it->second].second = std::move(type_and_value);
  }
}

void GgufWriter::add_tensor(std::string name, DType dtype, Shape shape) {
  ONDOL_CHECK(partial_path_.empty() && shape.rank() > 0 && shape.n_elements() > 0);
  ONDOL_CHECK(names_.insert(name).second);
  const auto row = row_bytes(dtype, shape.n_cols());
  ONDOL_CHECK(row.has_value());
  tensors_.push_back({std::move(name), dtype, shape, *row * shape.n_rows()});
}

std::vector<std::byte> GgufWriter::header() const {
  ByteSink sink;
  sink.append(kGgufMagic);
  sink.put<std::uint32_t>(3);
  sink.put<std::uint64_t>(tensors_.size());
  sink.put<std::uint64_t>(values_.size());
  for (const auto& [key, type_and_value] : values_) {
    sink.put(key);
    sink.append(type_and_value);
  }
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    sink.put(tensor.name);
    sink.put<std::uint32_t>(static_cast<std::uint32_t>(tensor.shape.rank()));
    for (std::size_t i = tensor.shape.rank(); i-- > 0;) sink.put<std::uint64_t>(tensor.shape[i]);
    sink.put<std::uint32_t>(info(tensor.dtype).gguf_id);
    sink.put<std::uint64_t>(offset);
    offset += ceil_div(tensor.n_bytes, std::uint64_t{alignment_}) * alignment_;
  }
  sink.pad(alignment_);
  return sink.take();
}

Result<void> GgufWriter::open(const std::filesystem::path& path) {
  ONDOL_CHECK(partial_path_.empty());
  path_ = path;
  std::filesystem::path partial = path;
  partial += "." + std::to_string(::getpid()) + ".partial";
  // What a crashed process of the same number left goes; nothing is followed or shared.
  ::unlink(partial.c_str());
  file_.reset(std::fopen(partial.c_str(), "wbxe"));
  if (!file_) return io_error("open");
  partial_path_ = std::move(partial);
  return put(header(), "header");
}

Result<void> GgufWriter::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  const std::uint64_t left =
      current_ < tensors_.size() ? tensors_[current_].n_bytes - n_written_ : 0;
  if (bytes.size() > left) {
    return fail(ErrorCode::kInvalidArgument, path_.string(),
                current_ < tensors_.size() ? tensors_[current_].name : "end of the last tensor",
                "more bytes than the tensor has", bytes.size(), left);
  }
  ONDOL_TRY_VOID(put(bytes, tensors_[current_].name));
  n_written_ += bytes.size();
  if (n_written_ < tensors_[current_].n_bytes) return {};
  const std::uint64_t over = n_written_ % alignment_;
  const std::vector<std::byte> padding(over == 0 ? 0 : alignment_ - over);
  ONDOL_TRY_VOID(put(padding, tensors_[current_].name));
  ++current_;
  n_written_ = 0;
  return {};
}

Result<void> GgufWriter::finish() {
  if (current_ < tensors_.size()) {
    return fail(ErrorCode::kInvalidArgument, path_.string(), tensors_[current_].name,
                "not all of the tensor was written", n_written_, tensors_[current_].n_bytes);
  }
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) return io_error("sync");
  if (std::fclose(file_.release()) != 0) return io_error("close");
  std::error_code error;
  std::filesystem::rename(partial_path_, path_, error);
  if (error) return fail(ErrorCode::kIo, path_.string(), "rename", error.message());
  partial_path_.clear();
  sync_directory_of(path_);
  return {};
}

Result<void> GgufWriter::put(std::span<const std::byte> bytes, std::string_view what) {
  if (bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) {
    return {};
  }
  return io_error(what);
}

Result<void> GgufWriter::io_error(std::string_view what) const {
  return fail(ErrorCode::kIo, path_.string(), what, std::generic_category().message(errno));
}

}  // namespace ondol::format
