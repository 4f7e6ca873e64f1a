// Fusion: which elementwise nodes and reductions share a pass over memory.
#include "engine/fuse.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace sg {
namespace {

using Role = Fusion::Role;

// With half and with double of one of these or of kRecomputeCost a step of laplacian_10d takes 0.98 to 1.02 of the time
// on one thread, which is as far as two runs alike lie apart: none of them is a sharp choice.
constexpr std::size_t kRecomputeLoads = 2;
constexpr std::size_t kGroupLimit = 512;  // nodes of one tile program
constexpr std::size_t kMergeLimit = 160;  // nodes of a group that is joined only because it reads the same memory

Role role_of(const Node& node, const PlanInput::Facts& facts) {
  if (facts.value) return Role::leaf;
  if (facts.same_as >= 0) return facts.kept ? Role::view : Role::dropped;
  switch (node.primitive()->kind()) {
    case Primitive::Kind::elementwise: return Role::elementwise;
    case Primitive::Kind::reduction: return Role::reduction;
    case Primitive::Kind::constant: return Role::constant;
    case Primitive::Kind::view: return Role::view;
    default: return Role::kernel;
  }
}

struct Fuser {
  Fuser(const PlanInput& input, bool fusing) : in(input), enabled(fusing) {}

  const PlanInput& in;
  bool enabled;
  Fusion f;
  std::vector<std::vector<std::int64_t>> consumers;
  std::vector<std::int64_t> early;
  std::vector<bool> recomputed;  // consumers of a higher level compute it again for themselves

  std::size_t count() const { return in.nodes.size(); }
  bool fusable(std::int64_t i) const { return f.roles[i] == Role::elementwise || f.roles[i] == Role::reduction; }

  /// Whether `consumer` may read `producer` without going through memory.
  bool joinable(std::int64_t producer, std::int64_t consumer) const {
    return enabled && f.roles[producer] == Role::elementwise && fusable(consumer) &&
           in.nodes[producer]->dtype == in.nodes[consumer]->dtype &&
           in.nodes[producer]->shape == iteration_shape(*in.nodes[consumer]);
  }

  void find_roles() {
    f.roles.resize(count());
    f.needs_copy.assign(count(), false);
    f.places.resize(count());
    consumers.resize(count());
    for (std::size_t i = 0; i < count(); ++i) {
      const Node& node = *in.nodes[i];
      f.roles[i] = role_of(node, in.facts[i]);
      if (f.roles[i] == Role::dropped) continue;
      for (std::int64_t from : in.inputs[i]) consumers[from].push_back(static_cast<std::int64_t>(i));
      if (f.roles[i] == Role::leaf) {
        f.places[i].layout = {in.facts[i].value->layout.strides, 0};
      } else if (in.facts[i].same_as >= 0) {
        f.places[i].layout = f.places[in.facts[i].same_as].layout;
      } else if (f.roles[i] == Role::view) {
        const std::int64_t from = in.inputs[i][0];
        f.needs_copy[i] =
            !node.primitive()->view(in.nodes[from]->shape, f.places[from].layout, node.shape, f.places[i].layout);
        if (f.needs_copy[i]) f.places[i].layout = contiguous_layout(node.shape);
      } else {
        f.places[i].layout = contiguous_layout(node.shape);
      }
    }
  }

  /// A view is there as soon as what it shows is there; a copy is a kernel.
  bool is_plain_view(std::int64_t i) const { return f.roles[i] == Role::view && !f.needs_copy[i]; }

  void find_levels() {
    early.assign(count(), 0);
    for (std::size_t i = 0; i < count(); ++i) {
      if (f.roles[i] == Role::leaf || f.roles[i] == Role::constant || f.roles[i] == Role::dropped) continue;
      std::int64_t level = is_plain_view(i) ? 0 : 1;
      for (std::int64_t from : in.inputs[i]) {
        if (f.roles[from] == Role::constant && !is_plain_view(i)) continue;
        const bool same = joinable(from, i) || is_plain_view(i);
        level = std::max(level, early[from] + (same ? 0 : 1));
      }
      early[i] = level;
    }
    constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    f.level.assign(count(), never);
    for (std::size_t i = count(); i-- > 0;) {
      for (std::int64_t to : consumers[i]) {
        const bool same = joinable(i, to) || is_plain_view(to);
        f.level[i] = std::min(f.level[i], f.level[to] - (same ? 0 : 1));
      }
      if (f.level[i] == never) f.level[i] = early[i];
    }
  }

