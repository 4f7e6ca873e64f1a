// The tile machine's loops on f32.
#include "engine/kernels/isa/tile_loops.h"
#include "engine/kernels/isa/tile_memory.h"

namespace sg::kernels::SG_ISA {

const TileKernels& tile_kernels_f32() {
  static const TileKernels table = [] {
    TileKernels made{};
    add_arithmetic<float>(made);
    add_functions<float>(made);
    add_memory<float>(made);
    return made;
  }();
  return table;
}

}  // namespace sg::kernels::SG_ISA
