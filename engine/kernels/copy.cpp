// Copies between contiguous memory and strided views of it.
#include "engine/kernels/copy.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "engine/kernels/parallel.h"

namespace sg::kernels {

namespace {

constexpr int kMostDims = 16;
constexpr std::int64_t kTaskBytes = 128 * 1024;

struct Bytes16 {
  std::uint64_t low, high;
};

/// A view whose dimensions are joined where its memory allows; at least one dimension.
struct View {
  int dims = 0;
  std::int64_t extent[kMostDims], stride[kMostDims];
  std::int64_t total = 1;

  View(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
    assert(shape.size() == strides.size() && shape.size() <= kMostDims);
    for (std::size_t d = 0; d < shape.size(); ++d) {
      total *= shape[d];
      if (shape[d] == 1) continue;
      if (dims > 0 && stride[dims - 1] == strides[d] * shape[d]) {
        extent[dims - 1] *= shape[d];
        stride[dims - 1] = strides[d];
      } else {
        extent[dims] = shape[d];
        stride[dims++] = strides[d];
      }
    }
    if (dims == 0) {
      extent[0] = stride[0] = 1;
      dims = 1;
    }
  }
};

template <class T, bool Gathers>
void move_row(T* dense, T* strided, std::int64_t count, std::int64_t stride) {
  if (stride == 1) {
    if (Gathers) std::memcpy(dense, strided, static_cast<std::size_t>(count) * sizeof(T));
    else std::memcpy(strided, dense, static_cast<std::size_t>(count) * sizeof(T));
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      if (Gathers) dense[i] = strided[i * stride];
      else strided[i * stride] = dense[i];
    }
  }
}

/// Moves the rows [begin, end) of the view, a row being a run along the last dimension.
template <class T, bool Gathers>
void move_rows(const View& view, T* dense, T* strided, std::int64_t begin, std::int64_t end) {
  const int last = view.dims - 1;
  const std::int64_t count = view.extent[last];
  std::int64_t at[kMostDims] = {};
  std::int64_t rest = begin, offset = 0;
  for (int d = last - 1; d >= 0; --d) {
    at[d] = rest % view.extent[d];
    rest /= view.extent[d];
    offset += at[d] * view.stride[d];
  }
  for (std::int64_t row = begin; row < end; ++row) {
    move_row<T, Gathers>(dense + row * count, strided + offset, count, view.stride[last]);
    for (int d = last - 1; d >= 0; --d) {
      offset += view.stride[d];
      if (++at[d] < view.extent[d]) break;
      offset -= view.stride[d] * view.extent[d];
      at[d] = 0;
    }
  }
}

template <class T, bool Gathers>
void move(const View& view, void* dense_data, void* strided_data) {
  if (view.total == 0) return;
  T* const dense = static_cast<T*>(dense_data);
  T* const strided = static_cast<T*>(strided_data);
  const std::int64_t count = view.extent[view.dims - 1], rows = view.total / count;
  const std::int64_t bytes = view.total * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t tasks = std::min(rows, bytes / kTaskBytes);
  if (tasks <= 1) {
    move_rows<T, Gathers>(view, dense, strided, 0, rows);
    return;
  }
  parallel_for(tasks, [&](std::int64_t task) {
    move_rows<T, Gathers>(view, dense, strided, rows * task / tasks, rows * (task + 1) / tasks);
  });
}

template <bool Gathers>
void move(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides, void* dense, void* strided, int element_size) {
  const View view(shape, strides);
  switch (element_size) {
    case 1: return move<std::uint8_t, Gathers>(view, dense, strided);
    case 2: return move<std::uint16_t, Gathers>(view, dense, strided);
    case 4: return move<std::uint32_t, Gathers>(view, dense, strided);
    case 8: return move<std::uint64_t, Gathers>(view, dense, strided);
    default: assert(element_size == 16); return move<Bytes16, Gathers>(view, dense, strided);
  }
}

}  // namespace

void copy_strided(void* destination, const void* source, std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                  int element_size) {
  move<true>(shape, strides, destination, const_cast<void*>(source), element_size);
}

void scatter_strided(void* destination, const void* source, std::span<const std::int64_t> shape,
                     std::span<const std::int64_t> strides, int element_size) {
  move<false>(shape, strides, const_cast<void*>(source), destination, element_size);
}

void fill(void* destination, const void* value, std::int64_t count, int element_size) {
  const std::int64_t shape[] = {count}, strides[] = {0};
  copy_strided(destination, value, shape, strides, element_size);
}

}  // namespace sg::kernels
