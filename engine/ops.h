// Every public operation: the vocabulary page; their derivatives are in autodiff.h. Elementwise ones broadcast by
// NumPy's rules; all throw sg::Error at the call.
//
// A Number stands for a tensor of its value. Beside an i64 tensor it must be an integer, and all 64 bits of it count;
// 0.5 is refused. Quotients of i64 are f32, as in PyTorch; so are means. What else needs floating numbers refuses i64,
// and `cast` converts.
//
// Many names, `div` and `sin` among them, are also the C library's: in a call the arguments decide, `using namespace
// sg` or not. To pass a function on, take the object of its name from functions.h: `vmap(functions::div)`.
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/number.h"
#include "engine/tensor.h"

namespace sg {

// Creation --------------------------------------------------------------------------------------------------
Tensor tensor(std::span<const double> values, Shape shape,
              Dtype dtype = f32);  // copies; throws unless the counts agree
Tensor tensor(std::span<const float> values, Shape shape, Dtype dtype = f32);
Tensor tensor(std::span<const std::int64_t> values, Shape shape, Dtype dtype = i64);
Tensor tensor(std::initializer_list<double> values, Shape shape, Dtype dtype = f32);
Tensor scalar(Number value, Dtype dtype = f32);
Tensor full(Shape shape, Number value, Dtype dtype = f32);
Tensor zeros(Shape shape, Dtype dtype = f32);
Tensor ones(Shape shape, Dtype dtype = f32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, Number value);
Tensor arange(std::int64_t count, Dtype dtype = i64);                               // 0, 1, ..., count - 1
Tensor linspace(double first, double last, std::int64_t count, Dtype dtype = f32);  // both ends included
Tensor eye(std::int64_t n, Dtype dtype = f32);

// Random numbers: elements 0, 1, ... of the key's stream (random.h). A graph that is made again with another key draws
// other numbers by the same plan. A key is i64 [2]; keys [..., 2] give [..., shape]. Derivatives end here.
Tensor random_key(std::uint64_t seed, std::uint64_t stream = 0);
Tensor uniform(const Tensor& key, Shape shape, Dtype dtype = f32);                        // in [0, 1)
Tensor normal(const Tensor& key, Shape shape, Dtype dtype = f32);                         // mean 0, variance 1
Tensor bernoulli(const Tensor& key, Shape shape, double probability, Dtype dtype = f32);  // 1 or 0

// Elementwise, one input ------------------------------------------------------------------------------------
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);    // derivative 0 at 0
Tensor sign(const Tensor& x);   // -1, 0 or 1; derivative 0
Tensor floor(const Tensor& x);  // derivative 0, as of all steps
Tensor ceil(const Tensor& x);
Tensor trunc(const Tensor& x);  // towards zero
Tensor round(const Tensor& x);  // halves to even
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);       // 1 / sqrt(x)
Tensor reciprocal(const Tensor& x);  // 1 / x
Tensor exp(const Tensor& x);
Tensor exp2(const Tensor& x);
Tensor expm1(const Tensor& x);  // exp(x) - 1, exact near 0
Tensor log(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor log1p(const Tensor& x);  // log(1 + x), exact near 0
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);  // in [-pi/2, pi/2]
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);  // log(1 + exp(x)) without overflow
Tensor erf(const Tensor& x);
Tensor isnan(const Tensor& x);  // 1 or 0 in x's dtype, as all conditions
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);
Tensor logical_not(const Tensor& x);        // 1 where x is 0
Tensor cast(const Tensor& x, Dtype dtype);  // towards zero from floating to i64
Tensor stop_gradient(const Tensor& x);      // the same values; derivatives do not flow through it

