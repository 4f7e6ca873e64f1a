// Series: arithmetic on truncated Taylor series.
#include "engine/ops/series.h"

#include "engine/node.h"
#include "engine/ops/elementwise.h"

namespace sg::series {

Tensor plus(const Tensor& a, const Tensor& b) { return !a.defined() ? b : !b.defined() ? a : sg::add(a, b); }

Tensor scale(const Tensor& a, double factor) { return !a.defined() || factor == 1 ? a : a * factor; }

Tensor product(const Series& a, const Series& b, int k) {
  Tensor sum;
  for (int i = 0; i <= k; ++i) {
    const Tensor left = at(a, i), right = at(b, k - i);
    if (left.defined() && right.defined()) sum = plus(sum, chain(left, right));
  }
  return sum;
}

Tensor square(const Series& a, int k) {
  Tensor twice;
  for (int i = 0; 2 * i < k; ++i) {
    const Tensor left = at(a, i), right = at(a, k - i);
    if (left.defined() && right.defined()) twice = plus(twice, chain(left, right));
  }
  Tensor sum = scale(twice, 2);
  if (k % 2 == 0 && at(a, k / 2).defined()) sum = plus(sum, sg::square(at(a, k / 2)));
  return sum;
}

Series multiply(const Series& a, const Series& b, int order) {
  Series result;
  for (int k = 0; k <= order; ++k) result.push_back(product(a, b, k));
  return result;
}

Tensor integrate(const Series& x, const Series& d, int k) {
  Tensor sum;
  for (int j = 1; j <= k; ++j) {
    const Tensor slope = at(d, k - j), change = at(x, j);
    if (slope.defined() && change.defined()) sum = plus(sum, scale(chain(change, slope), static_cast<double>(j) / k));
  }
  return sum;
}

Series integrate(const Series& x, const Series& d, const Tensor& y0, int order) {
  Series y{y0};
  for (int k = 1; k <= order; ++k) y.push_back(integrate(x, d, k));
  return y;
}

Series of(const Tensor& y0, const Series& x, int order) { return y0.node()->primitive()->jet({x}, y0, order); }

}  // namespace sg::series
