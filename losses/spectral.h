// The spectral Sobolev loss H^s of sampled functions and images, for any real s.
#pragma once

#include "engine/tensor.h"

namespace sg::losses {

/// Which angular frequency the k-th of n Fourier coefficients counts as.
enum class Frequencies {
  one_sided,  // 2 pi k / n for k = 0..n-1: the published reference code's
  symmetric,  // 2 pi min(k, n - k) / n: the Sobolev norm's own
};

/// (1 + (length xi_k)^2)^s: the weight of the k-th of n coefficients, `length` being in samples.
double spectral_weight(std::int64_t k, std::int64_t n, double s, Frequencies frequencies, double length = 1);

/// The symmetric circulant C [n, n] for which r . C r = sum over k of w_k |r_hat_k|^2, w_k being the weights above and
/// r_hat the unitary discrete Fourier transform of a real r (Parseval's identity). Built in f64 and then cast; the last
/// ones asked for are kept. Throws for n above 16,384, for a length that is not positive, and for an s whose weights
/// the dtype cannot hold.
Tensor spectral_matrix(std::int64_t n, double s, Frequencies frequencies, Dtype dtype, double length = 1);

/// H^s of functions sampled along the last axis: residual [..., n] -> mean(r * C r). With s = 0 the mean square.
Tensor spectral_1d(const Tensor& residual, double s, Frequencies frequencies = Frequencies::one_sided,
                   double length = 1);

/// H^s of images: residual [..., H, W] -> the sum over the two last axes of the mean over all entries of r * C r along
/// that axis. With s = 0 twice the mean square.
Tensor spectral_2d(const Tensor& residual, double s, Frequencies frequencies = Frequencies::one_sided,
                   double length = 1);

}  // namespace sg::losses
