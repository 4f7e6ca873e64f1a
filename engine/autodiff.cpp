// Differentiation: walks over the graph. What each primitive contributes stands in its own block under ops/.
#include "engine/autodiff.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numbers>

#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/padded.h"
#include "engine/ops/series.h"
#include "engine/primitive.h"
#include "engine/transforms.h"
#include "engine/walk.h"

namespace sg {
namespace {

/// The part of a graph between `ys` and `xs`: nodes in order, inputs before outputs. The inputs' indices are
/// written down at once, because a rule may walk the graph itself.
struct Path {
  std::vector<Node*> nodes;
  IndexLists inputs;                 // for each node, its inputs' indices; -1 outside the path
  std::vector<std::int64_t> xs, ys;  // indices of the xs and ys; -1 outside the path
  std::vector<bool> depends;         // on an x
  std::vector<bool> is_x;

  Path(const Tensors& y_tensors, const Tensors& x_tensors) {
    const auto among_xs = [&](const Node& node) {
      return std::any_of(x_tensors.begin(), x_tensors.end(), [&](const Tensor& x) { return x.node() == &node; });
    };
    // What stops derivatives stops the walk, unless somebody asks for the derivative by just this one. Below a single x
    // nothing is of interest.
    const Node* single = x_tensors.size() == 1 ? x_tensors[0].node() : nullptr;
    const auto expand = [&](const Node& node) { return &node != single && !node.stops_derivatives(); };
    const Walk walk(
        y_tensors, [&](const Node& node) { return node.stops_derivatives() && !among_xs(node); }, expand);
    nodes = walk.nodes();
    for (const Tensor& x : x_tensors) xs.push_back(walk.index_of(x.node()));
    for (const Tensor& y : y_tensors) ys.push_back(walk.index_of(y.node()));
    is_x.assign(nodes.size(), false);
    for (std::int64_t x : xs) {
      if (x >= 0) is_x[x] = true;
    }
    depends = is_x;
    inputs.reserve(nodes.size(), 2 * nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (expand(*nodes[i])) {
        for (const Tensor& input : nodes[i]->inputs()) {
          const std::int64_t from = walk.index_of(input.node());
          inputs.add(from);
          if (from >= 0 && depends[from]) depends[i] = true;
        }
      }
      inputs.close();
    }
  }
};

std::string describe(const Tensor& x, std::size_t number) {
  return x.name().empty() ? fmt::format("x number {} of shape {}", number, x.shape())
                          : fmt::format("\"{}\" of shape {}", x.name(), x.shape());
}

void check_differentiable(std::string_view operation, const Tensors& tensors) {
  for (const Tensor& t : tensors) {
    if (!t.defined()) fail("{}: a tensor is undefined", operation);
    if (!is_floating(t.dtype())) fail("{}: needs f32 or f64, got {}", operation, name_of(t.dtype()));
  }
}

void check_like(std::string_view operation, std::string_view what, const Tensor& given, const Tensor& like) {
  if (given.shape() != like.shape() || given.dtype() != like.dtype()) {
    fail("{}: the {} is {} {}, needs {} {}", operation, what, name_of(given.dtype()), given.shape(),
         name_of(like.dtype()), like.shape());
  }
}

Tensor accumulate(const Tensor& a, const Tensor& b) { return a.defined() ? a + b : b; }

/// Guards the grads of all leaves: held for a few assignments at a time.
std::mutex& grad_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// Results of one derivative that are computed at once; more would need too much memory for what is between.
constexpr std::int64_t kUnitsAtOnce = 256;

/// The unit tensors of the given shape for elements first..last - 1: [last - first, shape].
Tensor units(const Shape& shape, Dtype dtype, std::int64_t first, std::int64_t last) {
  const std::int64_t count = element_count(shape);
  std::vector<double> values((last - first) * count, 0.0);
  for (std::int64_t row = 0; row < last - first; ++row) values[row * count + first + row] = 1;
  Shape all = shape;
  all.insert(all.begin(), last - first);
  return tensor(std::span<const double>(values), all, dtype);
}

/// f mapped over the unit tensors of the given shape, one for each element, stacked along `out_axis`.
Tensor map_over_units(const std::function<Tensor(const Tensor&)>& f, const Shape& shape, Dtype dtype,
                      std::int64_t out_axis) {
  const std::int64_t count = element_count(shape);
  const TensorFunction mapped = vmap([&](const Tensors& unit) { return Tensors{f(unit[0])}; }, {}, out_axis);
  Tensors parts;
  for (std::int64_t first = 0; first < count; first += kUnitsAtOnce) {
    parts.push_back(mapped({units(shape, dtype, first, std::min(first + kUnitsAtOnce, count))})[0]);
  }
  return concat(parts, out_axis);
}

Shape joined(const Shape& a, const Shape& b) {
  Shape shape = a;
  for (std::int64_t extent : b) shape.push_back(extent);
  return shape;
}

/// An error in the name of what the caller asked for, before the modes that it is made of would speak in theirs.
void check_dependence(std::string_view operation, const Tensor& y, const Tensor& x) {
  check_differentiable(operation, {y, x});
  if (Path({y}, {x}).xs[0] < 0) fail("{}: y does not depend on {}", operation, describe(x, 0));
}

void check_rows(std::string_view operation, const Tensor& y, const Tensor& x) {
  if (x.rank() != 2 || y.rank() < 1 || y.rank() > 2 || y.shape()[0] != x.shape()[0]) {
    fail("{}: needs y [N, m] and x [N, d], got {} and {}", operation, y.shape(), x.shape());
  }
}

}  // namespace

Tensors grad(const Tensors& ys, const Tensors& xs, const Tensors& cotangents, Unused unused) {
  check_differentiable("grad", ys);
  check_differentiable("grad", xs);
  if (ys.size() != cotangents.size()) fail("grad: {} outputs and {} cotangents", ys.size(), cotangents.size());
  const DerivativeScope scope;
  const Path path(ys, xs);
  Tensors cotangent(path.nodes.size());
  for (std::size_t i = 0; i < ys.size(); ++i) {
    if (cotangents[i].defined()) check_like("grad", "cotangent", cotangents[i], ys[i]);
    if (path.ys[i] < 0) continue;
    cotangent[path.ys[i]] =
        accumulate(cotangent[path.ys[i]], cotangents[i].defined() ? cotangents[i] : literal_like(ys[i], 1));
  }
  std::map<std::size_t, Tensors> padded;  // contributions that may fill what they are parts of
  for (std::size_t i = path.nodes.size(); i-- > 0;) {
    Node& node = *path.nodes[i];
    if (!path.depends[i]) continue;
    if (const auto parts = padded.find(i); parts != padded.end()) {
      cotangent[i] = accumulate(cotangent[i], sum_of_padded(std::move(parts->second)));
      padded.erase(parts);
    }
    if (!cotangent[i].defined() || path.inputs[i].empty()) continue;
    const Tensor output = handle(&node);
    for (std::size_t argument = 0; argument < node.inputs().size(); ++argument) {
      const std::int64_t from = path.inputs[i][argument];
      if (from < 0 || !path.depends[from]) continue;
      const Tensor contribution = node.primitive()->vjp(node.inputs(), output, cotangent[i], argument);
      if (!contribution.defined()) continue;
      if (is_padded(contribution)) {
        padded[from].push_back(contribution);
      } else {
        cotangent[from] = accumulate(cotangent[from], contribution);
      }
    }
    // An inner cotangent is not needed any more once it has been passed on.
    if (!path.is_x[i]) cotangent[i] = Tensor();
  }
  Tensors result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (path.xs[i] < 0 && unused == Unused::error) fail("grad: y does not depend on {}", describe(xs[i], i));
    const bool known = path.xs[i] >= 0 && cotangent[path.xs[i]].defined();
    result.push_back(known ? as_variable(cotangent[path.xs[i]]) : zeros_like(xs[i]));
  }
  return scope.results(std::move(result));
}

