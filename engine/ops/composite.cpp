// Compositions of primitives: means, norms, products, softmax, normalisation, attention.
#include <cmath>

#include "engine/ops.h"
#include "engine/ops/elementwise.h"

namespace sg {

/// How many elements a reduction over `axes` joins into one.
static double count_along(std::string_view operation, const Tensor& x, const Axes& axes) {
  double count = 1;
  for (std::int64_t axis : normalise_axes(operation, axes, x.rank())) count *= static_cast<double>(x.shape()[axis]);
  return count;
}
Tensor mean(const Tensor& x, const Axes& axes, bool keepdims) {
  const double count = count_along("mean", x, axes);
  const Tensor total = sum(x, axes, keepdims);
  return is_floating(x.dtype()) ? total * (1.0 / count) : total / count;
}
Tensor mean(const Tensor& x) { return mean(x, all_axes(x)); }
Tensor variance(const Tensor& x, const Axes& axes, bool keepdims) {
  need_floating("variance", x);
  normalise_axes("variance", axes, x.rank());
  return mean(square(x - mean(x, axes, true)), axes, keepdims);
}

Tensor norm(const Tensor& x, const Axes& axes, bool keepdims) {
  need_floating("norm", x);
  normalise_axes("norm", axes, x.rank());
  // Squares leave the range of the dtype long before the norm does: elements are scaled first, by a power of two where
  // the largest is far from 1 (Blue 1978). The scale is taken as fixed, for the norm does not depend on it.
  // Scaled so, neither the squares nor what a derivative multiplies leave the range.
  const double far = x.dtype() == f32 ? 0x1p50 : 0x1p400, much = x.dtype() == f32 ? 0x1p80 : 0x1p640;
  const Tensor largest = x.size() == 0 ? literal_like(sum(x, axes, true), 0) : max(abs(stop_gradient(x)), axes, true);
  const auto choose = [&](double small, double medium, double big) {
    const Tensor of_big =
        where(less(literal_like(largest, far), largest), literal_like(largest, big), literal_like(largest, medium));
    return where(less(largest, literal_like(largest, 1 / far)), literal_like(largest, small), of_big);
  };
  const Tensor scale = choose(much, 1, 1 / much), back = choose(1 / much, 1, much);
  const Tensor squares = sum(square(x * scale), axes, true);
  // The root's slope at zero is infinite: there the constant 0 stands for it, whose derivatives are all 0.
  const Tensor zero = literal_like(squares, 0), at_zero = equal(squares, zero);
  const Tensor result = where(at_zero, zero, sqrt(where(at_zero, literal_like(squares, 1), squares))) * back;
  return keepdims ? result : sum(result, axes);
}
Tensor norm(const Tensor& x) { return norm(x, all_axes(x)); }
Tensor variance(const Tensor& x) { return variance(x, all_axes(x)); }

Tensor standard_deviation(const Tensor& x, const Axes& axes, bool keepdims) {
  need_floating("standard_deviation", x);
  normalise_axes("standard_deviation", axes, x.rank());
  return norm(x - mean(x, axes, true), axes, keepdims) * (1 / std::sqrt(count_along("standard_deviation", x, axes)));
}
Tensor standard_deviation(const Tensor& x) { return standard_deviation(x, all_axes(x)); }

Tensor prod(const Tensor& x, const Axes& unsorted, bool keepdims) {
  const Axes axes = normalise_axes("prod", unsorted, x.rank());
  // Halves are multiplied until one element is left: every derivative is right, zeros or not.
  Axes order;
  Shape others, kept = x.shape();
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i))) {
      kept[i] = 1;
    } else {
      order.push_back(static_cast<std::int64_t>(i));
      others.push_back(x.shape()[i]);
    }
  }
  order.insert(order.end(), axes.begin(), axes.end());
  Shape lines = others;
  std::int64_t n = 1;
  for (std::int64_t axis : axes) n *= x.shape()[axis];
  lines.push_back(n);
  Tensor rest = reshape(transpose(x, order), lines);
  if (n == 0) return reshape(sum(rest, Axes{-1}) + 1, keepdims ? kept : others);
  for (; n > 1; n = rest.shape(-1)) {
    const std::int64_t half = n / 2;
    const Tensor product = mul(slice(rest, -1, 0, half), slice(rest, -1, half, 2 * half));
    rest = n % 2 ? concat({product, slice(rest, -1, n - 1, n)}, -1) : product;
  }
  return reshape(rest, keepdims ? kept : others);
}
Tensor prod(const Tensor& x) { return prod(x, all_axes(x)); }

