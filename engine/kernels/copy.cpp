// Copies between contiguous memory and strided views of it.
#include "engine/kernels/copy.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

#include "engine/kernels/parallel.h"

namespace sg::kernels {

namespace {

constexpr int kMostDims = 16;
constexpr std::int64_t kTaskBytes = 128 * 1024;
constexpr std::int64_t kBlock =
    64;  // of a transpose, in elements of both sides: few enough pages for the address cache

struct Bytes16 {
  std::uint64_t low, high;
};

/// A view whose dimensions are joined where its memory allows; at least one dimension.
struct View {
  int dims = 0;
  std::int64_t extent[kMostDims], stride[kMostDims];
  std::int64_t dense[kMostDims];  // the strides of the contiguous side
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
    std::int64_t size = 1;
    for (int d = dims - 1; d >= 0; --d) {
      dense[d] = size;
      size *= extent[d];
    }
  }
};

/// Cuts [0, count) into pieces of about `piece`, on all threads where there are several.
template <class Function>
void for_pieces(std::int64_t count, std::int64_t piece, const Function& function) {
  const std::int64_t pieces = std::max<std::int64_t>(count / std::max<std::int64_t>(piece, 1), 1);
  if (pieces == 1) return function(0, count);
  parallel_for(pieces, [&](std::int64_t i) { function(count * i / pieces, count * (i + 1) / pieces); });
}

template <class T>
void copy_run(T* __restrict out, const T* __restrict in, std::int64_t count) {
  // A call costs more than a short row.
  if (count * static_cast<std::int64_t>(sizeof(T)) > 64) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(T));
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
  }
}

template <class T>
void fill_run(T* out, T value, std::int64_t count) {
  // Every copy doubles what is filled, up to a piece that the first-level cache holds.
  const std::int64_t first = std::min<std::int64_t>(count, 16);
  for (std::int64_t i = 0; i < first; ++i) out[i] = value;
  constexpr std::int64_t kPiece = 4096 / static_cast<std::int64_t>(sizeof(T));
  for (std::int64_t done = first; done < count;) {
    const std::int64_t next = std::min({count - done, done, kPiece});
    std::memcpy(out + done, out, static_cast<std::size_t>(next) * sizeof(T));
    done += next;
  }
}

template <class T, bool Packs>
void move_run(T* dense, T* strided, std::int64_t count, std::int64_t stride) {
  if (stride == 1) {
    if (Packs) {
      copy_run(dense, strided, count);
    } else {
      copy_run(strided, dense, count);
    }
  } else if (Packs && stride == 0) {
    fill_run(dense, *strided, count);
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      if (Packs) {
        dense[i] = strided[i * stride];
      } else {
        strided[i * stride] = dense[i];
      }
    }
  }
}

/// Calls `run(dense offset, strided offset, count)` for the elements [begin, end), counted on the contiguous side, run
/// by run of the last dimension.
template <class Run>
void for_runs(const View& view, std::int64_t begin, std::int64_t end, const Run& run) {
  const int last = view.dims - 1;
  std::int64_t at[kMostDims] = {};
  std::int64_t offset = 0;
  for (int d = 0; d <= last; ++d) {
    at[d] = begin / view.dense[d] % view.extent[d];
    offset += at[d] * view.stride[d];
  }
  while (begin < end) {
    const std::int64_t count = std::min(view.extent[last] - at[last], end - begin);
    run(begin, offset, count);
    begin += count;
    offset -= at[last] * view.stride[last];
    at[last] = 0;
    for (int d = last - 1; d >= 0; --d) {
      offset += view.stride[d];
      if (++at[d] < view.extent[d]) break;
      offset -= view.stride[d] * view.extent[d];
      at[d] = 0;
    }
  }
}

/// Each of `count` elements so many times.
template <int Repeats, class T>
void repeat_run(T* __restrict out, const T* __restrict in, std::int64_t count, std::int64_t stride,
                std::int64_t repeats) {
  const std::int64_t times = Repeats > 0 ? Repeats : repeats;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t k = 0; k < times; ++k) out[i * times + k] = in[i * stride];
  }
}

