// The tile machine's loops on f64.
#include "engine/kernels/isa/tile_loops.h"
#include "engine/kernels/isa/tile_memory.h"

namespace sg::kernels::SG_ISA {

const TileKernels& tile_kernels_f64() {
  static const TileKernels table = [] {
    TileKernels made{};
    add_arithmetic<double>(made);
    add_functions<double>(made);
    add_memory<double>(made);
    return made;
  }();
  return table;
}

}  // namespace sg::kernels::SG_ISA
