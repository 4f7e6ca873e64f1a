// The U-Net of diffusion models.
#include "nn/models/unet.h"

#include <cmath>

#include "nn/activation.h"
#include "nn/pool.h"

namespace sg::nn {

TimeEmbedding::TimeEmbedding(std::int64_t dim) {
  if (dim < 4 || dim % 2) fail("TimeEmbedding: the size has to be even and at least 4: {}", dim);
  const std::int64_t half = dim / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    frequencies_.push_back(std::exp(static_cast<double>(i) * (-std::log(10000.0) / static_cast<double>(half - 1))));
  }
}

Tensor TimeEmbedding::forward(const Tensor& t) {
  if (t.rank() != 1) fail("TimeEmbedding: needs times [N]: {}", t.shape());
  const auto half = static_cast<std::int64_t>(frequencies_.size());
  const Tensor angles = unsqueeze(t, 1) * tensor(std::span<const double>(frequencies_), {1, half}, t.dtype());
  return concat({sin(angles), cos(angles)}, 1);
}

UnetConv::UnetConv(std::int64_t in, std::int64_t out) : proj_(in, out, 3, {.padding = 1}), norm_(out) {
  add_child("proj", proj_);
  add_child("norm", norm_);
}

Tensor UnetConv::forward(const Tensor& x, const Tensor& scale, const Tensor& shift) {
  Tensor y = norm_(proj_(x));
  if (scale.defined()) y = y * (scale + 1) + shift;
  return silu(y);
}

UnetBlock::UnetBlock(std::int64_t in, std::int64_t out, std::int64_t time_dim)
    : out_(out), block1_(in, out), block2_(out, out) {
  mlp_.add<SiLU>().add<Linear>(time_dim, 2 * out);
  add_child("mlp", mlp_);
  add_child("block1", block1_);
  add_child("block2", block2_);
  if (in == out) return;
  res_conv_ = std::make_unique<Conv2d>(in, out, 1);
  add_child("res_conv", *res_conv_);
}

Tensor UnetBlock::forward(const Tensor& x, const Tensor& time) {
  const Tensor scale_shift = reshape(mlp_(time), {time.shape(0), 2 * out_, 1, 1});
  const Tensor y = block1_.forward(x, slice(scale_shift, 1, 0, out_), slice(scale_shift, 1, out_, 2 * out_));
  return block2_.forward(y) + (res_conv_ ? res_conv_->forward(x) : x);
}

UnetLevel::UnetLevel(std::int64_t in, std::int64_t out, std::int64_t time_dim, std::unique_ptr<Module> attention,
                     std::unique_ptr<Module> passage)
    : block1_(in, out, time_dim),
      block2_(in, out, time_dim),
      attention_(std::move(attention)),
      passage_(std::move(passage)) {
  add_child("0", block1_);
  add_child("1", block2_);
  add_child("2", *attention_);
  add_child("3", *passage_);
}

namespace {

std::unique_ptr<Module> make_attention(std::int64_t channels, bool full) {
  if (full) return std::make_unique<FullAttention2d>(channels);
  return std::make_unique<LinearAttention2d>(channels);
}

std::unique_ptr<Module> same_side(std::int64_t in, std::int64_t out) {
  return std::make_unique<Conv2d>(in, out, 3, ConvOptions{.padding = 1});
}

std::unique_ptr<Module> half_side(std::int64_t in, std::int64_t out) {
  auto passage = std::make_unique<Sequential>();
  passage->add<SpaceToDepth>(2).add<Conv2d>(4 * in, out, 1);
  return passage;
}

std::unique_ptr<Module> double_side(std::int64_t in, std::int64_t out) {
  auto passage = std::make_unique<Sequential>();
  passage->add<UpsampleNearest2d>(2).append(same_side(in, out));
  return passage;
}

const UnetOptions& checked(const UnetOptions& options) {
  if (options.dim < 4 || options.dim % 2) fail("Unet: dim has to be even and at least 4: {}", options.dim);
  if (options.channels < 1) fail("Unet: channels has to be at least 1: {}", options.channels);
  if (options.mults.empty() || options.mults.size() > 16) {
    fail("Unet: needs 1 to 16 mults, got {}", options.mults.size());
  }
  for (std::int64_t mult : options.mults) {
    if (mult < 1 || mult > 1024) fail("Unet: a mult has to lie between 1 and 1024: {}", mult);
  }
  return options;
}

}  // namespace

