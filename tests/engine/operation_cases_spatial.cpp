// Rows of functions of ops.h on lines, planes and boxes, of random numbers and of Fourier transforms: values by loops
// over three axes, of which lines and planes have one or two.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "engine/random.h"
#include "tests/engine/case_rows.h"

namespace sg::test {
namespace {

/// One axis of a convolution: kernel, stride, padding before and after, dilation.
struct Axis {
  std::int64_t extent = 1, kernel = 1, stride = 1, before = 0, after = 0, dilation = 1;
  std::int64_t count() const { return (extent + before + after - dilation * (kernel - 1) - 1) / stride + 1; }
  /// The element under a tap of a window, or -1.
  std::int64_t at(std::int64_t window, std::int64_t tap) const {
    const std::int64_t place = window * stride - before + tap * dilation;
    return place < extent && place >= 0 ? place : -1;
  }
};
using Box = std::array<Axis, 3>;

/// Calls f(window, tap, element), flat numbers among all windows, taps and elements of the box.
template <class F>
void for_taps(const Box& box, const F& f) {
  const auto [d, h, w] = box;
  for (std::int64_t i = 0; i < d.count() * h.count() * w.count(); ++i) {
    const std::int64_t at[] = {i / (h.count() * w.count()), i / w.count() % h.count(), i % w.count()};
    for (std::int64_t t = 0; t < d.kernel * h.kernel * w.kernel; ++t) {
      const std::int64_t z = d.at(at[0], t / (h.kernel * w.kernel)), y = h.at(at[1], t / w.kernel % h.kernel),
                         x = w.at(at[2], t % w.kernel);
      f(i, t, z < 0 || y < 0 || x < 0 ? -1 : (z * h.extent + y) * w.extent + x);
    }
  }
}

/// Where channels meet in a convolution of one sample: for each pair (o, c) of a group, the weight's plane.
template <class F>
void for_channels(std::int64_t in, std::int64_t out, std::int64_t groups, const F& f) {
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t group = o / (out / groups);
    for (std::int64_t k = 0; k < in / groups; ++k) f(o, group * (in / groups) + k, o * (in / groups) + k);
  }
}

struct Sizes {
  std::int64_t elements = 1, windows = 1, taps = 1;
  explicit Sizes(const Box& box) {
    for (const Axis& axis : box) {
      elements *= axis.extent;
      windows *= axis.count();
      taps *= axis.kernel;
    }
  }
};

Values convolve(const Values& x, const Values& weight, std::int64_t in, std::int64_t out, std::int64_t groups,
                const Box& box) {
  const Sizes n(box);
  Values y(out * n.windows);
  for_channels(in, out, groups, [&](std::int64_t o, std::int64_t c, std::int64_t plane) {
    for_taps(box, [&](std::int64_t window, std::int64_t tap, std::int64_t element) {
      if (element >= 0) y[o * n.windows + window] += weight[plane * n.taps + tap] * x[c * n.elements + element];
    });
  });
  return y;
}

Values convolve_transposed(const Values& y, const Values& weight, std::int64_t in, std::int64_t out,
                           std::int64_t groups, const Box& box) {
  const Sizes n(box);
  Values x(in * n.elements);
  for_channels(in, out, groups, [&](std::int64_t o, std::int64_t c, std::int64_t plane) {
    for_taps(box, [&](std::int64_t window, std::int64_t tap, std::int64_t element) {
      if (element >= 0) x[c * n.elements + element] += weight[plane * n.taps + tap] * y[o * n.windows + window];
    });
  });
  return x;
}

Values pool_maximum(const Values& x, const Box& box) {
  Values y(Sizes(box).windows, -INFINITY);
  for_taps(box, [&](std::int64_t window, std::int64_t, std::int64_t element) {
    if (element >= 0) y[window] = std::max(y[window], x[element]);
  });
  return y;
}

/// Over what lies in x, or over all taps.
Values pool_mean(const Values& x, const Box& box, bool count_padding) {
  Values sum(Sizes(box).windows), count(sum.size());
  for_taps(box, [&](std::int64_t window, std::int64_t, std::int64_t element) {
    if (element >= 0) sum[window] += x[element];
    count[window] += count_padding || element >= 0;
  });
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] /= count[i];
  return sum;
}

