// Saved run: looking through the folders.
#include "apps/common/saved_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "apps/common/files.h"
#include "nn/checkpoint.h"
#include "nn/safetensors.h"

namespace sg::apps {
namespace {

namespace fs = std::filesystem;

/// Folders within a folder, by name.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::error_code error;
  std::set<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) found.insert(entry.path());
  }
  return {found.begin(), found.end()};
}

/// The folder with the named file: this one, a loss's, or one of the first seed's; empty when there is none.
fs::path place_of(const fs::path& folder, const std::string& file, const std::string& loss, int depth) {
  if (loss.empty() ? fs::is_regular_file(folder / file) : fs::is_regular_file(folder / loss / file)) {
    return loss.empty() ? folder : folder / loss;
  }
  std::vector<fs::path> inner = folders_in(folder);
  const auto rank = [](const fs::path& path) {
    const std::string name = path.filename().string();
    return name == "h1" ? 0 : name == "h2" ? 1 : name == "l2" ? 2 : 3;
  };
  std::stable_sort(inner.begin(), inner.end(), [&](const fs::path& a, const fs::path& b) { return rank(a) < rank(b); });
  for (const fs::path& next : inner) {
    if (depth == 0) break;
    if (const fs::path found = place_of(next, file, loss, depth - 1); !found.empty()) return found;
  }
  return {};
}

/// The config.json of the run that the folder belongs to; null when there is none. That of another application is an
/// error, or, where the folder is not named itself, none.
nlohmann::json config_of(const std::string& app, fs::path folder, bool named) {
  for (int up = 0; up < 4 && folder.has_relative_path(); ++up, folder = folder.parent_path()) {
    const fs::path file = folder / "config.json";
    if (!fs::is_regular_file(file)) continue;
    nlohmann::json config;
    try {
      config = read_config(file);
    } catch (const Error& error) {
      fail("--model: {}", error.what());
    }
    if (!config.contains("app") || config["app"] != app) {
      if (!named) return nullptr;
      fail("--model: {}: not the config.json of a run of {}", file.string(), app);
    }
    return config;
  }
  return nullptr;
}

nn::NamedTensors weights_of(const fs::path& file) {
  try {
    return nn::load_weights(file);
  } catch (const Error& error) {
    fail("--model: {}", error.what());
  }
}

}  // namespace

SavedRun find_saved_run(const std::string& app, const std::string& model, const std::string& loss) {
  const fs::path given = fs::absolute(model).lexically_normal();
  std::error_code error;
  if (!fs::exists(given, error)) fail("--model: {}: no such file or folder", printable(model));
  SavedRun run;
  if (!fs::is_directory(given)) {
    if (!loss.empty()) fail("--loss: {} is a file, not a run folder of several losses", model);
    run.file = given;
    run.config = config_of(app, given.parent_path(), false);
    run.state = weights_of(given);
    return run;
  }
  const fs::path folder = given.has_filename() ? given : given.parent_path();
  run.config = config_of(app, folder, true);
  if (const fs::path place = place_of(folder, "model.safetensors", loss, 3); !place.empty()) {
    run.file = place / "model.safetensors";
    run.state = weights_of(run.file);
    return run;
  }
  const fs::path place = place_of(folder, "checkpoint.safetensors", loss, 3);
  if (!place.empty()) {
    run.file = place / "checkpoint.safetensors";
    run.state = nn::with_prefix(nn::checkpoint_tensors(run.file), "ema.");
    if (run.state.empty()) {
      fail("--model: {}: the run has not come to its end; --resume goes on with it", folder.string());
    }
    return run;
  }
  fail("--model: {}: holds no {}model.safetensors", folder.string(), loss.empty() ? "" : loss + "/");
}

}  // namespace sg::apps
