// Derivatives to fourth order of norms, softmax, attention, pooling, interpolation, padding, powers, choices and
// indexing, by every mode, against the same functions written out with loops in Taylor arithmetic.
#include <fmt/format.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "nn/attention.h"
#include "nn/norm.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;

namespace {

constexpr int kOrder = 4;

/// A number along a line: its Taylor coefficients in t up to t^4.
struct Series {
  std::array<double, kOrder + 1> c{};
  Series(double value = 0) { c[0] = value; }  // NOLINT: implicit on purpose

  friend Series operator+(Series a, const Series& b) {
    for (int k = 0; k <= kOrder; ++k) a.c[k] += b.c[k];
    return a;
  }
  friend Series operator-(Series a, const Series& b) {
    for (int k = 0; k <= kOrder; ++k) a.c[k] -= b.c[k];
    return a;
  }
  friend Series operator*(const Series& a, const Series& b) {
    Series y;
    for (int k = 0; k <= kOrder; ++k) {
      for (int j = 0; j <= k; ++j) y.c[k] += a.c[j] * b.c[k - j];
    }
    return y;
  }
  friend Series operator/(const Series& a, const Series& b) {
    Series y;
    for (int k = 0; k <= kOrder; ++k) {
      double sum = a.c[k];
      for (int j = 0; j < k; ++j) sum -= y.c[j] * b.c[k - j];
      y.c[k] = sum / b.c[0];
    }
    return y;
  }
};

Series sqrt(const Series& x) {
  Series y(std::sqrt(x.c[0]));
  for (int k = 1; k <= kOrder; ++k) {
    double sum = x.c[k];
    for (int j = 1; j < k; ++j) sum -= y.c[j] * y.c[k - j];
    y.c[k] = sum / (2 * y.c[0]);
  }
  return y;
}

Series exp(const Series& x) {
  Series y(std::exp(x.c[0]));
  for (int k = 1; k <= kOrder; ++k) {
    for (int j = 1; j <= k; ++j) y.c[k] += j * x.c[j] * y.c[k - j] / k;
  }
  return y;
}

using Numbers = std::vector<Series>;

constexpr std::int64_t kN = 2, kC = 4, kH = 4, kW = 4;

/// Pictures of [N, C, H, W] by their places.
struct Pictures {
  std::int64_t n = kN, c = kC, h = kH, w = kW;
  Numbers values;
  Pictures(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width)
      : n(count), c(channels), h(height), w(width), values(n * c * h * w) {}
  Series& at(std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t l) {
    return values[((i * c + j) * h + k) * w + l];
  }
  const Series& at(std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t l) const {
    return values[((i * c + j) * h + k) * w + l];
  }
};

/// Standardises the values at `places`.
void standardise(Pictures& x, const std::vector<std::size_t>& places, double epsilon) {
  Series mean, variance;
  const double count = static_cast<double>(places.size());
  for (std::size_t i : places) mean = mean + x.values[i] / count;
  for (std::size_t i : places) variance = variance + (x.values[i] - mean) * (x.values[i] - mean) / count;
  for (std::size_t i : places) x.values[i] = (x.values[i] - mean) / sqrt(variance + epsilon);
}

/// Standardises every set of places that share a key.
template <class Key>
Pictures standardised(Pictures x, double epsilon, Key key) {
  std::map<std::int64_t, std::vector<std::size_t>> groups;
  std::size_t place = 0;
  for (std::int64_t i = 0; i < x.n; ++i) {
    for (std::int64_t j = 0; j < x.c; ++j) {
      for (std::int64_t k = 0; k < x.h * x.w; ++k) groups[key(i, j)].push_back(place++);
    }
  }
  for (auto& [name, places] : groups) standardise(x, places, epsilon);
  return x;
}

/// x weight[channel] + bias[channel].
Pictures scaled(Pictures x, const std::vector<double>& weight, const std::vector<double>& bias) {
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const std::size_t channel = i / (x.h * x.w) % x.c;
    x.values[i] = x.values[i] * weight[channel] + bias[channel];
  }
  return x;
}

Numbers softmaxed(const Numbers& x) {
  Series total;
  Numbers y;
  for (const Series& value : x) y.push_back(exp(value));
  for (const Series& value : y) total = total + value;
  for (Series& value : y) value = value / total;
  return y;
}