Tensor cumprod(const Tensor& x, std::int64_t axis) {
  axis = normalise_axis("cumprod", axis, x.rank());
  const std::int64_t n = x.shape()[axis];
  Tensor y = x;
  for (std::int64_t reach = 1; reach < n; reach *= 2) {  // y[i] has the product of the last `reach` elements up to i
    y = concat({slice(y, axis, 0, reach), mul(slice(y, axis, reach, n), slice(y, axis, 0, n - reach))}, axis);
  }
  return y;
}

Tensor any(const Tensor& x, const Axes& axes, bool keepdims) {
  normalise_axes("any", axes, x.rank());
  return greater(sum(not_equal(x, 0), axes, keepdims), 0);
}
Tensor any(const Tensor& x) { return any(x, all_axes(x)); }
Tensor all(const Tensor& x, const Axes& axes, bool keepdims) {
  normalise_axes("all", axes, x.rank());
  return equal(sum(equal(x, 0), axes, keepdims), 0);
}
Tensor all(const Tensor& x) { return all(x, all_axes(x)); }

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims) {
  need_floating("logsumexp", x);
  normalise_axes("logsumexp", axes, x.rank());
  if (x.size() == 0) return log(sum(exp(x), axes, keepdims));
  const Tensor largest = stop_gradient(max(x, axes, true));
  const Tensor shift = where(isfinite(largest), largest, 0);  // else the infinity less itself
  const Tensor result = log(sum(known_finite(exp(x - shift)), axes, true)) + shift;
  return keepdims ? result : sum(result, axes);
}
Tensor logsumexp(const Tensor& x) { return logsumexp(x, all_axes(x)); }

// Softmax does not change when one number is subtracted from a line, and the maximum may be that number, taken as
// fixed.
Tensor softmax(const Tensor& x, std::int64_t axis) {
  need_floating("softmax", x);
  axis = normalise_axis("softmax", axis, x.rank());
  if (x.size() == 0) return x;
  const Tensor exponentials = known_finite(exp(x - stop_gradient(max(x, {axis}, true))));
  return exponentials / sum(exponentials, {axis}, true);
}
Tensor log_softmax(const Tensor& x, std::int64_t axis) {
  need_floating("log_softmax", x);
  axis = normalise_axis("log_softmax", axis, x.rank());
  if (x.size() == 0) return x;
  const Tensor shifted = x - stop_gradient(max(x, {axis}, true));
  return shifted - log(sum(exp(shifted), {axis}, true));
}

Tensor normalise(const Tensor& x, const Axes& axes, double epsilon) {
  need_floating("normalise", x);
  normalise_axes("normalise", axes, x.rank());
  const Tensor centred = x - mean(x, axes, true);
  return centred * rsqrt(mean(square(centred), axes, true) + epsilon);
}

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, std::optional<double> scale) {
  if (query.rank() < 2 || key.rank() < 2 || value.rank() < 2) {
    fail("attention: needs [..., L, D], [..., S, D], [..., S, E], got {}, {}, {}", query.shape(), key.shape(),
         value.shape());
  }
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(query.shape(-1))));
  return matmul(softmax(matmul(query * factor, transpose(key)), -1), value);
}

}  // namespace sg
