// Transposes of as many vectors as a vector has lanes.
#pragma once

#include <utility>

#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {

/// Lanes where (lane & Step) == 0 stay, the others come from `b`, Step lanes before; and the other half.
template <int Step, class V, int... Lane>
inline V low_halves(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (Lane & Step ? kLanesOf<V> + Lane - Step : Lane)...);
}
template <int Step, class V, int... Lane>
inline V high_halves(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (Lane & Step ? kLanesOf<V> + Lane : Lane + Step)...);
}

/// Transposes, `Step` being 1; each step exchanges halves of pairs of rows.
template <int Step, class V>
inline void transpose_from(V* rows) {
  constexpr int lanes = kLanesOf<V>;
  if constexpr (Step < lanes) {
    const auto sequence = std::make_integer_sequence<int, lanes>{};
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      if (i & Step) continue;
      const V a = rows[i], b = rows[i + Step];
      rows[i] = low_halves<Step>(a, b, sequence);
      rows[i + Step] = high_halves<Step>(a, b, sequence);
    }
    transpose_from<2 * Step>(rows);
  }
}

}  // namespace sg::kernels::SG_ISA
