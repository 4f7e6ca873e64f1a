// Transformations: vmap rewrites a graph with a rule of each primitive, the others are primitives that hold functions.
#include "engine/transforms.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/autodiff.h"
#include "engine/context.h"
#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/series.h"
#include "engine/primitive.h"
#include "engine/walk.h"

namespace sg {
namespace {

/// Stands for a slice while a function is traced.
struct VmapInput final : Primitive {
  std::string_view name() const override { return "vmap_input"; }
  void run(std::span<const Span>, const Span&) const override {
    fail("vmap: the mapped function asks for the value of a slice, which is not known while it is traced");
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
};

void check_defined(const char* what, const Tensor& tensor) {
  if (!tensor.defined()) fail("{} is undefined", what);
}

/// x with `axis` moved to the front.
Tensor to_front(const Tensor& x, std::int64_t axis) {
  Axes order{axis};
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.rank()); ++i) {
    if (i != axis) order.push_back(i);
  }
  return transpose(x, order);
}

Tensor from_front(const Tensor& x, std::int64_t axis) {
  Axes order;
  for (std::int64_t i = 1; i < static_cast<std::int64_t>(x.rank()); ++i) order.push_back(i);
  order.insert(order.begin() + axis, 0);
  return transpose(x, order);
}

/// `ys` with each stand-in replaced by its batch [n, ...]: every result is [n, y's shape].
Tensors batch_graph(const Tensors& ys, const Tensors& stand_ins, const Tensors& batches, std::int64_t n) {
  // What has a value cannot depend on a stand-in.
  const auto expand = [](const Node& node) { return !node.value(); };
  const Walk walk(
      ys, [](const Node&) { return false; }, expand);
  const std::vector<Node*>& nodes = walk.nodes();
  std::vector<std::vector<std::int64_t>> input_indices(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!expand(*nodes[i])) continue;
    for (const Tensor& input : nodes[i]->inputs()) input_indices[i].push_back(walk.index_of(input.node()));
  }
  Tensors batched(nodes.size());
  for (std::size_t i = 0; i < stand_ins.size(); ++i) {
    const std::int64_t index = walk.index_of(stand_ins[i].node());
    if (index >= 0) batched[index] = batches[i];
  }
  std::vector<std::int64_t> y_indices;
  for (const Tensor& y : ys) y_indices.push_back(walk.index_of(y.node()));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = *nodes[i];
    std::vector<bool> mapped;
    Tensors inputs;
    for (std::size_t k = 0; k < input_indices[i].size(); ++k) {
      const Tensor& batch = batched[input_indices[i][k]];
      mapped.push_back(batch.defined());
      inputs.push_back(batch.defined() ? batch : node.inputs()[k]);
    }
    if (std::find(mapped.begin(), mapped.end(), true) == mapped.end()) continue;
    batched[i] = node.primitive()->batch(inputs, mapped, handle(nodes[i]), n);
    if (node.stops_derivatives() && !batched[i].node()->stops_derivatives()) batched[i] = stop_gradient(batched[i]);
  }
  Tensors results;
  for (std::size_t i = 0; i < ys.size(); ++i) {
    const Tensor& batch = batched[y_indices[i]];
    Shape shape = ys[i].shape();
    shape.insert(shape.begin(), n);
    results.push_back(batch.defined() ? batch : broadcast_to(ys[i], shape));
  }
  return results;
}

Tensors trace(const TensorFunction& f, const Tensors& slices) {
  struct Tracing {
    Tracing() { ++context().vmaps; }
    ~Tracing() { --context().vmaps; }
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;
  };
  const Tracing tracing;
  return f(slices);
}

Tensors map_over(const TensorFunction& f, const Tensors& xs, Axes in_axes, std::int64_t out_axis) {
  if (in_axes.empty()) in_axes.assign(xs.size(), 0);
  if (in_axes.size() != xs.size()) fail("vmap: {} axes for {} inputs", in_axes.size(), xs.size());
  Tensors slices, stand_ins, batches;
  std::int64_t n = -1;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (in_axes[i] == unmapped) {
      slices.push_back(xs[i]);
      continue;
    }
    const std::int64_t axis = normalise_axis("vmap", in_axes[i], xs[i].rank());
    const std::int64_t extent = xs[i].shape()[axis];
    if (n >= 0 && extent != n)
      fail("vmap: the mapped extents differ: {} and {}, of shape {}", n, extent, xs[i].shape());
    n = extent;
    Shape shape = xs[i].shape();
    shape.erase(shape.begin() + axis);
    slices.push_back(make_node(instance<VmapInput>(), {}, shape, xs[i].dtype()));
    stand_ins.push_back(slices.back());
    batches.push_back(to_front(xs[i], axis));
  }
  if (n < 0) fail("vmap: no input is mapped");
  const Tensors found = trace(f, slices);
  for (const Tensor& tensor : found) check_defined("vmap: the mapped function's result", tensor);
  Tensors results = batch_graph(found, stand_ins, batches, n);
  for (Tensor& result : results) {
    result = from_front(result, normalise_axis("vmap", out_axis, result.rank()));
  }
  return results;
}

}  // namespace

