// Chart style: the colours of heat maps.
#include "apps/common/chart_style.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

namespace sg::apps {
namespace {

Colour between(std::span<const Colour> stops, double place) {
  const double position = std::clamp(place, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
  const auto first = std::min(static_cast<std::size_t>(position), stops.size() - 2);
  const double part = position - static_cast<double>(first);
  Colour colour{};
  for (std::size_t c = 0; c < 3; ++c) {
    colour[c] = static_cast<std::uint8_t>(std::lround(stops[first][c] * (1 - part) + stops[first + 1][c] * part));
  }
  return colour;
}

}  // namespace

std::string show_tick(double value) {
  std::string text = fmt::format("{:.6g}", value);
  const std::size_t exponent = text.find('e');
  if (exponent == std::string::npos) return text;
  return text.substr(0, exponent) + fmt::format("e{}", std::stoi(text.substr(exponent + 1)));  // 1e-06 becomes 1e-6
}

Colour sequential_colour(double place) {
  static constexpr std::array<Colour, 7> stops{
      {{68, 1, 84}, {65, 68, 135}, {42, 120, 142}, {34, 150, 138}, {68, 190, 112}, {160, 218, 57}, {253, 231, 37}}};
  return between(stops, place);
}

Colour diverging_colour(double place) {
  static constexpr std::array<Colour, 5> stops{
      {{33, 84, 163}, {133, 178, 219}, {247, 247, 247}, {234, 150, 120}, {170, 26, 44}}};
  return between(stops, place);
}

}  // namespace sg::apps