void Tensor::backward() const {
  if (size() != 1) fail("backward: needs a scalar, got {}", shape());
  Tensors leaves;
  const auto stops = [](const Node& node) { return node.stops_derivatives(); };
  const Walk walk({*this}, stops, [](const Node&) { return true; });
  for (Node* node : walk.nodes()) {
    if (node->notes && node->notes->requires_grad) leaves.push_back(handle(node));
  }
  if (leaves.empty()) fail("backward: no leaf that the value depends on has requires_grad");
  Tensors gradients = sg::grad(*this, leaves);
  Tensors together{*this};  // what the gradients are computed with, all at once: their graph may be gone later
  while (!leaves.empty()) {
    Tensors before, sums;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      before.push_back(leaves[i].grad());
      sums.push_back(accumulate(before[i], gradients[i]));
    }
    together.insert(together.end(), sums.begin(), sums.end());
    sg::eval(together);
    together.clear();
    // Where another thread has added to a leaf that it shares, this one adds again.
    std::size_t left = 0;
    const std::lock_guard lock(grad_mutex());
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      Tensor& total = notes_of(*leaves[i].node()).grad;
      if (total.node() == before[i].node()) {
        total = sums[i].detach();
      } else {
        leaves[left] = leaves[i];
        gradients[left++] = gradients[i];
      }
    }
    leaves.resize(left);
    gradients.resize(left);
  }
}

