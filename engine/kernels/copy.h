// Copies between contiguous memory and strided views of it (transposes, slices, concatenation), and filling.
#pragma once

#include <cstdint>
#include <span>

namespace sg::kernels {

/// Writes the view (`source`, `shape`, `strides`) into contiguous memory, in row-major order. Strides are in elements,
/// may be 0 or negative; an element has 1, 2, 4, 8 or 16 bytes.
void copy_strided(void* destination, const void* source, std::span<const std::int64_t> shape,
                  std::span<const std::int64_t> strides, int element_size);

/// The mirror: writes contiguous memory into the view (`destination`, `shape`, `strides`), whose elements must not
/// overlap.
void scatter_strided(void* destination, const void* source, std::span<const std::int64_t> shape,
                     std::span<const std::int64_t> strides, int element_size);

/// Sets `count` elements of contiguous memory to the element at `value`.
void fill(void* destination, const void* value, std::int64_t count, int element_size);

}  // namespace sg::kernels
