// Attention over the pixels of a picture, full and linear, with memory keys and values (the diffusion U-Net's).
#pragma once

#include "nn/container.h"
#include "nn/conv.h"
#include "nn/norm.h"

namespace sg::nn {

struct AttentionOptions {
  std::int64_t heads = 4;
  std::int64_t head_channels = 32;
  std::int64_t memory = 4;  // learned keys and values that every pixel sees
};

/// [N, C, H, W] to the same: softmax(q k' / sqrt(head channels)) v over all pixels and the memory (Vaswani et al.
/// 2017). Names: `mem_kv` [2, heads, memory, head channels], `norm.g`, `to_qkv`, `to_out`.
class FullAttention2d : public Module {
 public:
  explicit FullAttention2d(std::int64_t channels, AttentionOptions options = {});
  Tensor forward(const Tensor& x) override;

 private:
  AttentionOptions options_;
  Parameter mem_kv_;
  RMSNorm2d norm_;
  Conv2d to_qkv_, to_out_;
};

/// The same with (softmax over features of q) (softmax over pixels of k)' v, linear in the pixels (Shen et al. 2021).
/// Names: `mem_kv` [2, heads, head channels, memory], `norm.g`, `to_qkv`, `to_out.0`, `to_out.1.g`.
class LinearAttention2d : public Module {
 public:
  explicit LinearAttention2d(std::int64_t channels, AttentionOptions options = {});
  Tensor forward(const Tensor& x) override;

 private:
  AttentionOptions options_;
  Parameter mem_kv_;
  RMSNorm2d norm_;
  Conv2d to_qkv_;
  Sequential to_out_;
};

}  // namespace sg::nn