TensorFunction vmap(TensorFunction f, Axes in_axes, std::int64_t out_axis) {
  return [f = std::move(f), in_axes = std::move(in_axes), out_axis](const Tensors& xs) {
    return map_over(f, xs, in_axes, out_axis);
  };
}

bool depends_on_slice(const Tensor& tensor) {
  if (context().vmaps == 0) return false;
  const auto is_slice = [](const Node& node) { return node.primitive().get() == instance<VmapInput>().get(); };
  const Walk walk(
      {tensor}, [](const Node&) { return false; }, [](const Node& node) { return !node.value(); });
  return std::any_of(walk.nodes().begin(), walk.nodes().end(), [&](const Node* node) { return is_slice(*node); });
}

Tensors per_sample_grad(const std::function<Tensor(const Tensors&)>& loss, const Tensors& parameters,
                        const Tensors& batch) {
  return vmap(TensorFunction([&](const Tensors& row) {
    const DerivativeScope scope;
    const Tensor value = loss(row);
    if (value.size() != 1) fail("per_sample_grad: the loss of a row must be a scalar, got {}", value.shape());
    return scope.results(grad(value, parameters, {}, Unused::zeros));
  }))(batch);
}

namespace {

/// The first input as it is; the derivatives by the others are those of the rules.
class CustomDerivative : public Primitive {
 public:
  static constexpr bool values_need_attributes_only = true;  // the rules make derivatives
  explicit CustomDerivative(DerivativeRules rules) : rules_(std::move(rules)) {}
  std::string_view name() const override { return "custom_derivative"; }
  Kind kind() const final { return Kind::view; }
  bool view(const Shape&, const Layout& input, const Shape&, Layout& output) const final {
    output = input;
    return true;
  }
  double flops(std::span<const Shape* const>, const Shape&) const final { return 0; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    if (argument == 0) return {};
    const Tensors cotangents = rules_.vjp(arguments(inputs), output, cotangent);
    if (cotangents.size() != inputs.size() - 1) {
      fail("custom_derivative: the vjp gives {} cotangents for {} inputs", cotangents.size(), inputs.size() - 1);
    }
    const Tensor& result = cotangents[argument - 1];
    check_result("vjp", "cotangent", result, "input", inputs[argument]);
    return result;
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    if (!rules_.jvp) return Primitive::jvp(inputs, output, tangents);
    const Tensor result = rules_.jvp(arguments(inputs), output, arguments(tangents));
    check_result("jvp", "tangent", result, "output", output);
    return result;
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor& output,
               std::int64_t n) const override {
    // The value is batched like any other; the rules are mapped when a derivative is asked for.
    DerivativeRules rules;
    const DerivativeRules plain = rules_;
    Axes axes;
    for (std::size_t i = 1; i < mapped.size(); ++i) axes.push_back(mapped[i] ? 0 : unmapped);
    rules.vjp = [plain, axes](const Tensors& xs, const Tensor& y, const Tensor& cotangent) {
      return mapped_vjp(plain, axes, xs, y, cotangent);
    };
    if (plain.jvp) {
      rules.jvp = [plain, axes](const Tensors& xs, const Tensor& y, const Tensors& tangents) {
        return mapped_jvp(plain, axes, xs, y, tangents);
      };
    }
    Shape shape = output.shape();
    shape.insert(shape.begin(), n);
    Tensors all = inputs;
    if (!mapped[0]) all[0] = broadcast_to(all[0], shape);
    return make_node(make_primitive<CustomDerivative>(std::move(rules)), std::move(all), shape, output.dtype());
  }

 private:
  static void check_result(const char* rule, const char* what, const Tensor& result, const char* of_what,
                           const Tensor& of) {
    if (!result.defined() || (result.shape() == of.shape() && result.dtype() == of.dtype())) return;
    fail("custom_derivative: the {} gives a {} {} {} for an {} {} {}", rule, what, name_of(result.dtype()),
         result.shape(), of_what, name_of(of.dtype()), of.shape());
  }
  static Tensors arguments(const Tensors& all) { return {all.begin() + 1, all.end()}; }

