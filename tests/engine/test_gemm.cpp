// Matrix products against plain loops in f64, over transpositions, sizes, batches and rows stored apart.
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "engine/kernels/gemm.h"
#include "engine/kernels/parallel.h"

namespace {

using namespace sg::kernels;

template <class T>
std::vector<T> normal_values(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(normal(generator));
  return values;
}

/// `gap` elements lie between stored rows.
MatmulShape contiguous(std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a,
                       bool transpose_b, std::int64_t gap = 0) {
  const std::int64_t lda = (transpose_a ? m : k) + gap, ldb = (transpose_b ? k : n) + gap, ldc = n + gap;
  return {batch,
          m,
          n,
          k,
          transpose_a,
          transpose_b,
          lda,
          ldb,
          ldc,
          lda * (transpose_a ? k : m),
          ldb * (transpose_b ? n : k),
          ldc * m};
}

template <class T>
void check_product(const MatmulShape& s) {
  INFO(s.batch << " x [" << s.m << ", " << s.k << "] x [" << s.k << ", " << s.n << "], transposed " << s.transpose_a
               << s.transpose_b);
  const auto a = normal_values<T>(s.batch * (s.lda * (s.transpose_a ? s.k : s.m)) + 1, 1);
  const auto b = normal_values<T>(s.batch * (s.ldb * (s.transpose_b ? s.n : s.k)) + 1, 2);
  std::vector<T> c(static_cast<std::size_t>(s.batch * s.m * s.ldc), T(7));
  matmul(s, a.data(), b.data(), c.data());
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < s.batch; ++i) {
    for (std::int64_t row = 0; row < s.m; ++row) {
      for (std::int64_t column = 0; column < s.ldc; ++column) {
        const double value = c[i * s.m * s.ldc + row * s.ldc + column];
        if (column >= s.n) {
          wrong += value != 7;  // what lies between the rows is not the product's
          continue;
        }
        double sum = 0, magnitude = 0;
        for (std::int64_t k = 0; k < s.k; ++k) {
          const double left = a[i * s.batch_stride_a + (s.transpose_a ? k * s.lda + row : row * s.lda + k)];
          const double right = b[i * s.batch_stride_b + (s.transpose_b ? column * s.ldb + k : k * s.ldb + column)];
          sum += left * right;
          magnitude += std::abs(left * right);
        }
        wrong += !(std::abs(value - sum) <= 32 * magnitude * std::numeric_limits<T>::epsilon());
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("matrix products agree with plain loops", "[gemm]") {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const std::int64_t m : {1, 2, 7, 33}) {
        for (const std::int64_t n : {1, 3, 16, 37}) {
          for (const std::int64_t k : {0, 1, 2, 19, 64}) {
            check_product<float>(contiguous(1, m, n, k, transpose_a, transpose_b));
            check_product<double>(contiguous(3, m, n, k, transpose_a, transpose_b, 2));
          }
        }
      }
      check_product<float>(contiguous(1, 700, 5, 9, transpose_a, transpose_b));
      check_product<float>(contiguous(1, 5, 700, 9, transpose_a, transpose_b));
      check_product<float>(contiguous(1, 6, 5, 5000, transpose_a, transpose_b));
      check_product<double>(contiguous(1, 6, 1, 5000, transpose_a, transpose_b));
    }
  }
}

TEST_CASE("every width and every rest of rows of a register tile is computed", "[gemm]") {
  for (std::int64_t n = 1; n <= 70; ++n) {
    for (const std::int64_t m : {4, 11, 12, 13, 23}) {
      for (const bool transpose_a : {false, true}) {
        check_product<float>(contiguous(1, m, n, 3, transpose_a, false, 1));
        check_product<double>(contiguous(1, m, n, 3, transpose_a, false));
      }
    }
    check_product<float>(contiguous(1, 129, n, 5, false, true));    // enough rows for packing B
    check_product<double>(contiguous(1, 4, n, 600, false, false));  // in several pieces of the inner axis
  }
}

TEST_CASE("a batch stride of zero uses one matrix for the whole batch", "[gemm]") {
  MatmulShape shape = contiguous(5, 4, 6, 8, false, true);
  shape.batch_stride_b = 0;
  check_product<float>(shape);
  shape.batch_stride_a = 0;
  check_product<double>(shape);
}

TEST_CASE("matrix products give the same bits on any number of threads", "[gemm]") {
  const int before = threads();
  for (const MatmulShape& s : {contiguous(1, 700, 65, 64, false, true), contiguous(1, 30, 20, 9000, true, false),
                               contiguous(300, 9, 9, 9, false, false)}) {
    const auto a = normal_values<float>(s.batch * s.m * s.k, 1), b = normal_values<float>(s.batch * s.k * s.n, 2);
    std::vector<float> expected(static_cast<std::size_t>(s.batch * s.m * s.n));
    set_threads(1);
    matmul(s, a.data(), b.data(), expected.data());
    for (const int count : {2, 3, 7}) {
      set_threads(count);
      std::vector<float> result(expected.size());
      matmul(s, a.data(), b.data(), result.data());
      CHECK(result == expected);
    }
  }
  set_threads(before);
}

TEST_CASE("what stood in a product's place does not matter, and a NaN in an operand is kept", "[gemm]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const MatmulShape& s : {contiguous(1, 5, 1, 7, false, false), contiguous(1, 1, 5, 7, false, false),
                               contiguous(1, 5, 6, 7, false, true)}) {
    auto a = normal_values<float>(s.m * s.k, 1);
    const std::vector<float> zeros(static_cast<std::size_t>(s.k * s.n));
    std::vector<float> c(static_cast<std::size_t>(s.m * s.n), nan);
    matmul(s, a.data(), zeros.data(), c.data());
    CHECK(c == std::vector<float>(c.size()));
    a[0] = nan;
    matmul(s, a.data(), zeros.data(), c.data());
    CHECK(std::isnan(c[0]));
  }
}

}  // namespace
