// Inspection: printing tensors and graphs, and scopes that look for NaN and infinities.
#include "engine/inspect.h"

#include "engine/node.h"
#include "engine/primitive.h"

namespace sg {
namespace {

bool is_checking = false;

constexpr std::int64_t kShown = 3;  // elements at each end of a long axis

void print_axis(std::string& text, const std::vector<double>& values, const Tensor& x, std::size_t axis,
                std::int64_t offset) {
  if (axis == x.rank()) {
    text += x.dtype() == i64 ? fmt::format("{}", static_cast<std::int64_t>(values[offset]))
                             : fmt::format("{:.6g}", values[offset]);
    return;
  }
  const std::int64_t extent = x.shape()[axis], stride = contiguous_strides(x.shape())[axis];
  const bool last = axis + 1 == x.rank(), shorten = extent > 2 * kShown + 4;
  text += '[';
  for (std::int64_t i = 0; i < extent; ++i) {
    if (i > 0) text += last ? ", " : ",\n" + std::string(axis + 1, ' ');
    if (shorten && i == kShown) {
      text += "...";
      i = extent - kShown - 1;
      continue;
    }
    print_axis(text, values, x, axis + 1, offset + i * stride);
  }
  text += ']';
}

std::vector<Node*> whole_graph(const Tensors& roots) {
  return topological_order(
      roots, [](const Node&) { return false; }, [](const Node&) { return true; });
}

std::string what(const Node& node) { return node.primitive ? std::string(node.primitive->name()) : "leaf"; }

std::string name_of(const Node& node) { return node.extra ? node.extra->name : std::string(); }

}  // namespace

std::string to_string(const Tensor& x) {
  std::string text;
  print_axis(text, x.to_vector<double>(), x, 0, 0);
  return text + fmt::format(" {} {}", sg::name_of(x.dtype()), x.shape());
}

std::string print_graph(const Tensors& roots) {
  std::string text;
  for (const Node* node : whole_graph(roots)) {
    text += fmt::format("%{} = {}", node->index, what(*node));
    for (std::size_t i = 0; i < node->inputs.size(); ++i) {
      text += fmt::format("{} %{}", i ? "," : "", node->inputs[i].node()->index);
    }
    text += fmt::format(" : {} {}", sg::name_of(node->dtype), node->shape);
    if (const std::string name = name_of(*node); !name.empty()) text += fmt::format("  \"{}\"", name);
    text += '\n';
  }
  return text;
}

std::string graphviz(const Tensors& roots) {
  std::string text = "digraph tensors {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
  for (const Node* node : whole_graph(roots)) {
    std::string label = what(*node);
    for (char c : name_of(*node)) {
      if (label == what(*node)) label += "\\n";
      if (c == '"' || c == '\\') label += '\\';
      label += c;
    }
    text += fmt::format("  n{} [label=\"{}\\n{} {}\"{}];\n", node->index, label, sg::name_of(node->dtype), node->shape,
                        node->primitive ? "" : ", style=\"rounded,filled\", fillcolor=\"#e8eef7\"");
    for (const Tensor& input : node->inputs) text += fmt::format("  n{} -> n{};\n", input.node()->index, node->index);
  }
  return text + "}\n";
}

CheckFinite::CheckFinite() : previous_(is_checking) { is_checking = true; }
CheckFinite::~CheckFinite() { is_checking = previous_; }
bool checking_finite() { return is_checking; }

}  // namespace sg
