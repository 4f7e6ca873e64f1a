// Which of OpenBLAS's kernel sets runs: the library picks AVX2 kernels on processors that it does not know, AVX-512 or
// not.
#pragma once

#include <string_view>

namespace sg::kernels {

/// What decides about the kernel set.
struct BlasProcessor {
  bool avx512 = false;  // processor and operating system
  bool intel = false;
  bool avx512_bf16 = false;
};

/// The name for OPENBLAS_CORETYPE; empty to leave the choice to the library, as it is without AVX-512 and where the
/// user has made it.
std::string_view blas_core_for(const BlasProcessor& processor, bool chosen_by_user);

/// Makes OpenBLAS single-threaded: its products are called tile by tile from our own pool. The first call also says
/// that the choice above is linked in.
void prepare_blas();

/// The kernel set in use, by OpenBLAS's name.
const char* blas_core();

}  // namespace sg::kernels
