// Products whose right side has few columns, such as those of a layer of 64 units: a library's packing of large blocks
// costs more than it gains there.
#pragma once

#include "engine/kernels/gemm.h"
#include "engine/kernels/isa/gemm_kernels.h"

namespace sg::kernels {

/// Whether matmul_narrow is meant for this product.
bool is_narrow(const MatmulShape& shape, std::size_t element_size);

/// matmul for those. Equal bits for any number of threads.
template <class T>
void matmul_narrow(const MatmulShape& shape, const T* a, const T* b, T* c);

/// The register tiles of those, on the calling thread alone.
template <class T>
const GemmKernels<T>& gemm_kernels();

/// Whether matmul_small_sum is meant for this product: A is transposed and C is small, as in a weight's gradient.
bool is_small_sum(const MatmulShape& shape, std::size_t element_size);
/// One matrix of those (the batch is the caller's), on the calling thread alone.
template <class T>
void matmul_small_sum(const MatmulShape& shape, const T* a, const T* b, T* c);

}  // namespace sg::kernels
