// Pooling. The one primitive here is the position of each window's maximum, on planes; all else is composed of it: one
// axis is a plane of height 1, and a box is pooled along its depth after its planes.
#include <cmath>
#include <limits>

#include "engine/kernels/max_pool.h"
#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/indexing.h"
#include "engine/ops/spatial.h"

namespace sg {
namespace {

/// The windows along one axis: window i begins at i stride - before.
struct Windows {
  std::int64_t kernel = 1, stride = 1, before = 0, after = 0, dilation = 1;
  std::int64_t extent = 1, count = 1;  // of the input, and how many windows there are
  /// Elements of window i between two bounds.
  std::int64_t elements(std::int64_t i, std::int64_t low, std::int64_t high) const {
    std::int64_t inside = 0;
    for (std::int64_t t = 0; t < kernel; ++t) {
      const std::int64_t at = i * stride - before + t * dilation;
      inside += at >= low && at < high;
    }
    return inside;
  }
};
using PlaneWindows = std::array<Windows, 2>;

/// The windows along the spatial axes of x; `Options` is one of ops.h.
template <std::size_t axes, class Options>
std::array<Windows, axes> windows_of(std::string_view operation, const Tensor& x, const Options& options) {
  if (x.rank() != axes + 2) fail("{}: the input must have {} axes, got {}", operation, axes + 2, x.shape());
  std::array<Windows, axes> all;
  for (std::size_t i = 0; i < axes; ++i) {
    Windows& w = all[i];
    w.kernel = along(options.kernel, i);
    w.stride = along(options.stride, i);
    w.before = along(options.padding, i);
    w.after = along(options.padding_after, i) < 0 ? w.before : along(options.padding_after, i);
    w.dilation = along(options.dilation, i);
    w.extent = x.shape()[2 + i];
    if (w.kernel < 1 || w.stride < 1 || w.before < 0 || w.dilation < 1) {
      fail("{}: kernel {}, stride {}, padding {} and dilation {} are not a window", operation, w.kernel, w.stride,
           w.before, w.dilation);
    }
    const std::int64_t reach = w.dilation * (w.kernel - 1) + 1;
    if (2 * std::max(w.before, w.after) > reach) {
      fail("{}: padding {} is more than half of the kernel {}", operation, std::max(w.before, w.after), reach);
    }
    const std::int64_t room = w.extent + w.before + w.after - reach;
    if (room < 0) fail("{}: the kernel {} does not fit into the padded input {}", operation, reach, x.shape());
    w.count = room / w.stride + 1;
    // A window that hangs over the end begins within the input or the padding before it.
    if (options.ceil_mode && room % w.stride != 0 && w.count * w.stride < w.extent + w.before) ++w.count;
    for (std::int64_t window = 0; window < w.count; ++window) {
      if (w.extent > 0 && w.elements(window, 0, w.extent) > 0) continue;
      fail("{}: a window of kernel {} and dilation {} misses the input {}", operation, w.kernel, w.dilation, x.shape());
    }
  }
  return all;
}

Shape pooled_shape(const Shape& shape, const PlaneWindows& windows) {
  return {shape[0], shape[1], windows[0].count, windows[1].count};
}

struct MaxPoolSettings {
  PerAxis<2> kernel, stride, padding, dilation;
};

/// Where each window's maximum is, as h * W + w; the first of equals, and the first NaN if there is one.
struct MaxPool2dIndex final : Configured<MaxPoolSettings> {
  using Configured::Configured;
  std::string_view name() const override { return "max_pool2d_index"; }
  Rows rows() const override { return Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Shape &in = *inputs[0].shape, &out = *output.shape;
    const MaxPoolSettings s = settings();
    kernels::PoolWindows windows;
    for (int i = 0; i < 2; ++i) {
      windows.size[i] = in[2 + i], windows.windows[i] = out[2 + i];
      windows.kernel[i] = s.kernel[i], windows.stride[i] = s.stride[i];
      windows.padding[i] = s.padding[i], windows.dilation[i] = s.dilation[i];
    }
    dispatch(inputs[0].dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::parallel_for(in[0] * in[1], [&](std::int64_t plane) {
        kernels::max_pool_places(windows, inputs[0].as<const T>() + plane * in[2] * in[3],
                                 output.as<std::int64_t>() + plane * out[2] * out[3]);
      });
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t n) const override {
    const Shape &in = inputs[0].shape(), &out = output.shape();
    const Tensor images = reshape(inputs[0], {n * in[1], in[2], in[3], in[4]});
    const Tensor index = make_node(output.node()->primitive(), {images}, {n * out[0], out[1], out[2], out[3]}, i64);
    return reshape(index, {n, out[0], out[1], out[2], out[3]});
  }
};

Tensor max_of_planes(const Tensor& x, const PlaneWindows& windows) {
  const Shape shape = pooled_shape(x.shape(), windows);
  MaxPoolSettings settings;
  for (int i = 0; i < 2; ++i) {
    settings.kernel[i] = windows[i].kernel;
    settings.stride[i] = windows[i].stride;
    settings.padding[i] = windows[i].before;
    settings.dilation[i] = windows[i].dilation;
  }
  const Tensor index = make_node(make_primitive<MaxPool2dIndex>(settings), {x}, shape, i64);
  const Shape planes{shape[0], shape[1], shape[2] * shape[3]};
  return reshape(gather_inside(flatten(x, 2), reshape(index, planes), 2), shape);
}

Tensor mean_of_planes(const Tensor& x, const PlaneWindows& windows, bool count_padding) {
  const Shape shape = pooled_shape(x.shape(), windows);
  Shape before(4, 0), after(4, 0);
  bool all_whole = true;
  std::array<std::vector<double>, 2> counts;
  for (int i = 0; i < 2; ++i) {
    const Windows& w = windows[i];
    before[2 + i] = w.before;
    const std::int64_t reach = (w.count - 1) * w.stride + w.dilation * (w.kernel - 1) + 1;
    after[2 + i] = std::max<std::int64_t>(reach - w.before - w.extent, 0);
    for (std::int64_t window = 0; window < w.count; ++window) {
      const std::int64_t count =
          count_padding ? w.elements(window, -w.before, w.extent + w.after) : w.elements(window, 0, w.extent);
      counts[i].push_back(static_cast<double>(count));
      all_whole = all_whole && count == w.kernel;
    }
  }
  const Tensor padded = pad(x, before, after);
  const auto taps = [&](const Tensor& from, int axis, std::int64_t tap) {
    const Windows& w = windows[axis];
    const std::int64_t start = tap * w.dilation;
    return slice(from, 2 + axis, start, start + (w.count - 1) * w.stride + 1, w.stride);
  };
  Tensor total;
  for (std::int64_t h = 0; h < windows[0].kernel; ++h) {
    const Tensor rows = taps(padded, 0, h);
    for (std::int64_t w = 0; w < windows[1].kernel; ++w) total = series::plus(total, taps(rows, 1, w));
  }
  if (all_whole) return total * (1.0 / static_cast<double>(windows[0].kernel * windows[1].kernel));
  std::vector<double> parts;
  for (double rows : counts[0]) {
    for (double columns : counts[1]) parts.push_back(1 / (rows * columns));
  }
  return total * tensor(std::span<const double>(parts), {shape[2], shape[3]}, x.dtype());
}

/// Pools [N, C, D, H, W] by a function of planes: height and width first, then depth.
template <class OfPlanes>
Tensor pool_boxes(const Tensor& x, const std::array<Windows, 3>& windows, const OfPlanes& of_planes) {
  const Shape& s = x.shape();
  const Tensor flat = of_planes(reshape(x, {s[0], s[1] * s[2], s[3], s[4]}), {windows[1], windows[2]});
  const Shape pooled = flat.shape();
  const std::int64_t pixels = pooled[2] * pooled[3];
  Windows one;
  one.extent = one.count = pixels;
  const Tensor columns = of_planes(reshape(flat, {s[0], s[1], s[2], pixels}), {windows[0], one});
  return reshape(columns, {s[0], s[1], windows[0].count, pooled[2], pooled[3]});
}
}  // namespace

Tensor max_pool1d(const Tensor& x, const Pool1dOptions& options) {
  const auto windows = windows_of<1>("max_pool1d", x, options);
  return squeeze(max_of_planes(unsqueeze(x, 2), {Windows{}, windows[0]}), 2);
}
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  return max_of_planes(x, windows_of<2>("max_pool2d", x, options));
}
Tensor max_pool3d(const Tensor& x, const Pool3dOptions& options) {
  return pool_boxes(x, windows_of<3>("max_pool3d", x, options), max_of_planes);
}

Tensor avg_pool1d(const Tensor& x, const Pool1dOptions& options) {
  need_floating("avg_pool1d", x);
  const auto windows = windows_of<1>("avg_pool1d", x, options);
  return squeeze(mean_of_planes(unsqueeze(x, 2), {Windows{}, windows[0]}, options.count_padding), 2);
}
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  need_floating("avg_pool2d", x);
  return mean_of_planes(x, windows_of<2>("avg_pool2d", x, options), options.count_padding);
}
Tensor avg_pool3d(const Tensor& x, const Pool3dOptions& options) {
  need_floating("avg_pool3d", x);
  const auto windows = windows_of<3>("avg_pool3d", x, options);
  return pool_boxes(x, windows, [&](const Tensor& planes, const PlaneWindows& of_planes) {
    return mean_of_planes(planes, of_planes, options.count_padding);
  });
}

