// Multi-head attention over sequences.
#pragma once

#include <optional>

#include "nn/dropout.h"
#include "nn/linear.h"

namespace sg::nn {

struct MultiheadAttentionOptions {
  bool bias = true;
  double dropout = 0;                     // of the attention's weights, in training
  std::optional<std::int64_t> key_width;  // of keys and of values, where it is not the queries'
  std::optional<std::int64_t> value_width;
  bool batch_first = false;  // [N, L, E] instead of PyTorch's default [L, N, E]
};

/// What may not be seen. A mask of i64 says so by any number but 0; one of floating numbers is added to the scores
/// before the softmax. A query that may see nothing gives NaN.
struct AttentionMasks {
  Tensor attention;    // [L, S], or [N heads, L, S]; may be undefined
  Tensor key_padding;  // [N, S]; may be undefined
};

/// Queries [L, N, E], keys [S, N, .] and values [S, N, .] -> [L, N, E] (Vaswani et al. 2017): in each of the heads
/// softmax(q k' / sqrt(E / heads)) v, with PyTorch's names `in_proj_weight` [3 E, E] (or `q_proj_weight`,
/// `k_proj_weight`, `v_proj_weight` where the widths differ), `in_proj_bias` [3 E], `out_proj.weight` and
/// `out_proj.bias`.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(std::int64_t width, std::int64_t heads, MultiheadAttentionOptions options = {});

  struct Result {
    Tensor output;
    Tensor weights;  // [N, heads, L, S], before the dropout
  };
  Result attend(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMasks& masks = {});
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMasks& masks = {}) {
    return attend(query, key, value, masks).output;
  }
  /// Self-attention.
  Tensor forward(const Tensor& x) override { return forward(x, x, x); }
  using Module::operator();
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMasks& masks = {}) {
    return forward(query, key, value, masks);
  }
  Linear& out_proj() { return out_proj_; }

 private:
  Tensor scores_mask(const AttentionMasks& masks, const Shape& scores, Dtype dtype) const;

  std::int64_t width_, heads_;
  MultiheadAttentionOptions options_;
  bool one_width_;
  Parameter in_proj_weight_, q_proj_weight_, k_proj_weight_, v_proj_weight_, in_proj_bias_;
  Linear out_proj_;
  Dropout dropout_;
};

/// [L, L] of i64 for `AttentionMasks::attention`: 1 where the key comes after the query.
Tensor causal_mask(std::int64_t length);

}  // namespace sg::nn
