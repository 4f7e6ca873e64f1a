// Random graphs.
#include "tests/engine/random_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "engine/error.h"

namespace sg::test {
namespace {

std::string braces(const auto& values) {
  std::string text;
  for (auto value : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", value);
  return "{" + text + "}";
}

class Generator {
  static constexpr std::size_t kImage = 3, kWeight = 4;  // among the leaves

 public:
  Generator(std::uint64_t seed, int depth) : random_(seed), most_(depth) {}

  RandomGraph graph() {
    leaf({2, 3});
    leaf({3});
    leaf({3, 2});
    leaf({1, 2, 4, 4});
    leaf({2, 2, 3, 3});
    const int count = pick(3, 18);
    int attempts = 0;
    while (operations_ < count && ++attempts < 1000) {
      if (pick(0, 3)) {
        any_shape();
      } else {
        fixed_shape();
      }
    }
    return graph_;
  }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list[pick(0, static_cast<int>(list.size()) - 1)];
  }

  void leaf(const Shape& shape) {
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> elements(element_count(shape));
    for (double& element : elements) element = uniform(random_);
    graph_.nodes.push_back({"", nullptr, {}, shape, elements});
    depth_.push_back(0);
    values_.push_back(tensor(std::span<const double>(elements), shape, f64));
  }

  /// A value to go on from: mostly the last one, so that the result depends on most of them.
  std::size_t operand() {
    const int last = static_cast<int>(graph_.nodes.size()) - 1;
    return pick(0, 4) ? last : pick(0, last);
  }
  const Shape& shape(std::size_t node) const { return graph_.nodes[node].shape; }

  /// Adds the operation unless it would be too deep, or its value too large.
  void add(std::string text, std::vector<std::size_t> operands, std::function<Tensor(const Tensors&)> call) {
    int depth = 0;
    Tensors inputs;
    for (std::size_t node : operands) {
      depth = std::max(depth, depth_[node] + 1);
      inputs.push_back(values_[node]);
    }
    if (depth > most_) return;
    const Tensor value = call(inputs).detach();
    if (value.size() > 400 || value.size() == 0 || value.rank() > 5 || !(max(abs(value)).item() < 4)) return;
    graph_.nodes.push_back({std::move(text), std::move(call), std::move(operands), value.shape(), {}});
    depth_.push_back(depth);
    values_.push_back(value);
    ++operations_;
  }

  /// Operations that take any shape.
  void any_shape() {
    using Unary = std::pair<const char*, Tensor (*)(const Tensor&)>;
    static const std::vector<Unary> unary{
        {"tanh({0})", [](const Tensor& a) { return tanh(a); }},
        {"sin({0})", [](const Tensor& a) { return sin(a); }},
        {"cos({0})", [](const Tensor& a) { return cos(a); }},
        {"sigmoid({0})", [](const Tensor& a) { return sigmoid(a); }},
        {"softplus({0})", [](const Tensor& a) { return softplus(a); }},
        {"erf({0})", [](const Tensor& a) { return erf(a); }},
        {"gelu({0})", [](const Tensor& a) { return gelu(a); }},
        {"silu({0})", [](const Tensor& a) { return silu(a); }},
        {"relu_squared(tanh({0}))", [](const Tensor& a) { return relu_squared(tanh(a)); }},
        {"neg({0})", [](const Tensor& a) { return neg(a); }},
        {"exp(tanh({0}))", [](const Tensor& a) { return exp(tanh(a)); }},
        {"expm1(sin({0}))", [](const Tensor& a) { return expm1(sin(a)); }},
        {"log(square({0}) + 1.0)", [](const Tensor& a) { return log(square(a) + 1.0); }},
        {"log1p(square({0}))", [](const Tensor& a) { return log1p(square(a)); }},
        {"sqrt(square({0}) + 0.5)", [](const Tensor& a) { return sqrt(square(a) + 0.5); }},
        {"rsqrt(square({0}) + 0.5)", [](const Tensor& a) { return rsqrt(square(a) + 0.5); }},
        {"reciprocal(square({0}) + 1.0)", [](const Tensor& a) { return reciprocal(square(a) + 1.0); }},
        {"pow(square({0}) + 0.5, 0.7)", [](const Tensor& a) { return pow(square(a) + 0.5, 0.7); }},
        {"abs({0} + 0.123)", [](const Tensor& a) { return abs(a + 0.123); }},
        {"clamp({0}, -0.77, 0.81)", [](const Tensor& a) { return clamp(a, -0.77, 0.81); }},
        {"flatten({0})", [](const Tensor& a) { return flatten(a); }},
        {"square({0}) * 0.5", [](const Tensor& a) { return square(a) * 0.5; }},
        {"sign({0}) * {0}", [](const Tensor& a) { return sign(a) * a; }},
        {"stack({{{0}, {0} * 2.0}}, 0)",
         [](const Tensor& a) {
           return stack({a, a * 2.0}, 0);
         }},
        {"sum({0}) * 0.25", [](const Tensor& a) { return sum(a) * 0.25; }},
        {"mean({0})", [](const Tensor& a) { return mean(a); }},
    };
    using Binary = std::pair<const char*, Tensor (*)(const Tensor&, const Tensor&)>;
    static const std::vector<Binary> binary{
        {"{0} + {1}", [](const Tensor& a, const Tensor& b) { return a + b; }},
        {"{0} - {1}", [](const Tensor& a, const Tensor& b) { return a - b; }},
        {"{0} * {1}", [](const Tensor& a, const Tensor& b) { return a * b; }},
        {"{0} / (square({1}) + 1.0)", [](const Tensor& a, const Tensor& b) { return a / (square(b) + 1.0); }},
        {"maximum({0}, {1} - 0.01)", [](const Tensor& a, const Tensor& b) { return maximum(a, b - 0.01); }},
        {"minimum({0}, {1} * 0.99)", [](const Tensor& a, const Tensor& b) { return minimum(a, b * 0.99); }},
        {"where(less({0}, {1}), square({0}), {1} * {0})",  // no jump where the two are equal
         [](const Tensor& a, const Tensor& b) { return where(less(a, b), square(a), b * a); }},
        {"pow(square({0}) + 0.5, tanh({1}))",
         [](const Tensor& a, const Tensor& b) { return pow(square(a) + 0.5, tanh(b)); }},
    };
    const std::size_t a = operand();
    if (pick(0, 1)) {
      const auto [text, call] = one_of(unary);
      add(text, {a}, [call = call](const Tensors& x) { return call(x[0]); });
      return;
    }
    const auto [text, call] = one_of(binary);
    const std::size_t b = operand();
    try {
      broadcast_shapes("random_graph", shape(a), shape(b));
    } catch (const Error&) {
      return;
    }
    add(text, {a, b}, [call = call](const Tensors& x) { return call(x[0], x[1]); });
  }

  /// Operations that ask something of the shape.
  void fixed_shape() {
    const int kind = pick(0, 24);
    std::size_t a = operand();
    // Few values have an image's shape: then the leaf that has.
    if (kind >= 19 && (shape(a).size() != 4 || shape(a)[1] != 2 || shape(a)[2] < 2 || shape(a)[3] < 2)) a = kImage;
    const Shape s = shape(a);
    const auto rank = static_cast<std::int64_t>(s.size());
    if (rank == 0) return;
    const std::int64_t axis = pick(0, static_cast<int>(rank) - 1), extent = s[axis];
    const auto along_axis = [&](const char* name, auto function) {
      add(fmt::format("{}({{0}}, {{{{{}}}}}, true)", name, axis), {a},
          [=](const Tensors& x) { return function(x[0], Axes{axis}, true); });
    };
    switch (kind) {
      case 0: return along_axis("sum", [](auto&&... p) { return sum(p...); });
      case 1: return along_axis("mean", [](auto&&... p) { return mean(p...); });
      case 2: return along_axis("variance", [](auto&&... p) { return variance(p...); });
      case 3: return along_axis("max", [](auto&&... p) { return max(p...); });
      case 4: return along_axis("min", [](auto&&... p) { return min(p...); });
      case 5:
        return add(fmt::format("softmax({{0}}, {})", axis), {a}, [=](const Tensors& x) { return softmax(x[0], axis); });
      case 6:
        return add(fmt::format("log_softmax({{0}}, {})", axis), {a},
                   [=](const Tensors& x) { return log_softmax(x[0], axis); });
      case 7:
        return add(fmt::format("normalise({{0}}, {{{{{}}}}}, 0.1)", axis), {a},
                   [=](const Tensors& x) { return normalise(x[0], {axis}, 0.1); });
      case 8:
        return add(fmt::format("flip({{0}}, {{{{{}}}}})", axis), {a},
                   [=](const Tensors& x) { return flip(x[0], {axis}); });
      case 9: {
        if (extent < 2) return;
        const std::int64_t start = pick(0, static_cast<int>(extent) - 2), step = pick(1, 2);
        return add(fmt::format("slice({{0}}, {}, {}, {}, {})", axis, start, extent, step), {a},
                   [=](const Tensors& x) { return slice(x[0], axis, start, extent, step); });
      }
      case 10: {
        Shape before(s.size(), 0), after(s.size(), 0);
        before[axis] = pick(0, 2);
        after[axis] = pick(0, 1);
        return add(fmt::format("pad({{0}}, {{{}}}, {{{}}})", braces(before), braces(after)), {a},
                   [=](const Tensors& x) { return pad(x[0], before, after); });
      }
      case 11:
        return add(fmt::format("concat({{{{{{0}}, cos({{0}})}}}}, {})", axis), {a}, [=](const Tensors& x) {
          return concat({x[0], cos(x[0])}, axis);
        });
      case 12: {
        Axes permutation;
        for (std::int64_t i = 0; i < rank; ++i) permutation.push_back(i);
        std::shuffle(permutation.begin(), permutation.end(), random_);
        return add(fmt::format("transpose({{0}}, {{{}}})", braces(permutation)), {a},
                   [=](const Tensors& x) { return transpose(x[0], permutation); });
      }
      case 13: {
        Shape wider = s;
        wider.insert(wider.begin(), 2);
        return add(fmt::format("broadcast_to({{0}}, {{{}}})", braces(wider)), {a},
                   [=](const Tensors& x) { return broadcast_to(x[0], wider); });
      }
      case 14: {
        Shape joined{extent, -1};
        if (axis + 1 < rank && pick(0, 1)) {
          joined = s;
          joined[axis] *= joined[axis + 1];
          joined.erase(joined.begin() + axis + 1);
        }
        return add(fmt::format("reshape({{0}}, {{{}}})", braces(joined)), {a},
                   [=](const Tensors& x) { return reshape(x[0], joined); });
      }
      case 15: {
        const double last = static_cast<double>(extent - 1);
        return add(fmt::format("take({{0}}, tensor({{{{{}, 0, {}}}}}, {{{{3}}}}, i64), {})", last, last, axis), {a},
                   [=](const Tensors& x) {
                     return take(x[0], tensor({last, 0, last}, {3}, i64), axis);
                   });
      }
      case 16:
        return add(fmt::format("gather({{0}}, argmax({{0}}, {}, true), {})", axis, axis), {a},
                   [=](const Tensors& x) { return gather(x[0], argmax(x[0], axis, true), axis); });
      case 17: {
        Shape row = s;
        row[axis] = 1;
        return add(fmt::format("scatter_add({{0}}, zeros({{{}}}, i64), sin(sum({{0}}, {{{{{}}}}}, true)), {})",
                               braces(row), axis, axis),
                   {a}, [=](const Tensors& x) {
                     return scatter_add(x[0], zeros(row, i64), sin(sum(x[0], {axis}, true)), axis);
                   });
      }
      case 18: {
        if (rank < 2) return;
        const std::size_t b = operand();
        if (rank > 2 || shape(b).size() != 2 || shape(b)[0] != s[1]) {
          return add("matmul({0}, transpose({0}))", {a},
                     [](const Tensors& x) { return matmul(x[0], transpose(x[0])); });
        }
        return add("matmul({0}, {1})", {a, b}, [](const Tensors& x) { return matmul(x[0], x[1]); });
      }
      case 19: {
        const std::int64_t stride = pick(1, 2), padding = pick(0, 1);
        if (s[2] + 2 * padding < 3 || s[3] + 2 * padding < 3) return;
        return add(
            fmt::format("conv2d({{0}}, {{1}}, {{{{.stride = {{{{{0}, {0}}}}}, .padding = {{{{{1}, {1}}}}}}}}}) * 0.3",
                        stride, padding),
            {a, kWeight}, [=](const Tensors& x) {
              return conv2d(x[0], x[1], {.stride = {stride, stride}, .padding = {padding, padding}}) * 0.3;
            });
      }
      case 20: {
        return add("conv_transpose2d({0}, {1}, {{.stride = {{2, 2}}, .padding = {{1, 1}}}})", {a, kWeight},
                   [](const Tensors& x) {
                     return conv_transpose2d(x[0], x[1], {.stride = {2, 2}, .padding = {1, 1}});
                   });
      }
      default: {
        switch (pick(0, 2)) {
          case 0: return add("max_pool2d({0})", {a}, [](const Tensors& x) { return max_pool2d(x[0]); });
          case 1: return add("avg_pool2d({0})", {a}, [](const Tensors& x) { return avg_pool2d(x[0]); });
          default:
            return add("upsample_bilinear2d({0}, 2)", {a},
                       [](const Tensors& x) { return upsample_bilinear2d(x[0], 2); });
        }
      }
    }
  }

  std::mt19937_64 random_;
  int most_;
  int operations_ = 0;
  RandomGraph graph_;
  std::vector<int> depth_;
  Tensors values_;
};

std::vector<bool> needed(const RandomGraph& graph) {
  std::vector<bool> result(graph.nodes.size(), false);
  result.back() = true;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    if (!result[i]) continue;
    for (std::size_t operand : graph.nodes[i].operands) result[operand] = true;
  }
  return result;
}

/// Without the nodes that the result does not depend on.
RandomGraph pruned(const RandomGraph& graph) {
  const std::vector<bool> used = needed(graph);
  std::vector<std::size_t> place(graph.nodes.size());
  RandomGraph result;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!used[i]) continue;
    place[i] = result.nodes.size();
    GraphNode node = graph.nodes[i];
    for (std::size_t& operand : node.operands) operand = place[operand];
    result.nodes.push_back(std::move(node));
  }
  return result;
}

}  // namespace

