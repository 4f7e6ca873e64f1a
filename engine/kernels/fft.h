// Discrete Fourier transforms by FFTW, without factors, along the middle axis of [outer, n, inner]. Complex numbers are
// pairs: a real part and an imaginary one.
#pragma once

#include <cstdint>

namespace sg::kernels {

struct FftShape {
  std::int64_t outer, n, inner;
};

/// [outer, n, inner, 2] to the same: exponents -2 pi i j k / n, or with the other sign.
template <class T>
void fft(const FftShape& shape, bool backward, const T* in, T* out);

/// [outer, n, inner] -> [outer, n / 2 + 1, inner, 2].
template <class T>
void rfft(const FftShape& shape, const T* in, T* out);

/// [outer, n / 2 + 1, inner, 2] -> [outer, n, inner]: half of a Hermitian sequence, backward.
template <class T>
void irfft(const FftShape& shape, const T* in, T* out);

}  // namespace sg::kernels
