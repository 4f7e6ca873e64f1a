// Run folder: choosing, making and removing it.
#include "apps/common/run_folder.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/common/arithmetic.h"
#include "apps/common/json_values.h"
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

/// What runs write, whichever application's, in their folder or below it.
constexpr std::array run_file_patterns{"config.json",
                                       "metrics.csv",
                                       "figures.csv",
                                       "spectrum.csv",
                                       "model.safetensors",
                                       "report.html",
                                       "fid.json",
                                       "checkpoint*.safetensors",
                                       "verify-*.safetensors",
                                       "teacher.safetensors",
                                       "fit.png",
                                       "comparison.png",
                                       "spectrum.png",
                                       "test.png",
                                       "test_amplified.png",
                                       "grid.png",
                                       "picture_*.png",
                                       "reconstructions.png",
                                       "samples*.png",
                                       "sample-*.png",
                                       "samples.safetensors",
                                       "trajectory*.png",
                                       "interpolation.png",
                                       "summary.csv",
                                       "linear.csv",
                                       "flow.csv",
                                       "hessian.csv",
                                       "relu2.csv",
                                       "nodes.csv",
                                       "toeplitz.csv",
                                       "sgd.csv"};

bool is_run_file(const std::string& name) {
  return std::any_of(run_file_patterns.begin(), run_file_patterns.end(), [&](const char* pattern) {
    return ::fnmatch(pattern, name.c_str(), 0) == 0 ||
           ::fnmatch((std::string(pattern) + ".part*").c_str(), name.c_str(), 0) == 0;
  });
}

/// The first entry of a run's folder that no run writes; empty when there is none.
fs::path foreign_entry(const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const bool is_plain_folder = entry->is_directory(error) && !entry->is_symlink(error);
    const std::string name = entry->path().filename().string();
    if (is_plain_folder ? name.starts_with('.') : !is_run_file(name)) return entry->path();
  }
  return {};
}

bool is_within(const fs::path& path, const fs::path& folder) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(path, error), outer = fs::weakly_canonical(folder, error);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// The nearest folder that is there already.
fs::path existing_ancestor(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_parent_path() && path != path.parent_path()) path = path.parent_path();
  return path;
}

}  // namespace

bool has_run_config(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / "config.json", error)) return false;
  try {
    const nlohmann::json config = read_config(folder / "config.json");
    return config.contains("app") && config.contains("version") && config.contains("out");
  } catch (const Error&) {
    return false;
  }
}

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
    is_default_ = true;
  }
  if (!path_.has_filename()) path_ = path_.parent_path();  // "folder/" and "folder" are the same
  if (is_first_rank()) look(options);                      // it is the first rank's to look at and to make
}

void RunFolder::look(const Options& options) const {
  const char* option = resumed_ ? "--resume" : "--out";
  std::error_code error;
  const fs::path near = existing_ancestor(path_);
  if (!fs::is_directory(near, error)) fail("{}: {}: {} is not a folder", option, path_.string(), near.string());
  if (::access(near.c_str(), W_OK | X_OK) != 0) {
    fail("{}: {}: cannot be written to: {}: {}", option, path_.string(), near.string(), std::strerror(errno));
  }
  if (near != path_ || resumed_ || is_default_) return;
  if (!holds_run(path_)) {
    if (!is_empty_folder(path_)) {
      fail("--out: {} holds other files; an empty or a new folder is needed", path_.string());
    }
    return;
  }
  if (!overwrite_) {
    const bool can_go_on = !subfolders_.empty();
    fail("--out: {} holds a run already; {}--overwrite replaces it", path_.string(),
         can_go_on ? fmt::format("--resume {} goes on with it, ", path_.string()) : "");
  }
  for (const auto& [name, input] : options.inputs) {
    if (is_within(input, path_)) {
      fail("--overwrite: {} {} lies in the folder that would be replaced; copy it elsewhere first", name, input);
    }
  }
  const fs::path foreign = foreign_entry(path_);  // what the user keeps beside a run must not go with it
  if (!foreign.empty()) {
    fail("--overwrite: {} is not a run's file; move it elsewhere or choose another --out", foreign.string());
  }
}

fs::path RunFolder::folder_of(const Loss& loss, std::uint64_t seed) const {
  fs::path folder = path_;
  if (seeds_.size() > 1) folder /= fmt::format("seed{}", seed);
  return by_loss_ ? folder / loss.name : folder;
}

bool RunFolder::make(const fs::path& folder) {
  std::vector<fs::path> missing;
  for (fs::path part = folder; !fs::exists(part); part = part.parent_path()) missing.push_back(part);
  bool is_new = false;
  for (auto part = missing.rbegin(); part != missing.rend(); ++part) {
    is_new = fs::create_directory(*part);
    if (is_new) made_.push_back(*part);
  }
  return is_new;
}

void RunFolder::lock() {
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A file system without locks goes without.
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(std::exchange(lock_, -1));
    fail("{}: another program is writing its run into {}", resumed_ ? "--resume" : "--out", path_.string());
  }
}

void RunFolder::create() {
  if (created_ || !is_first_rank()) return;
  try {
    // Runs that begin in the same second are told apart by who makes the folder.
    const fs::path first = path_;
    for (int i = 2; !make(path_) && is_default_; ++i) path_ = first.string() + fmt::format("-{}", i);
    lock();
    if (!resumed_ && !overwrite_ && !is_empty_folder(path_)) {  // since it was looked at
      fail("--out: {}: another program has written its run into it", path_.string());
    }
    created_ = true;
    if (overwrite_) {
      for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
    }
    for (const fs::path& name : subfolders_) make(path_ / name);
  } catch (const fs::filesystem_error& error) {
    fail("--out: {}: {}", path_.string(), error.code().message());
  }
}

RunFolder::~RunFolder() {
  std::error_code error;
  if (!kept_ && resumed_ && !config_before_.empty()) {
    try {
      write_file_atomically(path_ / "config.json", config_before_);
    } catch (const std::exception&) {  // the message on its way tells more
    }
  }
  if (!kept_ && created_ && !resumed_) {
    if (std::find(made_.begin(), made_.end(), path_) == made_.end()) {  // the folder was there, and empty
      for (const auto& entry : fs::directory_iterator(path_, error)) fs::remove_all(entry.path(), error);
    } else {
      fs::remove_all(path_, error);
      for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
        fs::remove(*folder, error);  // parents, where empty
      }
    }
  }
  if (lock_ >= 0) ::close(lock_);
}

void RunFolder::write_config(const nlohmann::json& options, const nlohmann::json& more) {
  if (!is_first_rank()) return;
  const fs::path file = path_ / "config.json";
  if (resumed_ && config_before_.empty()) {
    config_before_ = read_file(file, largest_config);
    const nlohmann::json before = read_config(file);
    for (const char* key : {"train_count", "test_count", "sample_shape", "parameters", "data_checksum"}) {
      if (!more.contains(key) || !before.contains(key) || more[key] == before[key]) continue;
      fail("--resume: {}: the data or the network have changed: {} was {} and is {}", file.string(), key,
           nn::show_json(before[key]), nn::show_json(more[key]));
    }
  }
  nlohmann::ordered_json config;
  config["app"] = app_;
  config["version"] = SOBOGRAD_VERSION;
  config["isa"] = arithmetic().isa;
  config["blas_kernels"] = arithmetic().blas_kernels;
  for (const auto& [key, value] : options.items()) config[key] = value;
  for (const auto& [key, value] : more.items()) config[key] = value;
  config["out"] = path_.string();
  write_file_atomically(file, config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace sg::apps