Tensor Tensor::grad() const {
  if (!defined()) fail("grad: the tensor is undefined");
  const std::lock_guard lock(grad_mutex());
  return node_->notes ? node_->notes->grad : Tensor();
}

void Tensor::zero_grad() const {
  if (!defined() || !node_->notes) return;
  const std::lock_guard lock(grad_mutex());
  node_->notes->grad = Tensor();
}

Tensors grad(const Tensor& y, const Tensors& xs, const Tensor& cotangent, Unused unused) {
  return grad(Tensors{y}, xs, Tensors{cotangent}, unused);
}

Tensor grad(const Tensor& y, const Tensor& x, Unused unused) {
  return grad(Tensors{y}, Tensors{x}, Tensors{Tensor()}, unused)[0];
}

Tensors jvp(const Tensors& ys, const Tensors& xs, const Tensors& tangents, Unused unused) {
  check_differentiable("jvp", ys);
  check_differentiable("jvp", xs);
  if (xs.size() != tangents.size()) fail("jvp: {} inputs and {} tangents", xs.size(), tangents.size());
  const DerivativeScope scope;
  const Path path(ys, xs);
  Tensors tangent(path.nodes.size());
  for (std::size_t i = 0; i < xs.size(); ++i) {
    check_like("jvp", "tangent", tangents[i], xs[i]);
    if (path.xs[i] < 0 && unused == Unused::error) fail("jvp: y does not depend on {}", describe(xs[i], i));
    if (path.xs[i] >= 0) tangent[path.xs[i]] = accumulate(tangent[path.xs[i]], tangents[i]);  // x may come twice
  }
  for (std::size_t i = 0; i < path.nodes.size(); ++i) {
    Node& node = *path.nodes[i];
    if (!path.depends[i]) continue;
    if (path.is_x[i]) continue;
    Tensors arguments(node.inputs().size());
    bool any = false;
    for (std::size_t k = 0; k < arguments.size(); ++k) {
      if (path.inputs[i][k] >= 0) arguments[k] = tangent[path.inputs[i][k]];
      any = any || arguments[k].defined();
    }
    if (any) tangent[i] = node.primitive()->jvp(node.inputs(), handle(&node), arguments);
  }
  Tensors result;
  for (std::int64_t y : path.ys) result.push_back(y >= 0 && tangent[y].defined() ? as_variable(tangent[y]) : Tensor());
  return scope.results(std::move(result));
}

Tensor jvp(const Tensor& y, const Tensors& xs, const Tensors& tangents, Unused unused) {
  const Tensor result = jvp(Tensors{y}, xs, tangents, unused)[0];
  return result.defined() ? result : zeros_like(y);
}

Tensor hvp(const Tensor& y, const Tensor& x, const Tensor& v) {
  check_dependence("hvp", y, x);
  check_like("hvp", "direction", v, x);
  const DerivativeScope scope;
  return scope.result(jvp(grad(y, x), {x}, {v}, Unused::zeros));
}

Tensor jacobian(const Tensor& y, const Tensor& x) {
  check_dependence("jacobian", y, x);
  if (y.size() == 0 || x.size() == 0) return zeros(joined(y.shape(), x.shape()), x.dtype());
  const bool forward = x.size() < y.size();
  const Tensor result =
      forward ? map_over_units([&](const Tensor& tangent) { return jvp(y, {x}, {tangent}); }, x.shape(), x.dtype(), -1)
              : map_over_units([&](const Tensor& cotangent) { return grad(y, {x}, cotangent)[0]; }, y.shape(),
                               y.dtype(), 0);
  return reshape(result, joined(y.shape(), x.shape()));
}

Tensor hessian(const Tensor& y, const Tensor& x) {
  if (y.size() != 1) fail("hessian: needs a scalar, got {}", y.shape());
  check_dependence("hessian", y, x);
  const DerivativeScope scope;
  const Tensor gradient = grad(y, x);
  if (Path({gradient}, {x}).xs[0] < 0) return zeros(joined(x.shape(), x.shape()), x.dtype());
  return scope.result(jacobian(gradient, x));
}

