// Gnuplot: running the program, and its page-sized SVG as a piece of our page.
#pragma once

#include <string>

namespace sg::apps {

/// What gnuplot writes for the script; empty when it is missing or fails.
std::string run_gnuplot(const std::string& script);

/// The drawing of an SVG file of gnuplot's without its head, of these sizes, with ids that no other drawing of the
/// page has; empty for what is none.
std::string embedded_svg(std::string svg, int width, int height, const std::string& label);

}  // namespace sg::apps
