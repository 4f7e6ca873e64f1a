// Embedding.
#pragma once

#include <optional>

#include "nn/module.h"

namespace sg::nn {

/// Indices i64 [...] -> [..., width]: rows of `weight` [count, width]. The row of the padding, if there is one, is
/// zeros at first, and no derivative flows to it.
class Embedding : public Module {
 public:
  Embedding(std::int64_t count, std::int64_t width, std::optional<std::int64_t> padding_index = {});
  /// An index outside of 0..count - 1 throws at evaluation.
  Tensor forward(const Tensor& index) override;
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }

 private:
  Parameter weight_;
  std::optional<std::int64_t> padding_index_;
};

}  // namespace sg::nn
