#include "model/quantize_weight.h"

#include <algorithm>
#include <new>

#include "model/convert_tensor.h"

namespace ondol::model {

Result<QuantizedTensor> quantize_tensor(std::string_view where, std::string_view name,
                                        const TensorView& tensor, DType dtype) {
  constexpr int kMaxThreads = 64;
  const std::size_t n_bytes =
      tensor.shape.n_rows() * row_bytes(dtype, tensor.shape.n_cols()).value_or(0);
  try {
    auto bytes = std::make_shared<std::vector<std::byte>>();
    bytes->reserve(n_bytes);
    TensorConverter converter(std::min(usable_cores(), kMaxThreads));
    const auto append = [&bytes](std::span<const std::byte> strip) -> Result<void> {
      bytes->insert(bytes->end(), strip.begin(), strip.end());
      return {};
    };
    ONDOL_TRY_VOID(converter.run(where, name, tensor, dtype, {}, append));
    return QuantizedTensor{{dtype, tensor.shape, *bytes}, bytes};
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, where, name, "no memory for the quantized weight",
                std::to_string(n_bytes));
  }
}

}  // namespace ondol::model
