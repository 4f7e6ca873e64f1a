// Convolutions of many channels to one result of the image's size.
#pragma once

#include "engine/kernels/conv_blocking.h"

namespace sg::kernels {

/// Whether this way is possible and the faster one.
template <class T>
bool single_result_pays(const Correlation& correlation);

/// result [batch, groups, results by axis]; weight is [groups, channels, taps].
template <class T>
void run_single_result(const Correlation& correlation, const T* source, const T* weight, T* result);

}  // namespace sg::kernels