  /// Which values are written, and which are computed again by those that need them later.
  void find_memory() {
    f.in_memory.assign(count(), false);
    recomputed.assign(count(), false);
    std::vector<int> chain_cost(count(), 0);
    for (std::size_t i = 0; i < count(); ++i) {
      const Role role = f.roles[i];
      if (role == Role::dropped) continue;
      if (role == Role::leaf || role == Role::kernel || role == Role::reduction || role == Role::view) {
        f.in_memory[i] = true;
        continue;
      }
      bool needed = in.facts[i].kept, remote = false;
      for (std::int64_t to : consumers[i]) {
        if (role == Role::constant) {
          needed = needed || !fusable(to);
        } else if (!joinable(i, to)) {
          needed = true;
        } else if (f.level[to] != f.level[i]) {
          remote = true;
        }
      }
      if (role == Role::constant) {
        f.in_memory[i] = needed;
        continue;
      }
      int cost = kernels::cost_of(in.nodes[i]->primitive()->tile_op());
      std::set<std::int64_t> loads;
      for (std::int64_t from : in.inputs[i]) {
        if (f.roles[from] == Role::constant) continue;
        if (f.in_memory[from]) {
          loads.insert(from);
        } else {
          cost += joinable(from, i) ? chain_cost[from] : 1000;
        }
      }
      // Past the limit it no longer matters by how much, and a long chain of y * y would double it beyond an int.
      chain_cost[i] = std::min(cost, kRecomputeCost + 1);
      recomputed[i] = remote && !needed && cost <= kRecomputeCost && loads.size() <= kRecomputeLoads;
      f.in_memory[i] = needed || (remote && !recomputed[i]);
    }
  }

  // Union-find over nodes.
  std::vector<std::int64_t> parent;
  std::vector<std::size_t> size;
  std::vector<std::vector<std::int64_t>> reduced;  // the axes that a set's reductions share; empty when it has none
  std::int64_t find(std::int64_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  }
  bool compatible(std::int64_t a, std::int64_t b) {
    return reduced[a].empty() || reduced[b].empty() || reduced[a] == reduced[b];
  }
  void join(std::int64_t a, std::int64_t b) {
    parent[b] = a;
    size[a] += size[b];
    if (reduced[a].empty()) reduced[a] = reduced[b];
  }

  void find_groups() {
    parent.resize(count());
    std::iota(parent.begin(), parent.end(), 0);
    size.assign(count(), 1);
    reduced.resize(count());
    f.after_group.assign(count(), false);
    for (std::size_t i = 0; i < count(); ++i) {
      if (f.roles[i] != Role::reduction) continue;
      const auto axes = in.nodes[i]->primitive()->axes();
      reduced[i].assign(axes.begin(), axes.end());
    }
    // Edges within a level: elementwise ones first, for they must be inside one group.
    for (const Role wanted : {Role::elementwise, Role::reduction}) {
      for (std::size_t i = 0; i < count(); ++i) {
        if (f.roles[i] != wanted) continue;
        for (std::int64_t from : in.inputs[i]) {
          if (!joinable(from, i) || f.level[from] != f.level[i]) continue;
          const std::int64_t a = find(from), b = find(i);
          if (a == b) continue;
          if (compatible(a, b)) {
            join(a, b);
          } else {  // only a reduction can be incompatible: it reads its input from memory, after the group
            f.in_memory[from] = true;
            f.after_group[i] = true;
          }
        }
      }
    }
    if (enabled) join_readers();
    f.group.assign(count(), -1);
    for (std::size_t i = 0; i < count(); ++i) {
      if (fusable(i)) f.group[i] = find(i);
    }
    split_large_groups();
  }

  /// Cuts what is too long for one program. Pieces follow the nodes' order, so that each reads only from those before
  /// it.
  void split_large_groups() {
    std::vector<std::size_t> members(count(), 0);
    std::vector<std::int64_t> piece(count(), -1);  // the group that the next members of a set go to
    for (std::size_t i = 0; i < count(); ++i) {
      if (f.group[i] < 0) continue;
      const std::int64_t set = f.group[i];
      if (members[set]++ % kGroupLimit == 0) piece[set] = static_cast<std::int64_t>(i);
      f.group[i] = piece[set];
    }
    for (std::size_t i = 0; i < count(); ++i) {
      if (f.roles[i] != Role::elementwise || recomputed[i]) continue;
      for (std::int64_t to : consumers[i]) {
        if (f.group[to] >= 0 && f.group[to] != f.group[i]) f.in_memory[i] = true;
      }
    }
  }

  /// Groups of one level and iteration space that read the same memory read it once.
  void join_readers() {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>>
        readers;  // (level, what is read) -> sets
    for (std::size_t i = 0; i < count(); ++i) {
      if (!fusable(i) || f.after_group[i]) continue;
      for (std::int64_t from : in.inputs[i]) {
        if (f.roles[from] == Role::constant || (joinable(from, i) && f.level[from] == f.level[i])) continue;
        readers[{f.level[i], from}].push_back(static_cast<std::int64_t>(i));
      }
    }
    for (const auto& [key, nodes] : readers) {
      for (std::size_t k = 1; k < nodes.size(); ++k) {
        const std::int64_t a = find(nodes[0]), b = find(nodes[k]);
        if (a == b || !compatible(a, b) || size[a] + size[b] > kMergeLimit) continue;
        if (iteration_shape(*in.nodes[a]) != iteration_shape(*in.nodes[b]) ||
            in.nodes[a]->dtype != in.nodes[b]->dtype) {
          continue;
        }
        join(a, b);
      }
    }
  }
};

}  // namespace

const Shape& iteration_shape(const Node& node) {
  return node.primitive()->kind() == Primitive::Kind::reduction ? node.inputs()[0].shape() : node.shape;
}

Fusion fuse(const PlanInput& input, bool enabled) {
  Fuser fuser(input, enabled);
  fuser.find_roles();
  fuser.find_levels();
  fuser.find_memory();
  fuser.find_groups();
  return std::move(fuser.f);
}

}  // namespace sg
