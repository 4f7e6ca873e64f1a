// Every public operation: the vocabulary page; their derivatives are in autodiff.h. Elementwise ones broadcast by
// NumPy's rules; all throw sg::Error at the call.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "engine/tensor.h"

namespace sg {

// Creation --------------------------------------------------------------------------------------------------
Tensor tensor(std::span<const double> values, Shape shape,
              Dtype dtype = f32);  // copies; throws unless the counts agree
Tensor tensor(std::span<const float> values, Shape shape, Dtype dtype = f32);
Tensor tensor(std::span<const std::int64_t> values, Shape shape, Dtype dtype = i64);
Tensor tensor(std::initializer_list<double> values, Shape shape, Dtype dtype = f32);
Tensor scalar(double value, Dtype dtype = f32);
Tensor full(Shape shape, double value, Dtype dtype = f32);
Tensor zeros(Shape shape, Dtype dtype = f32);
Tensor ones(Shape shape, Dtype dtype = f32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
Tensor arange(std::int64_t count, Dtype dtype = i64);                               // 0, 1, ..., count - 1
Tensor linspace(double first, double last, std::int64_t count, Dtype dtype = f32);  // both ends included
Tensor eye(std::int64_t n, Dtype dtype = f32);

// Elementwise, one input ------------------------------------------------------------------------------------
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);    // derivative 0 at 0
Tensor sign(const Tensor& x);   // -1, 0 or 1; derivative 0
Tensor floor(const Tensor& x);  // derivative 0
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);       // 1 / sqrt(x)
Tensor reciprocal(const Tensor& x);  // 1 / x
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);  // exp(x) - 1, exact near 0
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);  // log(1 + x), exact near 0
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);  // log(1 + exp(x)) without overflow
Tensor erf(const Tensor& x);
Tensor atan(const Tensor& x);               // in [-pi/2, pi/2]
Tensor cast(const Tensor& x, Dtype dtype);  // towards zero from floating to i64
Tensor stop_gradient(const Tensor& x);      // the same values; derivatives do not flow through it

// Elementwise, two and three inputs (of one dtype) ----------------------------------------------------------
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& base, const Tensor& exponent);
Tensor pow(const Tensor& base, double exponent);
Tensor maximum(const Tensor& a, const Tensor& b);  // a NaN wins; equal inputs share the derivative
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor equal(const Tensor& a, const Tensor& b);  // comparisons give 1 or 0 in the inputs' dtype
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  // a where the condition is not 0, else b

Tensor operator-(const Tensor& x);
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);

// Activations -----------------------------------------------------------------------------------------------
Tensor relu(const Tensor& x);  // derivative 0 at 0
Tensor relu_squared(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);  // derivative negative_slope at 0
Tensor elu(const Tensor& x, double alpha = 1);
Tensor gelu(const Tensor& x);       // exact, with erf
Tensor gelu_tanh(const Tensor& x);  // the approximation by tanh
Tensor silu(const Tensor& x);
Tensor clamp(const Tensor& x, double low, double high);  // derivative 1 at both ends

// Reductions: over the given axes, or over all --------------------------------------------------------------
Tensor sum(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor mean(const Tensor& x);
Tensor variance(const Tensor& x, const Axes& axes, bool keepdims = false);  // divided by the count
Tensor max(const Tensor& x, const Axes& axes, bool keepdims = false);       // ties share the derivative
Tensor max(const Tensor& x);
Tensor min(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor min(const Tensor& x);
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdims = false);  // i64; the first of equals
Tensor softmax(const Tensor& x, std::int64_t axis);
Tensor log_softmax(const Tensor& x, std::int64_t axis);

// Movement --------------------------------------------------------------------------------------------------
Tensor reshape(const Tensor& x, Shape shape);  // one extent may be -1
Tensor flatten(const Tensor& x, std::int64_t first_axis = 0);
Tensor unsqueeze(const Tensor& x, std::int64_t axis);
Tensor squeeze(const Tensor& x, std::int64_t axis);
Tensor transpose(const Tensor& x, const Axes& permutation);
Tensor transpose(const Tensor& x);  // the last two axes
Tensor broadcast_to(const Tensor& x, Shape shape);
Tensor sum_to(const Tensor& x, const Shape& shape);  // the transposed of broadcast_to
Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t stop,
             std::int64_t step = 1);  // start <= stop; step >= 1
Tensor flip(const Tensor& x, const Axes& axes);
Tensor pad(const Tensor& x, const Shape& before, const Shape& after);  // by zeros, one amount an axis
Tensor dilate(const Tensor& x, std::int64_t axis, std::int64_t step,
              std::int64_t extent);  // x at 0, step, 2 step, ... of zeros
Tensor concat(const Tensors& parts, std::int64_t axis);
Tensor stack(const Tensors& parts, std::int64_t axis = 0);

// Indexing --------------------------------------------------------------------------------------------------
Tensor gather(const Tensor& x, const Tensor& index,
              std::int64_t axis);  // PyTorch's: out[i][j] = x[index[i][j]][j]; throws at evaluation out of range
Tensor scatter_add(const Tensor& x, const Tensor& index, const Tensor& source,
                   std::int64_t axis);                                 // x plus source added at index
Tensor take(const Tensor& x, const Tensor& index, std::int64_t axis);  // whole slices along axis by a 1-D index

// Products --------------------------------------------------------------------------------------------------
Tensor matmul(const Tensor& a, const Tensor& b);  // [..., M, K] x [..., K, N]; leading axes broadcast

struct Conv2dOptions {
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::int64_t groups = 1;
};
/// [N, C, H, W] and weight [O, C / groups, kh, kw] -> [N, O, H', W'], H' = (H + 2 padding - dilation (kh - 1) - 1) /
/// stride + 1.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options = {});
/// The transposed convolution: [N, O, H', W'] and weight [O, C / groups, kh, kw] -> [N, C, H, W],
/// H = (H' - 1) stride - 2 padding + dilation (kh - 1) + 1 + output_padding.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options = {},
                        std::array<std::int64_t, 2> output_padding = {0, 0});
/// conv2d's gradient by its weight: input [N, C, H, W], cotangent [N, O, H', W'] -> [O, C / groups, kh, kw].
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& cotangent, std::array<std::int64_t, 2> kernel,
                              const Conv2dOptions& options = {});

// Pooling and interpolation, on [N, C, H, W] ----------------------------------------------------------------
struct Pool2dOptions {
  std::array<std::int64_t, 2> kernel{2, 2};
  std::array<std::int64_t, 2> stride{2, 2};
  std::array<std::int64_t, 2> padding{0, 0};
};
Tensor max_pool2d(const Tensor& x,
                  const Pool2dOptions& options = {});  // the first of equals has the derivative, as in PyTorch
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options = {});  // zeros of the padding count
Tensor upsample_nearest2d(const Tensor& x, std::int64_t factor);
Tensor upsample_bilinear2d(const Tensor& x, std::int64_t factor);  // corners not aligned, as PyTorch's default

// Normalisation and attention -------------------------------------------------------------------------------
/// (x - mean) / sqrt(variance + epsilon) over `axes`.
Tensor normalise(const Tensor& x, const Axes& axes, double epsilon);
/// softmax(q k' scale) v for [..., L, D], [..., S, D], [..., S, E].
Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, std::optional<double> scale = {});

}  // namespace sg
