// Inspection: printing tensors and graphs, and scopes that look for NaN and infinities.
#include "engine/inspect.h"

#include <utility>

#include "engine/context.h"
#include "engine/node.h"
#include "engine/primitive.h"
#include "engine/walk.h"

namespace sg {
namespace {

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

Walk whole_graph(std::string_view operation, const Tensors& roots) {
  for (const Tensor& root : roots) {
    if (!root.defined()) fail("{}: a tensor is undefined", operation);
  }
  return Walk(
      roots, [](const Node&) { return false; }, [](const Node&) { return true; });
}

/// The primitive's name, with the number of a constant.
std::string what(const Node& node) {
  if (!node.primitive()) return "leaf";
  std::string text(node.primitive()->name());
  if (node.primitive()->kind() == Primitive::Kind::constant)
    text += fmt::format(" {:g}", node.primitive()->immediate());
  return text;
}

std::string name_of(const Node& node) { return node.notes ? node.notes->name : std::string(); }

}  // namespace

std::string to_string(const Tensor& x) {
  std::string text;
  print_axis(text, x.to_vector<double>(), x, 0, 0);
  return text + fmt::format(" {} {}", sg::name_of(x.dtype()), x.shape());
}

std::string print_graph(const Tensors& roots) {
  std::string text;
  const Walk walk = whole_graph("print_graph", roots);
  for (const Node* node : walk.nodes()) {
    text += fmt::format("%{} = {}", walk.index_of(node), what(*node));
    for (std::size_t i = 0; i < node->inputs().size(); ++i) {
      text += fmt::format("{} %{}", i ? "," : "", walk.index_of(node->inputs()[i].node()));
    }
    text += fmt::format(" : {} {}", sg::name_of(node->dtype), node->shape);
    if (const std::string name = name_of(*node); !name.empty()) text += fmt::format("  \"{}\"", name);
    text += '\n';
  }
  return text;
}

std::string graphviz(const Tensors& roots) {
  std::string text = "digraph tensors {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
  const Walk walk = whole_graph("graphviz", roots);
  for (const Node* node : walk.nodes()) {
    std::string label = what(*node);
    for (char c : name_of(*node)) {
      if (label == what(*node)) label += "\\n";
      if (c == '"' || c == '\\') label += '\\';
      label += c;
    }
    text += fmt::format("  n{} [label=\"{}\\n{} {}\"{}];\n", walk.index_of(node), label, sg::name_of(node->dtype),
                        node->shape, node->primitive() ? "" : ", style=\"rounded,filled\", fillcolor=\"#e8eef7\"");
    for (const Tensor& input : node->inputs())
      text += fmt::format("  n{} -> n{};\n", walk.index_of(input.node()), walk.index_of(node));
  }
  return text + "}\n";
}

CheckFinite::CheckFinite() : previous_(std::exchange(context().checking_finite, true)) {}
CheckFinite::~CheckFinite() { context().checking_finite = previous_; }
bool checking_finite() { return context().checking_finite; }

}  // namespace sg