void add_convolutions(std::vector<PrimitiveCase>& rows) {
  const Conv1dOptions line{.stride = 2, .padding = 2, .dilation = 2, .groups = 2, .padding_after = 1};
  const Box of_line{Axis{}, Axis{}, Axis{6, 2, 2, 2, 1, 2}};
  rows.push_back(plain(
      "conv1d", [=](const Tensors& x) { return conv1d(x[0], x[1], line); }, {{1, 2, 6}, {2, 1, 2}},
      [=](const auto& v) { return convolve(v[0], v[1], 2, 2, 2, of_line); },
      {[] {
         return conv1d(some({1, 2, 3, 3}), some({1, 2, 1}));
       },
       [] {
         return conv1d(some({1, 2, 3}), some({1, 2, 1, 1}));
       }},
      {{{{0, 2, 6}, {2, 1, 2}}, {0, 2, 4}}, {{{1, 2, 1}, {2, 1, 2}}, {1, 2, 1}}}));
  rows.push_back(plain(
      "conv_transpose1d", [=](const Tensors& x) { return conv_transpose1d(x[0], x[1], line, 1); },
      {{1, 2, 4}, {2, 1, 2}},
      [=](const auto& v) {
        Box longer = of_line;
        longer[2].extent = 7;
        return convolve_transposed(v[0], v[1], 2, 2, 2, longer);
      },
      {[] {
         return conv_transpose1d(some({1, 2, 3, 3}), some({1, 2, 1}));
       },
       [] {
         return conv_transpose1d(some({1, 2, 3}), some({2, 2}));
       }},
      {{{{0, 2, 4}, {2, 1, 2}}, {0, 2, 7}}}));
  const Conv3dOptions boxes{
      .stride = {2, 1, 1}, .padding = {1, 0, 1}, .dilation = {2, 1, 1}, .groups = 2, .padding_after = {2, 0, -1}};
  const Box of_box{Axis{3, 2, 2, 1, 2, 2}, Axis{2, 2}, Axis{2, 2, 1, 1, 1}};
  rows.push_back(plain(
      "conv3d", [=](const Tensors& x) { return conv3d(x[0], x[1], boxes); }, {{1, 2, 3, 2, 2}, {2, 1, 2, 2, 2}},
      [=](const auto& v) { return convolve(v[0], v[1], 2, 2, 2, of_box); },
      {[] {
         return conv3d(some({1, 2, 3, 3}), some({1, 2, 1, 1, 1}));
       },
       [] {
         return conv3d(some({1, 1, 1, 2, 2}), some({1, 1, 2, 1, 1}));
       },
       [] {
         return conv3d(some({1, 1, 3, 2, 2}), some({1, 1, 2, 1, 1}), {.stride = {0, 1, 1}});
       }},
      {{{{0, 2, 3, 2, 2}, {2, 1, 2, 2, 2}}, {0, 2, 2, 1, 3}}}));
  rows.push_back(plain(
      "conv_transpose3d",
      [=](const Tensors& x) {
        return conv_transpose3d(x[0], x[1], boxes, {1, 0, 0});
      },
      {{1, 2, 2, 1, 3}, {2, 1, 2, 2, 2}},
      [=](const auto& v) { return convolve_transposed(v[0], v[1], 2, 2, 2, of_box); },
      {[] {
         return conv_transpose3d(some({1, 2, 3, 3}), some({1, 2, 1, 1, 1}));
       },
       [] {
         return conv_transpose3d(some({1, 1, 1, 2, 2}), some({1, 1, 1, 1, 1}), {.padding = {1, 0, 0}});
       },
       [] {
         return conv_transpose3d(some({1, 1, 2, 2, 2}), some({1, 1, 1, 1, 1}), {}, {1, 0, 0});
       }},
      {{{{0, 2, 2, 1, 3}, {2, 1, 2, 2, 2}}, {0, 2, 3, 2, 2}}}));
  // Unequal padding of planes.
  const Conv2dOptions unequal{.stride = {2, 1}, .padding = {0, 2}, .padding_after = {1, 0}};
  const Box of_unequal{Axis{}, Axis{3, 2, 2, 0, 1}, Axis{2, 2, 1, 2, 0}};
  rows.push_back(plain(
      "conv2d", [=](const Tensors& x) { return conv2d(x[0], x[1], unequal); }, {{1, 1, 3, 2}, {1, 1, 2, 2}},
      [=](const auto& v) { return convolve(v[0], v[1], 1, 1, 1, of_unequal); }, {[] {
        return conv2d(some({1, 1, 3, 3}), some({1, 1, 2, 2}), {.padding = {-1, 0}});
      }}));
  rows.push_back(plain(
      "conv_transpose2d", [=](const Tensors& x) { return conv_transpose2d(x[0], x[1], unequal); },
      {{1, 1, 2, 3}, {1, 1, 2, 2}}, [=](const auto& v) { return convolve_transposed(v[0], v[1], 1, 1, 1, of_unequal); },
      {[] {
        return conv_transpose2d(some({1, 1, 1, 1}), some({1, 1, 1, 1}), {.padding_after = {1, 0}});
      }}));
  rows.push_back(plain(
      "conv2d_weight_gradient",
      [=](const Tensors& x) {
        return conv2d_weight_gradient(x[0], x[1], {2, 2}, unequal);
      },
      {{1, 1, 3, 2}, {1, 1, 2, 3}},
      [=](const auto& v) {
        Values w(4);
        for_taps(of_unequal, [&](std::int64_t window, std::int64_t tap, std::int64_t element) {
          if (element >= 0) w[tap] += v[1][window] * v[0][element];
        });
        return w;
      }));
}

