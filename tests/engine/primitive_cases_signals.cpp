// Rows of the primitives of random numbers, Fourier transforms and powers of integers.
#include <cmath>
#include <complex>
#include <numbers>

#include "engine/random.h"
#include "tests/engine/case_rows.h"

namespace sg::test {
namespace {

/// The discrete Fourier transform by its definition of every column of [n, columns] complex numbers.
Values transform(const Values& z, std::int64_t n, std::int64_t columns, double sign, double factor) {
  Values result(z.size());
  for (std::int64_t k = 0; k < n; ++k) {
    for (std::int64_t column = 0; column < columns; ++column) {
      std::complex<double> sum;
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t at = 2 * (j * columns + column);
        const double angle = sign * 2 * std::numbers::pi * static_cast<double>(j * k % n) / static_cast<double>(n);
        sum += std::complex(z[at], z[at + 1]) * std::polar(1.0, angle);
      }
      result[2 * (k * columns + column)] = factor * sum.real();
      result[2 * (k * columns + column) + 1] = factor * sum.imag();
    }
  }
  return result;
}

void add_random(std::vector<PrimitiveCase>& rows) {
  const auto row = [&](std::string name, Tensor (*function)(const Tensor&, Shape, Dtype),
                       double (*next)(Philox & generator)) {
    rows.push_back(plain(
        name, [function](const Tensors& x) { return x[0] * function(random_key(7, 3), x[0].shape(), x[0].dtype()); },
        {{2, 3}},
        [next](const auto& v) {
          Values r = v[0];
          for (std::size_t i = 0; i < r.size(); ++i) {
            Philox generator(7, 3, i);
            r[i] *= next(generator);
          }
          return r;
        },
        {[function] { return function(some({2}), {3}, f64); }, [function] { return function(random_key(1), {3}, i64); },
         [function] {
           return function(index({1, 2, 3}, {3}), {3}, f64);
         },
         [function] { return function(random_key(1), {-1}, f64); }},
        {{{{0, 3}}, {0, 3}}, {{{1}}, {1}}}));
  };
  row("uniform", sg::uniform, [](Philox& generator) { return generator.uniform(); });
  // Element i of a normal stream is half of the pair that two positions make.
  rows.push_back(plain(
      "normal", [](const Tensors& x) { return x[0] * normal(random_key(7, 3), x[0].shape(), x[0].dtype()); }, {{2, 3}},
      [](const auto& v) {
        std::vector<double> drawn(6);
        fill_normal(std::span<double>(drawn), 7, 3);
        Values r = v[0];
        for (std::size_t i = 0; i < r.size(); ++i) r[i] *= drawn[i];
        return r;
      },
      {[] { return normal(some({2}), {3}); }, [] { return normal(random_key(1), {3}, i64); }},
      {{{{0, 3}}, {0, 3}}, {{{1}}, {1}}}));
}

void add_fourier(std::vector<PrimitiveCase>& rows) {
  rows.push_back(plain(
      "fft", [](const Tensors& x) { return fft(x[0], 0); }, {{3, 2, 2}},
      [](const auto& v) { return transform(v[0], 3, 2, -1, 1); },
      {[] { return fft(some({3})); },
       [] {
         return fft(some({3, 3}));
       },
       [] {
         return fft(some({3, 2}, i64));
       },
       [] {
         return fft(some({3, 2}), 1);
       },
       [] {
         return fft(some({0, 2}));
       }},
      {{{{0, 4, 2}}, {0, 4, 2}}, {{{4, 0, 2}}, {4, 0, 2}}, {{{1, 2}}, {1, 2}}}));
  rows.back().edges.erase(rows.back().edges.begin());  // along axis 0 there would be nothing to transform
  rows.push_back(plain(
      "rfft",
      [](const Tensors& x) {
        return concat({rfft(x[0], 0), rfft(x[1])}, 1);
      },
      {{4, 1}, {3, 3}},
      [](const auto& v) {
        const auto whole = [](const Values& real, std::int64_t n) {
          Values z;
          for (double x : real) {
            z.push_back(x);
            z.push_back(0);
          }
          return transform(z, n, 1, -1, 1);
        };
        const Values column = whole(v[0], 4);
        Values r;
        for (int i = 0; i < 3; ++i) {
          const Values line = whole({v[1][3 * i], v[1][3 * i + 1], v[1][3 * i + 2]}, 3);
          r.insert(r.end(), {column[2 * i], column[2 * i + 1], line[0], line[1], line[2], line[3]});
        }
        return r;
      },
      {[] { return rfft(some({})); },
       [] {
         return rfft(some({2, 0}));
       },
       [] { return rfft(some({2}, i64)); }}));
  for (const std::int64_t n : {4, 5}) {
    rows.push_back(plain(
        "irfft", [n](const Tensors& x) { return irfft(x[0], n); }, {{3, 2}},
        [n](const auto& v) {
          const Values& half = v[0];
          Values z(2 * n);
          for (std::int64_t k = 0; k < n; ++k) {
            const bool is_mirror = 2 * k > n;
            const std::int64_t from = is_mirror ? n - k : k;
            const bool is_alone = from == 0 || 2 * from == n;
            z[2 * k] = half[2 * from];
            z[2 * k + 1] = is_alone ? 0 : is_mirror ? -half[2 * from + 1] : half[2 * from + 1];
          }
          const Values whole = transform(z, n, 1, 1, 1 / static_cast<double>(n));
          Values r;
          for (std::int64_t k = 0; k < n; ++k) r.push_back(whole[2 * k]);
          return r;
        },
        {[n] {
           return irfft(some({4, 2}), n);
         },
         [] {
           return irfft(some({3, 2}), 0);
         },
         [] {
           return irfft(some({3, 2}), 7);
         }}));
    rows.back().edges = {{{{0, 3, 2}}, {0, n}}};
  }
}

}  // namespace

void add_signal_primitives(std::vector<PrimitiveCase>& rows) {
  add_random(rows);
  add_fourier(rows);
  rows.push_back(plain(
      "integer_pow",
      [](const Tensors& x) {
        const Tensor powers = pow(index({2, 3, -2, 0}, {2, 2}), index({3, 5}, {2}));
        return x[0] * cast(powers, x[0].dtype());
      },
      {{2, 2}},
      [](const auto& x) {
        return Values{8 * x[0][0], 243 * x[0][1], -8 * x[0][2], 0};
      },
      {[] { return pow(index({2}, {1}), index({-1}, {1})).eval(); }, [] { return pow(index({2}, {1}), some({1})); }}));
  rows.back().speaker = "pow";
}

}  // namespace sg::test