// Elementwise, two and three inputs (of one dtype) ----------------------------------------------------------
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor mul_no_nan(const Tensor& a, const Tensor& b);     // 0 where either is 0, even beside an infinity or a NaN
Tensor div(const Tensor& a, const Tensor& b);            // of i64: f32
Tensor remainder(const Tensor& a, const Tensor& b);      // a - floor(a / b) b, rounded: the sign of b
Tensor pow(const Tensor& base, const Tensor& exponent);  // of i64: by exponents of at least 0, modulo 2^64
Tensor pow(const Tensor& base, Number exponent);
Tensor pow(Number base, const Tensor& exponent);
Tensor atan2(const Tensor& y, const Tensor& x);
Tensor logaddexp(const Tensor& a, const Tensor& b);                   // log(exp(a) + exp(b)) without overflow
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight);  // a + weight (b - a)
Tensor lerp(const Tensor& a, const Tensor& b, double weight);
Tensor maximum(const Tensor& a, const Tensor& b);  // a NaN wins; equal inputs share the derivative
Tensor maximum(const Tensor& a, Number b);
Tensor maximum(Number a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, Number b);
Tensor minimum(Number a, const Tensor& b);
Tensor equal(const Tensor& a, const Tensor& b);  // comparisons give 1 or 0 in the inputs' dtype
Tensor equal(const Tensor& a, Number b);
Tensor equal(Number a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, Number b);
Tensor not_equal(Number a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, Number b);
Tensor less(Number a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, Number b);
Tensor less_equal(Number a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, Number b);
Tensor greater(Number a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, Number b);
Tensor greater_equal(Number a, const Tensor& b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  // a where the condition is not 0, else b
Tensor where(const Tensor& condition, const Tensor& a, Number b);
Tensor where(const Tensor& condition, Number a, const Tensor& b);

Tensor operator-(const Tensor& x);
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, Number b);
Tensor operator-(const Tensor& a, Number b);
Tensor operator*(const Tensor& a, Number b);
Tensor operator/(const Tensor& a, Number b);
Tensor operator+(Number a, const Tensor& b);
Tensor operator-(Number a, const Tensor& b);
Tensor operator*(Number a, const Tensor& b);
Tensor operator/(Number a, const Tensor& b);

// Activations -----------------------------------------------------------------------------------------------
Tensor relu(const Tensor& x);  // derivative 0 at 0
Tensor relu_squared(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);  // derivative negative_slope at 0
Tensor prelu(const Tensor& x, const Tensor& slope);                // one slope, or one for each channel of [N, C, ...]
Tensor elu(const Tensor& x, double alpha = 1);
Tensor celu(const Tensor& x, double alpha = 1);
Tensor selu(const Tensor& x);
Tensor gelu(const Tensor& x);       // exact, with erf
Tensor gelu_tanh(const Tensor& x);  // the approximation by tanh
Tensor silu(const Tensor& x);
Tensor mish(const Tensor& x);
Tensor softsign(const Tensor& x);
Tensor hardsigmoid(const Tensor& x);
Tensor hardswish(const Tensor& x);
Tensor clamp(const Tensor& x, Number low, Number high);  // derivative 1 at both ends

