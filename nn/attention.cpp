// Attention over the pixels of a picture.
#include "nn/attention.h"

#include <cmath>

namespace sg::nn {
namespace {

/// Part i of q, k, v out of [N, 3 heads c, H, W]: [N, heads, c, H W].
Tensor part(const Tensor& qkv, std::int64_t i, const AttentionOptions& options) {
  const std::int64_t width = options.heads * options.head_channels;
  return reshape(slice(qkv, 1, i * width, (i + 1) * width),
                 {qkv.shape(0), options.heads, options.head_channels, qkv.shape(2) * qkv.shape(3)});
}

/// The memory's keys (0) or values (1), once for each sample.
Tensor memory(const Tensor& mem_kv, std::int64_t i, std::int64_t samples) {
  Shape shape = mem_kv.shape();
  shape[0] = samples;
  return broadcast_to(slice(mem_kv, 0, i, i + 1), shape);
}

}  // namespace

FullAttention2d::FullAttention2d(std::int64_t channels, AttentionOptions options)
    : options_(options),
      mem_kv_({2, options.heads, options.memory, options.head_channels}, init::normal()),
      norm_(channels),
      to_qkv_(channels, 3 * options.heads * options.head_channels, 1, {.bias = false}),
      to_out_(options.heads * options.head_channels, channels, 1) {
  add_parameter("mem_kv", mem_kv_);
  add_child("norm", norm_);
  add_child("to_qkv", to_qkv_);
  add_child("to_out", to_out_);
}

Tensor FullAttention2d::forward(const Tensor& x) {
  const std::int64_t samples = x.shape(0);
  const Tensor qkv = to_qkv_(norm_(x));
  const Tensor query = transpose(part(qkv, 0, options_));
  const Tensor key = concat({memory(mem_kv_, 0, samples), transpose(part(qkv, 1, options_))}, 2);
  const Tensor value = concat({memory(mem_kv_, 1, samples), transpose(part(qkv, 2, options_))}, 2);
  const Tensor seen = sg::attention(query, key, value);
  return to_out_(reshape(transpose(seen), {samples, options_.heads * options_.head_channels, x.shape(2), x.shape(3)}));
}

LinearAttention2d::LinearAttention2d(std::int64_t channels, AttentionOptions options)
    : options_(options),
      mem_kv_({2, options.heads, options.head_channels, options.memory}, init::normal()),
      norm_(channels),
      to_qkv_(channels, 3 * options.heads * options.head_channels, 1, {.bias = false}) {
  to_out_.add<Conv2d>(options.heads * options.head_channels, channels, 1).add<RMSNorm2d>(channels);
  add_parameter("mem_kv", mem_kv_);
  add_child("norm", norm_);
  add_child("to_qkv", to_qkv_);
  add_child("to_out", to_out_);
}

Tensor LinearAttention2d::forward(const Tensor& x) {
  const std::int64_t samples = x.shape(0);
  const Tensor qkv = to_qkv_(norm_(x));
  const double scale = 1 / std::sqrt(static_cast<double>(options_.head_channels));
  const Tensor query = softmax(part(qkv, 0, options_), 2) * scale;
  const Tensor key = softmax(concat({memory(mem_kv_, 0, samples), part(qkv, 1, options_)}, 3), 3);
  const Tensor value = concat({memory(mem_kv_, 1, samples), part(qkv, 2, options_)}, 3);
  // The features' products are summed over the pixels first: [N, heads, value channel, key channel].
  const Tensor context = matmul(value, transpose(key));
  const Tensor seen = matmul(context, query);
  return to_out_(reshape(seen, {samples, options_.heads * options_.head_channels, x.shape(2), x.shape(3)}));
}

}  // namespace sg::nn