void add_pools(std::vector<PrimitiveCase>& rows) {
  // A window that hangs over the end counts the padding it reaches.
  const Pool1dOptions line{.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true, .padding_after = 0};
  const Box of_line{Axis{}, Axis{}, Axis{5, 3, 2, 1, 1}};
  rows.push_back(plain(
      "max_pool1d", [=](const Tensors& x) { return max_pool1d(x[0], line); }, {{1, 1, 5}},
      [=](const auto& v) { return pool_maximum(v[0], of_line); },
      {[] {
         return max_pool1d(some({1, 2, 3, 3}));
       },
       [] {
         return max_pool1d(some({1, 2, 3}), {.padding = 2});
       },
       [] {
         return max_pool1d(some({1, 2, 1}), {.padding = 1, .dilation = 2});
       },
       [] {
         return max_pool1d(some({1, 2, 1}));
       }},
      {{{{0, 1, 5}}, {0, 1, 3}}, {{{1, 1, 2}}, {1, 1, 1}}}));
  rows.push_back(plain(
      "avg_pool1d",
      [=](const Tensors& x) {
        Pool1dOptions wide = line;
        wide.stride = 3;
        return avg_pool1d(x[0], wide);
      },
      {{1, 1, 6}},
      [](const auto& v) {
        const Values& x = v[0];
        // The last window has one element and hangs over the end, where nothing counts.
        return Values{(x[0] + x[1]) / 3, (x[2] + x[3] + x[4]) / 3, x[5]};
      },
      {[] {
         return avg_pool1d(some({1, 2, 3, 3}));
       },
       [] {
         return avg_pool1d(some({1, 2, 3}, i64));
       }},
      {{{{0, 1, 6}}, {0, 1, 3}}}));
  const Pool3dOptions boxes{.kernel = {2, 2, 1}, .stride = {1, 2, 1}, .padding = {1, 0, 0}, .count_padding = false};
  const Box of_box{Axis{2, 2, 1, 1, 1}, Axis{2, 2, 2}, Axis{2}};
  rows.push_back(plain(
      "max_pool3d", [=](const Tensors& x) { return max_pool3d(x[0], boxes); }, {{1, 1, 2, 2, 2}},
      [=](const auto& v) { return pool_maximum(v[0], of_box); }, {[] {
        return max_pool3d(some({1, 2, 3, 3}));
      }},
      {{{{0, 1, 2, 2, 2}}, {0, 1, 3, 1, 2}}}));
  rows.push_back(plain(
      "avg_pool3d", [=](const Tensors& x) { return avg_pool3d(x[0], boxes); }, {{1, 1, 2, 2, 2}},
      [=](const auto& v) { return pool_mean(v[0], of_box, false); }, {[] {
        return avg_pool3d(some({1, 2, 3, 3}));
      }},
      {{{{0, 1, 2, 2, 2}}, {0, 1, 3, 1, 2}}}));
  const Box of_plane{Axis{}, Axis{3, 2, 1, 1, 0, 2}, Axis{3, 2, 2, 1, 1}};
  rows.push_back(plain(
      "max_pool2d",
      [](const Tensors& x) {
        return max_pool2d(
            x[0], {.kernel = {2, 2}, .stride = {1, 2}, .padding = {1, 1}, .dilation = {2, 1}, .padding_after = {0, 1}});
      },
      {{1, 1, 3, 3}}, [=](const auto& v) { return pool_maximum(v[0], of_plane); }, {[] {
        return max_pool2d(some({1, 1, 3, 3}), {.dilation = {0, 1}});
      }}));
  for (const bool count_padding : {true, false}) {
    rows.push_back(plain(
        "avg_pool2d",
        [=](const Tensors& x) {
          Pool2dOptions options{.kernel = {2, 2}, .stride = {1, 2}, .padding = {1, 1}, .dilation = {2, 1}};
          options.count_padding = count_padding;
          options.padding_after = {0, 1};
          return avg_pool2d(x[0], options);
        },
        {{1, 1, 3, 3}}, [=](const auto& v) { return pool_mean(v[0], of_plane, count_padding); }, {[] {
          return avg_pool2d(some({1, 1, 3, 3}, i64));
        }}));
  }
  // Three windows of [0, 2), [1, 4), [3, 5).
  const auto in_windows = [](const Values& x, auto of) {
    return Values{of({x[0], x[1]}), of({x[1], x[2], x[3]}), of({x[3], x[4]})};
  };
  const auto average = [](const Values& x) { return total(x) / static_cast<double>(x.size()); };
  const auto largest_of = [](const Values& x) { return *std::max_element(x.begin(), x.end()); };
  rows.push_back(plain(
      "adaptive_avg_pool", [](const Tensors& x) { return adaptive_avg_pool(x[0], {3}); }, {{1, 1, 5}},
      [=](const auto& v) { return in_windows(v[0], average); },
      {[] {
         return adaptive_avg_pool(some({1, 1, 5}), {3, 3});
       },
       [] {
         return adaptive_avg_pool(some({1, 1, 5}), {0});
       },
       [] {
         return adaptive_avg_pool(some({1, 1, 5}, i64), {1});
       }},
      {{{{0, 1, 5}}, {0, 1, 3}}}));
  rows.push_back(plain(
      "adaptive_avg_pool",
      [](const Tensors& x) {
        return adaptive_avg_pool(x[0], {2, 1, 2});
      },
      {{1, 1, 2, 2, 2}},
      [](const auto& v) {
        const Values& x = v[0];
        return Values{(x[0] + x[2]) / 2, (x[1] + x[3]) / 2, (x[4] + x[6]) / 2, (x[5] + x[7]) / 2};
      }));
  rows.push_back(plain(
      "adaptive_max_pool", [](const Tensors& x) { return adaptive_max_pool(x[0], {3}); }, {{1, 1, 5}},
      [=](const auto& v) { return in_windows(v[0], largest_of); },
      {[] {
         return adaptive_max_pool(some({1, 5}), {});
       },
       [] {
         return adaptive_max_pool(some({1, 1, 5}), {0});
       }},
      {{{{0, 1, 5}}, {0, 1, 3}}}));
  rows.push_back(plain(
      "adaptive_max_pool",
      [](const Tensors& x) {
        return adaptive_max_pool(x[0], {1, 2, 1});
      },
      {{1, 1, 2, 2, 2}},
      [=](const auto& v) {
        const Values& x = v[0];
        return Values{largest_of({x[0], x[1], x[4], x[5]}), largest_of({x[2], x[3], x[6], x[7]})};
      }));
}

