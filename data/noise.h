// Noise: what the denoiser has to take away from its pictures.
#pragma once

#include <cstdint>
#include <span>

#include "engine/tensor.h"

namespace sg::data {

/// amplitude sin(2 pi frequency (x + y)) as [1, 1, rows, columns], x and y over linspace(0, 1) along columns and rows:
/// the same for each picture.
Tensor sine_noise(std::int64_t rows, std::int64_t columns, double amplitude, double frequency, Dtype dtype = f32);

/// The epoch under which the test set's noise is drawn.
inline constexpr std::int64_t test_epoch = -1;

/// Independent normal values [N, sample...] of the samples of a batch: those of one sample depend on seed, epoch and
/// its index alone.
Tensor gaussian_noise(const Shape& sample_shape, std::span<const std::int64_t> samples, double standard_deviation,
                      std::uint64_t seed, std::int64_t epoch, Dtype dtype = f32);

}  // namespace sg::data
