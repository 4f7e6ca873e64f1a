// Series: arithmetic on truncated Taylor series, with which the jet rules are written (Griewank and Walther 2008,
// chapter 13).
#pragma once

#include "engine/ops.h"
#include "engine/primitive.h"

namespace sg::series {

/// Coefficient k; undefined where it is zero or past the end.
inline Tensor at(const Series& s, int k) { return k >= 0 && k < static_cast<int>(s.size()) ? s[k] : Tensor(); }

/// a + b, where undefined stands for zeros.
Tensor plus(const Tensor& a, const Tensor& b);
/// a * factor, where undefined stands for zeros.
Tensor scale(const Tensor& a, double factor);

/// Coefficient k of a * b.
Tensor product(const Series& a, const Series& b, int k);
/// Coefficient k of a * a.
Tensor square(const Series& a, int k);
/// All coefficients 0..order of a * b.
Series multiply(const Series& a, const Series& b, int order);

/// Coefficient k >= 1 of the y with y' = d x', from x's coefficients to k and d's to k - 1.
Tensor integrate(const Series& x, const Series& d, int k);
/// The whole series of that y, which begins with y0.
Series integrate(const Series& x, const Series& d, const Tensor& y0, int order);

/// The series of the function of one input whose node `y0` is, at x.
Series of(const Tensor& y0, const Series& x, int order);

/// The series of y, when those of `xs` are given and nothing else varies.
Series through(const Tensor& y, const Tensors& xs, const std::vector<Series>& given, int order);

}  // namespace sg::series
