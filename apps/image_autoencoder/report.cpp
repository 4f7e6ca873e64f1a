// Report: making the pictures and the page.
#include "apps/image_autoencoder/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/common/files.h"
#include "apps/image_autoencoder/tiles.h"
#include "engine/ops.h"

namespace sg::image_autoencoder {
namespace {

constexpr std::int64_t kExamples = 12;
constexpr std::int64_t kPartHeight = 768, kPartWidth = 768;
constexpr std::size_t kParts = 2;

/// Pictures of one height in a row, white lines between.
data::Image side_by_side(const std::vector<data::Image>& pictures) {
  constexpr std::int64_t gap = 4;
  data::Image row{-gap, pictures[0].height, 3, {}};
  for (const data::Image& picture : pictures) row.width += picture.width + gap;
  row.pixels.assign(static_cast<std::size_t>(row.width * row.height * 3), 255);
  std::int64_t left = 0;
  for (const data::Image& picture : pictures) {
    for (std::int64_t i = 0; i < picture.height; ++i) std::copy_n(picture.at(i, 0), picture.width * 3, row.at(i, left));
    left += picture.width + gap;
  }
  return row;
}

std::string names_of(const std::vector<Outcome>& outcomes) {
  std::vector<std::string> names{"input"};
  for (const Outcome& outcome : outcomes) names.push_back(outcome.loss);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Shown shown_inputs(const Settings& settings, const Pictures& pictures, const Autoencoder& any) {
  Shown shown;
  shown.examples = any.examples(kExamples).eval();
  const data::PictureList& list = pictures.test ? pictures.lists.test : pictures.lists.train;
  for (const std::string& name : list.names) {
    if (shown.parts.size() == kParts) break;
    try {
      const data::Image picture = data::read_listed(list, name, 3);
      const std::int64_t height = std::min(picture.height, std::max(kPartHeight, settings.size));
      const std::int64_t width = std::min(picture.width, std::max(kPartWidth, settings.size));
      shown.parts.push_back(
          data::crop(picture, (picture.height - height) / 2, (picture.width - width) / 2, height, width));
    } catch (const Error&) {
      continue;  // damaged behind its header: the next one will do
    }
  }
  return shown;
}

Outcome outcome_of(Autoencoder& autoencoder, const std::string& loss, const Settings& settings, const Shown& shown) {
  Outcome outcome{loss, {}, {}, autoencoder.derivative_error()};
  nn::PictureAutoencoder& network = autoencoder.network();
  network.eval();
  const NoGrad no_grad;
  outcome.examples = cast(network(shown.examples), f32).eval();
  for (const data::Image& part : shown.parts) {
    const TileGrid grid(part.height, part.width, settings.size, settings.size / 4);
    outcome.parts.push_back(map_tiles(
        part, grid, [&](const Tensor& tiles) { return network(cast(tiles, settings.common.element_type())); }));
  }
  return outcome;
}

std::string examples_picture(const Shown& shown, const std::vector<Outcome>& outcomes) {
  Tensors rows{cast(shown.examples, f32)};
  for (const Outcome& outcome : outcomes) rows.push_back(outcome.examples);
  const std::int64_t side = shown.examples.shape(3);
  return data::encode_png(
      data::picture_grid(concat(rows, 0), shown.examples.shape(0), 2, std::max<std::int64_t>(1, 80 / side)));
}

std::string parts_picture(const Shown& shown, std::size_t part, const std::vector<Outcome>& outcomes) {
  std::vector<data::Image> all{shown.parts[part]};
  for (const Outcome& outcome : outcomes) all.push_back(outcome.parts[part]);
  return data::encode_png(side_by_side(all));
}

void write_report(const Pictures& pictures, const std::filesystem::path& folder, const std::string& summary,
                  const std::vector<apps::Run>& runs, const Shown& shown, const std::vector<Outcome>& outcomes,
                  const Settings& settings) {
  apps::Report report("An autoencoder of photographs", summary);
  if (pictures.test) {
    report.comparison(runs, "test_mse", "mean squared error on test pieces");
    apps::Chart psnr = apps::curves_chart(runs, "test_psnr", "PSNR of the test pieces, dB");
    psnr.log_y = false;
    report.chart(psnr, "10 log10(1 / mean squared error): higher is better");
  } else {
    report.heading("Training");
    report.paragraph("There are no test pictures, so no test figures.");
    report.chart(apps::curves_chart(runs, "train_loss", "training loss"), "Losses differ in meaning");
  }
  report.weights(settings.size, settings.common.loss_list(), settings.common);
  const std::string examples = examples_picture(shown, outcomes);
  apps::write_file_atomically(folder / "comparison.png", examples);
  report.heading("Reconstructions");
  report.picture(examples, fmt::format("{} pieces, from top to bottom: {}", pictures.test ? "Test" : "Training",
                                       names_of(outcomes)));
  for (std::size_t i = 0; i < shown.parts.size(); ++i) {
    const std::string part = parts_picture(shown, i, outcomes);
    apps::write_file_atomically(folder / fmt::format("picture_{}.png", i + 1), part);
    report.picture(part, fmt::format("A larger part in overlapping tiles, their seams blended; from left to right: {}",
                                     names_of(outcomes)));
  }
  report.heading("How the output moves with the input");
  report.paragraph(
      "The derivative of a perfect autoencoder along a direction v of its input is v. J v is the network's exact "
      "derivative along v; the directions are "
      "random smooth ones, the same for every network, at the same pieces, with the running statistics.");
  apps::Table table{{"loss", "|J v - v| / |v|"}, {}};
  for (const Outcome& outcome : outcomes) {
    table.rows.push_back({outcome.loss, apps::show_figure(outcome.derivative_error)});
  }
  report.table(table);
  if (!pictures.lists.skipped.empty()) {
    report.heading("Left out");
    report.paragraph(apps::describe_skipped(pictures.lists.skipped, pictures.lists.found));
  }
  report.write(folder);
}

}  // namespace sg::image_autoencoder
