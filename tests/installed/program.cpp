// The program that the README shows, and checks of what it computes; returns the number of those that fail. Also prints
// the kernel set of OpenBLAS that runs.
#include <dlfcn.h>
#include <sobograd/sobograd.h>

#include <cmath>
#include <cstdio>

using namespace sg;

namespace {

int failures = 0;

void check(const char* what, double value, double wanted) {
  if (std::abs(value - wanted) <= 1e-10 * std::max(1.0, std::abs(wanted))) return;
  std::printf("%s: %.15g, needs %.15g\n", what, value, wanted);
  ++failures;
}

}  // namespace

int main() {
  Tensor x = tensor({0.1, 0.7, -0.4}, {3, 1}, f64);  // values, shape, dtype
  Tensor w = tensor({0.5, -1.2}, {1, 2}, f64);
  Tensor y = sum(tanh(matmul(x, w)), {1}, /*keepdims=*/true);  // [3, 1]
  Tensor y1 = grad(y, x), y2 = grad(y1, x), y3 = grad(y2, x);  // outputs are summed, shapes are x's
  auto j = jet(y, x, ones_like(x), 3);                         // j[k]: k-th derivative along the direction, j[0] == y
  Tensor h = hessian(sum(exp(x) * x), x);                      // [3, 1, 3, 1]
  std::vector<double> v = y3.to_vector<double>();
  double loss = mean(square(y3)).item();
  Tensor g = grad(mean(square(y3)), w);  // [1, 2]
  Tensor t = jvp(y, {x}, {ones_like(x)});
  Tensor c = conv2d(ones({1, 1, 5, 5}, f64), ones({1, 1, 3, 3}, f64), {.stride = {2, 2}, .padding = {1, 1}});

  const double points[] = {0.1, 0.7, -0.4}, weights[] = {0.5, -1.2};
  double mean_square = 0;
  for (int i = 0; i < 3; ++i) {
    double value = 0, first = 0, second = 0, third = 0;
    for (double a : weights) {
      const double u = std::tanh(a * points[i]), s = 1 - u * u;
      value += u;
      first += a * s;
      second += -2 * a * a * u * s;
      third += a * a * a * s * (6 * u * u - 2);
    }
    mean_square += third * third / 3;
    check("y", y.to_vector<double>()[i], value);
    check("y1", y1.to_vector<double>()[i], first);
    check("y2", y2.to_vector<double>()[i], second);
    check("y3", v[i], third);
    check("jvp", t.to_vector<double>()[i], first);
    const double orders[] = {value, first, second, third};
    for (int k = 0; k < 4; ++k) check("jet", j[k].to_vector<double>()[i], orders[k]);
    for (int k = 0; k < 3; ++k) {
      check("hessian", h.to_vector<double>()[3 * i + k], i == k ? (points[i] + 2) * std::exp(points[i]) : 0);
    }
  }
  check("loss", loss, mean_square);
  const double step = 1e-5;
  for (int k = 0; k < 2; ++k) {
    const auto third_order_loss = [&](double shift) {
      std::vector<double> moved{weights[0], weights[1]};
      moved[k] += shift;
      const Tensor output = sum(tanh(matmul(x, tensor(std::span<const double>(moved), {1, 2}, f64))), {1}, true);
      return mean(square(jet(output, x, ones_like(x), 3)[3])).item();
    };
    const double numeric = (third_order_loss(step) - third_order_loss(-step)) / (2 * step);
    if (std::abs(numeric - g.to_vector<double>()[k]) > 1e-6 * std::abs(numeric)) {
      check("gradient by w", g.to_vector<double>()[k], numeric);
    }
  }
  check("conv2d's corner", c.to_vector<double>()[0], 4);
  check("conv2d's middle", c.to_vector<double>()[4], 9);
  if (c.shape() != Shape{1, 1, 3, 3} || h.shape() != Shape{3, 1, 3, 1} || g.shape() != w.shape()) ++failures;
  for (std::int64_t extent : x.shape()) failures += extent < 1;
  failures += x.shape().size() != 2 || x.shape()[0] != 3;

  // One of each: networks, optimisers, losses, data.
  const nn::Unet unet({.dim = 8, .mults = {1, 2}, .channels = 1});
  failures += unet.side_multiple() < 2;
  const data::Digits digits = data::embedded_digits();
  failures += digits.train.size() != 8000;

  void* blas = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_NOLOAD);
  if (!blas) return 1;
  std::printf("kernels %s\n", reinterpret_cast<const char* (*)()>(dlsym(blas, "openblas_get_corename"))());
  std::printf("%d failures, y''' = %g %g %g\n", failures, v[0], v[1], v[2]);
  return failures;
}
