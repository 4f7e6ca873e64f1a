// Run folder: choosing, making and removing it.
#include "apps/common/run_folder.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "apps/common/arithmetic.h"
#include "apps/common/ranks.h"

namespace sg::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::array run_files{"config.json", "metrics.csv", "model.safetensors", "checkpoint.safetensors",
                               "report.html"};

std::string default_name(const std::string& app) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  return fmt::format("runs/{}-{}", app.substr(0, app.find(' ')), text);
}

bool is_empty_folder(const fs::path& folder) {
  std::error_code error;
  return fs::is_empty(folder, error) || error;
}

/// The first entry of a run's folder that no run writes, by its ending; empty when there is none.
fs::path foreign_entry(const fs::path& folder) {
  constexpr std::array endings{".json", ".csv", ".safetensors", ".html", ".png", ".svg", ".dot", ".txt", ".part"};
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    const bool is_plain_folder = entry->is_directory(error) && !entry->is_symlink(error);
    if (path.filename().string().starts_with('.')) return path;
    if (!is_plain_folder && std::find(endings.begin(), endings.end(), path.extension().string()) == endings.end()) {
      return path;
    }
  }
  return {};
}

/// The nearest folder that is there already.
fs::path existing_ancestor(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_parent_path() && path != path.parent_path()) path = path.parent_path();
  return path;
}

}  // namespace

bool holds_run(const fs::path& folder) {
  std::error_code error;
  return std::any_of(run_files.begin(), run_files.end(),
                     [&](const char* name) { return fs::exists(folder / name, error); });
}

RunFolder::RunFolder(const std::string& app, const Options& options, const std::vector<Loss>& losses)
    : app_(app),
      seeds_(options.seed_list()),
      by_loss_(losses.size() > 1),
      resumed_(!options.resume.empty()),
      overwrite_(options.overwrite) {
  for (const std::uint64_t seed : seeds_) {
    for (const Loss& loss : losses) subfolders_.push_back(folder_of(loss, seed));
  }
  if (resumed_) {
    path_ = options.resume;
  } else if (!options.out.empty()) {
    path_ = options.out;
  } else {
    path_ = fs::absolute(default_name(app));
    const fs::path first = path_;
    for (int i = 2; fs::exists(path_); ++i) path_ = first.string() + fmt::format("-{}", i);
  }
  if (!path_.has_filename()) path_ = path_.parent_path();  // "folder/" and "folder" are the same

  if (!is_first_rank()) return;  // it is the first rank's to look at and to make
  std::error_code error;
  const fs::path near = existing_ancestor(path_);
  if (!fs::is_directory(near, error)) fail("--out: {}: {} is not a folder", path_.string(), near.string());
  if (::access(near.c_str(), W_OK | X_OK) != 0) {
    fail("--out: {}: cannot be written to: {}: {}", path_.string(), near.string(), std::strerror(errno));
  }
  if (near == path_ && !resumed_) {
    if (holds_run(path_)) {
      if (!overwrite_) {
        fail("--out: {} holds a run already; --resume {} goes on with it, --overwrite replaces it", path_.string(),
             path_.string());
      }
      const fs::path foreign = foreign_entry(path_);  // what the user keeps beside a run must not go with it
      if (!foreign.empty()) {
        fail("--overwrite: {} is not a run's file; move it elsewhere or choose another --out", foreign.string());
      }
    } else if (!is_empty_folder(path_)) {
      fail("--out: {} holds other files; an empty or a new folder is needed", path_.string());
    }
  }
}

fs::path RunFolder::folder_of(const Loss& loss, std::uint64_t seed) const {
  fs::path folder = path_;
  if (seeds_.size() > 1) folder /= fmt::format("seed{}", seed);
  return by_loss_ ? folder / loss.name : folder;
}

void RunFolder::create() {
  if (created_ || !is_first_rank()) return;
  try {
    if (overwrite_ && fs::exists(path_)) {
      for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
    }
    std::vector<fs::path> wanted{path_};
    for (const fs::path& name : subfolders_) wanted.push_back(path_ / name);
    created_ = true;
    for (const fs::path& folder : wanted) {
      std::vector<fs::path> missing;
      for (fs::path part = folder; !fs::exists(part); part = part.parent_path()) missing.push_back(part);
      for (auto part = missing.rbegin(); part != missing.rend(); ++part) {
        if (fs::create_directory(*part)) made_.push_back(*part);
      }
    }
  } catch (const fs::filesystem_error& error) {
    fail("--out: {}: {}", path_.string(), error.code().message());
  }
}

RunFolder::~RunFolder() {
  if (kept_ || !created_ || resumed_) return;
  std::error_code error;
  if (std::find(made_.begin(), made_.end(), path_) == made_.end()) {  // the folder was there, and empty
    for (const auto& entry : fs::directory_iterator(path_, error)) fs::remove_all(entry.path(), error);
    return;
  }
  fs::remove_all(path_, error);
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
    fs::remove(*folder, error);  // parents, where empty
  }
}

void RunFolder::write_config(const nlohmann::json& options, const nlohmann::json& more) const {
  if (!is_first_rank()) return;
  nlohmann::ordered_json config;
  config["app"] = app_;
  config["version"] = SOBOGRAD_VERSION;
  config["isa"] = arithmetic().isa;
  config["blas_kernels"] = arithmetic().blas_kernels;
  for (const auto& [key, value] : options.items()) config[key] = value;
  for (const auto& [key, value] : more.items()) config[key] = value;
  config["out"] = path_.string();
  write_file_atomically(path_ / "config.json",
                        config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace sg::apps
