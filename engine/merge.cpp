// Merge: what several nodes compute alike is computed once.
#include "engine/merge.h"

#include <functional>
#include <unordered_map>

#include "engine/fuse.h"

namespace sg {
namespace {

/// A node with the first nodes that are equal to its inputs.
struct Meaning {
  const Node* node;
  std::vector<std::int64_t> inputs;
};

struct SameMeaning {
  bool operator()(const Meaning& a, const Meaning& b) const {
    return a.inputs == b.inputs && a.node->dtype == b.node->dtype && a.node->shape == b.node->shape &&
           a.node->primitive()->class_identity() == b.node->primitive()->class_identity() &&
           a.node->primitive()->attributes() == b.node->primitive()->attributes();
  }
};

struct MeaningHash {
  std::size_t operator()(const Meaning& meaning) const {
    std::size_t hash = std::hash<const void*>()(meaning.node->primitive()->class_identity());
    for (const std::int64_t input : meaning.inputs) hash = hash * 31 + static_cast<std::size_t>(input);
    return hash;
  }
};

bool costs_more_than_reading(const Node& node) {
  switch (node.primitive()->kind()) {
    case Primitive::Kind::elementwise: return kernels::cost_of(node.primitive()->tile_op()) > kRecomputeCost;
    case Primitive::Kind::constant:
    case Primitive::Kind::view: return false;
    default: return true;
  }
}

}  // namespace

PlanInput merge_equal(const PlanInput& input) {
  const std::size_t count = input.nodes.size();
  PlanInput merged;
  merged.nodes = input.nodes;
  merged.facts = input.facts;
  std::vector<std::int64_t> first_equal(count), read_instead(count);  // of each node
  std::unordered_map<Meaning, std::int64_t, MeaningHash, SameMeaning> known;
  for (std::size_t i = 0; i < count; ++i) {
    const auto here = static_cast<std::int64_t>(i);
    first_equal[i] = read_instead[i] = here;
    if (!input.facts[i].value) {
      Meaning meaning{input.nodes[i], {}};
      for (const std::int64_t from : input.inputs[i]) meaning.inputs.push_back(first_equal[from]);
      first_equal[i] = known.emplace(std::move(meaning), here).first->second;
      if (first_equal[i] != here && costs_more_than_reading(*input.nodes[i])) {
        read_instead[i] = merged.facts[i].same_as = first_equal[i];
        merged.inputs.add(first_equal[i]);
      } else {
        for (const std::int64_t from : input.inputs[i]) merged.inputs.add(read_instead[from]);
      }
    }
    merged.inputs.close();
  }
  return merged;
}

}  // namespace sg
