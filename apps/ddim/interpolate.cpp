// Interpolate: the pictures between two, by going from one noise to the other on a sphere.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/ddim/command.h"
#include "apps/ddim/interpolation.h"
#include "apps/ddim/pictures_folder.h"

namespace sg::ddim {

Tensor spherical(const Tensor& a, const Tensor& b, double share) {
  const auto dot = [](const Tensor& x, const Tensor& y) { return sum(cast(x, f64) * cast(y, f64)).item(); };
  const double lengths = std::sqrt(dot(a, a) * dot(b, b));
  const double angle = lengths > 0 ? std::acos(std::clamp(dot(a, b) / lengths, -1.0, 1.0)) : 0;
  const double sine = std::sin(angle);
  if (sine < 1e-6) return a * (1 - share) + b * share;  // the same direction, or the opposite one
  return a * (std::sin((1 - share) * angle) / sine) + b * (std::sin(share * angle) / sine);
}

void interpolate_command(const apps::Arguments& arguments) {
  DrawSettings settings;
  std::int64_t count = 9, pairs = 4;
  apps::OptionParser parser(fmt::format("{} interpolate", kName),
                            "Draws pictures between pairs of samples: from noise that goes from that of the one to "
                            "that of the other on a sphere.");
  parser.add("--count", count, "pictures from the one to the other, both included",
             apps::between<std::int64_t>(2, 1000));
  parser.add("--pairs", pairs, "pairs, one a row: samples 0 and 1, 2 and 3, ... of the seed or of --init-noise",
             apps::between<std::int64_t>(1, 1000));
  add_draw_options(parser, settings);
  parser.parse(arguments);
  begin_drawing(settings);
  const Dtype dtype = settings.common.element_type();
  PicturesFolder folder("interpolate", settings);
  const Model model = load_model(settings.model_path, parser, settings.model, dtype);
  check_sampling(parser, settings.sampling, model.settings.timesteps);
  Tensor ends;
  if (settings.init_noise.empty()) {
    ends = nn::sampling_noise(model.settings.sample_shape(), 0, 2 * pairs, settings.common.seed,
                              model.settings.timesteps, dtype);
  } else {
    ends = read_noise(settings.init_noise, model.settings, dtype);
    if (!parser.given("--pairs")) pairs = ends.shape(0) / 2;
    if (pairs < 1 || 2 * pairs > ends.shape(0)) {
      fail("--init-noise: {} noises for {} pairs", ends.shape(0), std::max<std::int64_t>(pairs, 1));
    }
  }
  folder.create(parser, model, count * pairs);
  Tensors noises;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const Tensor a = slice(ends, 0, 2 * pair, 2 * pair + 1), b = slice(ends, 0, 2 * pair + 1, 2 * pair + 2);
    for (std::int64_t i = 0; i < count; ++i) {
      noises.push_back(spherical(a, b, static_cast<double>(i) / static_cast<double>(count - 1)));
    }
  }
  const SamplingJob job{.count = count * pairs,
                        .batch_size = settings.common.batch_size,
                        .seed = settings.common.seed,
                        .dtype = dtype,
                        .quiet = settings.common.quiet,
                        .noise = concat(noises, 0).eval().detach()};
  const Tensor samples = draw_samples(*model.network, model.settings, settings.sampling, job);
  folder.write("interpolation.png", grid_png(samples, count));
  folder.finish(samples);
  fmt::print("{} rows of {} pictures: {}\n", pairs, count, (folder.path() / "interpolation.png").string());
}

}  // namespace sg::ddim
