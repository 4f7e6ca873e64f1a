// The U-Net of diffusion models, with linear attention (Ho et al. 2020).
#pragma once

#include <memory>

#include "nn/attention.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace sg::nn {

/// Times [N] -> [N, dim]: half sines, half cosines of t exp(-ln(10000) i / (dim / 2 - 1)) (Vaswani et al. 2017).
class TimeEmbedding : public Module {
 public:
  explicit TimeEmbedding(std::int64_t dim);
  Tensor forward(const Tensor& t) override;

 private:
  std::vector<double> frequencies_;
};

/// `proj` 3 x 3, `norm.g`, then where given times (scale + 1) plus shift, then SiLU.
class UnetConv : public Module {
 public:
  UnetConv(std::int64_t in, std::int64_t out);
  /// x [N, in, H, W]; scale and shift [N, out, 1, 1] or undefined.
  Tensor forward(const Tensor& x, const Tensor& scale, const Tensor& shift);
  Tensor forward(const Tensor& x) override { return forward(x, {}, {}); }

 private:
  Conv2d proj_;
  RMSNorm2d norm_;
};

/// Residual block told the time: x [N, in, H, W], time [N, time_dim] -> [N, out, H, W].
class UnetBlock : public Module {
 public:
  UnetBlock(std::int64_t in, std::int64_t out, std::int64_t time_dim);
  using Module::forward;  // refuses: there is no time to tell
  Tensor forward(const Tensor& x, const Tensor& time);

 private:
  std::int64_t out_;
  Sequential mlp_;
  UnetConv block1_, block2_;
  std::unique_ptr<Conv2d> res_conv_;  // none where the widths agree
};

/// One resolution: two blocks, attention with residual, and the way to the next one; named "0" to "3".
class UnetLevel : public Module {
 public:
  UnetLevel(std::int64_t in, std::int64_t out, std::int64_t time_dim, std::unique_ptr<Module> attention,
            std::unique_ptr<Module> passage);
  UnetBlock& block1() { return block1_; }
  UnetBlock& block2() { return block2_; }
  Tensor attend(const Tensor& x) { return attention_->forward(x) + x; }
  Tensor pass(const Tensor& x) { return passage_->forward(x); }

 private:
  UnetBlock block1_, block2_;
  std::unique_ptr<Module> attention_, passage_;
};

struct UnetOptions {
  std::int64_t dim = 64;
  std::vector<std::int64_t> mults{1, 2, 4};
  std::int64_t channels = 3;
};

/// Pictures [N, channels, H, W] and times [N] to [N, channels, H, W]. Throws for sides that `side_multiple` does not
/// divide.
class Unet : public Module {
 public:
  explicit Unet(const UnetOptions& options = {});
  using Module::forward;
  Tensor forward(const Tensor& x, const Tensor& t);
  Tensor operator()(const Tensor& x, const Tensor& t) { return forward(x, t); }
  /// What both sides of a picture have to be multiples of.
  std::int64_t side_multiple() const;
  const UnetOptions& options() const { return options_; }
  /// The features of the middle, where a picture is smallest: [N, dim last mult, H / multiple, W / multiple].
  Tensor encode(const Tensor& x, const Tensor& t);

 private:
  struct Encoded;
  Encoded down(const Tensor& x, const Tensor& t);

  UnetOptions options_;
  Conv2d init_conv_;
  Sequential time_mlp_;
  ModuleList<UnetLevel> downs_, ups_;
  std::unique_ptr<UnetBlock> mid_block1_, mid_block2_;
  std::unique_ptr<FullAttention2d> mid_attn_;
  UnetBlock final_res_block_;
  Conv2d final_conv_;
};

}  // namespace sg::nn
