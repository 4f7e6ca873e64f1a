// Functions: every function of ops.h and linalg.h as an object of its name, to be passed on as it is:
// `vmap(functions::div)`, `std::function<Tensor(const Tensor&)> f = functions::gelu`. A function's own name stands for
// all of its overloads, and many are the C library's as well, so that it cannot be an argument.
#pragma once

#include "engine/linalg.h"
#include "engine/ops.h"

namespace sg::functions {

inline constexpr auto tensor = [](const auto&... x) -> decltype(sg::tensor(x...)) { return sg::tensor(x...); };
inline constexpr auto scalar = [](const auto&... x) -> decltype(sg::scalar(x...)) { return sg::scalar(x...); };
inline constexpr auto full = [](const auto&... x) -> decltype(sg::full(x...)) { return sg::full(x...); };
inline constexpr auto zeros = [](const auto&... x) -> decltype(sg::zeros(x...)) { return sg::zeros(x...); };
inline constexpr auto ones = [](const auto&... x) -> decltype(sg::ones(x...)) { return sg::ones(x...); };
inline constexpr auto zeros_like = [](const auto&... x) -> decltype(sg::zeros_like(x...)) {
  return sg::zeros_like(x...);
};
inline constexpr auto ones_like = [](const auto&... x) -> decltype(sg::ones_like(x...)) { return sg::ones_like(x...); };
inline constexpr auto full_like = [](const auto&... x) -> decltype(sg::full_like(x...)) { return sg::full_like(x...); };
inline constexpr auto arange = [](const auto&... x) -> decltype(sg::arange(x...)) { return sg::arange(x...); };
inline constexpr auto linspace = [](const auto&... x) -> decltype(sg::linspace(x...)) { return sg::linspace(x...); };
inline constexpr auto eye = [](const auto&... x) -> decltype(sg::eye(x...)) { return sg::eye(x...); };
inline constexpr auto random_key = [](const auto&... x) -> decltype(sg::random_key(x...)) {
  return sg::random_key(x...);
};
inline constexpr auto uniform = [](const auto&... x) -> decltype(sg::uniform(x...)) { return sg::uniform(x...); };
inline constexpr auto normal = [](const auto&... x) -> decltype(sg::normal(x...)) { return sg::normal(x...); };
inline constexpr auto bernoulli = [](const auto&... x) -> decltype(sg::bernoulli(x...)) { return sg::bernoulli(x...); };
inline constexpr auto neg = [](const auto&... x) -> decltype(sg::neg(x...)) { return sg::neg(x...); };
inline constexpr auto abs = [](const auto&... x) -> decltype(sg::abs(x...)) { return sg::abs(x...); };
inline constexpr auto sign = [](const auto&... x) -> decltype(sg::sign(x...)) { return sg::sign(x...); };
inline constexpr auto floor = [](const auto&... x) -> decltype(sg::floor(x...)) { return sg::floor(x...); };
inline constexpr auto ceil = [](const auto&... x) -> decltype(sg::ceil(x...)) { return sg::ceil(x...); };
inline constexpr auto trunc = [](const auto&... x) -> decltype(sg::trunc(x...)) { return sg::trunc(x...); };
inline constexpr auto round = [](const auto&... x) -> decltype(sg::round(x...)) { return sg::round(x...); };
inline constexpr auto square = [](const auto&... x) -> decltype(sg::square(x...)) { return sg::square(x...); };
inline constexpr auto sqrt = [](const auto&... x) -> decltype(sg::sqrt(x...)) { return sg::sqrt(x...); };
inline constexpr auto rsqrt = [](const auto&... x) -> decltype(sg::rsqrt(x...)) { return sg::rsqrt(x...); };
inline constexpr auto reciprocal = [](const auto&... x) -> decltype(sg::reciprocal(x...)) {
  return sg::reciprocal(x...);
};
inline constexpr auto exp = [](const auto&... x) -> decltype(sg::exp(x...)) { return sg::exp(x...); };
inline constexpr auto exp2 = [](const auto&... x) -> decltype(sg::exp2(x...)) { return sg::exp2(x...); };
inline constexpr auto expm1 = [](const auto&... x) -> decltype(sg::expm1(x...)) { return sg::expm1(x...); };
inline constexpr auto log = [](const auto&... x) -> decltype(sg::log(x...)) { return sg::log(x...); };
inline constexpr auto log2 = [](const auto&... x) -> decltype(sg::log2(x...)) { return sg::log2(x...); };
inline constexpr auto log10 = [](const auto&... x) -> decltype(sg::log10(x...)) { return sg::log10(x...); };
inline constexpr auto log1p = [](const auto&... x) -> decltype(sg::log1p(x...)) { return sg::log1p(x...); };
inline constexpr auto sin = [](const auto&... x) -> decltype(sg::sin(x...)) { return sg::sin(x...); };
inline constexpr auto cos = [](const auto&... x) -> decltype(sg::cos(x...)) { return sg::cos(x...); };
inline constexpr auto tan = [](const auto&... x) -> decltype(sg::tan(x...)) { return sg::tan(x...); };
inline constexpr auto asin = [](const auto&... x) -> decltype(sg::asin(x...)) { return sg::asin(x...); };
inline constexpr auto acos = [](const auto&... x) -> decltype(sg::acos(x...)) { return sg::acos(x...); };
inline constexpr auto atan = [](const auto&... x) -> decltype(sg::atan(x...)) { return sg::atan(x...); };
inline constexpr auto sinh = [](const auto&... x) -> decltype(sg::sinh(x...)) { return sg::sinh(x...); };
inline constexpr auto cosh = [](const auto&... x) -> decltype(sg::cosh(x...)) { return sg::cosh(x...); };
inline constexpr auto tanh = [](const auto&... x) -> decltype(sg::tanh(x...)) { return sg::tanh(x...); };
inline constexpr auto asinh = [](const auto&... x) -> decltype(sg::asinh(x...)) { return sg::asinh(x...); };
inline constexpr auto acosh = [](const auto&... x) -> decltype(sg::acosh(x...)) { return sg::acosh(x...); };
inline constexpr auto atanh = [](const auto&... x) -> decltype(sg::atanh(x...)) { return sg::atanh(x...); };
inline constexpr auto sigmoid = [](const auto&... x) -> decltype(sg::sigmoid(x...)) { return sg::sigmoid(x...); };
inline constexpr auto softplus = [](const auto&... x) -> decltype(sg::softplus(x...)) { return sg::softplus(x...); };
inline constexpr auto erf = [](const auto&... x) -> decltype(sg::erf(x...)) { return sg::erf(x...); };
inline constexpr auto isnan = [](const auto&... x) -> decltype(sg::isnan(x...)) { return sg::isnan(x...); };
inline constexpr auto isinf = [](const auto&... x) -> decltype(sg::isinf(x...)) { return sg::isinf(x...); };
inline constexpr auto isfinite = [](const auto&... x) -> decltype(sg::isfinite(x...)) { return sg::isfinite(x...); };
inline constexpr auto logical_not = [](const auto&... x) -> decltype(sg::logical_not(x...)) {
  return sg::logical_not(x...);
};
inline constexpr auto cast = [](const auto&... x) -> decltype(sg::cast(x...)) { return sg::cast(x...); };
inline constexpr auto stop_gradient = [](const auto&... x) -> decltype(sg::stop_gradient(x...)) {
  return sg::stop_gradient(x...);
};
inline constexpr auto add = [](const auto&... x) -> decltype(sg::add(x...)) { return sg::add(x...); };
inline constexpr auto sub = [](const auto&... x) -> decltype(sg::sub(x...)) { return sg::sub(x...); };
inline constexpr auto mul = [](const auto&... x) -> decltype(sg::mul(x...)) { return sg::mul(x...); };
inline constexpr auto mul_no_nan = [](const auto&... x) -> decltype(sg::mul_no_nan(x...)) {
  return sg::mul_no_nan(x...);
};
inline constexpr auto div = [](const auto&... x) -> decltype(sg::div(x...)) { return sg::div(x...); };
inline constexpr auto remainder = [](const auto&... x) -> decltype(sg::remainder(x...)) { return sg::remainder(x...); };
inline constexpr auto pow = [](const auto&... x) -> decltype(sg::pow(x...)) { return sg::pow(x...); };
inline constexpr auto atan2 = [](const auto&... x) -> decltype(sg::atan2(x...)) { return sg::atan2(x...); };
inline constexpr auto logaddexp = [](const auto&... x) -> decltype(sg::logaddexp(x...)) { return sg::logaddexp(x...); };
inline constexpr auto lerp = [](const auto&... x) -> decltype(sg::lerp(x...)) { return sg::lerp(x...); };
inline constexpr auto maximum = [](const auto&... x) -> decltype(sg::maximum(x...)) { return sg::maximum(x...); };
inline constexpr auto minimum = [](const auto&... x) -> decltype(sg::minimum(x...)) { return sg::minimum(x...); };
inline constexpr auto equal = [](const auto&... x) -> decltype(sg::equal(x...)) { return sg::equal(x...); };
inline constexpr auto not_equal = [](const auto&... x) -> decltype(sg::not_equal(x...)) { return sg::not_equal(x...); };
inline constexpr auto less = [](const auto&... x) -> decltype(sg::less(x...)) { return sg::less(x...); };
inline constexpr auto less_equal = [](const auto&... x) -> decltype(sg::less_equal(x...)) {
  return sg::less_equal(x...);
};
inline constexpr auto greater = [](const auto&... x) -> decltype(sg::greater(x...)) { return sg::greater(x...); };
inline constexpr auto greater_equal = [](const auto&... x) -> decltype(sg::greater_equal(x...)) {
  return sg::greater_equal(x...);
};
inline constexpr auto logical_and = [](const auto&... x) -> decltype(sg::logical_and(x...)) {
  return sg::logical_and(x...);
};
inline constexpr auto logical_or = [](const auto&... x) -> decltype(sg::logical_or(x...)) {
  return sg::logical_or(x...);
};
inline constexpr auto logical_xor = [](const auto&... x) -> decltype(sg::logical_xor(x...)) {
  return sg::logical_xor(x...);
};
inline constexpr auto where = [](const auto&... x) -> decltype(sg::where(x...)) { return sg::where(x...); };
inline constexpr auto relu = [](const auto&... x) -> decltype(sg::relu(x...)) { return sg::relu(x...); };
inline constexpr auto relu_squared = [](const auto&... x) -> decltype(sg::relu_squared(x...)) {
  return sg::relu_squared(x...);
};
inline constexpr auto leaky_relu = [](const auto&... x) -> decltype(sg::leaky_relu(x...)) {
  return sg::leaky_relu(x...);
};
inline constexpr auto prelu = [](const auto&... x) -> decltype(sg::prelu(x...)) { return sg::prelu(x...); };
inline constexpr auto elu = [](const auto&... x) -> decltype(sg::elu(x...)) { return sg::elu(x...); };
inline constexpr auto celu = [](const auto&... x) -> decltype(sg::celu(x...)) { return sg::celu(x...); };
inline constexpr auto selu = [](const auto&... x) -> decltype(sg::selu(x...)) { return sg::selu(x...); };
inline constexpr auto gelu = [](const auto&... x) -> decltype(sg::gelu(x...)) { return sg::gelu(x...); };
inline constexpr auto gelu_tanh = [](const auto&... x) -> decltype(sg::gelu_tanh(x...)) { return sg::gelu_tanh(x...); };
inline constexpr auto silu = [](const auto&... x) -> decltype(sg::silu(x...)) { return sg::silu(x...); };
inline constexpr auto mish = [](const auto&... x) -> decltype(sg::mish(x...)) { return sg::mish(x...); };
inline constexpr auto softsign = [](const auto&... x) -> decltype(sg::softsign(x...)) { return sg::softsign(x...); };
inline constexpr auto hardsigmoid = [](const auto&... x) -> decltype(sg::hardsigmoid(x...)) {
  return sg::hardsigmoid(x...);
};
inline constexpr auto hardswish = [](const auto&... x) -> decltype(sg::hardswish(x...)) { return sg::hardswish(x...); };
inline constexpr auto clamp = [](const auto&... x) -> decltype(sg::clamp(x...)) { return sg::clamp(x...); };
inline constexpr auto sum = [](const auto&... x) -> decltype(sg::sum(x...)) { return sg::sum(x...); };
inline constexpr auto mean = [](const auto&... x) -> decltype(sg::mean(x...)) { return sg::mean(x...); };
inline constexpr auto prod = [](const auto&... x) -> decltype(sg::prod(x...)) { return sg::prod(x...); };
inline constexpr auto norm = [](const auto&... x) -> decltype(sg::norm(x...)) { return sg::norm(x...); };
inline constexpr auto variance = [](const auto&... x) -> decltype(sg::variance(x...)) { return sg::variance(x...); };
inline constexpr auto standard_deviation = [](const auto&... x) -> decltype(sg::standard_deviation(x...)) {
  return sg::standard_deviation(x...);
};
inline constexpr auto logsumexp = [](const auto&... x) -> decltype(sg::logsumexp(x...)) { return sg::logsumexp(x...); };
inline constexpr auto max = [](const auto&... x) -> decltype(sg::max(x...)) { return sg::max(x...); };
inline constexpr auto min = [](const auto&... x) -> decltype(sg::min(x...)) { return sg::min(x...); };
inline constexpr auto any = [](const auto&... x) -> decltype(sg::any(x...)) { return sg::any(x...); };
inline constexpr auto all = [](const auto&... x) -> decltype(sg::all(x...)) { return sg::all(x...); };
inline constexpr auto argmax = [](const auto&... x) -> decltype(sg::argmax(x...)) { return sg::argmax(x...); };
inline constexpr auto argmin = [](const auto&... x) -> decltype(sg::argmin(x...)) { return sg::argmin(x...); };
inline constexpr auto softmax = [](const auto&... x) -> decltype(sg::softmax(x...)) { return sg::softmax(x...); };
inline constexpr auto log_softmax = [](const auto&... x) -> decltype(sg::log_softmax(x...)) {
  return sg::log_softmax(x...);
};
inline constexpr auto cumsum = [](const auto&... x) -> decltype(sg::cumsum(x...)) { return sg::cumsum(x...); };
inline constexpr auto cumprod = [](const auto&... x) -> decltype(sg::cumprod(x...)) { return sg::cumprod(x...); };
inline constexpr auto argsort = [](const auto&... x) -> decltype(sg::argsort(x...)) { return sg::argsort(x...); };
inline constexpr auto sort = [](const auto&... x) -> decltype(sg::sort(x...)) { return sg::sort(x...); };
inline constexpr auto topk = [](const auto&... x) -> decltype(sg::topk(x...)) { return sg::topk(x...); };
inline constexpr auto reshape = [](const auto&... x) -> decltype(sg::reshape(x...)) { return sg::reshape(x...); };
inline constexpr auto flatten = [](const auto&... x) -> decltype(sg::flatten(x...)) { return sg::flatten(x...); };
inline constexpr auto unsqueeze = [](const auto&... x) -> decltype(sg::unsqueeze(x...)) { return sg::unsqueeze(x...); };
inline constexpr auto squeeze = [](const auto&... x) -> decltype(sg::squeeze(x...)) { return sg::squeeze(x...); };
inline constexpr auto transpose = [](const auto&... x) -> decltype(sg::transpose(x...)) { return sg::transpose(x...); };
inline constexpr auto broadcast_to = [](const auto&... x) -> decltype(sg::broadcast_to(x...)) {
  return sg::broadcast_to(x...);
};
inline constexpr auto sum_to = [](const auto&... x) -> decltype(sg::sum_to(x...)) { return sg::sum_to(x...); };
inline constexpr auto slice = [](const auto&... x) -> decltype(sg::slice(x...)) { return sg::slice(x...); };
inline constexpr auto flip = [](const auto&... x) -> decltype(sg::flip(x...)) { return sg::flip(x...); };
inline constexpr auto roll = [](const auto&... x) -> decltype(sg::roll(x...)) { return sg::roll(x...); };
inline constexpr auto pad = [](const auto&... x) -> decltype(sg::pad(x...)) { return sg::pad(x...); };
inline constexpr auto dilate = [](const auto&... x) -> decltype(sg::dilate(x...)) { return sg::dilate(x...); };
inline constexpr auto concat = [](const auto&... x) -> decltype(sg::concat(x...)) { return sg::concat(x...); };
inline constexpr auto stack = [](const auto&... x) -> decltype(sg::stack(x...)) { return sg::stack(x...); };
inline constexpr auto split = [](const auto&... x) -> decltype(sg::split(x...)) { return sg::split(x...); };
inline constexpr auto chunk = [](const auto&... x) -> decltype(sg::chunk(x...)) { return sg::chunk(x...); };
inline constexpr auto tile = [](const auto&... x) -> decltype(sg::tile(x...)) { return sg::tile(x...); };
inline constexpr auto tril = [](const auto&... x) -> decltype(sg::tril(x...)) { return sg::tril(x...); };
inline constexpr auto triu = [](const auto&... x) -> decltype(sg::triu(x...)) { return sg::triu(x...); };
inline constexpr auto diagonal = [](const auto&... x) -> decltype(sg::diagonal(x...)) { return sg::diagonal(x...); };
inline constexpr auto trace = [](const auto&... x) -> decltype(sg::trace(x...)) { return sg::trace(x...); };
inline constexpr auto meshgrid = [](const auto&... x) -> decltype(sg::meshgrid(x...)) { return sg::meshgrid(x...); };
inline constexpr auto gather = [](const auto&... x) -> decltype(sg::gather(x...)) { return sg::gather(x...); };
inline constexpr auto scatter_add = [](const auto&... x) -> decltype(sg::scatter_add(x...)) {
  return sg::scatter_add(x...);
};
inline constexpr auto scatter = [](const auto&... x) -> decltype(sg::scatter(x...)) { return sg::scatter(x...); };
inline constexpr auto take = [](const auto&... x) -> decltype(sg::take(x...)) { return sg::take(x...); };
inline constexpr auto one_hot = [](const auto&... x) -> decltype(sg::one_hot(x...)) { return sg::one_hot(x...); };
inline constexpr auto matmul = [](const auto&... x) -> decltype(sg::matmul(x...)) { return sg::matmul(x...); };
inline constexpr auto einsum = [](const auto&... x) -> decltype(sg::einsum(x...)) { return sg::einsum(x...); };
inline constexpr auto conv2d = [](const auto&... x) -> decltype(sg::conv2d(x...)) { return sg::conv2d(x...); };
inline constexpr auto conv_transpose2d = [](const auto&... x) -> decltype(sg::conv_transpose2d(x...)) {
  return sg::conv_transpose2d(x...);
};
inline constexpr auto conv2d_weight_gradient = [](const auto&... x) -> decltype(sg::conv2d_weight_gradient(x...)) {
  return sg::conv2d_weight_gradient(x...);
};
inline constexpr auto conv1d = [](const auto&... x) -> decltype(sg::conv1d(x...)) { return sg::conv1d(x...); };
inline constexpr auto conv_transpose1d = [](const auto&... x) -> decltype(sg::conv_transpose1d(x...)) {
  return sg::conv_transpose1d(x...);
};
inline constexpr auto conv3d = [](const auto&... x) -> decltype(sg::conv3d(x...)) { return sg::conv3d(x...); };
inline constexpr auto conv_transpose3d = [](const auto&... x) -> decltype(sg::conv_transpose3d(x...)) {
  return sg::conv_transpose3d(x...);
};
inline constexpr auto max_pool1d = [](const auto&... x) -> decltype(sg::max_pool1d(x...)) {
  return sg::max_pool1d(x...);
};
inline constexpr auto max_pool2d = [](const auto&... x) -> decltype(sg::max_pool2d(x...)) {
  return sg::max_pool2d(x...);
};
inline constexpr auto max_pool3d = [](const auto&... x) -> decltype(sg::max_pool3d(x...)) {
  return sg::max_pool3d(x...);
};
inline constexpr auto avg_pool1d = [](const auto&... x) -> decltype(sg::avg_pool1d(x...)) {
  return sg::avg_pool1d(x...);
};
inline constexpr auto avg_pool2d = [](const auto&... x) -> decltype(sg::avg_pool2d(x...)) {
  return sg::avg_pool2d(x...);
};
inline constexpr auto avg_pool3d = [](const auto&... x) -> decltype(sg::avg_pool3d(x...)) {
  return sg::avg_pool3d(x...);
};
inline constexpr auto adaptive_avg_pool = [](const auto&... x) -> decltype(sg::adaptive_avg_pool(x...)) {
  return sg::adaptive_avg_pool(x...);
};
inline constexpr auto adaptive_max_pool = [](const auto&... x) -> decltype(sg::adaptive_max_pool(x...)) {
  return sg::adaptive_max_pool(x...);
};
inline constexpr auto upsample_nearest2d = [](const auto&... x) -> decltype(sg::upsample_nearest2d(x...)) {
  return sg::upsample_nearest2d(x...);
};
inline constexpr auto upsample_bilinear2d = [](const auto&... x) -> decltype(sg::upsample_bilinear2d(x...)) {
  return sg::upsample_bilinear2d(x...);
};
inline constexpr auto interpolate = [](const auto&... x) -> decltype(sg::interpolate(x...)) {
  return sg::interpolate(x...);
};
inline constexpr auto grid_sample = [](const auto&... x) -> decltype(sg::grid_sample(x...)) {
  return sg::grid_sample(x...);
};
inline constexpr auto pixel_shuffle = [](const auto&... x) -> decltype(sg::pixel_shuffle(x...)) {
  return sg::pixel_shuffle(x...);
};
inline constexpr auto pixel_unshuffle = [](const auto&... x) -> decltype(sg::pixel_unshuffle(x...)) {
  return sg::pixel_unshuffle(x...);
};
inline constexpr auto fft = [](const auto&... x) -> decltype(sg::fft(x...)) { return sg::fft(x...); };
inline constexpr auto ifft = [](const auto&... x) -> decltype(sg::ifft(x...)) { return sg::ifft(x...); };
inline constexpr auto rfft = [](const auto&... x) -> decltype(sg::rfft(x...)) { return sg::rfft(x...); };
inline constexpr auto irfft = [](const auto&... x) -> decltype(sg::irfft(x...)) { return sg::irfft(x...); };
inline constexpr auto normalise = [](const auto&... x) -> decltype(sg::normalise(x...)) { return sg::normalise(x...); };
inline constexpr auto attention = [](const auto&... x) -> decltype(sg::attention(x...)) { return sg::attention(x...); };
inline constexpr auto solve = [](const auto&... x) -> decltype(sg::solve(x...)) { return sg::solve(x...); };
inline constexpr auto triangular_solve = [](const auto&... x) -> decltype(sg::triangular_solve(x...)) {
  return sg::triangular_solve(x...);
};
inline constexpr auto inverse = [](const auto&... x) -> decltype(sg::inverse(x...)) { return sg::inverse(x...); };
inline constexpr auto cholesky = [](const auto&... x) -> decltype(sg::cholesky(x...)) { return sg::cholesky(x...); };
inline constexpr auto det = [](const auto&... x) -> decltype(sg::det(x...)) { return sg::det(x...); };
inline constexpr auto slogdet = [](const auto&... x) -> decltype(sg::slogdet(x...)) { return sg::slogdet(x...); };
inline constexpr auto eigh = [](const auto&... x) -> decltype(sg::eigh(x...)) { return sg::eigh(x...); };

}  // namespace sg::functions
