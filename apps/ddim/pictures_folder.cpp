// Pictures folder.
#include "apps/ddim/pictures_folder.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/image_io.h"
#include "engine/kernels/parallel.h"
#include "nn/safetensors.h"

namespace sg::ddim {

void add_draw_options(apps::OptionParser& parser, DrawSettings& settings) {
  apps::Options& common = settings.common;
  common.batch_size = 16;
  parser.add_path("--model", settings.model_path,
                  "run folder, or safetensors file with the network's options; empty: the digits' own");
  parser.add_path("--out", common.out, "folder for the pictures; empty: runs/ddim-<date>-<time>");
  parser.add_flag("--overwrite", common.overwrite, "replace the run in the folder of --out");
  parser.add("--seed", common.seed, "seed of the noise");
  parser.add_path("--init-noise", settings.init_noise,
                  "starts from x [N, C, H, W] of a safetensors file instead of the seed's noise");
  add_sampling_options(parser, settings.sampling);
  parser.add("--batch-size", common.batch_size, "pictures that go through the steps together; changes none of them",
             apps::between<std::int64_t>(1, 65536));
  parser.add("--threads", common.threads, "threads; 0: all cores", apps::between<std::int64_t>(0, 1024));
  parser.add("--dtype", common.dtype, "f32 or f64", apps::one_of({"f32", "f64"}));
  parser.add_flag("--quiet", common.quiet, "no progress; one line at the end");
  add_model_options(parser, settings.model);
}

void begin_drawing(DrawSettings& settings) {
  apps::Options& common = settings.common;
  if (common.threads > 0) kernels::set_threads(static_cast<int>(common.threads));
}

Tensor read_noise(const std::string& file, const ModelSettings& model, Dtype dtype) {
  const std::string who = "--init-noise: " + file;
  apps::check_exists("--init-noise", file);
  const nn::NamedTensors tensors = nn::load_safetensors(file).tensors;
  const Tensor& x = nn::find(tensors, "x", who);
  const Shape sample = model.sample_shape();
  if (x.rank() != 4 || x.shape(0) < 1 || Shape(x.shape().begin() + 1, x.shape().end()) != sample) {
    fail("{}: x is {}, needs [N, {}, {}, {}]", who, x.shape(), sample[0], sample[1], sample[2]);
  }
  if (!is_floating(x.dtype())) fail("{}: x has to be floating, not {}", who, name_of(x.dtype()));
  for (const double value : x.to_vector<double>()) {
    if (!std::isfinite(value)) fail("{}: x holds {}", who, value);
  }
  return cast(x, dtype).eval().detach();
}

PicturesFolder::PicturesFolder(const std::string& command, const DrawSettings& settings)
    : folder_(fmt::format("{} {}", kName, command), settings.common, {}) {}

void PicturesFolder::create(const apps::OptionParser& parser, const Model& model, std::int64_t count) {
  folder_.create();
  nlohmann::json options = parser.config();
  // The network's own, whatever the command line left open.
  options["dim"] = model.settings.dim;
  options["mults"] = model.settings.mults;
  options["channels"] = model.settings.channels;
  options["size"] = model.settings.size;
  options["schedule"] = model.settings.schedule;
  options["timesteps"] = model.settings.timesteps;
  options["objective"] = model.settings.objective;
  folder_.write_config(
      options, {{"weights", model.from}, {"parameters", model.network->parameter_count()}, {"sample_count", count}});
}

void PicturesFolder::write(const std::string& name, const std::string& contents) const {
  apps::write_file_atomically(folder_.path() / name, contents);
}

void PicturesFolder::finish(const Tensor& samples) {
  nn::save_safetensors(folder_.path() / "samples.safetensors", {{"x", samples}});
  for (std::int64_t i = 0; i < samples.shape(0); ++i) {
    const Tensor picture = squeeze(slice(cast(samples, f32), 0, i, i + 1), 0);
    if (picture.shape(0) == 1 || picture.shape(0) == 3) {
      write(fmt::format("sample-{:04}.png", i), data::encode_png(data::to_image(picture)));
    }
  }
  folder_.keep();
}

}  // namespace sg::ddim
