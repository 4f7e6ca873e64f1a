// Linear algebra: what LAPACK factors, with rules in tensor operations (Giles, "Collected matrix derivative results for
// forward and reverse mode algorithmic differentiation", 2008).
#include "engine/linalg.h"

#include <algorithm>
#include <cstring>

#include "engine/kernels/lapack.h"
#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"

namespace sg {
namespace {

void check_square(std::string_view operation, const Tensor& a) {
  if (!is_floating(a.dtype())) fail("{}: needs f32 or f64, got {}", operation, name_of(a.dtype()));
  if (a.rank() < 2 || a.shape(-1) != a.shape(-2)) fail("{}: needs square matrices, got {}", operation, a.shape());
}

template <class Function>
void dispatch_floating(Dtype dtype, const Function& function) {
  if (dtype == f32) {
    function(float{});
  } else {
    function(double{});
  }
}

Shape leading_axes(const Shape& shape, std::size_t last) {
  return {shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(last)};
}

/// Runs `one(matrix number)` for each matrix of a batch; throws the operation's error when one says no.
template <class Function>
void for_each_matrix(std::int64_t count, std::string_view operation, std::string_view complaint, const Function& one) {
  kernels::parallel_for(count, [&](std::int64_t i) {
    if (!one(i)) fail("{}: {} (number {} of {})", operation, complaint, i, count);
  });
}

/// [n, n]: `diagonal` on the diagonal, 1 on the chosen side of it, 0 on the other.
Tensor triangle_mask(std::int64_t n, Dtype dtype, bool lower, double diagonal) {
  std::vector<double> values(n * n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) values[i * n + j] = i == j ? diagonal : (i > j) == lower ? 1 : 0;
  }
  return tensor(std::span<const double>(values), {n, n}, dtype);
}

Tensor triangle(const Tensor& x, bool lower, double diagonal = 1) {
  return x * triangle_mask(x.shape(-1), x.dtype(), lower, diagonal);
}

/// Both operands with the leading axes that they broadcast to.
std::pair<Tensor, Tensor> with_common_batch(std::string_view operation, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) fail("{}: dtypes differ: {} and {}", operation, name_of(a.dtype()), name_of(b.dtype()));
  if (b.rank() < 2 || b.shape(-2) != a.shape(-1)) {
    fail("{}: the right side {} does not fit the matrix {}", operation, b.shape(), a.shape());
  }
  Shape shape_a = broadcast_shapes(operation, leading_axes(a.shape(), 2), leading_axes(b.shape(), 2)),
        shape_b = shape_a;
  for (const std::int64_t axis : {-2, -1}) {
    shape_a.push_back(a.shape(axis));
    shape_b.push_back(b.shape(axis));
  }
  return {broadcast_to(a, shape_a), broadcast_to(b, shape_b)};
}