void add_interpolations(std::vector<PrimitiveCase>& rows) {
  const auto line = [&](InterpolateOptions options, std::int64_t extent, std::function<Values(const Values&)> value) {
    rows.push_back(plain(
        "interpolate", [options](const Tensors& x) { return interpolate(x[0], options); }, {{1, 1, extent}},
        [value](const auto& v) { return value(v[0]); }));
  };
  const auto nearest = Interpolation::nearest, linear = Interpolation::linear, cubic = Interpolation::cubic;
  line({{5}, {}, nearest}, 3, [](const Values& x) { return pick(x, {0, 0, 1, 1, 2}); });
  line({{}, {1.5}, nearest}, 3, [](const Values& x) { return pick(x, {0, 0, 1, 2}); });
  line({{6}, {}, nearest}, 3, [](const Values& x) { return pick(x, {0, 0, 1, 1, 2, 2}); });
  line({{3}, {}, linear}, 2, [](const Values& x) { return Values{x[0], (x[0] + x[1]) / 2, x[1]}; });
  line({{4}, {}, linear, true}, 2, [](const Values& x) {
    return Values{x[0], (2 * x[0] + x[1]) / 3, (x[0] + 2 * x[1]) / 3, x[1]};
  });
  line({{1}, {}, linear, true}, 2, [](const Values& x) { return Values{x[0]}; });
  // In the middle of four samples Keys's weights are -3/32, 19/32, 19/32, -3/32.
  line({{3}, {}, cubic, true}, 4, [](const Values& x) {
    return Values{x[0], (19 * (x[1] + x[2]) - 3 * (x[0] + x[3])) / 32, x[3]};
  });
  rows.push_back(plain(
      "interpolate",
      [](const Tensors& x) {
        return interpolate(x[0], {{}, {2, 0.5}, Interpolation::linear});
      },
      {{1, 1, 1, 4}},
      [](const auto& v) {
        const double a = (v[0][0] + v[0][1]) / 2, b = (v[0][2] + v[0][3]) / 2;
        return Values{a, b, a, b};
      },
      {[] {
         return interpolate(some({1, 1, 4}), {});
       },
       [] {
         return interpolate(some({1, 1, 4}), {{2}, {2.0}});
       },
       [] {
         return interpolate(some({1, 1, 4}), {{2, 2}, {}});
       },
       [] {
         return interpolate(some({1, 1, 4}), {{}, {0.1}});
       },
       [] {
         return interpolate(some({1, 1, 4}), {{2}, {}, Interpolation::nearest, true});
       },
       [] {
         return interpolate(some({1, 1, 4}, i64), {{2}, {}, Interpolation::linear});
       },
       [] {
         return interpolate(some({1, 4}), {{}, {2.0}});
       }},
      {{{{0, 1, 1, 4}}, {0, 1, 2, 2}}}));
  rows.push_back(plain(
      "interpolate",
      [](const Tensors& x) {
        return interpolate(x[0], {{1, 2, 1}, {}, Interpolation::nearest});
      },
      {{1, 1, 1, 1, 2}},
      [](const auto& v) {
        return Values{v[0][0], v[0][0]};
      }));

  // The grid is moved into a square between four pixels of a picture of 3 x 3: there the function is smooth.
  const auto sampled = [](const GridSampleOptions& options, double offset) {
    return [options, offset](const Tensors& x) { return grid_sample(x[0], x[1] * 0.15 + offset, options); };
  };
  const auto bilinear = [](const Values& v, double column, double row) {
    const auto pixel = [&](double h, double w) {
      return h < 0 || h > 2 || w < 0 || w > 2 ? 0.0 : v[static_cast<std::size_t>(3 * h + w)];
    };
    const double h = std::floor(row), w = std::floor(column), down = row - h, right = column - w;
    return (1 - down) * ((1 - right) * pixel(h, w) + right * pixel(h, w + 1)) +
           down * ((1 - right) * pixel(h + 1, w) + right * pixel(h + 1, w + 1));
  };
  using Coordinate = double (*)(double);
  const auto grid_row = [&](GridSampleOptions options, double offset, Coordinate to_pixel,
                            std::vector<Call> refused = {}) {
    rows.push_back(plain(
        "grid_sample", sampled(options, offset), {{1, 1, 3, 3}, {1, 1, 2, 2}},
        [=](const auto& v) {
          Values r;
          for (int i = 0; i < 2; ++i) {
            r.push_back(
                bilinear(v[0], to_pixel(v[1][2 * i] * 0.15 + offset), to_pixel(v[1][2 * i + 1] * 0.15 + offset)));
          }
          return r;
        },
        std::move(refused)));
  };
  grid_row({}, 0.35, [](double x) { return ((x + 1) * 3 - 1) / 2; },
           {[] {
              return grid_sample(some({1, 3, 3}), some({1, 1, 2, 2}));
            },
            [] {
              return grid_sample(some({1, 1, 3, 3}), some({1, 1, 2, 3}));
            },
            [] {
              return grid_sample(some({1, 1, 3, 3}), some({1, 1, 2, 2}, f32));
            },
            [] {
              return grid_sample(some({1, 1, 3, 3}), some({1, 1, 2, 2}), {.mode = Interpolation::cubic});
            }});
  grid_row({}, 0.95, [](double x) { return ((x + 1) * 3 - 1) / 2; });
  grid_row({.align_corners = true}, 0.5, [](double x) { return x + 1; });
  grid_row({.outside = Outside::border}, 1.5, [](double x) { return std::min(((x + 1) * 3 - 1) / 2, 2.0); });
  grid_row({.outside = Outside::reflection, .align_corners = true}, 1.5, [](double x) { return 3 - x; });
  grid_row({.outside = Outside::reflection}, 1.6, [](double x) { return 5 - ((x + 1) * 3 - 1) / 2; });
  grid_row({.outside = Outside::reflection}, -1.6, [](double x) { return -1 - ((x + 1) * 3 - 1) / 2; });
  rows.push_back(plain("grid_sample", sampled({.mode = Interpolation::nearest}, 0.0), {{2, 1, 3, 3}, {2, 1, 1, 2}},
                       [](const auto& v) {
                         return Values{v[0][4], v[0][13]};
                       },
                       {}, {{{{0, 1, 3, 3}, {0, 2, 2, 2}}, {0, 1, 2, 2}}}));

  rows.push_back(plain(
      "pixel_shuffle", [](const Tensors& x) { return pixel_shuffle(x[0], 2); }, {{1, 4, 1, 2}},
      [](const auto& v) {
        return pick(v[0], {0, 2, 1, 3, 4, 6, 5, 7});
      },
      {[] {
         return pixel_shuffle(some({1, 3, 1, 1}), 2);
       },
       [] {
         return pixel_shuffle(some({1, 4, 1, 1}), 0);
       },
       [] {
         return pixel_shuffle(some({4, 1, 1}), 2);
       }},
      {{{{0, 4, 1, 1}}, {0, 1, 2, 2}}}));
  rows.push_back(plain(
      "pixel_unshuffle", [](const Tensors& x) { return pixel_unshuffle(x[0], 2); }, {{1, 1, 2, 4}},
      [](const auto& v) {
        return pick(v[0], {0, 2, 1, 3, 4, 6, 5, 7});
      },
      {[] {
         return pixel_unshuffle(some({1, 1, 2, 3}), 2);
       },
       [] {
         return pixel_unshuffle(some({1, 1, 2}), 2);
       }},
      {{{{0, 1, 2, 2}}, {0, 4, 1, 1}}}));
}

}  // namespace

