#include "format/gguf_writer.h"

#include <unistd.h>

#include <algorithm>
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
    append({reinterpret_cast<const char*>(&value), sizeof(T)});
  }
  void put(const std::string& text) {
    put<std::uint64_t>(text.size());
    append(text);
  }
  void append(std::string_view text) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + text.size());
    std::memcpy(bytes_.data() + at, text.data(), text.size());
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

}  // namespace

GgufWriter::GgufWriter(std::uint32_t alignment) : alignment_(alignment) {
  ONDOL_CHECK(std::has_single_bit(alignment) && alignment >= 8);
  if (alignment != kDefaultAlignment) set(std::string(kAlignmentKey), alignment);
}

GgufWriter::~GgufWriter() {
  if (partial_path_.empty()) return;
  stream_.close();
  std::error_code ignored;
  std::filesystem::remove(partial_path_, ignored);
}

void GgufWriter::set(std::string key, GgufValue value) {
  const auto it = std::find_if(values_.begin(), values_.end(),
                               [&key](const auto& entry) { return entry.first == key; });
  if (it == values_.end()) {
    values_.emplace_back(std::move(key), std::move(value));
  } else {
    it->second = std::move(value);
  }
}

void GgufWriter::add_tensor(std::string name, DType dtype, Shape shape) {
  ONDOL_CHECK(partial_path_.empty() && shape.rank() > 0 && shape.n_elements() > 0);
  ONDOL_CHECK(std::none_of(tensors_.begin(), tensors_.end(),
                           [&name](const Tensor& t) { return t.name == name; }));
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
  for (const auto& [key, value] : values_) {
    sink.put(key);
    sink.put<std::uint32_t>(static_cast<std::uint32_t>(value.index()));
    std::visit([&sink](const auto& v) { sink.put(v); }, value);
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
  partial_path_ = path;
  partial_path_ += "." + std::to_string(::getpid()) + ".partial";
  stream_.open(partial_path_, std::ios::binary | std::ios::trunc);
  const std::vector<std::byte> bytes = header();
  stream_.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
  return check_stream("header");
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
  stream_.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
  ONDOL_TRY_VOID(check_stream(tensors_[current_].name));
  n_written_ += bytes.size();
  if (n_written_ < tensors_[current_].n_bytes) return {};
  const std::uint64_t over = n_written_ % alignment_;
  const std::string padding(over == 0 ? 0 : alignment_ - over, '\0');
  stream_.write(padding.data(), static_cast<std::streamsize>(padding.size()));
  ONDOL_TRY_VOID(check_stream(tensors_[current_].name));
  ++current_;
  n_written_ = 0;
  return {};
}

Result<void> GgufWriter::finish() {
  if (current_ < tensors_.size()) {
    return fail(ErrorCode::kInvalidArgument, path_.string(), tensors_[current_].name,
                "not all of the tensor was written", n_written_, tensors_[current_].n_bytes);
  }
  stream_.close();
  ONDOL_TRY_VOID(check_stream("close"));
  std::error_code error;
  std::filesystem::rename(partial_path_, path_, error);
  if (error) return fail(ErrorCode::kIo, path_.string(), "rename", error.message());
  partial_path_.clear();
  return {};
}

Result<void> GgufWriter::check_stream(std::string_view what) {
  if (stream_) return {};
  return fail(ErrorCode::kIo, path_.string(), what, std::generic_category().message(errno));
}

}  // namespace ondol::format