struct Solve final : Primitive {
  std::string_view name() const override { return "solve"; }
  bool may_fail() const override { return true; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t n = inputs[0].shape->back(), k = output.shape->back();
    const std::int64_t count = n * k == 0 ? 0 : element_count(*output.shape) / (n * k);
    dispatch_floating(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      for_each_matrix(count, "solve", "the matrix is singular", [&](std::int64_t i) {
        const T* a = inputs[0].as<const T>() + i * n * n;
        std::vector<T> work(a, a + n * n);
        T* x = output.as<T>() + i * n * k;
        std::memcpy(x, inputs[1].as<const T>() + i * n * k, n * k * sizeof(T));
        return kernels::solve(n, k, work.data(), x);
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    const Tensor by_right = solve(transpose(inputs[0]), cotangent);
    return argument == 1 ? by_right : -matmul(by_right, transpose(output));
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    return solve(with_batch(inputs[0], mapped[0], n), with_batch(inputs[1], mapped[1], n));
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    Tensor right = tangents[1];
    if (tangents[0].defined()) right = series::plus(right, -matmul(tangents[0], output));
    return solve(inputs[0], right);
  }
};

}  // namespace
Tensor solve(const Tensor& a, const Tensor& b) {
  check_square("solve", a);
  const auto [matrix, right] = with_common_batch("solve", a, b);
  return make_node(instance<Solve>(), {matrix, right}, right.shape(), a.dtype());
}

namespace {

template <bool lower>
struct TriangularSolve final : Primitive {
  std::string_view name() const override { return lower ? "triangular_solve_lower" : "triangular_solve_upper"; }
  bool may_fail() const override { return true; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t n = inputs[0].shape->back(), k = output.shape->back();
    const std::int64_t count = n * k == 0 ? 0 : element_count(*output.shape) / (n * k);
    dispatch_floating(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      for_each_matrix(count, "triangular_solve", "there is a zero on the diagonal", [&](std::int64_t i) {
        T* x = output.as<T>() + i * n * k;
        std::memcpy(x, inputs[1].as<const T>() + i * n * k, n * k * sizeof(T));
        return kernels::triangular_solve(lower, n, k, inputs[0].as<const T>() + i * n * n, x);
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    const Tensor by_right = triangular_solve(transpose(inputs[0]), cotangent, !lower);
    return argument == 1 ? by_right : -triangle(matmul(by_right, transpose(output)), lower);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    return triangular_solve(with_batch(inputs[0], mapped[0], n), with_batch(inputs[1], mapped[1], n), lower);
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    Tensor right = tangents[1];
    if (tangents[0].defined()) right = series::plus(right, -matmul(triangle(tangents[0], lower), output));
    return triangular_solve(inputs[0], right, lower);
  }
};

}  // namespace
Tensor triangular_solve(const Tensor& a, const Tensor& b, bool lower) {
  check_square("triangular_solve", a);
  const auto [matrix, right] = with_common_batch("triangular_solve", a, b);
  const auto& primitive = lower ? instance<TriangularSolve<true>>() : instance<TriangularSolve<false>>();
  return make_node(primitive, {matrix, right}, right.shape(), a.dtype());
}

Tensor inverse(const Tensor& a) {
  check_square("inverse", a);
  need_floating("inverse", a);
  return solve(a, eye(a.shape(-1), a.dtype()));
}

namespace {

struct Cholesky final : Primitive {
  std::string_view name() const override { return "cholesky"; }
  bool may_fail() const override { return true; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t n = output.shape->back(), count = n == 0 ? 0 : element_count(*output.shape) / (n * n);
    dispatch_floating(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      std::memcpy(output.data, inputs[0].data, count * n * n * sizeof(T));
      for_each_matrix(count, "cholesky", "the matrix is not positive definite",
                      [&](std::int64_t i) { return kernels::cholesky(n, output.as<T>() + i * n * n); });
    });
  }
  Tensor vjp(const Tensors&, const Tensor& output, const Tensor& cotangent, std::size_t) const override {
    const Tensor transposed = transpose(output);
    // L^-T phi(L' g) L^-1, made symmetric; phi keeps the lower triangle and half of the diagonal.
    const Tensor inner = triangle(matmul(transposed, cotangent), true, 0.5);
    const Tensor left = triangular_solve(transposed, inner, false);
    const Tensor both = transpose(triangular_solve(transposed, transpose(left), false));
    return (both + transpose(both)) * 0.5;
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return cholesky(inputs[0]);
  }
  Tensor jvp(const Tensors&, const Tensor& output, const Tensors& tangents) const override {
    const Tensor symmetric = (tangents[0] + transpose(tangents[0])) * 0.5;
    const Tensor left = triangular_solve(output, symmetric);
    const Tensor both = transpose(triangular_solve(output, transpose(left)));
    return matmul(output, triangle(both, true, 0.5));
  }
};

}  // namespace
Tensor cholesky(const Tensor& a) {
  check_square("cholesky", a);
  return make_node(instance<Cholesky>(), {a}, a.shape(), a.dtype());
}

namespace {

/// Both parts of a determinant by one factorisation each: the sign, a step function, and the logarithm.
template <bool logarithm>
struct Determinant final : Primitive {
  std::string_view name() const override { return logarithm ? "log_determinant" : "determinant_sign"; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t n = inputs[0].shape->back();
    dispatch_floating(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::parallel_for(element_count(*output.shape), [&](std::int64_t i) {
        const T* a = inputs[0].as<const T>() + i * n * n;
        std::vector<T> work(a, a + n * n);
        T sign = 0, log_value = 0;
        kernels::log_determinant(n, work.data(), sign, log_value);
        output.as<T>()[i] = logarithm ? log_value : sign;
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    if (!logarithm) return {};
    return transpose(inverse(inputs[0])) * unsqueeze(unsqueeze(cotangent, -1), -1);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    const auto [sign, log_value] = slogdet(inputs[0]);
    return logarithm ? log_value : sign;
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    if (!logarithm) return {};
    return sum(transpose(inverse(inputs[0])) * tangents[0], {-2, -1});
  }
};

}  // namespace
std::pair<Tensor, Tensor> slogdet(const Tensor& a) {
  check_square("slogdet", a);
  const Shape shape = leading_axes(a.shape(), 2);
  return {make_node(instance<Determinant<false>>(), {a}, shape, a.dtype()),
          make_node(instance<Determinant<true>>(), {a}, shape, a.dtype())};
}
Tensor det(const Tensor& a) {
  check_square("det", a);
  const auto [sign, logarithm] = slogdet(a);
  return sign * exp(logarithm);
}

namespace {

/// Vectors and values in one tensor [..., n, n + 1]: the columns of the vectors, then the values.
struct Eigh final : Primitive {
  std::string_view name() const override { return "eigh"; }
  bool may_fail() const override { return true; }
  bool guarded() const override { return true; }  // where two values are equal their gap is infinite
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t n = inputs[0].shape->back(), count = n == 0 ? 0 : element_count(*inputs[0].shape) / (n * n);
    dispatch_floating(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      for_each_matrix(count, "eigh", "the iteration does not converge", [&](std::int64_t i) {
        const T* a = inputs[0].as<const T>() + i * n * n;
        std::vector<T> work(a, a + n * n), values(n), vectors(n * n);
        const bool found = kernels::symmetric_eigenvalues(n, work.data(), values.data(), vectors.data());
        T* to = output.as<T>() + i * n * (n + 1);
        for (std::int64_t r = 0; r < n; ++r) {
          std::copy_n(vectors.data() + r * n, n, to + r * (n + 1));
          to[r * (n + 1) + n] = values[r];
        }
        return found;
      });
    });
  }
  Tensor vjp(const Tensors&, const Tensor& output, const Tensor& cotangent, std::size_t) const override {
    const auto [values, vectors] = parts(output);
    const auto [by_values, by_vectors] = parts(cotangent);
    const Tensor inner = chain(matmul(transpose(vectors), by_vectors), gaps(values)) + diagonal_of(by_values);
    const Tensor whole = matmul(matmul(vectors, inner), transpose(vectors));
    return (whole + transpose(whole)) * 0.5;
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t n) const override {
    Shape shape = output.shape();
    shape.insert(shape.begin(), n);
    return make_node(instance<Eigh>(), {inputs[0]}, shape, output.dtype());
  }
  Tensor jvp(const Tensors&, const Tensor& output, const Tensors& tangents) const override {
    const auto [values, vectors] = parts(output);
    const Tensor symmetric = (tangents[0] + transpose(tangents[0])) * 0.5;
    const Tensor inner = matmul(matmul(transpose(vectors), symmetric), vectors);
    const Tensor identity = eye(values.shape(-1), values.dtype());
    return concat({matmul(vectors, chain(inner, gaps(values))), sum(inner * identity, {-1}, true)}, -1);
  }

  static std::pair<Tensor, Tensor> parts(const Tensor& packed) {
    const std::int64_t n = packed.shape(-2);
    return {squeeze(slice(packed, -1, n, n + 1), -1), slice(packed, -1, 0, n)};
  }

 private:
  /// [..., i, j]: 1 / (value j - value i), 0 on the diagonal.
  static Tensor gaps(const Tensor& values) {
    const Tensor identity = eye(values.shape(-1), values.dtype());
    return (1 - identity) / (unsqueeze(values, -2) - unsqueeze(values, -1) + identity);
  }
  static Tensor diagonal_of(const Tensor& values) {
    return unsqueeze(values, -1) * eye(values.shape(-1), values.dtype());
  }
};

}  // namespace
std::pair<Tensor, Tensor> eigh(const Tensor& a) {
  check_square("eigh", a);
  Shape shape = a.shape();
  shape.back() += 1;
  return Eigh::parts(make_node(instance<Eigh>(), {a}, shape, a.dtype()));
}

}  // namespace sg