Pictures rms_normalised(Pictures x, const std::vector<double>& g) {
  for (std::int64_t i = 0; i < x.n; ++i) {
    for (std::int64_t k = 0; k < x.h; ++k) {
      for (std::int64_t l = 0; l < x.w; ++l) {
        Series squares;
        for (std::int64_t j = 0; j < x.c; ++j) squares = squares + x.at(i, j, k, l) * x.at(i, j, k, l);
        for (std::int64_t j = 0; j < x.c; ++j) {
          x.at(i, j, k, l) = x.at(i, j, k, l) / sqrt(squares) * (g[j] * std::sqrt(static_cast<double>(x.c)));
        }
      }
    }
  }
  return x;
}

/// A 1 x 1 convolution by weight [out, in], with or without a bias.
Pictures mixed(const Pictures& x, const std::vector<double>& weight, const std::vector<double>& bias) {
  const auto out = static_cast<std::int64_t>(weight.size()) / x.c;
  Pictures y(x.n, out, x.h, x.w);
  for (std::int64_t i = 0; i < x.n; ++i) {
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t p = 0; p < x.h * x.w; ++p) {
        Series sum(bias.empty() ? 0 : bias[o]);
        for (std::int64_t j = 0; j < x.c; ++j) sum = sum + x.at(i, j, p / x.w, p % x.w) * weight[o * x.c + j];
        y.at(i, o, p / x.w, p % x.w) = sum;
      }
    }
  }
  return y;
}

std::vector<double> parameter(nn::Module& module, const std::string& name) {
  for (auto& [own, slot] : module.named_parameters()) {
    if (own == name) return slot->value().to_vector<double>();
  }
  fail("no parameter {}", name);
}

constexpr nn::AttentionOptions kAttention{2, 3, 2};

/// Full or linear attention over the pixels of each picture, as attention.h says it.
Pictures attended(nn::Module& module, const Pictures& x, bool linear) {
  constexpr std::int64_t heads = kAttention.heads, features = kAttention.head_channels, memory = kAttention.memory;
  const std::vector<double> mem = parameter(module, "mem_kv");
  const std::int64_t pixels = x.h * x.w, keys = memory + pixels;
  const Pictures qkv = mixed(rms_normalised(x, parameter(module, "norm.g")), parameter(module, "to_qkv.weight"), {});
  const auto entry = [&](std::int64_t i, std::int64_t which, std::int64_t head, std::int64_t feature,
                         std::int64_t pixel) {
    return qkv.at(i, (which * heads + head) * features + feature, pixel / x.w, pixel % x.w);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(features));
  Pictures out(x.n, heads * features, x.h, x.w);
  for (std::int64_t i = 0; i < x.n; ++i) {
    for (std::int64_t head = 0; head < heads; ++head) {
      // The memory comes first; it is stored as [2, heads, memory, features] for full attention, and the last two
      // exchanged for linear.
      const auto key_or_value = [&](std::int64_t which, std::int64_t place, std::int64_t feature) -> Series {
        if (place >= memory) return entry(i, 1 + which, head, feature, place - memory);
        return linear ? mem[((which * heads + head) * features + feature) * memory + place]
                      : mem[((which * heads + head) * memory + place) * features + feature];
      };
      std::vector<Numbers> shares(features);  // linear: of each feature over all keys
      for (std::int64_t f = 0; linear && f < features; ++f) {
        for (std::int64_t place = 0; place < keys; ++place) shares[f].push_back(key_or_value(0, place, f));
        shares[f] = softmaxed(shares[f]);
      }
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        Numbers query, scores;
        for (std::int64_t f = 0; f < features; ++f) query.push_back(entry(i, 0, head, f, pixel));
        if (linear) {
          query = softmaxed(query);
          for (std::int64_t place = 0; place < keys; ++place) {
            Series score;
            for (std::int64_t f = 0; f < features; ++f) score = score + query[f] * shares[f][place] * scale;
            scores.push_back(score);
          }
        } else {
          for (std::int64_t place = 0; place < keys; ++place) {
            Series score;
            for (std::int64_t f = 0; f < features; ++f) score = score + query[f] * key_or_value(0, place, f) * scale;
            scores.push_back(score);
          }
          scores = softmaxed(scores);
        }
        for (std::int64_t f = 0; f < features; ++f) {
          Series sum;
          for (std::int64_t place = 0; place < keys; ++place) sum = sum + scores[place] * key_or_value(1, place, f);
          out.at(i, head * features + f, pixel / x.w, pixel % x.w) = sum;
        }
      }
    }
  }
  if (!linear) return mixed(out, parameter(module, "to_out.weight"), parameter(module, "to_out.bias"));
  return rms_normalised(mixed(out, parameter(module, "to_out.0.weight"), parameter(module, "to_out.0.bias")),
                        parameter(module, "to_out.1.g"));
}