  static Tensors mapped_vjp(const DerivativeRules& rules, Axes axes, const Tensors& xs, const Tensor& y,
                            const Tensor& cotangent) {
    const std::size_t count = xs.size();
    Tensors all = xs;
    all.push_back(y);
    all.push_back(cotangent);
    Axes all_axes = axes;
    all_axes.push_back(0);
    all_axes.push_back(0);
    std::vector<bool> defined(count, false);
    Tensors found = vmap(TensorFunction([&](const Tensors& slices) {
                           const Tensors inputs(slices.begin(), slices.begin() + static_cast<std::ptrdiff_t>(count));
                           Tensors result = rules.vjp(inputs, slices[count], slices[count + 1]);
                           for (std::size_t i = 0; i < count; ++i) {
                             defined[i] = result[i].defined();
                             if (!defined[i]) result[i] = zeros_like(inputs[i]);
                           }
                           return result;
                         }),
                         all_axes)(all);
    for (std::size_t i = 0; i < count; ++i) {
      if (!defined[i])
        found[i] = Tensor();
      else if (axes[i] == unmapped)
        found[i] = sum(found[i], Axes{0});
    }
    return found;
  }

  static Tensor mapped_jvp(const DerivativeRules& rules, const Axes& axes, const Tensors& xs, const Tensor& y,
                           const Tensors& tangents) {
    const std::size_t count = xs.size();
    Tensors all = xs;
    all.push_back(y);
    Axes all_axes = axes;
    all_axes.push_back(0);
    std::vector<std::size_t> given;
    for (std::size_t i = 0; i < count; ++i) {
      if (!tangents[i].defined()) continue;
      given.push_back(i);
      all.push_back(tangents[i]);
      all_axes.push_back(axes[i]);
    }
    bool defined = true;
    const Tensors found =
        vmap(TensorFunction([&](const Tensors& slices) {
               const Tensors inputs(slices.begin(), slices.begin() + static_cast<std::ptrdiff_t>(count));
               Tensors moving(count);
               for (std::size_t k = 0; k < given.size(); ++k) moving[given[k]] = slices[count + 1 + k];
               const Tensor result = rules.jvp(inputs, slices[count], moving);
               defined = result.defined();
               return Tensors{defined ? result : zeros_like(slices[count])};
             }),
             all_axes)(all);
    return defined ? found[0] : Tensor();
  }

  DerivativeRules rules_;
};

}  // namespace

std::function<Tensor(const Tensors&)> custom_derivative(std::function<Tensor(const Tensors&)> f,
                                                        DerivativeRules rules) {
  if (!rules.vjp) fail("custom_derivative: the vjp is missing");
  const auto primitive = make_primitive<CustomDerivative>(std::move(rules));
  return [f = std::move(f), primitive](const Tensors& xs) {
    const Tensor y = f(xs);
    Tensors inputs{stop_gradient(y)};
    inputs.insert(inputs.end(), xs.begin(), xs.end());
    return make_node(primitive, std::move(inputs), y.shape(), y.dtype());
  };
}

namespace {

/// What two runs of one function have in common and use directly: what it takes from outside, its inputs aside.
Tensors taken_from_outside(const Tensor& first, const Tensor& second, const Tensors& xs) {
  const auto none = [](const Node&) { return false; };
  std::unordered_set<const Node*> seen;
  for (const Tensor& x : xs) seen.insert(x.node());
  // What lies behind the inputs is of no interest, and may be long.
  const Walk of_second({second}, none, [inputs = seen](const Node& n) { return !inputs.contains(&n); });
  const std::unordered_set<const Node*> shared(of_second.nodes().begin(), of_second.nodes().end());
  Tensors found;
  const auto take = [&](const Tensor& t) {
    if (shared.contains(t.node()) && is_floating(t.dtype()) && seen.insert(t.node()).second) found.push_back(t);
  };
  take(first);
  const Walk of_first({first}, none, [&](const Node& n) { return !shared.contains(&n); });
  for (const Node* node : of_first.nodes()) {
    if (shared.contains(node)) continue;
    for (const Tensor& input : node->inputs()) take(input);
  }
  return found;
}

/// y's graph once more, with `to` in the place of `from`.
Tensor substitute(const Tensor& y, const Tensors& from, const Tensors& to) {
  std::unordered_map<const Node*, Tensor> replaced;
  for (std::size_t i = 0; i < from.size(); ++i) replaced.emplace(from[i].node(), to[i]);
  const auto expand = [&](const Node& node) { return !replaced.contains(&node); };
  const Walk walk(
      {y}, [](const Node&) { return false; }, expand);
  for (const Node* node : walk.nodes()) {
    if (!expand(*node)) continue;
    Tensors inputs = node->inputs();
    bool any = false;
    for (Tensor& input : inputs) {
      const auto found = replaced.find(input.node());
      if (found == replaced.end()) continue;
      input = found->second;
      any = true;
    }
    if (any) replaced.emplace(node, make_node(node->primitive(), std::move(inputs), node->shape, node->dtype));
  }
  const auto found = replaced.find(y.node());
  return found == replaced.end() ? y : found->second;
}

}  // namespace