void add_spatial(std::vector<PrimitiveCase>& rows) {
  add_convolutions(rows);
  add_pools(rows);
  add_interpolations(rows);
  rows.push_back(plain(
      "random_key", [](const Tensors& x) { return x[0] * cast(random_key(5, 6), x[0].dtype()); }, {{2}},
      [](const auto& v) {
        return Values{5 * v[0][0], 6 * v[0][1]};
      }));
  rows.push_back(plain(
      "bernoulli", [](const Tensors& x) { return x[0] * bernoulli(random_key(5), {8}, 0.4, x[0].dtype()); }, {{8}},
      [](const auto& v) {
        Values r;
        Philox generator(5);
        for (double x : v[0]) r.push_back(generator.uniform() < 0.4 ? x : 0);
        return r;
      },
      {[] { return bernoulli(random_key(5), {8}, 1.5); }, [] { return bernoulli(random_key(5), {8}, NAN); }}));
  rows.push_back(plain(
      "ifft", [](const Tensors& x) { return ifft(fft(x[0]) * 2, -1); }, {{3, 5, 2}},
      [](const auto& v) {
        Values r = v[0];
        for (double& x : r) x *= 2;
        return r;
      },
      {[] { return ifft(some({3})); },
       [] {
         return ifft(some({0, 2}));
       }}));
}

}  // namespace sg::test
