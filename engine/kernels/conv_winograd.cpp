// 3 x 3 convolutions by Winograd's algorithms, tiles of a unit after one another: transform, multiply at the points,
// transform back.
#include "engine/kernels/conv_winograd.h"

#include "engine/kernels/conv_winograd_parts.h"
#include "engine/kernels/conv_winograd_tiles.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kUnits = 12;  // enough that tasks are whole units; one thread alone takes unit after unit
constexpr std::int64_t kSlabs = 8;   // enough that tasks are whole slabs, where units are few
/// Transforms of a channel's vector at a point take as long as so many multiply-adds (32 to 32 channels with stride 2:
/// as fast as plain sums; 16 to 32 take 0.51 ms as plain sums instead of 0.68, 32 to 64 take 0.32 instead of 0.35).
constexpr double kTransform = 6;
/// The same for weights, which go through memory (256 to 256 channels at 8 x 8, four pictures: wide tiles pay).
constexpr double kWeightTransform = 10;
constexpr double kLeastGain = 1.05;
/// What is summed in wide tiles: so many channels, or tiles for the gradient by the weight. With less a plain sum's
/// errors are smaller.
constexpr std::int64_t kWideChannels = 64, kWideGradientTiles = 256;

template <class T>
const WinogradAlgorithm<T>& of_kind(const WinogradKernels<T>& kernels, WinogradKind kind) {
  switch (kind) {
    case WinogradKind::stride_1: return kernels.stride_1;
    case WinogradKind::stride_1_wide: return kernels.stride_1_wide;
    case WinogradKind::stride_2: return kernels.stride_2;
    case WinogradKind::stride_2_gradient_even: return kernels.stride_2_gradient_even;
    case WinogradKind::stride_2_gradient_odd: break;
  }
  return kernels.stride_2_gradient_odd;
}

/// Products that a plain sum makes along one axis: pairs of a result and a tap that reads inside of the source.
std::int64_t products_along(const CorrelationAxis& axis) {
  std::int64_t products = 0;
  for (std::size_t k = 0; k < axis.tap.size(); ++k) {
    for (std::int64_t j = 0; j * axis.phases + axis.phase[k] < axis.results; ++j) {
      const std::int64_t at = j * axis.stride + axis.tap[k];
      products += at >= 0 && at < axis.size;
    }
  }
  return products;
}

/// Multiply-adds that take as long as a picture's convolution, but for the weights' transform.
template <class T>
double cost(const WinogradShape& shape) {
  const WinogradAlgorithm<T>& algorithm = winograd_algorithm<T>(shape.kind);
  const std::int64_t tiles = ceil_div(shape.result_height, algorithm.axis[0].results) *
                             ceil_div(shape.result_width, algorithm.axis[1].results);
  const double channels = static_cast<double>(shape.channels), rows = static_cast<double>(shape.rows);
  return static_cast<double>(algorithm.points() * tiles) * (channels * rows + kTransform * (channels + rows));
}

/// Small images read zeros at most of their taps: there plain sums have fewer products, and smaller errors. With few
/// channels the transforms take longer than what they save.
template <class T>
bool pays(const WinogradShape& shape, const Correlation& correlation) {
  const std::int64_t lanes = panel_kernels<T>().lanes;
  const std::int64_t plain = products_along(correlation.axis[0]) * products_along(correlation.axis[1]);
  return shape.channels >= lanes && shape.rows >= lanes &&
         static_cast<double>(plain * shape.channels * shape.rows) >= kLeastGain * cost<T>(shape);
}

template <class T>
WinogradShape in_wide_tiles_if_faster(const WinogradShape& shape) {
  if (shape.kind != WinogradKind::stride_1 || shape.channels < kWideChannels) return shape;
  const auto batch_cost = [](const WinogradShape& of) {
    const std::int64_t weights = winograd_algorithm<T>(of.kind).points() * of.channels * of.rows;
    return static_cast<double>(of.batch) * cost<T>(of) + kWeightTransform * static_cast<double>(weights);
  };
  WinogradShape wide = shape;
  wide.kind = WinogradKind::stride_1_wide;
  return batch_cost(wide) < batch_cost(shape) ? wide : shape;
}

/// Whether the algorithms know such a convolution.
bool is_known(const ConvGeometry& g) {
  if (g.groups != 1 || g.kernel_height != 3 || g.kernel_width != 3 || g.batch == 0) return false;
  if (g.in_height < 1 || g.in_width < 1 || g.out_height < 1 || g.out_width < 1) return false;
  if (g.stride[0] != g.stride[1] || g.stride[0] > 2 || (g.padding[0] - g.padding[1]) % 2 != 0) return false;
  return g.dilation[0] == 1 && g.dilation[1] == 1 && g.padding[0] <= 2 && g.padding[1] <= 2;
}

}  // namespace

template <>
const WinogradAlgorithm<float>& winograd_algorithm<float>(WinogradKind kind) {
  return of_kind(SG_OF_ISA(winograd_kernels_f32), kind);
}
template <>
const WinogradAlgorithm<double>& winograd_algorithm<double>(WinogradKind kind) {
  return of_kind(SG_OF_ISA(winograd_kernels_f64), kind);
}

