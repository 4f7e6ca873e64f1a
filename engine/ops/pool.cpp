// Pooling and interpolation. The one primitive here is the place of each window's maximum; the rest is composed.
#include <cmath>
#include <limits>

#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"

namespace sg {
namespace {

void check_pool(std::string_view operation, const Tensor& x, const Pool2dOptions& options) {
  if (x.rank() != 4) fail("{}: the input must have four axes, got {}", operation, x.shape());
  if (!is_floating(x.dtype())) fail("{}: needs f32 or f64, got {}", operation, name_of(x.dtype()));
  for (int i = 0; i < 2; ++i) {
    if (options.kernel[i] < 1 || options.stride[i] < 1 || options.padding[i] < 0) {
      fail("{}: kernel {}, stride {} and padding {} are not a window", operation, options.kernel[i], options.stride[i],
           options.padding[i]);
    }
    if (2 * options.padding[i] > options.kernel[i]) {
      fail("{}: padding {} is more than half of the kernel {}", operation, options.padding[i], options.kernel[i]);
    }
    if (x.shape()[2 + i] + 2 * options.padding[i] < options.kernel[i]) {
      fail("{}: the kernel {} does not fit into the padded input {}", operation, options.kernel[i], x.shape());
    }
  }
}

Shape pooled_shape(const Shape& shape, const Pool2dOptions& options) {
  Shape result = shape;
  for (int i = 0; i < 2; ++i) {
    result[2 + i] = (shape[2 + i] + 2 * options.padding[i] - options.kernel[i]) / options.stride[i] + 1;
  }
  return result;
}

/// Where each window's maximum is, as h * W + w; the first of equals, and the first NaN if there is one.
struct MaxPool2dIndex final : Configured<Pool2dOptions> {
  using Configured::Configured;
  std::string_view name() const override { return "max_pool2d_index"; }
  Rows rows() const override { return Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Shape &in = *inputs[0].shape, &out = *output.shape;
    const Pool2dOptions options = settings();
    dispatch(inputs[0].dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::parallel_for(in[0] * in[1], [&](std::int64_t plane) {
        const T* x = inputs[0].as<const T>() + plane * in[2] * in[3];
        std::int64_t* index = output.as<std::int64_t>() + plane * out[2] * out[3];
        for (std::int64_t i = 0; i < out[2]; ++i) {
          const std::int64_t top = i * options.stride[0] - options.padding[0];
          for (std::int64_t j = 0; j < out[3]; ++j) {
            const std::int64_t left = j * options.stride[1] - options.padding[1];
            std::int64_t best = -1;
            for (std::int64_t h = std::max<std::int64_t>(top, 0); h < std::min(top + options.kernel[0], in[2]); ++h) {
              for (std::int64_t w = std::max<std::int64_t>(left, 0); w < std::min(left + options.kernel[1], in[3]);
                   ++w) {
                const std::int64_t here = h * in[3] + w;
                if (best < 0 || x[here] > x[best] || (x[here] != x[here] && x[best] == x[best])) best = here;
              }
            }
            index[i * out[3] + j] = best;
          }
        }
      });
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t n) const override {
    const Shape &in = inputs[0].shape(), &out = output.shape();
    const Tensor images = reshape(inputs[0], {n * in[1], in[2], in[3], in[4]});
    const Tensor index = make_node(output.node()->primitive(), {images}, {n * out[0], out[1], out[2], out[3]}, i64);
    return reshape(index, {n, out[0], out[1], out[2], out[3]});
  }
};
}  // namespace
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  check_pool("max_pool2d", x, options);
  const Shape shape = pooled_shape(x.shape(), options);
  const Tensor index = make_node(make_primitive<MaxPool2dIndex>(options), {x}, shape, i64);
  const Shape planes{shape[0], shape[1], shape[2] * shape[3]};
  return reshape(gather(flatten(x, 2), reshape(index, planes), 2), shape);
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  check_pool("avg_pool2d", x, options);
  const Shape shape = pooled_shape(x.shape(), options);
  const Shape border{0, 0, options.padding[0], options.padding[1]};
  const Tensor padded = pad(x, border, border);
  Tensor total;
  for (std::int64_t h = 0; h < options.kernel[0]; ++h) {
    const Tensor rows = slice(padded, 2, h, h + (shape[2] - 1) * options.stride[0] + 1, options.stride[0]);
    for (std::int64_t w = 0; w < options.kernel[1]; ++w) {
      total = series::plus(total, slice(rows, 3, w, w + (shape[3] - 1) * options.stride[1] + 1, options.stride[1]));
    }
  }
  return total * (1.0 / static_cast<double>(options.kernel[0] * options.kernel[1]));
}

Tensor upsample_nearest2d(const Tensor& x, std::int64_t factor) {
  if (x.rank() != 4) fail("upsample_nearest2d: the input must have four axes, got {}", x.shape());
  if (factor < 1) fail("upsample_nearest2d: the factor must be at least 1, got {}", factor);
  const Shape& s = x.shape();
  const Tensor spread =
      broadcast_to(reshape(x, {s[0], s[1], s[2], 1, s[3], 1}), {s[0], s[1], s[2], factor, s[3], factor});
  return reshape(spread, {s[0], s[1], s[2] * factor, s[3] * factor});
}

/// [extent * factor, extent]: row i weighs the two samples beside (i + 1/2) / factor - 1/2, held at the borders.
static Tensor bilinear_matrix(std::int64_t extent, std::int64_t factor, Dtype dtype) {
  const std::int64_t rows = extent * factor;
  std::vector<double> weights(rows * extent, 0.0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const double position = std::max(0.0, (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5);
    const auto lower = std::min(static_cast<std::int64_t>(position), extent - 1);
    const std::int64_t upper = std::min(lower + 1, extent - 1);
    const double fraction = position - static_cast<double>(lower);
    weights[i * extent + lower] += 1 - fraction;
    weights[i * extent + upper] += fraction;
  }
  return tensor(std::span<const double>(weights), {rows, extent}, dtype);
}

Tensor upsample_bilinear2d(const Tensor& x, std::int64_t factor) {
  if (x.rank() != 4) fail("upsample_bilinear2d: the input must have four axes, got {}", x.shape());
  if (factor < 1) fail("upsample_bilinear2d: the factor must be at least 1, got {}", factor);
  if (x.size() == 0) fail("upsample_bilinear2d: the input is empty: {}", x.shape());
  const Tensor wide = matmul(x, transpose(bilinear_matrix(x.shape()[3], factor, x.dtype())));
  return matmul(bilinear_matrix(x.shape()[2], factor, x.dtype()), wide);
}

}  // namespace sg
