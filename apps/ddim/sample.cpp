// Sample: pictures from noise.
#include <fmt/format.h>

#include <chrono>
#include <map>

#include "apps/ddim/command.h"
#include "apps/ddim/pictures_folder.h"

namespace sg::ddim {
namespace {

constexpr std::int64_t kTrajectoryRows = 8, kTrajectoryColumns = 11;

/// The noisy pictures of the first samples along the way, and what the network took them for.
class Trajectory {
 public:
  void see(std::int64_t first, const nn::SamplingStep& step) {
    const std::int64_t rows = std::min(kTrajectoryRows - first, step.x.shape(0));
    if (rows <= 0) return;
    const std::int64_t shown = std::min(step.count, kTrajectoryColumns);
    // Evenly spaced steps, the first and the last among them.
    const std::int64_t column = shown == 1 ? 0 : (step.number * (shown - 1) + step.count - 2) / (step.count - 1);
    if (shown > 1 && column * (step.count - 1) / (shown - 1) != step.number) return;
    const auto keep = [&](std::vector<Tensors>& kept, const Tensor& x) {
      kept.resize(static_cast<std::size_t>(shown));
      kept[static_cast<std::size_t>(column)].push_back(((slice(x, 0, 0, rows) + 1) * 0.5).eval().detach());
    };
    keep(noisy_, step.x);
    keep(clean_, step.x0);
  }

  std::string noisy_png() const { return png(noisy_); }
  std::string clean_png() const { return png(clean_); }

 private:
  static std::string png(const std::vector<Tensors>& columns) {
    Tensors joined;
    for (const Tensors& parts : columns) joined.push_back(concat(parts, 0));
    const Tensor all = stack(joined, 1);  // [row, column, C, H, W]
    return grid_png(reshape(all, {all.shape(0) * all.shape(1), all.shape(2), all.shape(3), all.shape(4)}),
                    all.shape(1));
  }

  std::vector<Tensors> noisy_, clean_;
};

}  // namespace

void sample_command(const apps::Arguments& arguments) {
  DrawSettings settings;
  std::int64_t count = 64;
  bool with_trajectory = false;
  apps::OptionParser parser(
      fmt::format("{} sample", kName),
      "Draws pictures from a trained network; by default digits, from the network that is part of this program.");
  parser.add("--count", count, "pictures", apps::between<std::int64_t>(1, 1'000'000));
  parser.add_flag("--trajectory", with_trajectory,
                  "strips of the steps from noise to picture: trajectory.png, trajectory_x0.png");
  add_draw_options(parser, settings);
  parser.parse(arguments);
  begin_drawing(settings);
  const Dtype dtype = settings.common.element_type();
  PicturesFolder folder("sample", settings);
  const Model model = load_model(settings.model_path, parser, settings.model, dtype);
  check_sampling(parser, settings.sampling, model.settings.timesteps);
  Tensor noise;
  if (!settings.init_noise.empty()) {
    noise = read_noise(settings.init_noise, model.settings, dtype);
    if (!parser.given("--count")) count = noise.shape(0);
    if (count > noise.shape(0)) fail("--count: {} pictures from the {} of --init-noise", count, noise.shape(0));
  }
  folder.create(parser, model, count);

  const auto start = std::chrono::steady_clock::now();
  Trajectory trajectory;
  const SamplingJob job{.count = count,
                        .batch_size = settings.common.batch_size,
                        .seed = settings.common.seed,
                        .dtype = dtype,
                        .quiet = settings.common.quiet,
                        .noise = noise};
  const Tensor samples = draw_samples(*model.network, model.settings, settings.sampling, job,
                                      [&](std::int64_t first, const nn::SamplingStep& step) {
                                        if (with_trajectory) trajectory.see(first, step);
                                      });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  folder.write("grid.png", grid_png(samples, grid_columns(count)));
  if (with_trajectory) {
    folder.write("trajectory.png", trajectory.noisy_png());
    folder.write("trajectory_x0.png", trajectory.clean_png());
  }
  folder.finish(samples);
  fmt::print("{} samples from {} in {:.1f} s: {}\n", count, model.from, seconds, (folder.path() / "grid.png").string());
}

}  // namespace sg::ddim