static void check_adaptive(std::string_view operation, const Tensor& x, const Shape& size) {
  check_spatial(operation, x, size.size());
  for (std::size_t i = 0; i < size.size(); ++i) {
    if (size[i] < 1 || x.shape()[2 + i] < 1) fail("{}: {} to the size {}", operation, x.shape(), size);
    check_extents(operation, {size[i], x.shape()[2 + i]});
  }
}
/// The first element of window i of `count` over an extent, and the first after the window before.
static std::int64_t window_begin(std::int64_t i, std::int64_t extent, std::int64_t count) { return i * extent / count; }
static std::int64_t window_end(std::int64_t i, std::int64_t extent, std::int64_t count) {
  return ((i + 1) * extent + count - 1) / count;
}

Tensor adaptive_avg_pool(const Tensor& x, const Shape& size) {
  need_floating("adaptive_avg_pool", x);
  check_adaptive("adaptive_avg_pool", x, size);
  Tensor result = x;
  for (std::size_t i = 0; i < size.size(); ++i) {
    const std::int64_t extent = x.shape()[2 + i], count = size[i];
    if (extent % count == 0) {  // windows side by side, of which one does not see another's infinity
      Shape apart = result.shape();
      apart[2 + i] = count;
      apart.insert(apart.begin() + static_cast<std::ptrdiff_t>(3 + i), extent / count);
      result = mean(reshape(result, apart), {static_cast<std::int64_t>(3 + i)});
      continue;
    }
    std::vector<double> weights(count * extent, 0.0);
    for (std::int64_t window = 0; window < count; ++window) {
      const std::int64_t begin = window_begin(window, extent, count), end = window_end(window, extent, count);
      for (std::int64_t k = begin; k < end; ++k) weights[window * extent + k] = 1 / static_cast<double>(end - begin);
    }
    result = multiply_along(tensor(std::span<const double>(weights), {count, extent}, x.dtype()), result, 2 + i);
  }
  return result;
}

