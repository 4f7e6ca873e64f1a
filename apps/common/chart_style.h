// Chart style: colours that differ for all kinds of sight and stand out from light and from dark.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace sg::apps {

/// After Okabe and Ito 2008, without the ones that vanish on white or on black.
inline std::string series_colour(std::size_t index) {
  static constexpr std::array colours{"#0b84d8", "#e06000", "#00966b", "#c65f9e",
                                      "#b58900", "#7a6fd0", "#d33a2c", "#5f8aa0"};
  return colours[index % colours.size()];
}

/// A number at an axis: 0.01, 250, 1e-6.
std::string show_tick(double value);

using Colour = std::array<std::uint8_t, 3>;
/// A scale from dark blue through green to yellow, of even lightness; `place` in [0, 1].
Colour sequential_colour(double place);
/// Blue, white at the middle, red.
Colour diverging_colour(double place);

}  // namespace sg::apps
