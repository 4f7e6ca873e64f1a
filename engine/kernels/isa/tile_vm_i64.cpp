// The tile machine's loops on i64.
#include "engine/kernels/isa/tile_loops.h"
#include "engine/kernels/isa/tile_memory.h"

namespace sg::kernels::SG_ISA {

namespace {

using V = Vector<std::int64_t, kLanes<std::int64_t>>;

V divide(V a, V b) {
  V result;
  for (int i = 0; i < kLanesOf<V>; ++i) {
    // The two cases that C leaves undefined wrap or give 0 here.
    const std::uint64_t negated = 0 - static_cast<std::uint64_t>(a[i]);
    result[i] = b[i] == 0 ? 0 : b[i] == -1 ? static_cast<std::int64_t>(negated) : a[i] / b[i];
  }
  return result;
}

}  // namespace

const TileKernels& tile_kernels_i64() {
  static const TileKernels table = [] {
    TileKernels made{};
    add_arithmetic<std::int64_t>(made);
    add_memory<std::int64_t>(made);
    const auto abs = [](V a) { return select<V>(a < 0, -a, a); };
    const auto div = [](V a, V b) { return divide(a, b); };
    const auto multiply_add = [](V a, V b, V c) { return a * b + c; };
    const auto subtract_product = [](V a, V b, V c) { return c - a * b; };
    made.operations[static_cast<int>(TileOp::abs)] = operation<std::int64_t, 1, 1, decltype(abs)>;
    made.operations[static_cast<int>(TileOp::div)] = operation<std::int64_t, 2, 1, decltype(div)>;
    made.operations[static_cast<int>(TileOp::multiply_add)] = operation<std::int64_t, 3, 1, decltype(multiply_add)>;
    made.operations[static_cast<int>(TileOp::subtract_product)] =
        operation<std::int64_t, 3, 1, decltype(subtract_product)>;
    return made;
  }();
  return table;
}

}  // namespace sg::kernels::SG_ISA