Tensor adaptive_max_pool(const Tensor& x, const Shape& size) {
  check_adaptive("adaptive_max_pool", x, size);
  // Every window is brought to one length by repeating its last element, which is never the first of equals.
  Tensor spread = x;
  std::array<std::int64_t, 3> lengths{1, 1, 1};
  for (std::size_t i = 0; i < size.size(); ++i) {
    const std::int64_t extent = x.shape()[2 + i], count = size[i];
    for (std::int64_t w = 0; w < count; ++w) {
      lengths[i] = std::max(lengths[i], window_end(w, extent, count) - window_begin(w, extent, count));
    }
    std::vector<std::int64_t> indices;
    for (std::int64_t w = 0; w < count; ++w) {
      const std::int64_t last = window_end(w, extent, count) - 1;
      for (std::int64_t k = 0; k < lengths[i]; ++k)
        indices.push_back(std::min(window_begin(w, extent, count) + k, last));
    }
    if (count * lengths[i] == extent) continue;  // the windows lie one beside the other
    spread = take(spread, tensor(std::span<const std::int64_t>(indices), {count * lengths[i]}),
                  static_cast<std::int64_t>(2 + i));
  }
  const auto [first, second, third] = lengths;
  if (size.size() == 1) return max_pool1d(spread, {.kernel = first, .stride = first});
  if (size.size() == 2) return max_pool2d(spread, {.kernel = {first, second}, .stride = {first, second}});
  return max_pool3d(spread, {.kernel = {first, second, third}, .stride = {first, second, third}});
}

}  // namespace sg
