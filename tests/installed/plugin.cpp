// A library that uses Sobograd and that a program loads when it runs.
#include <sobograd/ops.h>

/// The corner of a product of two matrices of ones: their inner dimension.
extern "C" double plugin_product(int n) {
  const sg::Tensor ones = sg::ones({n, n}, sg::f64);
  return sg::sum(sg::slice(sg::reshape(sg::matmul(ones, ones), {n * n}), 0, 0, 1)).item();
}