Unet::Unet(const UnetOptions& options)
    : options_(checked(options)),
      init_conv_(options.channels, options.dim, 7, {.padding = 3}),
      final_res_block_(2 * options.dim, options.dim, 4 * options.dim),
      final_conv_(options.dim, options.channels, 1) {
  const std::int64_t dim = options.dim, time_dim = 4 * dim;
  std::vector<std::int64_t> dims{dim};
  for (std::int64_t mult : options.mults) dims.push_back(dim * mult);
  const std::size_t levels = options.mults.size();

  time_mlp_.add<TimeEmbedding>(dim).add<Linear>(dim, time_dim).add<GELU>().add<Linear>(time_dim, time_dim);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::int64_t in = dims[level], out = dims[level + 1];
    const bool last = level + 1 == levels;
    downs_.add(in, in, time_dim, make_attention(in, last), last ? same_side(in, out) : half_side(in, out));
  }
  const std::int64_t middle = dims.back();
  mid_block1_ = std::make_unique<UnetBlock>(middle, middle, time_dim);
  mid_attn_ = std::make_unique<FullAttention2d>(middle);
  mid_block2_ = std::make_unique<UnetBlock>(middle, middle, time_dim);
  for (std::size_t level = levels; level-- > 0;) {
    const std::int64_t in = dims[level], out = dims[level + 1];
    ups_.add(out + in, out, time_dim, make_attention(out, level + 1 == levels),
             level ? double_side(out, in) : same_side(out, in));
  }

  add_child("init_conv", init_conv_);
  add_child("time_mlp", time_mlp_);
  add_child("downs", downs_);
  add_child("mid_block1", *mid_block1_);
  add_child("mid_attn", *mid_attn_);
  add_child("mid_block2", *mid_block2_);
  add_child("ups", ups_);
  add_child("final_res_block", final_res_block_);
  add_child("final_conv", final_conv_);
}

std::int64_t Unet::side_multiple() const { return std::int64_t{1} << (options_.mults.size() - 1); }

struct Unet::Encoded {
  Tensor first, time, middle;
  Tensors skips;
};

Unet::Encoded Unet::down(const Tensor& x, const Tensor& t) {
  const std::int64_t multiple = side_multiple();
  if (x.rank() != 4 || x.shape(1) != options_.channels) {
    fail("Unet: needs pictures [N, {}, H, W]: {}", options_.channels, x.shape());
  }
  if (x.shape(2) % multiple || x.shape(3) % multiple) {
    fail("Unet: {} mults need sides that are multiples of {}: {} x {}", options_.mults.size(), multiple, x.shape(2),
         x.shape(3));
  }
  if (t.rank() != 1 || t.shape(0) != x.shape(0)) {
    fail("Unet: needs one time a picture: times {}, pictures {}", t.shape(), x.shape());
  }
  Encoded encoded;
  encoded.first = init_conv_(x);
  encoded.time = time_mlp_(t.dtype() == x.dtype() ? t : cast(t, x.dtype()));
  Tensor y = encoded.first;
  for (std::size_t level = 0; level < downs_.size(); ++level) {
    y = downs_[level].block1().forward(y, encoded.time);
    encoded.skips.push_back(y);
    y = downs_[level].attend(downs_[level].block2().forward(y, encoded.time));
    encoded.skips.push_back(y);
    y = downs_[level].pass(y);
  }
  y = mid_block1_->forward(y, encoded.time);
  y = mid_attn_->forward(y) + y;
  encoded.middle = mid_block2_->forward(y, encoded.time);
  return encoded;
}

Tensor Unet::encode(const Tensor& x, const Tensor& t) { return down(x, t).middle; }

Tensor Unet::forward(const Tensor& x, const Tensor& t) {
  Encoded encoded = down(x, t);
  Tensor y = encoded.middle;
  const auto join = [&](const Tensor& skip) { return concat({y, skip}, 1); };
  const auto top = [&] {
    const Tensor skip = encoded.skips.back();
    encoded.skips.pop_back();
    return skip;
  };
  for (std::size_t level = 0; level < ups_.size(); ++level) {
    y = ups_[level].block1().forward(join(top()), encoded.time);
    y = ups_[level].block2().forward(join(top()), encoded.time);
    y = ups_[level].pass(ups_[level].attend(y));
  }
  y = final_res_block_.forward(join(encoded.first), encoded.time);
  return final_conv_(y);
}

}  // namespace sg::nn