/// Packs a view in whose last dimension every element stands still, such as an enlarged picture's.
template <class T>
void pack_repeated(const View& view, T* dense, const T* strided) {
  const auto dims = static_cast<std::size_t>(view.dims - 1);
  const View elements(std::span(view.extent, dims), std::span(view.stride, dims));
  const std::int64_t repeats = view.extent[dims], row = elements.extent[elements.dims - 1],
                     stride = elements.stride[elements.dims - 1];
  const std::int64_t piece = kTaskBytes / static_cast<std::int64_t>(sizeof(T)) / repeats;
  for_pieces(elements.total, piece, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t row_before = INT64_MIN;  // where the row that was written last begins
    for_runs(elements, begin, end, [&](std::int64_t at, std::int64_t offset, std::int64_t count) {
      T* const out = dense + at * repeats;
      if (count == row && offset == row_before) {
        copy_run(out, out - row * repeats, row * repeats);
      } else if (stride == 1 && repeats == 2) {
        repeat_run<2>(out, strided + offset, count, 1, repeats);
      } else if (stride == 1 && repeats == 4) {
        repeat_run<4>(out, strided + offset, count, 1, repeats);
      } else {
        repeat_run<0>(out, strided + offset, count, stride, repeats);
      }
      row_before = count == row ? offset : INT64_MIN;
    });
  });
}

using Lanes32 = std::uint32_t __attribute__((vector_size(16)));
using Lanes64 = std::uint64_t __attribute__((vector_size(16)));

template <class V>
V load(const void* from) {
  V value;
  std::memcpy(&value, from, sizeof(V));
  return value;
}
template <class V>
void store(void* to, V value) {
  std::memcpy(to, &value, sizeof(V));
}

