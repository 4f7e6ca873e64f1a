// Embedding.
#include "nn/embedding.h"

namespace sg::nn {

Embedding::Embedding(std::int64_t count, std::int64_t width, std::optional<std::int64_t> padding_index)
    : weight_({count, width}, init::normal()), padding_index_(padding_index) {
  if (count < 1 || width < 1) fail("Embedding: {} rows of {} numbers", count, width);
  if (padding_index && (*padding_index < 0 || *padding_index >= count)) {
    fail("Embedding: the padding {} is none of {} rows", *padding_index, count);
  }
  if (padding_index) {
    weight_.set_rule([padding = *padding_index](const Shape& shape, Dtype dtype, const init::Stream& stream) {
      const Tensor row = reshape(equal(arange(shape[0]), padding), {shape[0], 1});
      return where(cast(row, dtype), 0, init::normal()(shape, dtype, stream));
    });
  }
  add_parameter("weight", weight_);
}

Tensor Embedding::forward(const Tensor& index) {
  if (index.dtype() != i64) fail("Embedding: the indices have to be i64, not {}", name_of(index.dtype()));
  const Tensor rows = take(weight_, index, 0);
  if (!padding_index_) return rows;
  return where(cast(unsqueeze(equal(index, *padding_index_), -1), rows.dtype()), stop_gradient(rows), rows);
}

}  // namespace sg::nn
