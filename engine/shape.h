// Shape: the extents of a tensor's axes, and the arithmetic on them.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <vector>

#include "engine/error.h"

namespace sg {

/// Up to 12 extents, used like a std::vector<std::int64_t>; stored in place, because every node of a graph has one.
class Shape {
 public:
  static constexpr std::size_t max_rank = 12;
  using value_type = std::int64_t;
  using iterator = std::int64_t*;
  using const_iterator = const std::int64_t*;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) { assign(extents.begin(), extents.end()); }
  Shape(const std::vector<std::int64_t>& extents) {
    assign(extents.begin(), extents.end());
  }  // NOLINT: implicit on purpose
  Shape(std::size_t rank, std::int64_t extent) {
    for (std::size_t i = 0; i < rank; ++i) push_back(extent);
  }
  template <std::input_iterator Iterator>
  Shape(Iterator first, Iterator last) {
    assign(first, last);
  }

  std::size_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t& operator[](std::size_t i) {
    assert(i < rank_);
    return extents_[i];
  }
  std::int64_t operator[](std::size_t i) const {
    assert(i < rank_);
    return extents_[i];
  }
  std::int64_t& back() { return (*this)[rank_ - 1]; }
  std::int64_t back() const { return (*this)[rank_ - 1]; }
  std::int64_t front() const { return (*this)[0]; }
  iterator begin() { return extents_.data(); }
  iterator end() { return extents_.data() + rank_; }
  const_iterator begin() const { return extents_.data(); }
  const_iterator end() const { return extents_.data() + rank_; }
  const std::int64_t* data() const { return extents_.data(); }

  void push_back(std::int64_t extent) {
    if (rank_ == max_rank) refuse_another_axis();
    extents_[rank_++] = extent;
  }
  void pop_back() {
    assert(rank_ > 0);
    --rank_;
  }
  void insert(const_iterator position, std::int64_t extent) {
    const auto index = position - begin();
    push_back(extent);
    std::rotate(begin() + index, end() - 1, end());
  }
  void erase(const_iterator position) {
    std::copy(position + 1, const_iterator(end()), begin() + (position - begin()));
    pop_back();
  }

  friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  [[noreturn]] static void refuse_another_axis();

  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(*first);
  }

  std::array<std::int64_t, max_rank> extents_;
  std::size_t rank_ = 0;
};

/// Axes by number, negative ones counted from the end: a list that a single number converts to, as in `sum(x, 1)`.
class Axes : public std::vector<std::int64_t> {
 public:
  Axes() = default;
  template <std::signed_integral Integer>
  Axes(Integer axis) : vector{static_cast<std::int64_t>(axis)} {}  // NOLINT: implicit on purpose
  template <std::unsigned_integral Integer>
  Axes(Integer count) = delete;  // would be taken for a size: `up_to` makes a list of given length
  Axes(std::initializer_list<std::int64_t> axes) : vector(axes) {}
  Axes(const std::vector<std::int64_t>& axes) : vector(axes) {}  // NOLINT: implicit on purpose
  template <std::input_iterator Iterator>
  Axes(Iterator first, Iterator last) : vector(first, last) {}

  /// 0, 1, ..., count - 1.
  static Axes up_to(std::size_t count) {
    Axes axes;
    for (std::size_t axis = 0; axis < count; ++axis) axes.push_back(static_cast<std::int64_t>(axis));
    return axes;
  }
};

/// The product of the extents; 1 for a scalar.
std::int64_t element_count(const Shape& shape);
/// Throws in the name of `operation` for a negative extent, and for more elements than memory could have (2^48).
void check_extents(std::string_view operation, const Shape& shape);
/// An extent times a factor, neither negative; throws in the name of `operation` where that leaves the range.
std::int64_t times(std::string_view operation, std::int64_t extent, std::int64_t factor);
/// `[2, 3]`.
std::string to_string(const Shape& shape);
/// Strides in elements of a row-major layout.
Shape contiguous_strides(const Shape& shape);
/// NumPy's broadcasting of two shapes; throws in the name of `operation` when they do not fit.
Shape broadcast_shapes(std::string_view operation, const Shape& a, const Shape& b);
/// `axis` counted from the front; throws in the name of `operation` when there is no such axis.
std::int64_t normalise_axis(std::string_view operation, std::int64_t axis, std::size_t rank);
/// The same for a list: sorted, without repetition (which throws); an empty list is an empty list.
Axes normalise_axes(std::string_view operation, const Axes& axes, std::size_t rank);

}  // namespace sg

/// `{}` only. Defined in shape.cpp: nearly every file has messages with shapes in them.
template <>
struct fmt::formatter<sg::Shape> {
  constexpr fmt::format_parse_context::iterator parse(fmt::format_parse_context& context) { return context.begin(); }
  fmt::format_context::iterator format(const sg::Shape& shape, fmt::format_context& context) const;
};