std::vector<std::size_t> RandomGraph::leaves() const {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].is_leaf()) result.push_back(i);
  }
  return result;
}

std::size_t RandomGraph::operations() const {
  return std::ranges::count_if(nodes, [](const GraphNode& node) { return !node.is_leaf(); });
}

Tensors RandomGraph::leaf_values(Dtype dtype) const {
  Tensors values;
  for (std::size_t i : leaves()) {
    values.push_back(tensor(std::span<const double>(nodes[i].elements), nodes[i].shape, dtype));
  }
  return values;
}

Tensor RandomGraph::build(const Tensors& leaf_values) const {
  Tensors values;
  std::size_t next_leaf = 0;
  for (const GraphNode& node : nodes) {
    if (node.is_leaf()) {
      values.push_back(leaf_values[next_leaf++]);
      continue;
    }
    Tensors inputs;
    for (std::size_t operand : node.operands) inputs.push_back(values[operand]);
    values.push_back(node.call(inputs));
  }
  return values.back();
}

std::string RandomGraph::as_cpp() const {
  std::string text;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const GraphNode& node = nodes[i];
    const std::string name = i + 1 == nodes.size() ? "y" : fmt::format("t{}", i);
    if (node.is_leaf()) {
      text += fmt::format("Tensor {} = tensor({}, {}, f64);\n", name, braces(node.elements), braces(node.shape));
      continue;
    }
    std::vector<std::string> operands;
    for (std::size_t operand : node.operands) operands.push_back(fmt::format("t{}", operand));
    operands.resize(2);
    text += fmt::format("Tensor {} = {};\n", name, fmt::format(fmt::runtime(node.text), operands[0], operands[1]));
  }
  return text;
}