/// Each output pixel from the input by `pixel(picture, channel, row, column)`.
template <class Pixel>
Pictures resampled(const Pictures& x, std::int64_t h, std::int64_t w, Pixel pixel) {
  Pictures y(x.n, x.c, h, w);
  for (std::int64_t i = 0; i < x.n; ++i) {
    for (std::int64_t j = 0; j < x.c; ++j) {
      for (std::int64_t k = 0; k < h; ++k) {
        for (std::int64_t l = 0; l < w; ++l) y.at(i, j, k, l) = pixel(i, j, k, l);
      }
    }
  }
  return y;
}

Series greatest(const Series& a, const Series& b) { return a.c[0] >= b.c[0] ? a : b; }

struct Row {
  std::string name;
  std::function<Tensor(const Tensor&)> module;
  std::function<Pictures(const Pictures&)> plain;
};

/// k-th derivatives of <f(x + t v), cotangent> at t = 0, k = 0..4, by each of the modes.
std::vector<std::pair<std::string, std::vector<double>>> by_all_modes(const std::function<Tensor(const Tensor&)>& f,
                                                                      const Tensor& x, const Tensor& v,
                                                                      const Tensor& cotangent) {
  const Tensor y = f(x);
  const auto along = [&](const Tensor& tensor) { return sum(tensor * cotangent); };
  std::vector<std::pair<std::string, std::vector<double>>> results;
  Tensor reverse = along(y), forward = y;
  std::vector<double> nested_reverse{reverse.item()}, nested_forward{reverse.item()}, mixed_modes{reverse.item()},
      taylor;
  for (int k = 1; k <= kOrder; ++k) {
    nested_reverse.push_back((reverse = sum(grad(reverse, x, Unused::zeros) * v)).item());
  }
  for (int k = 1; k <= kOrder; ++k) {
    nested_forward.push_back(along(forward = jvp(forward, {x}, {v}, Unused::zeros)).item());
  }
  // Forward over reverse: one reverse pass, then forward ones through it.
  Tensor over = grad(along(y), x);
  for (int k = 1; k <= kOrder; ++k) {
    mixed_modes.push_back(sum(over * v).item());
    if (k < kOrder) over = jvp(over, {x}, {v}, Unused::zeros);
  }
  for (const Tensor& coefficient : jet(y, x, v, kOrder)) taylor.push_back(along(coefficient).item());
  return {
      {"reverse", nested_reverse}, {"forward", nested_forward}, {"forward over reverse", mixed_modes}, {"jet", taylor}};
}

}  // namespace

