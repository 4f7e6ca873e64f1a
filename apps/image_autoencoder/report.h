// Report: what a run's pictures and page show.
#pragma once

#include <string>
#include <vector>

#include "apps/common/report.h"
#include "apps/image_autoencoder/trainee.h"

namespace sg::image_autoencoder {

/// What one trained network made of the test pictures.
struct Outcome {
  std::string loss;
  Tensor examples;                 // outputs for the examples, [N, 3, size, size]
  std::vector<data::Image> parts;  // of whole pictures, in blended tiles
  double derivative_error;         // |J v - v| / |v|
};

/// The inputs that all networks are shown with.
struct Shown {
  Tensor examples;
  std::vector<data::Image> parts;  // the middle of up to 2 pictures
};
Shown shown_inputs(const Settings& settings, const Pictures& pictures, const Autoencoder& any);
Outcome outcome_of(Autoencoder& autoencoder, const std::string& loss, const Settings& settings, const Shown& shown);

/// PNG files: inputs over outputs, one row a network; the pictures side by side.
std::string examples_picture(const Shown& shown, const std::vector<Outcome>& outcomes);
std::string parts_picture(const Shown& shown, std::size_t part, const std::vector<Outcome>& outcomes);

/// report.html, and comparison.png and picture_1.png, ... beside it.
void write_report(const Pictures& pictures, const std::filesystem::path& folder, const std::string& summary,
                  const std::vector<apps::Run>& runs, const Shown& shown, const std::vector<Outcome>& outcomes,
                  const Settings& settings);

}  // namespace sg::image_autoencoder
