// OpenBLAS: the functions of it that the engine calls, and which of its kernel sets runs. The library picks AVX2
// kernels on processors that it does not know, AVX-512 or not.
#pragma once

#include <cblas.h>

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

/// Functions of LAPACK by their types in Fortran.
template <class T>
struct Lapack {
  void (*potrf)(const char* triangle, const int* n, T* a, const int* lda, int* info);
  void (*getrf)(const int* m, const int* n, T* a, const int* lda, int* pivots, int* info);
  void (*getrs)(const char* transposed, const int* n, const int* k, const T* a, const int* lda, const int* pivots, T* b,
                const int* ldb, int* info);
  void (*syevd)(const char* job, const char* triangle, const int* n, T* a, const int* lda, T* values, T* work,
                const int* work_size, int* integers, const int* integers_size, int* info);
  void (*geev)(const char* left, const char* right, const int* n, T* a, const int* lda, T* real, T* imaginary, T* vl,
               const int* ldvl, T* vr, const int* ldvr, T* work, const int* work_size, int* info);
};

/// What is taken from the library.
struct Blas {
  decltype(&cblas_sgemm) sgemm;
  decltype(&cblas_dgemm) dgemm;
  decltype(&cblas_sgemv) sgemv;
  decltype(&cblas_dgemv) dgemv;
  decltype(&cblas_strsm) strsm;
  decltype(&cblas_dtrsm) dtrsm;
  Lapack<float> single;
  Lapack<double> twice;
  decltype(&openblas_get_corename) core;

  template <class T>
  const Lapack<T>& lapack() const {
    if constexpr (sizeof(T) == 4) {
      return single;
    } else {
      return twice;
    }
  }
};

/// The library, single-threaded: its products are called tile by tile from our own pool. It is loaded when the program
/// starts, or at the first call. Throws sg::Error when it cannot be loaded.
const Blas& blas();

/// The kernel set in use, by OpenBLAS's name.
const char* blas_core();

}  // namespace sg::kernels