TEST_CASE("norms, attention, pooling, padding, powers, choices and indexing are right to fourth order by every mode") {
  nn::BatchNorm2d batch(kC), batch_eval(kC);
  nn::LayerNorm layer({kC, kH, kW});
  nn::GroupNorm group(2, kC);
  nn::RMSNorm2d rms(kC);
  nn::FullAttention2d full(kC, kAttention);
  nn::LinearAttention2d linear(kC, kAttention);
  for (nn::Module* module :
       std::initializer_list<nn::Module*>{&batch, &batch_eval, &layer, &group, &rms, &full, &linear}) {
    fill(*module, f64);
  }
  batch_eval.running_mean().set(tensor({0.3, -0.2, 0.1, 0.7}, {kC}, f64));
  batch_eval.running_var().set(tensor({0.5, 1.5, 2.0, 0.25}, {kC}, f64));
  batch_eval.eval();
  const auto layer_weight = parameter(layer, "weight"), layer_bias = parameter(layer, "bias");
  const auto at_source =
      [](std::int64_t out, std::int64_t extent) {  // of a bilinear doubling: the two sources and the second one's share
        const double place = std::max((static_cast<double>(out) + 0.5) / 2 - 0.5, 0.0);
        const auto first = static_cast<std::int64_t>(place);
        return std::tuple(first, std::min(first + 1, extent - 1), place - static_cast<double>(first));
      };

  const std::vector<Row> rows{
      {"batch norm, training", [&](const Tensor& x) { return batch(x); },
       [&](const Pictures& x) {
         return scaled(standardised(x, 1e-5, [](auto, auto j) { return j; }), parameter(batch, "weight"),
                       parameter(batch, "bias"));
       }},
      {"batch norm, evaluation", [&](const Tensor& x) { return batch_eval(x); },
       [&](Pictures x) {
         const auto mean = batch_eval.running_mean().value().to_vector<double>(),
                    variance = batch_eval.running_var().value().to_vector<double>();
         for (std::size_t i = 0; i < x.values.size(); ++i) {
           const std::size_t channel = i / (kH * kW) % kC;
           x.values[i] = (x.values[i] - mean[channel]) / std::sqrt(variance[channel] + 1e-5);
         }
         return scaled(x, parameter(batch_eval, "weight"), parameter(batch_eval, "bias"));
       }},
      {"layer norm", [&](const Tensor& x) { return layer(x); },
       [&](Pictures x) {
         x = standardised(x, 1e-5, [](auto i, auto) { return i; });
         for (std::size_t i = 0; i < x.values.size(); ++i) {
           x.values[i] = x.values[i] * layer_weight[i % layer_weight.size()] + layer_bias[i % layer_bias.size()];
         }
         return x;
       }},
      {"group norm", [&](const Tensor& x) { return group(x); },
       [&](const Pictures& x) {
         return scaled(standardised(x, 1e-5, [](auto i, auto j) { return 10 * i + j / 2; }), parameter(group, "weight"),
                       parameter(group, "bias"));
       }},
      {"RMS norm", [&](const Tensor& x) { return rms(x); },
       [&](const Pictures& x) { return rms_normalised(x, parameter(rms, "g")); }},
      {"softmax", [](const Tensor& x) { return softmax(x, 3); },
       [](Pictures x) {
         for (std::size_t i = 0; i < x.values.size(); i += kW) {
           const Numbers row = softmaxed(Numbers(x.values.begin() + i, x.values.begin() + i + kW));
           std::copy(row.begin(), row.end(), x.values.begin() + i);
         }
         return x;
       }},
      {"attention, full", [&](const Tensor& x) { return full(x); },
       [&](const Pictures& x) { return attended(full, x, false); }},
      {"attention, linear", [&](const Tensor& x) { return linear(x); },
       [&](const Pictures& x) { return attended(linear, x, true); }},
      {"max pooling, of a square", [](const Tensor& x) { return max_pool2d(square(x)); },
       [](const Pictures& x) {
         return resampled(x, kH / 2, kW / 2, [&](auto i, auto j, auto k, auto l) {
           Series best = x.at(i, j, 2 * k, 2 * l) * x.at(i, j, 2 * k, 2 * l);
           for (int d = 1; d < 4; ++d) {
             best = greatest(best, x.at(i, j, 2 * k + d / 2, 2 * l + d % 2) * x.at(i, j, 2 * k + d / 2, 2 * l + d % 2));
           }
           return best;
         });
       }},
      {"average pooling, of an exponential", [](const Tensor& x) { return avg_pool2d(sg::exp(x)); },
       [](const Pictures& x) {
         return resampled(x, kH / 2, kW / 2, [&](auto i, auto j, auto k, auto l) {
           Series sum;
           for (int d = 0; d < 4; ++d) sum = sum + exp(x.at(i, j, 2 * k + d / 2, 2 * l + d % 2)) / 4;
           return sum;
         });
       }},
      {"nearest interpolation, of an exponential", [](const Tensor& x) { return upsample_nearest2d(sg::exp(x), 2); },
       [](const Pictures& x) {
         return resampled(x, 2 * kH, 2 * kW,
                          [&](auto i, auto j, auto k, auto l) { return exp(x.at(i, j, k / 2, l / 2)); });
       }},
      {"bilinear interpolation, squared", [](const Tensor& x) { return square(upsample_bilinear2d(x, 2)); },
       [&](const Pictures& x) {
         return resampled(x, 2 * kH, 2 * kW, [&](auto i, auto j, auto k, auto l) {
           const auto [top, bottom, down] = at_source(k, kH);
           const auto [left, right, across] = at_source(l, kW);
           const Series value = (x.at(i, j, top, left) * (1 - across) + x.at(i, j, top, right) * across) * (1 - down) +
                                (x.at(i, j, bottom, left) * (1 - across) + x.at(i, j, bottom, right) * across) * down;
           return value * value;
         });
       }},
      {"padding, exponentiated",
       [](const Tensor& x) {
         return sg::exp(pad(x, {0, 0, 1, 2}, {0, 0, 2, 0}));
       },
       [](const Pictures& x) {
         return resampled(x, kH + 3, kW + 2, [&](auto i, auto j, auto k, auto l) {
           const bool inside = k >= 1 && k < kH + 1 && l >= 2;
           return inside ? exp(x.at(i, j, k - 1, l - 2)) : Series(1);
         });
       }},
      {"pow, by base and exponent at once", [](const Tensor& x) { return pow(sg::exp(x), x); },
       [](const Pictures& x) {
         return resampled(x, kH, kW,
                          [&](auto i, auto j, auto k, auto l) { return exp(x.at(i, j, k, l) * x.at(i, j, k, l)); });
       }},
      {"pow, of zero to 0, 1, 2, 3, 4 as a tensor",
       [](const Tensor& x) {
         std::vector<double> exponents(x.size());
         for (std::size_t i = 0; i < exponents.size(); ++i) exponents[i] = static_cast<double>(i % 5);
         return pow(x - x.detach(), tensor(std::span<const double>(exponents), x.shape(), f64));
       },
       [](Pictures x) {
         for (std::size_t i = 0; i < x.values.size(); ++i) {
           const Series step = x.values[i] - x.values[i].c[0];
           x.values[i] = Series(1);
           for (std::size_t k = 0; k < i % 5; ++k) x.values[i] = x.values[i] * step;
         }
         return x;
       }},
      {"where, a root beside a square", [](const Tensor& x) { return where(greater(x, 0), sg::sqrt(x), square(x)); },
       [](Pictures x) {
         for (Series& value : x.values) value = value.c[0] > 0 ? sqrt(value) : value * value;
         return x;
       }},
      {"norm, over channels", [](const Tensor& x) { return norm(x, 1, true); },
       [](const Pictures& x) {
         Pictures y(kN, 1, kH, kW);
         for (std::int64_t i = 0; i < kN; ++i) {
           for (std::int64_t k = 0; k < kH * kW; ++k) {
             Series sum;
             for (std::int64_t j = 0; j < kC; ++j) {
               sum = sum + x.at(i, j, k / kW, k % kW) * x.at(i, j, k / kW, k % kW);
             }
             y.at(i, 0, k / kW, k % kW) = sqrt(sum);
           }
         }
         return y;
       }},
      {"gather, of an exponential",
       [&](const Tensor& x) {
         return take(sg::exp(x), tensor({3, 0, 0, 2}, {4}, i64), 3);
       },
       [](const Pictures& x) {
         constexpr std::int64_t index[] = {3, 0, 0, 2};
         return resampled(x, kH, kW, [&](auto i, auto j, auto k, auto l) { return exp(x.at(i, j, k, index[l])); });
       }},
      {"scatter, exponentiated",
       [](const Tensor& x) {
         const Tensor index = broadcast_to(tensor({3, 0, 0, 2}, {4}, i64), x.shape());
         return sg::exp(scatter_add(x, index, square(x), 3));
       },
       [](const Pictures& x) {
         constexpr std::int64_t index[] = {3, 0, 0, 2};
         return resampled(x, kH, kW, [&](auto i, auto j, auto k, auto l) {
           Series sum = x.at(i, j, k, l);
           for (std::int64_t from = 0; from < kW; ++from) {
             if (index[from] == l) sum = sum + x.at(i, j, k, from) * x.at(i, j, k, from);
           }
           return exp(sum);
         });
       }},
  };

  const Tensor x = formula_tensor("x", {kN, kC, kH, kW}, f64), v = formula_tensor("v", {kN, kC, kH, kW}, f64);
  Pictures line(kN, kC, kH, kW);
  const auto start = x.to_vector<double>(), direction = v.to_vector<double>();
  for (std::size_t i = 0; i < start.size(); ++i) {
    line.values[i] = start[i];
    line.values[i].c[1] = direction[i];
  }
  std::string table = "| module | mode | order 1 | 2 | 3 | 4 |\n|---|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    INFO(row.name);
    const Tensor cotangent = formula_tensor("c", row.module(x).shape(), f64);
    const auto weights = cotangent.to_vector<double>();
    const Numbers plain = row.plain(line).values;
    REQUIRE(plain.size() == weights.size());
    Series expected;
    for (std::size_t i = 0; i < plain.size(); ++i) expected = expected + plain[i] * weights[i];
    double factorial = 1;
    for (int k = 1; k <= kOrder; ++k) expected.c[k] *= factorial *= k;
    for (const auto& [mode, derivatives] : by_all_modes(row.module, x, v, cotangent)) {
      INFO(mode);
      table += fmt::format("| {} | {} |", row.name, mode);
      for (int k = 0; k <= kOrder; ++k) {
        INFO("order " << k << ": " << derivatives[k] << ", by Taylor arithmetic " << expected.c[k]);
        const double apart = std::abs(derivatives[k] - expected.c[k]) / std::max(1.0, std::abs(expected.c[k]));
        CHECK(apart < 1e-10);
        if (k > 0) table += fmt::format(" {:.0e} |", apart);
      }
      table += '\n';
    }
  }
  fmt::print("{}", table);
}
