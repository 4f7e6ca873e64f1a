// Pictures folder: where the commands that draw pictures put them.
#pragma once

#include <string>

#include "apps/common/run_folder.h"
#include "apps/ddim/model.h"
#include "apps/ddim/sampling.h"

namespace sg::ddim {

/// The options that sample and interpolate share.
struct DrawSettings {
  apps::Options common;  // of which only out, overwrite, seed, threads, batch_size, dtype and quiet are options
  ModelSettings model;
  SamplingSettings sampling;
  std::string model_path;
  std::string init_noise;
};
void add_draw_options(apps::OptionParser& parser, DrawSettings& settings);
/// Sets the threads, once the options are parsed.
void begin_drawing(DrawSettings& settings);

/// `x` [N, C, H, W] of a safetensors file, for that network. Throws for anything else.
Tensor read_noise(const std::string& file, const ModelSettings& model, Dtype dtype);

/// A folder with config.json, samples.safetensors (`x` [N, C, H, W] in [0, 1]), each picture as sample-0000.png, and
/// what is added.
class PicturesFolder {
 public:
  /// Only looks; throws when the place holds a run.
  PicturesFolder(const std::string& command, const DrawSettings& settings);
  /// Makes the folder and its config.json; without `finish` it goes away again.
  void create(const apps::OptionParser& parser, const Model& model, std::int64_t count);
  void write(const std::string& name, const std::string& contents) const;
  void finish(const Tensor& samples);
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  apps::RunFolder folder_;
};

}  // namespace sg::ddim