/// out[i * out_stride + j] = in[j * in_stride + i] for a square of `kLine` elements: 64 bytes, or 128 for the widest.
/// Every line of memory is touched once, whole: strides that are powers of two make lines share few places in the
/// cache.
template <class T>
struct Square {
  static constexpr std::int64_t kLine = sizeof(T) >= 8 ? 8 : 16;
  static void transpose(T* out, std::int64_t out_stride, const T* in, std::int64_t in_stride) {
    alignas(64) T turned[kLine * kLine];
    if constexpr (sizeof(T) == 4) {
      for (int j = 0; j < 16; j += 4) {
        for (int i = 0; i < 16; i += 4) {
          const T* const from = in + j * in_stride + i;
          const Lanes32 a = load<Lanes32>(from), b = load<Lanes32>(from + in_stride),
                        c = load<Lanes32>(from + 2 * in_stride), d = load<Lanes32>(from + 3 * in_stride);
          const Lanes32 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                        ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
          const Lanes32 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                        cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
          T* const to = turned + i * kLine + j;
          store(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
          store(to + kLine, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
          store(to + 2 * kLine, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
          store(to + 3 * kLine, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
        }
      }
    } else if constexpr (sizeof(T) == 8) {
      for (int j = 0; j < 8; j += 2) {
        for (int i = 0; i < 8; i += 2) {
          const T* const from = in + j * in_stride + i;
          const Lanes64 a = load<Lanes64>(from), b = load<Lanes64>(from + in_stride);
          store(turned + i * kLine + j, __builtin_shufflevector(a, b, 0, 2));
          store(turned + (i + 1) * kLine + j, __builtin_shufflevector(a, b, 1, 3));
        }
      }
    } else {
      for (int j = 0; j < kLine; ++j) {
        for (int i = 0; i < kLine; ++i) turned[i * kLine + j] = in[j * in_stride + i];
      }
    }
    for (int i = 0; i < kLine; ++i) std::memcpy(out + i * out_stride, turned + i * kLine, sizeof(T) * kLine);
  }
};

/// out[i * out_stride + j] = in[j * in_stride + i] for i in [0, rows), j in [0, columns).
template <class T>
void transpose_block(T* out, std::int64_t out_stride, const T* in, std::int64_t in_stride, std::int64_t rows,
                     std::int64_t columns) {
  constexpr std::int64_t line = Square<T>::kLine;
  const std::int64_t whole_rows = rows / line * line, whole_columns = columns / line * line;
  for (std::int64_t i = 0; i < whole_rows; i += line) {
    for (std::int64_t j = 0; j < whole_columns; j += line) {
      Square<T>::transpose(out + i * out_stride + j, out_stride, in + j * in_stride + i, in_stride);
    }
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) {
      out[i * out_stride + j] = in[j * in_stride + i];
    }
  }
}

/// Moves a view whose dimension `unit`, not its last, lies contiguous in memory.
template <class T, bool Packs>
void move_transposed(const View& view, T* dense, T* strided, int unit) {
  const int last = view.dims - 1;
  // Rows of the output side lie along `unit` when packing and along the last dimension when spreading.
  const int row_dim = Packs ? unit : last, column_dim = Packs ? last : unit;
  const std::int64_t row_blocks = (view.extent[row_dim] + kBlock - 1) / kBlock;
  const std::int64_t column_blocks = (view.extent[column_dim] + kBlock - 1) / kBlock;
  const std::int64_t blocks = view.total / (view.extent[unit] * view.extent[last]) * row_blocks * column_blocks;
  const std::int64_t block_bytes = view.total / blocks * static_cast<std::int64_t>(sizeof(T));
  for_pieces(blocks, kTaskBytes / std::max<std::int64_t>(block_bytes, 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t column = block % column_blocks * kBlock, row = block / column_blocks % row_blocks * kBlock;
      std::int64_t rest = block / column_blocks / row_blocks, dense_offset = 0, strided_offset = 0;
      for (int d = last - 1; d >= 0; --d) {
        if (d == unit) continue;
        dense_offset += rest % view.extent[d] * view.dense[d];
        strided_offset += rest % view.extent[d] * view.stride[d];
        rest /= view.extent[d];
      }
      const std::int64_t rows = std::min(kBlock, view.extent[row_dim] - row),
                         columns = std::min(kBlock, view.extent[column_dim] - column);
      dense_offset += row * view.dense[row_dim] + column * view.dense[column_dim];
      strided_offset += row * view.stride[row_dim] + column * view.stride[column_dim];
      if constexpr (Packs) {
        transpose_block(dense + dense_offset, view.dense[unit], strided + strided_offset, view.stride[last], rows,
                        columns);
      } else {
        transpose_block(strided + strided_offset, view.stride[last], dense + dense_offset, view.dense[unit], rows,
                        columns);
      }
    }
  });
}

template <class T, bool Packs>
void move(const View& view, void* dense_data, void* strided_data) {
  if (view.total == 0) return;
  T* const dense = static_cast<T*>(dense_data);
  T* const strided = static_cast<T*>(strided_data);
  const int last = view.dims - 1;
  if (std::abs(view.stride[last]) > 1) {
    for (int d = 0; d < last; ++d) {
      if (view.stride[d] == 1) return move_transposed<T, Packs>(view, dense, strided, d);
    }
  }
  constexpr std::int64_t kMostRepeats = 16;  // more are a run worth a call of its own
  if (Packs && last > 0 && view.stride[last] == 0 && view.extent[last] <= kMostRepeats) {
    return pack_repeated(view, dense, strided);
  }
  for_pieces(view.total, kTaskBytes / static_cast<std::int64_t>(sizeof(T)), [&](std::int64_t begin, std::int64_t end) {
    for_runs(view, begin, end, [&](std::int64_t at, std::int64_t offset, std::int64_t count) {
      move_run<T, Packs>(dense + at, strided + offset, count, view.stride[last]);
    });
  });
}

template <bool Packs>
void move(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides, void* dense, void* strided,
          int element_size) {
  const View view(shape, strides);
  switch (element_size) {
    case 1: return move<std::uint8_t, Packs>(view, dense, strided);
    case 2: return move<std::uint16_t, Packs>(view, dense, strided);
    case 4: return move<std::uint32_t, Packs>(view, dense, strided);
    case 8: return move<std::uint64_t, Packs>(view, dense, strided);
    default: assert(element_size == 16); return move<Bytes16, Packs>(view, dense, strided);
  }
}

}  // namespace

void copy_strided(void* destination, const void* source, std::span<const std::int64_t> shape,
                  std::span<const std::int64_t> strides, int element_size) {
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
