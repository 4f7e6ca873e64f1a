// Walk: the nodes of a graph in order, inputs before outputs.
#pragma once

#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/context.h"
#include "engine/node.h"

namespace sg {

/// A walk numbers its nodes. The numbers of nodes that the walking thread made are kept in the nodes themselves, those
/// of other threads' nodes (leaves that are shared, mostly) in a table of the walk's own, so that any number of threads
/// may walk over a node at the same time.
class Walk {
 public:
  /// The nodes that `roots` are made of, without recursion. Nodes for which `skip` holds are left out; the inputs of
  /// those for which `expand` does not hold are not followed.
  template <class Skip, class Expand>
  Walk(const Tensors& roots, Skip skip, Expand expand) : thread_(context().thread), number_(++context().walks) {
    std::vector<std::pair<Node*, std::size_t>> stack;
    stack.reserve(kFewNodes);
    nodes_.reserve(kFewNodes);
    const auto visit = [&](Node* node) {
      std::int64_t& index = entry(node);
      if (index != unseen || skip(*node)) return;
      index = pending;
      stack.emplace_back(node, expand(*node) ? 0 : node->inputs().size());
    };
    for (const Tensor& root : roots) {
      visit(root.node());
      while (!stack.empty()) {
        auto& [node, next] = stack.back();
        if (next < node->inputs().size()) {
          visit(node->inputs()[next++].node());  // may move `node` and `next` away
        } else {
          entry(node) = static_cast<std::int64_t>(nodes_.size());
          nodes_.push_back(node);
          stack.pop_back();
        }
      }
    }
  }

  const std::vector<Node*>& nodes() const { return nodes_; }
  std::vector<Node*> take_nodes() { return std::move(nodes_); }
  /// The node's index in `nodes`; -1 when it has none. To be asked before this thread's next walk.
  std::int64_t index_of(const Node* node) const {
    if (node->mark.thread == thread_) return node->mark.walk == number_ ? node->mark.index : unseen;
    const auto found = others_.find(node);
    return found == others_.end() ? unseen : found->second;
  }

 private:
  static constexpr std::int64_t unseen = -1, pending = -2;
  static constexpr std::size_t kFewNodes = 16;  // the smallest graphs are walked without asking for memory again

  std::int64_t& entry(Node* node) {
    if (node->mark.thread != thread_) return others_.try_emplace(node, unseen).first->second;
    if (node->mark.walk != number_) {
      node->mark.walk = number_;
      node->mark.index = unseen;
    }
    return node->mark.index;
  }

  std::uint32_t thread_;
  std::uint64_t number_;
  std::vector<Node*> nodes_;
  std::unordered_map<const Node*, std::int64_t> others_;
};

/// Lists of indices, one after another in one piece of memory.
class IndexLists {
 public:
  void reserve(std::size_t lists, std::size_t indices) {
    ends_.reserve(lists);
    indices_.reserve(indices);
  }
  /// Appends to the list that `close` ends.
  void add(std::int64_t index) { indices_.push_back(index); }
  void close() { ends_.push_back(indices_.size()); }
  std::span<const std::int64_t> operator[](std::size_t list) const {
    const std::size_t begin = list == 0 ? 0 : ends_[list - 1];
    return {indices_.data() + begin, ends_[list] - begin};
  }

 private:
  std::vector<std::int64_t> indices_;
  std::vector<std::size_t> ends_;
};

}  // namespace sg
