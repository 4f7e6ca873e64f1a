// Fourier transforms. Each is linear, and its transposed map is one of the others with weights.
#include "engine/kernels/fft.h"

#include <cmath>

#include "engine/ops/elementwise.h"

namespace sg {
namespace {

struct FftSettings {
  std::int64_t axis, backward;
};

kernels::FftShape lines_along(const Shape& shape, std::int64_t axis, std::size_t signal_axes, std::int64_t n) {
  kernels::FftShape lines{1, n, 1};
  for (std::int64_t i = 0; i < axis; ++i) lines.outer *= shape[i];
  for (std::size_t i = axis + 1; i < signal_axes; ++i) lines.inner *= shape[i];
  return lines;
}

double fft_flops(const Shape& shape, std::int64_t axis) {
  const auto n = static_cast<double>(std::max<std::int64_t>(shape[axis], 1));
  return 2.5 * static_cast<double>(element_count(shape)) * std::log2(n);
}

/// The axis among those of signals; throws unless z is complex and there is something to transform.
std::int64_t complex_axis(std::string_view operation, const Tensor& z, std::int64_t axis) {
  need_floating(operation, z);
  if (z.rank() < 2 || z.shape(-1) != 2) {
    fail("{}: needs complex numbers, a last axis of 2 behind that of the signal: {}", operation, z.shape());
  }
  axis = normalise_axis(operation, axis, z.rank() - 1);
  if (z.shape()[axis] == 0) fail("{}: nothing to transform along axis {} of {}", operation, axis, z.shape());
  return axis;
}

/// Without a factor. The map is its own transposed but for the conjugation.
struct Fft final : Configured<FftSettings> {
  using Configured::Configured;
  std::string_view name() const override { return "fft"; }
  Rows rows() const override { return settings().axis > 0 ? Rows::each : Rows::none; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto [axis, backward] = settings();
    const Shape& shape = *output.shape;
    const auto lines = lines_along(shape, axis, shape.size() - 1, shape[axis]);
    if (output.dtype == f32) {
      kernels::fft(lines, backward != 0, inputs[0].as<const float>(), output.as<float>());
    } else {
      kernels::fft(lines, backward != 0, inputs[0].as<const double>(), output.as<double>());
    }
  }
  double flops(std::span<const Shape* const>, const Shape& output) const override {
    return fft_flops(output, settings().axis);
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    return make_node(make_primitive<Fft>(FftSettings{settings().axis, !settings().backward}), {cotangent},
                     cotangent.shape(), cotangent.dtype());
  }
  Linearity linearity() const override { return Linearity::linear; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return make_node(make_primitive<Fft>(FftSettings{settings().axis + 1, settings().backward}), inputs,
                     inputs[0].shape(), inputs[0].dtype());
  }
};
}  // namespace
Tensor fft(const Tensor& z, std::int64_t axis) {
  axis = complex_axis("fft", z, axis);
  return make_node(make_primitive<Fft>(FftSettings{axis, 0}), {z}, z.shape(), z.dtype());
}
Tensor ifft(const Tensor& z, std::int64_t axis) {
  axis = complex_axis("ifft", z, axis);
  return make_node(make_primitive<Fft>(FftSettings{axis, 1}), {z}, z.shape(), z.dtype()) *
         (1 / static_cast<double>(z.shape()[axis]));
}

static Tensor forward_of_real(const Tensor& x, std::int64_t axis);
static Tensor backward_to_real(const Tensor& z, std::int64_t n, std::int64_t axis);

/// [..., n / 2 + 1, ..., 2] times weights along the axis: `inner` for the frequencies that stand for their mirror
/// images as well, 1 for 0 and n / 2, whose imaginary parts do not count.
static Tensor weigh_frequencies(const Tensor& z, std::int64_t n, std::int64_t axis, double inner) {
  const std::int64_t count = n / 2 + 1;
  std::vector<double> weights;
  for (std::int64_t k = 0; k < count; ++k) {
    const bool is_alone = k == 0 || 2 * k == n;
    weights.push_back(is_alone ? 1 : inner);
    weights.push_back(is_alone ? 0 : inner);
  }
  Shape shape(z.rank(), 1);
  shape[axis] = count;
  shape[z.rank() - 1] = 2;
  return z * tensor(std::span<const double>(weights), shape, z.dtype());
}

namespace {
struct SignalAxis {
  std::int64_t axis;
};

struct Rfft final : Configured<SignalAxis> {
  using Configured::Configured;
  std::string_view name() const override { return "rfft"; }
  Rows rows() const override { return settings().axis > 0 ? Rows::each : Rows::none; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Shape& shape = *inputs[0].shape;
    const auto lines = lines_along(shape, settings().axis, shape.size(), shape[settings().axis]);
    if (output.dtype == f32) {
      kernels::rfft(lines, inputs[0].as<const float>(), output.as<float>());
    } else {
      kernels::rfft(lines, inputs[0].as<const double>(), output.as<double>());
    }
  }
  double flops(std::span<const Shape* const> inputs, const Shape&) const override {
    return fft_flops(*inputs[0], settings().axis);
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    const std::int64_t axis = settings().axis, n = inputs[0].shape()[axis];
    return backward_to_real(weigh_frequencies(cotangent, n, axis, 0.5), n, axis);
  }
  Linearity linearity() const override { return Linearity::linear; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return forward_of_real(inputs[0], settings().axis + 1);
  }
};
}  // namespace
static Tensor forward_of_real(const Tensor& x, std::int64_t axis) {
  Shape shape = x.shape();
  shape[axis] = shape[axis] / 2 + 1;
  shape.push_back(2);
  return make_node(make_primitive<Rfft>(SignalAxis{axis}), {x}, shape, x.dtype());
}
Tensor rfft(const Tensor& x, std::int64_t axis) {
  need_floating("rfft", x);
  axis = normalise_axis("rfft", axis, x.rank());
  if (x.shape()[axis] == 0) fail("rfft: nothing to transform along axis {} of {}", axis, x.shape());
  return forward_of_real(x, axis);
}

namespace {
/// Without a factor; the imaginary parts at frequencies 0 and n / 2 do not count.
struct Irfft final : Configured<SignalAxis> {
  using Configured::Configured;
  std::string_view name() const override { return "irfft"; }
  Rows rows() const override { return settings().axis > 0 ? Rows::each : Rows::none; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Shape& shape = *output.shape;
    const auto lines = lines_along(shape, settings().axis, shape.size(), shape[settings().axis]);
    if (output.dtype == f32) {
      kernels::irfft(lines, inputs[0].as<const float>(), output.as<float>());
    } else {
      kernels::irfft(lines, inputs[0].as<const double>(), output.as<double>());
    }
  }
  double flops(std::span<const Shape* const>, const Shape& output) const override {
    return fft_flops(output, settings().axis);
  }
  Tensor vjp(const Tensors&, const Tensor& output, const Tensor& cotangent, std::size_t) const override {
    const std::int64_t axis = settings().axis;
    return weigh_frequencies(forward_of_real(cotangent, axis), output.shape()[axis], axis, 2);
  }
  Linearity linearity() const override { return Linearity::linear; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t) const override {
    return backward_to_real(inputs[0], output.shape()[settings().axis], settings().axis + 1);
  }
};
}  // namespace
static Tensor backward_to_real(const Tensor& z, std::int64_t n, std::int64_t axis) {
  Shape shape = z.shape();
  shape.pop_back();
  shape[axis] = n;
  return make_node(make_primitive<Irfft>(SignalAxis{axis}), {z}, shape, z.dtype());
}
Tensor irfft(const Tensor& z, std::int64_t n, std::int64_t axis) {
  axis = complex_axis("irfft", z, axis);
  if (n < 1 || z.shape()[axis] != n / 2 + 1) {
    fail("irfft: {} real numbers have {} frequencies, along axis {} there are {}", n, n < 1 ? 0 : n / 2 + 1, axis,
         z.shape());
  }
  return backward_to_real(weigh_frequencies(z, n, axis, 1), n, axis) * (1 / static_cast<double>(n));
}

}  // namespace sg
