// Convolutions with a channel in each lane: the source's pixels stand with their channels next to each other, so that
// every result is a product of rows of pixels with panels of weights, whatever the image's size and stride.
#pragma once

#include <cstdint>

#include "engine/kernels/conv_blocking.h"
#include "engine/kernels/isa/panel_kernels.h"

namespace sg::kernels {

/// The loops of the instruction set in use.
template <class T>
const PanelKernels<T>& panel_kernels();

/// Elements between the channels of neighbouring pixels: whole vectors, and an odd number of cache lines, so that
/// neighbouring pixels spread over the sets of the first-level cache. Two lines spread well enough, and a third would
/// make all that is staged half as large again.
template <class T>
std::int64_t channel_pitch(std::int64_t channels, int lanes) {
  const std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T)), lines = ceil_div(channels, line);
  return std::max<std::int64_t>(ceil_div(channels, lanes) * lanes, (lines == 2 ? 2 : lines | 1) * line);
}

/// Whether there are channels enough to fill vectors, and products enough to pay for turning pixels: a single tap has
/// not (measured: 75 to 85 % of the peak instead of 85 to 95 %).
template <class T>
bool panels_pay(const Correlation& correlation);

/// result [batch, rows, results by axis]; weight is [rows, channels, taps], or, `of_gradient`, [channels, rows, taps].
template <class T>
void run_panels(const Correlation& correlation, bool of_gradient, const T* source, const T* weight, T* result);

/// The gradient by the weight of the convolution that `correlation` describes: result [rows, channels, taps].
template <class T>
void run_panels_weight_gradient(const Correlation& correlation, const T* source, const T* cotangent, T* result);

}  // namespace sg::kernels