// Reductions: over the given axes, or over all --------------------------------------------------------------
Tensor sum(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x, const Axes& axes, bool keepdims = false);  // of i64: f32
Tensor mean(const Tensor& x);
Tensor prod(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor prod(const Tensor& x);
/// The Euclidean norm, scaled so that it neither overflows nor underflows; derivative 0 where it is 0.
Tensor norm(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor norm(const Tensor& x);
Tensor variance(const Tensor& x, const Axes& axes, bool keepdims = false);  // divided by the count
Tensor variance(const Tensor& x);
Tensor standard_deviation(const Tensor& x, const Axes& axes, bool keepdims = false);  // derivative 0 where it is 0
Tensor standard_deviation(const Tensor& x);
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor logsumexp(const Tensor& x);
Tensor max(const Tensor& x, const Axes& axes, bool keepdims = false);  // ties share the derivative
Tensor max(const Tensor& x);
Tensor min(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor min(const Tensor& x);
Tensor any(const Tensor& x, const Axes& axes, bool keepdims = false);  // 1 or 0: whether one is not 0
Tensor any(const Tensor& x);
Tensor all(const Tensor& x, const Axes& axes, bool keepdims = false);
Tensor all(const Tensor& x);
/// i64; the first of equals, or the last.
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdims = false, bool last = false);
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdims = false, bool last = false);
Tensor softmax(const Tensor& x, std::int64_t axis);
Tensor log_softmax(const Tensor& x, std::int64_t axis);

/// Over one axis, by its number: `sum(x, 1)`.
template <std::integral Axis>
Tensor sum(const Tensor& x, Axis axis, bool keepdims = false) {
  return sum(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor mean(const Tensor& x, Axis axis, bool keepdims = false) {
  return mean(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor prod(const Tensor& x, Axis axis, bool keepdims = false) {
  return prod(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor norm(const Tensor& x, Axis axis, bool keepdims = false) {
  return norm(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor variance(const Tensor& x, Axis axis, bool keepdims = false) {
  return variance(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor standard_deviation(const Tensor& x, Axis axis, bool keepdims = false) {
  return standard_deviation(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor logsumexp(const Tensor& x, Axis axis, bool keepdims = false) {
  return logsumexp(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor max(const Tensor& x, Axis axis, bool keepdims = false) {
  return max(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor min(const Tensor& x, Axis axis, bool keepdims = false) {
  return min(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor any(const Tensor& x, Axis axis, bool keepdims = false) {
  return any(x, Axes{axis}, keepdims);
}
template <std::integral Axis>
Tensor all(const Tensor& x, Axis axis, bool keepdims = false) {
  return all(x, Axes{axis}, keepdims);
}

// Running along an axis, and order --------------------------------------------------------------------------
Tensor cumsum(const Tensor& x, std::int64_t axis);
Tensor cumprod(const Tensor& x, std::int64_t axis);
struct Sorted {
  Tensor values, index;  // values = gather(x, index, axis)
};
/// Equal elements stay in their order; NaN counts as the largest.
Tensor argsort(const Tensor& x, std::int64_t axis = -1, bool descending = false);
Sorted sort(const Tensor& x, std::int64_t axis = -1, bool descending = false);
Sorted topk(const Tensor& x, std::int64_t count, std::int64_t axis = -1, bool largest = true);

// Movement --------------------------------------------------------------------------------------------------
Tensor reshape(const Tensor& x, Shape shape);  // one extent may be -1
Tensor flatten(const Tensor& x, std::int64_t first_axis = 0);
Tensor unsqueeze(const Tensor& x, std::int64_t axis);
Tensor unsqueeze(const Tensor& x, const Axes& axes);  // of the result
Tensor squeeze(const Tensor& x, std::int64_t axis);
Tensor squeeze(const Tensor& x, const Axes& axes);
Tensor transpose(const Tensor& x, const Axes& permutation);
Tensor transpose(const Tensor& x);  // the last two axes
Tensor broadcast_to(const Tensor& x, Shape shape);
Tensor sum_to(const Tensor& x, const Shape& shape);  // the transposed of broadcast_to
/// NumPy's x[start:stop:step] along an axis: negative bounds count from the end, and all are clamped; a stop below
/// -extent reaches the first element when the step is negative.
Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1);
Tensor flip(const Tensor& x, const Axes& axes);
Tensor roll(const Tensor& x, std::int64_t shift, std::int64_t axis);
Tensor pad(const Tensor& x, const Shape& before, const Shape& after);  // by zeros, one amount an axis
Tensor pad(const Tensor& x, const Shape& before, const Shape& after, Number value);
enum class PadMode {
  reflect,    // c b | a b c | b a
  replicate,  // a a | a b c | c c
  circular,   // b c | a b c | a b
};
Tensor pad(const Tensor& x, const Shape& before, const Shape& after, PadMode mode);
Tensor dilate(const Tensor& x, std::int64_t axis, std::int64_t step,
              std::int64_t extent);  // x at 0, step, 2 step, ... of zeros
Tensor concat(const Tensors& parts, std::int64_t axis);
Tensor stack(const Tensors& parts, std::int64_t axis = 0);
Tensors split(const Tensor& x, const Shape& sizes, std::int64_t axis);
Tensors chunk(const Tensor& x, std::int64_t count, std::int64_t axis);  // at most `count`, equal but for the last
Tensor tile(const Tensor& x, const Shape& repeats);                     // NumPy's: the whole repeated
Tensor tril(const Tensor& x, std::int64_t diagonal = 0);                // zeros above a diagonal of the last two axes
Tensor triu(const Tensor& x, std::int64_t diagonal = 0);
Tensor diagonal(const Tensor& x, std::int64_t offset = 0);  // of the last two axes
Tensor trace(const Tensor& x);
Tensors meshgrid(const Tensors& axes);  // [n], [m] -> [n, m] each

// Indexing --------------------------------------------------------------------------------------------------
Tensor gather(const Tensor& x, const Tensor& index,
              std::int64_t axis);  // PyTorch's: out[i][j] = x[index[i][j]][j]; throws at evaluation out of range
Tensor scatter_add(const Tensor& x, const Tensor& index, const Tensor& source,
                   std::int64_t axis);  // x plus source added at index; f32 is summed in f64
Tensor scatter(const Tensor& x, const Tensor& index, const Tensor& source,
               std::int64_t axis);  // x with source written at index; the last wins
Tensor take(const Tensor& x, const Tensor& index,
            std::int64_t axis);  // whole slices along axis by an index of any rank
Tensor one_hot(const Tensor& index, std::int64_t count, Dtype dtype = f32);  // [...] -> [..., count]

// Products --------------------------------------------------------------------------------------------------
Tensor matmul(const Tensor& a, const Tensor& b);  // [..., M, K] x [..., K, N]; leading axes broadcast; i64 too
/// NumPy's, by letters: `einsum("bij,bjk->bik", {a, b})`. Tensors are joined from left to right.
Tensor einsum(std::string_view formula, const Tensors& operands);

/// An amount along each of the spatial axes; in `padding_after`, a negative one stands for that of `padding`.
template <std::size_t axes>
using PerAxis = std::array<std::int64_t, axes>;

struct Conv1dOptions {
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1, padding_after = -1;
};
struct Conv2dOptions {
  PerAxis<2> stride{1, 1};
  PerAxis<2> padding{0, 0};
  PerAxis<2> dilation{1, 1};
  std::int64_t groups = 1;
  PerAxis<2> padding_after{-1, -1};
};
struct Conv3dOptions {
  PerAxis<3> stride{1, 1, 1};
  PerAxis<3> padding{0, 0, 0};
  PerAxis<3> dilation{1, 1, 1};
  std::int64_t groups = 1;
  PerAxis<3> padding_after{-1, -1, -1};
};
/// [N, C, H, W] and weight [O, C / groups, kh, kw] -> [N, O, H', W'], H' = (H + padding + padding_after -
/// dilation (kh - 1) - 1) / stride + 1.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options = {});
/// The transposed convolution: [N, O, H', W'] and weight [O, C / groups, kh, kw] -> [N, C, H, W],
/// H = (H' - 1) stride - padding - padding_after + dilation (kh - 1) + 1 + output_padding, which has to be smaller than
/// the stride or the dilation.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options = {},
                        PerAxis<2> output_padding = {0, 0});
/// conv2d's gradient by its weight: input [N, C, H, W], cotangent [N, O, H', W'] -> [O, C / groups, kh, kw].
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& cotangent, PerAxis<2> kernel,
                              const Conv2dOptions& options = {});
/// The same on [N, C, L] with weight [O, C / groups, k], and on [N, C, D, H, W] with weight [O, C / groups, kd, kh,
/// kw].
Tensor conv1d(const Tensor& x, const Tensor& weight, const Conv1dOptions& options = {});
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Conv1dOptions& options = {},
                        std::int64_t output_padding = 0);
Tensor conv3d(const Tensor& x, const Tensor& weight, const Conv3dOptions& options = {});
Tensor conv_transpose3d(const Tensor& x, const Tensor& weight, const Conv3dOptions& options = {},
                        PerAxis<3> output_padding = {0, 0, 0});

// Pooling, on [N, C, L], [N, C, H, W] or [N, C, D, H, W] -----------------------------------------------------
struct Pool1dOptions {
  std::int64_t kernel = 2, stride = 2, padding = 0, dilation = 1;
  bool ceil_mode = false;     // the extent is rounded up: a last window may hang over the end
  bool count_padding = true;  // in averages, as zeros; else only elements of x count
  std::int64_t padding_after = -1;
};
struct Pool2dOptions {
  PerAxis<2> kernel{2, 2};
  PerAxis<2> stride{2, 2};
  PerAxis<2> padding{0, 0};
  PerAxis<2> dilation{1, 1};
  bool ceil_mode = false;
  bool count_padding = true;
  PerAxis<2> padding_after{-1, -1};
};
struct Pool3dOptions {
  PerAxis<3> kernel{2, 2, 2};
  PerAxis<3> stride{2, 2, 2};
  PerAxis<3> padding{0, 0, 0};
  PerAxis<3> dilation{1, 1, 1};
  bool ceil_mode = false;
  bool count_padding = true;
  PerAxis<3> padding_after{-1, -1, -1};
};
/// The first of equals has the derivative, as in PyTorch; i64 too.
Tensor max_pool1d(const Tensor& x, const Pool1dOptions& options = {});
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {});
Tensor max_pool3d(const Tensor& x, const Pool3dOptions& options = {});
Tensor avg_pool1d(const Tensor& x, const Pool1dOptions& options = {});
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options = {});
Tensor avg_pool3d(const Tensor& x, const Pool3dOptions& options = {});
/// To the extents of `size`, one a spatial axis, over windows from floor(i L / size) to ceil((i + 1) L / size).
Tensor adaptive_avg_pool(const Tensor& x, const Shape& size);
Tensor adaptive_max_pool(const Tensor& x, const Shape& size);

// Interpolation ---------------------------------------------------------------------------------------------
Tensor upsample_nearest2d(const Tensor& x, std::int64_t factor);   // [N, C, H, W]
Tensor upsample_bilinear2d(const Tensor& x, std::int64_t factor);  // corners not aligned, as PyTorch's default
enum class Interpolation { nearest, linear, cubic };               // along each axis; cubic by Keys's kernel, a = -3/4
struct InterpolateOptions {
  Shape size;                   // of the spatial axes; or, where it is empty:
  std::vector<double> factors;  // one a spatial axis, or one for all; extents are rounded down
  Interpolation mode = Interpolation::nearest;
  bool align_corners = false;
};
/// [N, C, L], [N, C, H, W] or [N, C, D, H, W], as PyTorch's interpolate.
Tensor interpolate(const Tensor& x, const InterpolateOptions& options);
enum class Outside { zeros, border, reflection };
struct GridSampleOptions {
  Interpolation mode = Interpolation::linear;  // or nearest
  Outside outside = Outside::zeros;
  bool align_corners = false;
};
/// x [N, C, H, W] at the points of grid [N, H', W', 2], (x, y) from -1 to 1 across the picture -> [N, C, H', W'].
Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampleOptions& options = {});
Tensor pixel_shuffle(const Tensor& x, std::int64_t factor);    // [N, C f f, H, W] -> [N, C, f H, f W]
Tensor pixel_unshuffle(const Tensor& x, std::int64_t factor);  // its inverse

// Fourier transforms: complex numbers are a last axis of 2, real and imaginary part, which `axis` does not count -----
Tensor fft(const Tensor& z, std::int64_t axis = -1);   // sum over j of z[j] exp(-2 pi i j k / n)
Tensor ifft(const Tensor& z, std::int64_t axis = -1);  // its inverse, with the factor 1 / n
Tensor rfft(const Tensor& x, std::int64_t axis = -1);  // of real numbers: [..., n] -> [..., n / 2 + 1, 2]
Tensor irfft(const Tensor& z, std::int64_t n, std::int64_t axis = -1);  // its inverse

// Normalisation and attention -------------------------------------------------------------------------------
/// (x - mean) / sqrt(variance + epsilon) over `axes`.
Tensor normalise(const Tensor& x, const Axes& axes, double epsilon);
/// softmax(q k' scale) v for [..., L, D], [..., S, D], [..., S, E].
Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, std::optional<double> scale = {});

}  // namespace sg