RandomGraph random_graph(std::uint64_t seed, int depth) { return pruned(Generator(seed, depth).graph()); }

RandomGraph reduce(RandomGraph graph, const GraphCheck& check) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    const Tensors leaf_values = graph.leaf_values(f64);
    for (std::size_t i = graph.nodes.size(); i-- > 0 && !smaller;) {
      if (graph.nodes[i].is_leaf()) continue;
      std::vector<RandomGraph> candidates;
      // The node's operands in its place, where the shapes allow it; then a leaf with its value.
      for (std::size_t operand : graph.nodes[i].operands) {
        RandomGraph candidate = graph;
        if (i + 1 == graph.nodes.size()) {
          candidate.nodes.resize(operand + 1);
        } else {
          if (graph.nodes[operand].shape != graph.nodes[i].shape) continue;
          for (GraphNode& node : candidate.nodes) std::ranges::replace(node.operands, i, operand);
        }
        candidates.push_back(pruned(candidate));
      }
      if (i + 1 != graph.nodes.size()) {
        RandomGraph part = graph;
        part.nodes.resize(i + 1);
        part = pruned(part);
        RandomGraph candidate = graph;
        candidate.nodes[i].elements = part.build(part.leaf_values(f64)).to_vector<double>();
        candidate.nodes[i].operands.clear();
        candidates.push_back(pruned(candidate));
      }
      for (RandomGraph& candidate : candidates) {
        if (candidate.operations() == 0 || candidate.operations() >= graph.operations() || check(candidate).empty()) {
          continue;
        }
        graph = std::move(candidate);
        smaller = true;
        break;
      }
    }
  }
  return graph;
}

}  // namespace sg::test
