// Convolutions of many channels to one or a few results of the image's size.
#pragma once

#include "engine/kernels/conv_blocking.h"

namespace sg::kernels {

/// Whether this way is possible and the faster one.
template <class T>
bool few_results_pay(const Correlation& correlation);

/// result [batch, groups * rows, results by axis]; weight is [groups * rows, channels, taps], or, `of_gradient`,
/// [groups * channels, rows, taps].
template <class T>
void run_few_results(const Correlation& correlation, bool of_gradient, const T* source, const T* weight, T* result);

}  // namespace sg::kernels