template <class T>
std::optional<WinogradShape> winograd_forward(const ConvGeometry& g) {
  if (!is_known(g)) return {};
  const WinogradShape shape{g.stride[0] == 1 ? WinogradKind::stride_1 : WinogradKind::stride_2,
                            g.batch,
                            g.in_channels,
                            g.out_channels,
                            g.in_height,
                            g.in_width,
                            g.out_height,
                            g.out_width,
                            {g.padding[0], g.padding[1]}};
  if (!pays<T>(shape, forward_correlation(g))) return {};
  return in_wide_tiles_if_faster<T>(shape);
}

template <class T>
std::optional<WinogradShape> winograd_weight_gradient(const ConvGeometry& g) {
  auto shape = winograd_forward<T>(g);
  if (shape && shape->kind == WinogradKind::stride_1_wide) {
    const WinogradAlgorithm<T>& wide = winograd_algorithm<T>(shape->kind);
    const std::int64_t tiles =
        g.batch * ceil_div(g.out_height, wide.axis[0].results) * ceil_div(g.out_width, wide.axis[1].results);
    const std::int64_t sum_bytes =
        wide.points() * g.in_channels * g.out_channels * static_cast<std::int64_t>(sizeof(T));
    if (tiles < kWideGradientTiles || sum_bytes > kWinogradSumBytes) shape->kind = WinogradKind::stride_1;
  }
  return shape;
}

template <class T>
std::optional<WinogradShape> winograd_input_gradient(const ConvGeometry& g) {
  if (!is_known(g)) return {};
  WinogradShape shape{WinogradKind::stride_1,
                      g.batch,
                      g.out_channels,
                      g.in_channels,
                      g.out_height,
                      g.out_width,
                      g.in_height,
                      g.in_width,
                      {}};
  const bool odd = g.padding[0] % 2 == 1;
  if (g.stride[0] == 2) shape.kind = odd ? WinogradKind::stride_2_gradient_odd : WinogradKind::stride_2_gradient_even;
  for (int i = 0; i < 2; ++i) {
    // Stride 2: the first tile's results begin at position `padding` of the padded input, which output row
    // padding / 2 reads.
    shape.padding[i] = g.stride[i] == 1 ? 2 - g.padding[i] : odd ? 0 : 1 - g.padding[i] / 2;
  }
  if (!pays<T>(shape, input_gradient_correlation(g))) return {};
  return in_wide_tiles_if_faster<T>(shape);
}

template <class T>
void run_winograd(const WinogradShape& shape, bool of_gradient, const T* source, const T* weight, T* result) {
  if (tile_lanes_pay<T>(shape)) return run_winograd_tiles(shape, of_gradient, source, weight, result);
  const Winograd<T> winograd(shape, channel_pitch<T>(shape.channels, panel_kernels<T>().lanes));
  const WinogradUnits& units = winograd.units;
  const std::int64_t slabs = ceil_div(winograd.row_vectors(), kWinogradSlab), vectors = winograd.channel_vectors();
  const bool few_units = units.count < kUnits && !runs_alone(), many_slabs = few_units && slabs >= kSlabs;
  const Scratch weights(many_slabs ? 0 : static_cast<std::size_t>(winograd.slab_weights(slabs)) * sizeof(T));
  if (!many_slabs) winograd.transform_weights(0, slabs, of_gradient, weight, weights.as<T>());
  const std::size_t unit_size = static_cast<std::size_t>(winograd.source_size());
  if (!few_units) {
    parallel_for(units.count, [&](std::int64_t i) {
      const Scratch transformed(unit_size * sizeof(T));
      const WinogradUnit unit = units.unit(i);
      winograd.transform_source(unit, 0, vectors, source, transformed.as<T>());
      for (std::int64_t slab = 0; slab < slabs; ++slab) {
        winograd.multiply(unit, slab, transformed.as<T>(), weights.as<T>() + winograd.slab_weights(slab), result);
      }
    });
    return;
  }
  const Scratch transformed(static_cast<std::size_t>(units.count) * unit_size * sizeof(T));
  const auto of_unit = [&](std::int64_t i) { return transformed.as<T>() + static_cast<std::size_t>(i) * unit_size; };
  parallel_for(units.count * vectors, [&](std::int64_t i) {
    const std::int64_t vector = i % vectors;
    winograd.transform_source(units.unit(i / vectors), vector, vector + 1, source, of_unit(i / vectors));
  });
  if (many_slabs) {
    // Each task transforms the weights that it needs, and finds them in its cache.
    parallel_for(slabs, [&](std::int64_t slab) {
      const Scratch own(static_cast<std::size_t>(winograd.slab_weights(1)) * sizeof(T));
      winograd.transform_weights(slab, slab + 1, of_gradient, weight, own.as<T>());
      for (std::int64_t unit = 0; unit < units.count; ++unit) {
        winograd.multiply(units.unit(unit), slab, of_unit(unit), own.as<T>(), result);
      }
    });
    return;
  }
  parallel_for(units.count * slabs, [&](std::int64_t i) {
    const std::int64_t unit = i % units.count, slab = i / units.count;
    winograd.multiply(units.unit(unit), slab, of_unit(unit), weights.as<T>() + winograd.slab_weights(slab), result);
  });
}

template std::optional<WinogradShape> winograd_forward<float>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_forward<double>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_weight_gradient<float>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_weight_gradient<double>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_input_gradient<float>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_input_gradient<double>(const ConvGeometry&);
template void run_winograd(const WinogradShape&, bool, const float*, const float*, float*);
template void run_winograd(const WinogradShape&, bool, const double*, const double*, double*);

}  // namespace sg::kernels
