// Convolutions with a channel in each lane, unit after unit: its pixels are staged, multiplied with panels of weights,
// and turned back.
#include "engine/kernels/conv_panel.h"

#include "engine/kernels/conv_panel_parts.h"
#include "engine/kernels/cpu.h"

namespace sg::kernels {

template <>
const PanelKernels<float>& panel_kernels<float>() {
  return SG_OF_ISA(panel_kernels_f32);
}
template <>
const PanelKernels<double>& panel_kernels<double>() {
  return SG_OF_ISA(panel_kernels_f64);
}

namespace {

constexpr std::int64_t kSlabs = 8;  // enough that tasks are whole slabs, where units are few

}  // namespace

template <class T>
bool panels_pay(const Correlation& g) {
  const std::int64_t lanes = panel_kernels<T>().lanes;
  return g.groups == 1 && g.channels >= lanes && g.rows >= lanes &&
         (g.axis[0].tap.size() > 1 || g.axis[1].tap.size() > 1);
}

template <class T>
void run_panels(const Correlation& g, bool of_gradient, const T* source, const T* weight, T* result) {
  const Panels<T> panels(g, 0);
  const std::size_t unit_size = static_cast<std::size_t>(panels.staged_unit());
  const std::int64_t slab_count = static_cast<std::int64_t>(panels.slabs.size());
  const std::int64_t vector_weights = panels.lanes * panels.taps * g.channels;
  const bool few_units = panels.units < kPanelUnits && !runs_alone(), many_slabs = few_units && slab_count >= kSlabs;
  const Scratch weights(many_slabs ? 0 : static_cast<std::size_t>(panels.row_vectors * vector_weights) * sizeof(T));
  if (!many_slabs) {
    panels.turn_weights(panels.slabs.front(), panels.slabs.back(), of_gradient, weight, weights.as<T>());
  }
  if (!few_units) {
    parallel_for(panels.units, [&](std::int64_t i) {
      const Scratch staged(unit_size * sizeof(T));
      const PanelUnit unit = panels.unit(i);
      panels.clear_margins(unit, staged.as<T>());
      panels.stage(unit, 0, panels.channel_vectors, source, staged.as<T>());
      for (const PanelSlab& slab : panels.slabs) {
        panels.multiply(unit, slab, staged.as<T>(), weights.as<T>() + panels.weights_before(slab), result);
      }
    });
    return;
  }
  const Scratch staged(static_cast<std::size_t>(panels.units) * unit_size * sizeof(T));
  const auto of_unit = [&](std::int64_t i) { return staged.as<T>() + static_cast<std::size_t>(i) * unit_size; };
  parallel_for(panels.units, [&](std::int64_t i) { panels.clear_margins(panels.unit(i), of_unit(i)); });
  parallel_for(panels.units * panels.channel_vectors, [&](std::int64_t i) {
    const std::int64_t unit = i / panels.channel_vectors, vector = i % panels.channel_vectors;
    panels.stage(panels.unit(unit), vector, vector + 1, source, of_unit(unit));
  });
  if (many_slabs) {
    // Each task turns the weights that it needs, and finds them in its cache.
    parallel_for(slab_count, [&](std::int64_t i) {
      const PanelSlab& slab = panels.slabs[static_cast<std::size_t>(i)];
      const Scratch own(static_cast<std::size_t>(slab.vectors * vector_weights) * sizeof(T));
      panels.turn_weights(slab, slab, of_gradient, weight, own.as<T>());
      for (std::int64_t unit = 0; unit < panels.units; ++unit) {
        panels.multiply(panels.unit(unit), slab, of_unit(unit), own.as<T>(), result);
      }
    });
    return;
  }
  parallel_for(panels.units * slab_count, [&](std::int64_t i) {
    const std::int64_t unit = i % panels.units;
    const PanelSlab& slab = panels.slabs[static_cast<std::size_t>(i / panels.units)];
    panels.multiply(panels.unit(unit), slab, of_unit(unit), weights.as<T>() + panels.weights_before(slab), result);
  });
}

template bool panels_pay<float>(const Correlation&);
template bool panels_pay<double>(const Correlation&);
template void run_panels(const Correlation&, bool, const float*, const float*, float*);
template void run_panels(const Correlation&, bool, const double*, const double*, double*);

}  // namespace sg::kernels
