// Formula: the numbers that tests/reference/formula.py makes from a name and an index, and the files beside it.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "nn/module.h"
#include "nn/safetensors.h"
#include "tests/paths.h"

namespace sg::tests {

/// The reference file of that name, its tensors by name.
inline nn::SafetensorsFile reference(const std::string& file) {
  return nn::load_safetensors((sg::test::reference_folder() / file).string());
}

/// u(name, i), i = 0, 1, ...: a hash in [-1, 1).
inline std::vector<double> formula_values(std::string_view name, std::int64_t count) {
  std::uint64_t hashed = 0xcbf29ce484222325u;
  for (const char byte : name) hashed = (hashed ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  std::vector<double> values(count);
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint64_t z = hashed + static_cast<std::uint64_t>(i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z = z ^ (z >> 31);
    values[i] = static_cast<double>(z >> 11) * 0x1p-52 - 1;
  }
  return values;
}

/// scale u(name, i) + shift, rounded to f32.
inline Tensor formula_tensor(std::string_view name, Shape shape, Dtype dtype, double scale = 1, double shift = 0) {
  auto values = formula_values(name, element_count(shape));
  for (double& value : values) value = static_cast<float>(shift + scale * value);
  return tensor(std::span<const double>(values), shape, dtype);
}

/// Uniform with mean 0 and variance 1.
inline Tensor unit_noise(std::string_view name, Shape shape, Dtype dtype) {
  return formula_tensor(name, shape, dtype, std::sqrt(3.0));
}

/// Gives every parameter its value by formula; buffers get those that their layers begin with.
inline void fill(nn::Module& module, Dtype dtype, const std::string& salt = "") {
  module.to(dtype);
  module.initialise(0);
  for (auto& named : module.named_parameters()) {
    const std::string& name = named.first;
    auto* const slot = named.second;
    const Shape& shape = slot->shape();
    const auto ends_with = [&](std::string_view end) { return name.ends_with(end); };
    const std::string key = salt + name;
    if (ends_with("mem_kv")) {
      slot->set(formula_tensor(key, shape, dtype));
    } else if (ends_with(".g") || name == "g" || (shape.size() == 1 && ends_with("weight"))) {
      slot->set(formula_tensor(key, shape, dtype, 0.1, 1));
    } else if (shape.size() == 1) {
      slot->set(formula_tensor(key, shape, dtype, 0.1));
    } else {
      auto values = formula_values(key, slot->size());
      const double root = std::sqrt(static_cast<double>(slot->size() / shape[0]));
      for (double& value : values) value = static_cast<float>(value / root);
      slot->set(tensor(std::span<const double>(values), shape, dtype));
    }
  }
}

/// formula.pictures: [count, channels, side, side] in [0.1, 0.9].
inline Tensor formula_pictures(std::int64_t count, std::int64_t channels, std::int64_t side, Dtype dtype) {
  auto values = formula_values("pictures", count * channels * side * side);
  const double pi = 3.14159265358979323846;
  std::size_t place = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t fx = 1 + n % 5, fy = 1 + (3 * n + c) % 7;
      for (std::int64_t i = 0; i < side; ++i) {
        for (std::int64_t j = 0; j < side; ++j, ++place) {
          const double phase = 2 * pi * static_cast<double>(fx * j + fy * i) / static_cast<double>(side);
          const double wave = std::sin(phase + 0.7 * static_cast<double>(n) + 2.1 * static_cast<double>(c));
          values[place] = static_cast<float>(0.5 + 0.25 * wave + 0.15 * values[place]);
        }
      }
    }
  }
  return tensor(std::span<const double>(values), {count, channels, side, side}, dtype);
}

/// The largest difference of two tensors over the largest absolute value of the second.
inline double relative_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) fail("relative_difference: {} and {}", a.shape(), b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) return HUGE_VAL;
    difference = std::max(difference, std::abs(x[i] - y[i]));
    largest = std::max(largest, std::abs(y[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

/// The spectral loss with s = 1 and one-sided frequencies on [N, C, H, W], by its circulant matrices.
inline Tensor spectral_loss(const Tensor& residual) {
  const auto matrix = [&](std::int64_t n) {
    const double pi = 3.14159265358979323846;
    std::vector<double> values(n * n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t shift = (i - j + n) % n;
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          const double frequency = 2 * pi * static_cast<double>(k) / static_cast<double>(n);
          sum += (1 + frequency * frequency) *
                 std::cos(2 * pi * static_cast<double>(k * shift % n) / static_cast<double>(n));
        }
        values[i * n + j] = sum / static_cast<double>(n);
      }
    }
    return tensor(std::span<const double>(values), {n, n}, residual.dtype());
  };
  return mean(residual * (matmul(matrix(residual.shape(2)), residual) + matmul(residual, matrix(residual.shape(3)))));
}

}  // namespace sg::tests