/// While it lives, a function of `checkpoint` runs: for the first time, which fills `drawn`, or again.
class RunAgain {
 public:
  RunAgain(Tensors& drawn, bool again)
      : drawn_(drawn), again_(again), around_(std::exchange(context().run_again, this)) {}
  ~RunAgain() { context().run_again = around_; }
  RunAgain(const RunAgain&) = delete;
  RunAgain& operator=(const RunAgain&) = delete;

  bool is_again() const { return again_ || (around_ && around_->is_again()); }
  Tensor draw(const std::function<Tensor()>& make) {
    if (!again_) return drawn_.emplace_back(around_ ? around_->draw(make) : make());
    if (next_ == drawn_.size()) {
      fail("checkpoint: the function draws more when it runs again than the {} of its first run", drawn_.size());
    }
    return drawn_[next_++];
  }

 private:
  Tensors& drawn_;
  bool again_;
  std::size_t next_ = 0;
  RunAgain* around_;
};

Tensor same_when_run_again(const std::function<Tensor()>& make) {
  RunAgain* const run = context().run_again;
  return run ? run->draw(make) : make();
}

bool runs_again() { return context().run_again && context().run_again->is_again(); }

std::function<Tensor(const Tensors&)> checkpoint(std::function<Tensor(const Tensors&)> once) {
  return [once = std::move(once)](const Tensors& xs) {
    for (const Tensor& x : xs) check_defined("checkpoint: an input", x);
    const auto drawn = std::make_shared<Tensors>();
    const auto f = [once, drawn](const Tensors& inputs) {
      RunAgain run(*drawn, true);
      return once(inputs);
    };
    // Values from inside a derivative's scope are not kept for later.
    const DerivativeScope scope;
    const Tensor value = [&] {
      RunAgain run(*drawn, false);
      return once(xs);
    }();
    check_defined("checkpoint: the function's result", value);
    Tensors all = xs;
    for (const Tensor& t : taken_from_outside(value, f(xs), xs)) all.push_back(t);
    // What is computed again hangs on nodes of its own, so that its derivatives stop there, wherever the inputs come
    // from.
    const auto again = [f, xs, all](const Tensors& now) {
      Tensors inputs;
      for (const Tensor& t : now) inputs.push_back(squeeze(unsqueeze(t, 0), 0));
      return std::pair(substitute(f(xs), all, inputs), inputs);
    };
    DerivativeRules rules;
    rules.vjp = [again](const Tensors& now, const Tensor&, const Tensor& cotangent) {
      const auto [y, inputs] = again(now);
      Tensors moving;
      for (const Tensor& input : inputs) {
        if (is_floating(input.dtype())) moving.push_back(input);
      }
      const Tensors found = grad(y, moving, cotangent, Unused::zeros);
      Tensors cotangents(inputs.size());
      for (std::size_t i = 0, next = 0; i < inputs.size(); ++i) {
        if (is_floating(inputs[i].dtype())) cotangents[i] = found[next++];
      }
      return cotangents;
    };
    rules.jvp = [again](const Tensors& now, const Tensor&, const Tensors& tangents) {
      const auto [y, inputs] = again(now);
      Tensors moving_inputs, moving;
      for (std::size_t i = 0; i < tangents.size(); ++i) {
        if (!tangents[i].defined()) continue;
        moving_inputs.push_back(inputs[i]);
        moving.push_back(tangents[i]);
      }
      return jvp(Tensors{y}, moving_inputs, moving, Unused::zeros)[0];
    };
    return scope.result(custom_derivative([&](const Tensors&) { return value; }, std::move(rules))(all));
  };
}

}  // namespace sg
