// Inspection: printing tensors and graphs, and scopes that look for NaN and infinities.
#pragma once

#include <string>

#include "engine/tensor.h"

namespace sg {

/// The values, as NumPy prints them; long axes are shortened.
std::string to_string(const Tensor& x);

/// One line a node, inputs before outputs: number, primitive, shape, dtype, name, inputs.
std::string print_graph(const Tensors& roots);
/// The graph in Graphviz's language.
std::string graphviz(const Tensors& roots);

/// The plan by which these would be computed now: its steps, and the regions that stream rows. Computes nothing.
std::string print_plan(const Tensors& roots);
/// The fused kernels of that plan, each with the instructions of its tile program (kernels/tile_ops.def).
std::string print_tile_programs(const Tensors& roots);

/// While it lives, every value that this thread computes is looked at, and the first primitive that makes a NaN or an
/// infinity throws an Error that names it. Nothing is fused meanwhile, so it is slow.
class CheckFinite {
 public:
  CheckFinite();
  ~CheckFinite();
  CheckFinite(const CheckFinite&) = delete;
  CheckFinite& operator=(const CheckFinite&) = delete;

 private:
  bool previous_;
};
bool checking_finite();

}  // namespace sg
