// Sampling.
#include "apps/ddim/sampling.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "apps/common/progress.h"
#include "apps/common/run_app.h"
#include "data/image_io.h"

namespace sg::ddim {
namespace {

constexpr std::int64_t kGroupPixels = 8 * 28 * 28;  // more pictures at a time are hardly faster

/// One line on a terminal that renews itself.
class Line {
 public:
  explicit Line(bool quiet) : shown_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~Line() {
    if (shown_ && drawn_) fmt::print(stderr, "\r\x1b[K");
  }
  void draw(std::int64_t done, std::int64_t all) {
    if (!shown_) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    const double left = seconds / static_cast<double>(done) * static_cast<double>(all - done);
    fmt::print(stderr, "\r\x1b[Ksampling  step {}/{}  {} left", done, all, apps::show_duration(left));
    std::fflush(stderr);
    drawn_ = true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
};

/// The network on pictures [N, C, H, W] in groups of one size, the last one filled up: how a picture's sums are rounded
/// depends on the shapes that are computed, and so on nothing else.
Tensor predict_in_groups(nn::Unet& network, const Tensor& x, const Tensor& t, std::int64_t group) {
  const std::int64_t count = x.shape(0);
  Tensors parts;
  for (std::int64_t first = 0; first < count; first += group) {
    const std::int64_t here = std::min(group, count - first);
    Tensor pictures = slice(x, 0, first, first + here), times = slice(t, 0, first, first + here);
    if (here < group) {
      pictures = pad(pictures, {0, 0, 0, 0}, {group - here, 0, 0, 0});
      times = pad(times, {0}, {group - here});
    }
    parts.push_back(slice(network(pictures, times), 0, 0, here).eval().detach());
  }
  return parts.size() == 1 ? parts[0] : concat(parts, 0);
}

}  // namespace

std::int64_t group_size(const ModelSettings& model) {
  return std::max<std::int64_t>(1, kGroupPixels / (model.size * model.size));
}

Tensor draw_samples(nn::Unet& network, const ModelSettings& model, const SamplingSettings& settings,
                    const SamplingJob& job, const Watch& watch) {
  const NoGrad no_grad;
  const nn::Diffusion diffusion = model.diffusion();
  const nn::SamplerOptions options{
      .ancestral = settings.sampler == "ddpm", .steps = settings.steps, .eta = settings.eta, .seed = job.seed};
  const std::int64_t group = group_size(model);
  const auto predict = [&](const Tensor& x, const Tensor& t) { return predict_in_groups(network, x, t, group); };
  const std::int64_t batch = (job.batch_size + group - 1) / group * group;  // whole groups
  const std::int64_t batches = (job.count + batch - 1) / batch;
  Line line(job.quiet);
  Tensors parts;
  for (std::int64_t first = 0; first < job.count; first += batch) {
    const std::int64_t count = std::min(batch, job.count - first);
    const Tensor noise =
        job.noise.defined()
            ? cast(slice(job.noise, 0, first, first + count), job.dtype).eval().detach()
            : nn::sampling_noise(model.sample_shape(), first, count, job.seed, model.timesteps, job.dtype);
    const auto on_step = [&](const nn::SamplingStep& step) {
      line.draw(first / batch * step.count + step.number + 1, batches * step.count);
      if (watch) watch(first, step);
      if (apps::interrupted()) apps::stop_interrupted(kName, "");
    };
    parts.push_back(((nn::sample(diffusion, predict, noise, options, first, on_step) + 1) * 0.5).eval().detach());
  }
  return concat(parts, 0).eval().detach();
}

std::int64_t grid_columns(std::int64_t count) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count)))));
}

std::string grid_png(const Tensor& pictures, std::int64_t columns) {
  const std::int64_t enlarge = std::clamp<std::int64_t>(64 / pictures.shape(3), 1, 4);
  return data::encode_png(data::picture_grid(cast(pictures, f32), columns, 2, enlarge));
}

}  // namespace sg::ddim
