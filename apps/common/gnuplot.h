// Gnuplot: charts drawn by the program of that name.
#pragma once

#include <string>

#include "apps/common/chart.h"

namespace sg::apps {

/// A piece of SVG for a page; empty when gnuplot is missing, fails, or takes more than half a minute.
std::string gnuplot_svg(const Chart& chart);

}  // namespace sg::apps
