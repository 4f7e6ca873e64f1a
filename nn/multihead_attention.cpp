// Multi-head attention over sequences.
#include "nn/multihead_attention.h"

#include <cmath>
#include <limits>

namespace sg::nn {
namespace {

/// 0 where an i64 mask is 0 and minus infinity elsewhere; a floating mask as it is.
Tensor as_addend(const Tensor& mask, Dtype dtype) {
  if (mask.dtype() != i64) return cast(mask, dtype);
  return where(cast(not_equal(mask, 0), dtype), -std::numeric_limits<double>::infinity(), zeros(mask.shape(), dtype));
}

}  // namespace

MultiheadAttention::MultiheadAttention(std::int64_t width, std::int64_t heads, MultiheadAttentionOptions options)
    : width_(width),
      heads_(heads),
      options_(options),
      one_width_(options.key_width.value_or(width) == width && options.value_width.value_or(width) == width),
      in_proj_weight_({3 * width, width}, init::xavier_uniform()),
      q_proj_weight_({width, width}, init::xavier_uniform()),
      k_proj_weight_({width, options.key_width.value_or(width)}, init::xavier_uniform()),
      v_proj_weight_({width, options.value_width.value_or(width)}, init::xavier_uniform()),
      in_proj_bias_({3 * width}, init::zeros()),
      out_proj_(width, width, options.bias),
      dropout_(options.dropout) {
  if (heads < 1 || width < 1 || width % heads) fail("MultiheadAttention: {} heads do not divide {}", heads, width);
  if (one_width_) {
    add_parameter("in_proj_weight", in_proj_weight_);
  } else {
    add_parameter("q_proj_weight", q_proj_weight_);
    add_parameter("k_proj_weight", k_proj_weight_);
    add_parameter("v_proj_weight", v_proj_weight_);
  }
  if (options.bias) {
    add_parameter("in_proj_bias", in_proj_bias_);
    out_proj_.bias().set_rule(init::zeros());
  }
  add_child("out_proj", out_proj_);
  if (options.dropout > 0) add_child("dropout", dropout_);
}

Tensor MultiheadAttention::scores_mask(const AttentionMasks& masks, const Shape& scores, Dtype dtype) const {
  Tensor total;
  if (masks.attention.defined()) {
    const Shape &shape = masks.attention.shape(), one{scores[2], scores[3]},
                each{scores[0] * heads_, scores[2], scores[3]};
    if (shape != one && shape != each) {
      fail("MultiheadAttention: the attention mask has to be {} or {}: {}", one, each, shape);
    }
    total = as_addend(masks.attention, dtype);
    if (shape.size() == 3) total = reshape(total, scores);
  }
  if (masks.key_padding.defined()) {
    if (masks.key_padding.shape() != Shape{scores[0], scores[3]}) {
      fail("MultiheadAttention: the key padding mask has to be [{}, {}]: {}", scores[0], scores[3],
           masks.key_padding.shape());
    }
    const Tensor padding = unsqueeze(as_addend(masks.key_padding, dtype), Axes{1, 2});
    total = total.defined() ? total + padding : padding;
  }
  return total;
}

MultiheadAttention::Result MultiheadAttention::attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                                      const AttentionMasks& masks) {
  for (const Tensor* x : {&query, &key, &value}) {
    if (x->rank() != 3) fail("MultiheadAttention: sequences have three axes: {}", x->shape());
  }
  // [N, L, E] from here on.
  const auto batch_first = [&](const Tensor& x) { return options_.batch_first ? x : transpose(x, {1, 0, 2}); };
  const Tensor q = batch_first(query), k = batch_first(key), v = batch_first(value);
  const std::int64_t samples = q.shape(0), queries = q.shape(1), keys = k.shape(1);
  if (k.shape(0) != samples || v.shape(0) != samples || v.shape(1) != keys) {
    fail("MultiheadAttention: queries {}, keys {} and values {} do not fit", query.shape(), key.shape(), value.shape());
  }
  // [N, length, .] -> [N, heads, length, E / heads].
  const auto project = [&](const Tensor& x, std::int64_t part, const Parameter& own_weight) {
    const std::int64_t first = part * width_;
    const Tensor weight = one_width_ ? slice(in_proj_weight_, 0, first, first + width_) : own_weight.value();
    if (x.shape(2) != weight.shape(1)) {
      fail("MultiheadAttention: the last extent has to be {}: {}", weight.shape(1), x.shape());
    }
    Tensor y = matmul(x, transpose(weight));
    if (options_.bias) y = y + slice(in_proj_bias_, 0, first, first + width_);
    return transpose(reshape(y, {samples, x.shape(1), heads_, width_ / heads_}), {0, 2, 1, 3});
  };
  const double scale = 1 / std::sqrt(static_cast<double>(width_ / heads_));
  const Tensor key_heads = project(k, 1, k_proj_weight_), value_heads = project(v, 2, v_proj_weight_);
  Tensor scores = matmul(project(q, 0, q_proj_weight_) * scale, transpose(key_heads));
  const Tensor mask = scores_mask(masks, scores.shape(), scores.dtype());
  if (mask.defined()) scores = scores + mask;
  const Tensor weights = softmax(scores, -1);
  const Tensor seen = matmul(options_.dropout > 0 ? dropout_(weights) : weights, value_heads);
  const Tensor joined = reshape(transpose(seen, {0, 2, 1, 3}), {samples, queries, width_});
  return {batch_first(out_proj_(joined)), weights};
}

Tensor causal_mask(std::int64_t length) { return triu(ones({length, length}, i64), 1); }

}  // namespace sg::nn