Tensor batched_jacobian(const Tensor& y, const Tensor& x) {
  check_dependence("batched_jacobian", y, x);
  check_rows("batched_jacobian", y, x);
  if (y.rank() == 1) return batched_jacobian(unsqueeze(y, 1), x);
  const std::int64_t n = x.shape()[0], d = x.shape()[1], m = y.shape()[1];
  if (n == 0 || d == 0 || m == 0) return zeros({n, m, d}, x.dtype());
  // Row n of y depends on row n of x only, so that one unit serves all rows.
  if (d < m) {
    const auto column = [&](const Tensor& unit) { return jvp(y, {x}, {broadcast_to(unit, {n, d})}); };
    return map_over_units(column, {1, d}, x.dtype(), 2);
  }
  const auto row = [&](const Tensor& unit) { return grad(y, {x}, broadcast_to(unit, {n, m}))[0]; };
  return map_over_units(row, {1, m}, y.dtype(), 1);
}

Tensor batched_hessian(const Tensor& y, const Tensor& x) {
  check_rows("batched_hessian", y, x);
  if (y.size() != x.shape()[0]) fail("batched_hessian: needs one value a row, got {}", y.shape());
  check_dependence("batched_hessian", y, x);
  const DerivativeScope scope;
  const Tensor gradient = grad(y, x);
  const std::int64_t n = x.shape()[0], d = x.shape()[1];
  if (Path({gradient}, {x}).xs[0] < 0) return zeros({n, d, d}, x.dtype());
  return scope.result(batched_jacobian(gradient, x));
}

Series series::through(const Tensor& y, const Tensors& xs, const std::vector<Series>& given, int order) {
  const Path path({y}, xs);
  const auto varies = [](const Series& s) {
    return std::any_of(s.begin() + std::min<std::size_t>(1, s.size()), s.end(),
                       [](const Tensor& t) { return t.defined(); });
  };
  std::vector<Series> series(path.nodes.size());
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (path.xs[i] >= 0) series[path.xs[i]] = given[i];
  }
  for (std::size_t i = 0; i < path.nodes.size(); ++i) {
    Node& node = *path.nodes[i];
    if (!path.depends[i]) continue;
    if (path.is_x[i]) continue;
    std::vector<Series> arguments;
    bool any = false;
    for (std::size_t k = 0; k < node.inputs().size(); ++k) {
      const std::int64_t from = path.inputs[i][k];
      const bool moves = from >= 0 && varies(series[from]);
      arguments.push_back(moves ? series[from] : Series{node.inputs()[k]});
      any = any || moves;
    }
    if (any) series[i] = node.primitive()->jet(arguments, handle(&node), order);
  }
  const std::int64_t last = path.ys[0];
  return last >= 0 && !series[last].empty() ? series[last] : Series{y};
}

/// Taylor coefficients are the derivatives divided by k!, which leaves the dtype's range long before they do. Along
/// `stretch` times the direction they are stretch^k / k! times as large: near 1 for the last of them, with a power of
/// two that costs no accuracy. On the way there they grow like exp(stretch).
static double stretch_of(int order) {
  return order <= 16 ? 1 : std::exp2(std::round(std::log2(order / std::numbers::e)));
}

static void check_order(int order, Dtype dtype) {
  if (order < 0) fail("jet: the order must not be negative, got {}", order);
  const int most = dtype == f32 ? 200 : 1500;
  if (order > most) {
    fail("jet: order {} leaves the range of {} on the way: at most {}", order, name_of(dtype), most);
  }
}

Tensors jet(const Tensor& y, const Tensor& x, const Tensor& v, int order, Unused unused) {
  check_differentiable("jet", {y, x});
  check_like("jet", "direction", v, x);
  check_order(order, x.dtype());
  const DerivativeScope scope;
  const Path path({y}, {x});
  if (path.xs[0] < 0) {
    if (unused == Unused::error) fail("jet: y does not depend on {}", describe(x, 0));
    Tensors derivatives(order + 1, zeros_like(y));
    derivatives[0] = y;
    return derivatives;
  }
  const double stretch = stretch_of(order);
  const Series s = series::through(y, {x}, {{x, stretch == 1 ? v : v * stretch}}, order);
  Tensors result{y};
  double factor = 1;  // k! over the k-th power of the stretch
  for (int k = 1; k <= order; ++k) {
    factor *= k / stretch;
    const Tensor coefficient = k < static_cast<int>(s.size()) ? s[k] : Tensor();
    result.push_back(!coefficient.defined() ? zeros_like(y) : as_variable(coefficient * factor));
  }
  for (std::size_t k = 1; k < result.size(); ++k) result[k] = scope.result(result[k]);  // y itself is the caller's
  return result;
}

}  // namespace sg
